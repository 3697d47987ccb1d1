"""Restart policies: by themselves, when the server was away, and when the whole host was."""
import calendar, os, re, signal, time

from cluster import finally_is, until
from docker_engine import SHELL, each_client
from test_restart import simulate_reboot

SLEEP = ("--entrypoint", "sleep", "redis", "1000")


def state(engine, name):
    found = engine.inspect(name, "State")
    return found["Status"], found["ExitCode"], engine.inspect(name, "RestartCount")


def back(engine):
    """The server runs again and its node looks after what it adopted."""
    engine.cluster.start()
    until("the engine answers", lambda: engine.docker("version"), 20)


@each_client
def test_counts_and_ends_of_policies(engine, docker):
    docker("run", "-d", "--restart", "on-failure:2", "--name", "twice", *SHELL, "exit 3")
    docker("run", "-d", "--restart", "on-failure", "--name", "good", *SHELL, "exit 0")
    docker("run", "-d", "--restart", "no", "--name", "never", *SHELL, "exit 4")
    docker("run", "-d", "--restart", "always", "--name", "always", *SHELL, "exit 5")
    until("on-failure:2 gave up", lambda: state(engine, "twice") == ("exited", 3, 2), 20)
    assert state(engine, "good") == ("exited", 0, 0) and state(engine, "never") == ("exited", 4, 0)
    until("always goes on", lambda: engine.inspect("always", "RestartCount") >= 3, 20)
    docker("stop", "always")
    assert engine.inspect("always", "State.Status") == "exited"
    count = engine.inspect("always", "RestartCount")
    time.sleep(1)
    assert engine.inspect("always", "RestartCount") == count, "a stop ends it for good"
    docker("start", "always")
    until("a start begins to count anew", lambda: 0 < engine.inspect("always", "RestartCount") < count + 3, 20)
    docker("update", "--restart", "no", "always")
    until("without a policy it stays down", lambda: engine.inspect("always", "State.Status") == "exited", 70)


def seconds(stamp):
    return calendar.timegm(time.strptime(stamp[:19], "%Y-%m-%dT%H:%M:%S")) + float(stamp[19:29])


@each_client
def test_the_pause_before_a_restart_doubles(engine, docker):
    docker("run", "-d", "--restart", "always", "--name", "beats", *SHELL, "echo begun; exit 1")
    until("it began five times", lambda: len(docker("logs", "beats").split()) >= 5, 30)
    times = [seconds(line.split()[0]) for line in docker("logs", "-t", "beats").splitlines()[:5]]
    pauses = [after - before for before, after in zip(times, times[1:])]
    for wanted, pause in zip((0.1, 0.2, 0.4, 0.8), pauses):
        assert wanted <= pause < wanted + 8, pauses  # with what a start takes itself
    status = docker("ps", "-a", "--format", "{{.Status}}")
    assert re.match(r"Restarting \(1\) .*ago|Up |Exited", status), status


@each_client
def test_what_ends_a_container_decides(engine, docker):
    docker("run", "-d", "--restart", "always", "--name", "it", *SLEEP)
    os.kill(engine.inspect("it", "State.Pid"), signal.SIGKILL)
    until("an end from elsewhere is followed by a start", lambda: state(engine, "it") == ("running", 0, 1), 10)
    docker("kill", "it")
    time.sleep(0.5)
    assert state(engine, "it")[:2] == ("exited", 137), "docker kill is not"
    docker("run", "-d", "--restart", "always", "--name", "other", *SLEEP)
    pod = next(p["metadata"]["name"] for p in engine.cluster.json("pods")["items"] if p["metadata"]["name"].startswith("other-"))
    engine.cluster.kubectl("delete", "pod", pod, "--grace-period=1")
    until("deleting its pod is as killing it", lambda: state(engine, "other")[0] == "exited", 10)


def setup(engine, docker):
    """One of each policy, two linked, one with a volume, one checked; returns the ids."""
    docker("network", "create", "net")
    docker("volume", "create", "vol")
    for name, policy in (("always", "always"), ("unless", "unless-stopped"), ("failing", "on-failure:3"), ("none", "no")):
        docker("run", "-d", "--name", name, "--restart", policy, "--network", "net", "-v", "vol:/v", "--health-cmd", "test -e /healthy", "--health-interval", "200ms",
               *SHELL, f"echo {name} >> /layer; echo {name} >> /v/log; cat /layer; touch /healthy; exec sleep 1000")
    docker("run", "-d", "--name", "stopped-always", "--restart", "always", *SLEEP)
    docker("run", "-d", "--name", "stopped-unless", "--restart", "unless-stopped", *SLEEP)
    docker("stop", "-t", "0", "stopped-always", "stopped-unless")
    docker("run", "-d", "--rm", "--name", "brief", *SLEEP)
    docker("create", "--name", "made", "redis")
    docker("run", "-d", "--name", "giver", "--restart", "always", *SLEEP)
    docker("run", "-d", "--name", "taker", "--restart", "always", "--link", "giver:gives", *SLEEP)
    docker("run", "-d", "--name", "mate", "--restart", "always", "--network", "container:taker", *SLEEP)
    names = ("always", "unless", "failing", "none", "giver", "taker", "mate")
    until("all run", lambda: all(engine.inspect(name, "State.Running") for name in names), 10)
    until("the checks pass", lambda: engine.inspect("always", "State.Health.Status") == "healthy", 10)
    return {name: engine.inspect(name, "Id") for name in names}


@each_client
def test_a_killed_server_comes_back_to_what_ran(engine, docker):
    setup(engine, docker)
    pids = {name: engine.inspect(name, "State.Pid") for name in ("always", "unless", "failing", "none", "brief", "giver", "taker", "mate")}
    addresses = engine.inspect("always", "NetworkSettings.Networks.net.IPAddress")
    engine.cluster.kill()
    for name in ("always", "failing", "none", "brief"):
        os.kill(pids[name], signal.SIGKILL)
    time.sleep(0.5)
    back(engine)
    for name in ("always", "failing"):
        until(f"{name} was started again", lambda: state(engine, name) == ("running", 0, 1), 20)
    until("one without a policy stays down", lambda: state(engine, "none") == ("exited", 137, 0))
    until("the --rm one went", lambda: "brief" not in docker("ps", "-a", "--format", "{{.Names}}").split(), 10)
    for name in ("unless", "giver", "taker", "mate"):
        assert engine.inspect(name, "State.Pid") == pids[name], f"{name} was not left alone"
    until("one with always that was stopped is started with the server, as by dockerd", lambda: state(engine, "stopped-always")[0] == "running", 20)
    assert state(engine, "stopped-unless") == ("exited", 137, 0) and state(engine, "made")[0] == "created"
    until("layer and log are kept", lambda: docker("logs", "always").split() == ["always", "always", "always"])
    assert engine.inspect("always", "NetworkSettings.Networks.net.IPAddress") == addresses
    until("checks go on", lambda: engine.inspect("unless", "State.Health.Status") == "healthy", 10)
    until("the name is known", lambda: addresses in docker("exec", "unless", "nslookup", "always"))


@each_client
def test_after_a_reboot_policies_decide(engine, docker):
    ids = setup(engine, docker)
    simulate_reboot(engine.cluster)
    back(engine)
    for name in ("always", "unless", "failing", "giver", "taker", "mate"):
        until(f"{name} runs again", lambda: state(engine, name)[0] == "running", 40)
        assert (engine.inspect(name, "Id"), engine.inspect(name, "RestartCount")) == (ids[name], 0), name
    until("one without a policy stays down with 255", lambda: state(engine, "none") == ("exited", 255, 0), 20)
    until("one with always comes, stopped or not", lambda: state(engine, "stopped-always")[0] == "running", 20)
    assert state(engine, "stopped-unless")[0] == "exited" and state(engine, "made")[0] == "created"
    until("the --rm one went", lambda: "brief" not in docker("ps", "-a", "--format", "{{.Names}}").split(), 20)
    begun = [engine.inspect(name, "State.StartedAt") for name in ("giver", "taker", "mate")]
    assert begun == sorted(begun), "who is linked to starts first"
    until("the log is kept, and with it the layer", lambda: docker("logs", "always").split() == ["always"] * 3)
    assert docker("exec", "always", "cat", "/layer").split() == ["always"] * 2
    wanted = sorted(["always", "unless", "failing", "none"] + ["always", "unless", "failing"])
    volume = finally_is(lambda: sorted(docker("exec", "unless", "cat", "/v/log").split()), wanted)
    assert volume == wanted, volume
    until("checks pass again", lambda: engine.inspect("always", "State.Health.Status") == "healthy", 10)
    address = engine.inspect("always", "NetworkSettings.Networks.net.IPAddress")
    until("the name is known", lambda: address in docker("exec", "unless", "nslookup", "always"))
    assert engine.inspect("giver", "NetworkSettings.IPAddress") + "\tgives" in docker("exec", "taker", "cat", "/etc/hosts")
    docker("start", "none")
    until("its layer is kept", lambda: docker("exec", "none", "cat", "/layer").split() == ["none"] * 2)
