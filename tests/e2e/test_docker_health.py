"""Health checks through Docker's own command lines."""
import time

from cluster import until
from docker_engine import SHELL, each_client

FAST = ("--health-interval", "200ms", "--health-timeout", "60s")


def health(engine, name):
    return engine.inspect(name, "State.Health")


def reaches(engine, name, status, seconds=20):
    return until(f"{name} is {status}", lambda: health(engine, name)["Status"] == status and health(engine, name), seconds)


@each_client
def test_a_check_decides_over_health(engine, docker):
    docker("run", "-d", "--name", "box", *FAST, "--health-retries", "2", "--health-cmd", "echo looked; echo too >&2; test -e /well", *SHELL, "exec sleep 1000")
    assert "(health: starting)" in docker("ps", "--format", "{{.Status}}") or "unhealthy" in docker("ps", "--format", "{{.Status}}")
    bad = reaches(engine, "box", "unhealthy")
    assert bad["FailingStreak"] >= 2, bad
    last = bad["Log"][-1]
    assert last["ExitCode"] == 1 and last["Output"] == "looked\ntoo\n" and last["Start"] <= last["End"], last
    assert "(unhealthy)" in docker("ps", "--format", "{{.Status}}")
    assert docker("ps", "-q", "--filter", "health=unhealthy") and not docker("ps", "-q", "--filter", "health=healthy")
    docker("exec", "box", "touch", "/well")
    good = reaches(engine, "box", "healthy")
    assert good["FailingStreak"] == 0 and good["Log"][-1]["ExitCode"] == 0, good
    assert "(healthy)" in docker("ps", "--format", "{{.Status}}")
    until("five results are kept", lambda: len(health(engine, "box")["Log"]) == 5, 10)
    docker("stop", "-t", "0", "box")
    assert "health" not in docker("ps", "-a", "--format", "{{.Status}}")
    docker("start", "box")
    assert health(engine, "box")["Status"] in ("starting", "healthy")
    reaches(engine, "box", "healthy")


@each_client
def test_events_tell_of_health(engine, docker):
    start = f"{time.time():.6f}"
    docker("run", "-d", "--name", "box", *FAST, "--health-retries", "1", "--health-cmd", "test ! -e /ill", *SHELL, "exec sleep 1000")
    reaches(engine, "box", "healthy")
    docker("exec", "box", "touch", "/ill")
    reaches(engine, "box", "unhealthy")
    docker("rm", "-f", "box")
    seen = docker("events", "--since", start, "--until", str(int(time.time()) + 1), "--filter", "container=box", "--format", "{{.Status}}").splitlines()
    assert [word for word in seen if word.startswith("health_status")] == ["health_status: healthy", "health_status: unhealthy"], seen


@each_client
def test_start_period_retries_and_timeout(engine, docker):
    docker("run", "-d", "--name", "early", *FAST, "--health-start-period", "60s", "--health-retries", "1", "--health-cmd", "exit 1", *SHELL, "exec sleep 1000")
    docker("run", "-d", "--name", "slow", "--health-interval", "200ms", "--health-timeout", "300ms", "--health-retries", "1", "--health-cmd", "sleep 30", *SHELL, "exec sleep 1000")
    docker("run", "-d", "--name", "codes", *FAST, "--health-retries", "3", "--health-cmd", "exit 9", *SHELL, "exec sleep 1000")
    said = reaches(engine, "slow", "unhealthy")["Log"][-1]
    assert said["ExitCode"] == -1 and said["Output"] == "Health check exceeded timeout (300ms)", said
    said = reaches(engine, "codes", "unhealthy")
    assert said["FailingStreak"] >= 3 and said["Log"][-1]["ExitCode"] == 9, said
    until("it was looked at thrice", lambda: len(health(engine, "early")["Log"]) >= 3, 10)
    assert (health(engine, "early")["Status"], health(engine, "early")["FailingStreak"]) == ("starting", 0), health(engine, "early")
    config = engine.inspect("early", "Config.Healthcheck")
    assert config == {"Test": ["CMD-SHELL", "exit 1"], "Interval": 200000000, "Timeout": 60000000000, "StartPeriod": 60000000000, "Retries": 1}, config


@each_client
def test_the_images_check_is_taken_changed_or_left_out(engine, docker):
    docker("create", "--name", "base", *SHELL, "exec sleep 1000")
    docker("commit", "-c", "HEALTHCHECK --interval=200ms --retries=2 CMD echo image; test -e /etc/hostname", "base", "checked")
    docker("run", "-d", "--name", "image", "checked")
    docker("run", "-d", "--name", "changed", "--health-cmd", "echo own", "checked")
    docker("run", "-d", "--name", "none", "--no-healthcheck", "checked")
    assert reaches(engine, "image", "healthy")["Log"][-1]["Output"] == "image\n"
    assert reaches(engine, "changed", "healthy")["Log"][-1]["Output"] == "own\n"
    assert engine.inspect("changed", "Config.Healthcheck") == {"Test": ["CMD-SHELL", "echo own"], "Interval": 200000000, "Retries": 2}
    assert engine.inspect("none", "Config.Healthcheck.Test") == ["NONE"]
    state = engine.inspect("none", "State")
    assert "Health" not in state or state["Health"] is None or state["Health"]["Status"] == "none", state
    docker("commit", "-c", "HEALTHCHECK NONE", "base", "unchecked")
    docker("run", "-d", "--name", "off", "unchecked")
    assert docker("ps", "--filter", "name=off", "--filter", "health=none", "-q")
    for words, said in ((("--health-interval", "1us"), "cannot be less than 1ms"), (("--health-retries", "-1"), "cannot be negative"),
                        (("--health-timeout", "-1s"), "cannot be negative"), (("--no-healthcheck", "--health-cmd", "true"), "conflict")):
        code, _, err = docker("run", "--rm", "--health-cmd" if "--no-healthcheck" not in words else "--health-retries", "true" if "--no-healthcheck" not in words else "1",
                              *words, "--entrypoint", "true", "redis", check=False)
        assert code == 125 and said in err, (words, code, err)
    docker("rm", "-f", "image", "changed", "none", "off", "base")
    docker("rmi", "checked", "unchecked")
