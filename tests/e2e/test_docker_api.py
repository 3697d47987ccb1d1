"""Docker's API as its command lines use it: lists, filters and formats, inspect, events, wait, system, contexts, versions, and who may connect how."""
import http.client, json, os, re, socket, ssl, stat, subprocess, tempfile, time

from cluster import PATIENCE, REIGEN, Cluster, finally_is, free_port, run, until
from docker_engine import CLIENTS, SHELL, Engine, each_client

SLEEP = ("--entrypoint", "sleep", "redis", "1000")


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("docker")
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(180)
        self.sock.connect(self.path)


def call(engine, method, path, body=None):
    """Status, headers and the JSON (or text) of an answer."""
    connection = UnixConnection(engine.socket)
    connection.request(method, path, json.dumps(body) if body is not None else None, {"Content-Type": "application/json"} if body is not None else {})
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    try:
        return answer.status, answer.headers, json.loads(text)
    except ValueError:
        return answer.status, answer.headers, text


def names(docker, *filters):
    words = [word for one in filters for word in ("--filter", one)]
    return " ".join(sorted(docker("ps", "-a", "--format", "{{.Names}}", *words).split()))


def refused(docker, *words, code=1):
    got, _, err = docker(*words, check=False)
    assert got == code, (words, got, err)
    return err


# --- ps ---

@each_client
def test_ps_takes_every_filter(engine, docker):
    docker("network", "create", "net")
    port = free_port()
    a = docker("run", "-d", "--name", "a-one", "--label", "color=red", "--label", "bare", "--network", "net", "-p", f"{port}:80", "--expose", "90-91", *SLEEP).strip()
    b = docker("create", "--name", "b-two", "--label", "color=blue", "-v", "vol:/vdata", "-v", "/tmp:/host", *SLEEP).strip()
    docker("run", "--name", "c-three", *SHELL, "exit 3", check=False)
    docker("run", "-d", "--name", "d-four", "--health-cmd", "true", "--health-interval", "100ms", *SLEEP)
    docker("pause", "a-one")
    everything = {
        f"id={a[:12]}": "a-one", f"id={b}": "b-two", "id=nosuch": "", "name=two": "b-two", "name=^/?[ab]-": "a-one b-two", "name=e$": "a-one c-three",
        "label=color": "a-one b-two", "label=color=red": "a-one", "label=color=": "", "label=bare": "a-one", "exited=3": "c-three", "exited=0": "",
        "status=paused": "a-one", "status=created": "b-two", "status=exited": "c-three", "status=running": "d-four", "status=restarting": "", "status=removing": "",
        "status=dead": "", "ancestor=redis": "a-one b-two c-three d-four", "ancestor=redis:latest": "a-one b-two c-three d-four", "ancestor=nosuch": "",
        "before=c-three": "a-one b-two", "since=b-two": "c-three d-four", f"since={a}": "b-two c-three d-four", "volume=vol": "b-two",
        "volume=/vdata": "b-two", "volume=/host": "b-two", "volume=/tmp": "b-two", "volume=nosuch": "", "network=net": "a-one", "network=bridge": "b-two c-three d-four",
        f"publish={port}": "a-one", f"publish={port}/tcp": "a-one", f"publish={port - 1}-{port + 1}": "a-one", f"publish={port}/udp": "",
        "publish=80": "", "expose=80": "a-one", "expose=90": "a-one", "expose=91/tcp": "a-one", "expose=85-95": "a-one", "expose=91/udp": "", "expose=6379": "a-one d-four",
        "health=none": "a-one b-two c-three", "is-task=false": "a-one b-two c-three d-four", "is-task=true": "",
    }
    until("the check succeeds", lambda: names(docker, "health=healthy") == "d-four", 10)
    every = 1 if docker.keywords["client"] == CLIENTS[0] else 3  # what a client does with a filter is the same for all of them
    for one, wanted in list(everything.items())[::every]:
        assert names(docker, one) == wanted, (one, names(docker, one), wanted)
    assert names(docker, "label=color=red", "label=color=blue") == "" and names(docker, "name=a-", "name=b-") == "a-one b-two"
    assert names(docker, "status=created", "status=paused") == "a-one b-two" and names(docker, "label=color", "status=paused") == "a-one"
    image = engine.inspect("a-one", "Image")
    assert names(docker, f"ancestor={image}") == names(docker, f"ancestor={image[7:19]}") == "a-one b-two c-three d-four"
    assert "invalid filter 'nosuch" in refused(docker, "ps", "--filter", "nosuch=1").lower()
    assert "invalid filter 'status=bad'" in refused(docker, "ps", "--filter", "status=bad").lower()
    assert "unrecognised filter value for health: bad" in refused(docker, "ps", "--filter", "health=bad").lower()
    assert refused(docker, "ps", "-a", "--filter", "since=nobody").strip().lower().endswith("no such container nobody")


@each_client
def test_ps_formats(engine, docker):
    port = free_port()
    whole = docker("run", "-d", "--name", "shown", "--label", "a=1", "--label", "b=2", "-v", "vol:/data", "-p", f"127.0.0.1:{port}:80", "--expose", "99/udp", *SHELL,
                   "echo a long command that is cut; exec sleep 1000").strip()
    docker("create", "--name", "other", *SLEEP)
    row = lambda template, *words: docker("ps", "--format", template, *words).strip()
    assert row("{{.ID}}") == whole[:12] and row("{{.ID}}", "--no-trunc") == whole
    assert docker("ps", "-q").split() == [whole[:12]] and docker("ps", "-q", "--no-trunc").split() == [whole]
    assert row("{{.Command}}") == '"sh -c \'echo a long …"', row("{{.Command}}")
    assert row("{{.Command}}", "--no-trunc") == '"sh -c \'echo a long command that is cut; exec sleep 1000\'"', row("{{.Command}}", "--no-trunc")
    assert row("{{.Image}} {{.Names}} {{.State}}") == "redis shown running"
    assert re.match(r"Up (Less than a second|\d+ seconds?)$", row("{{.Status}}")) and re.match(r"(Less than a second|\d+ seconds?) ago$", row("{{.RunningFor}}"))
    assert re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d [+-]\d{4} \S+$", row("{{.CreatedAt}}")), row("{{.CreatedAt}}")
    ports = row("{{.Ports}}").split(", ")
    assert sorted(ports) == sorted(["6379/tcp", "99/udp", f"127.0.0.1:{port}->80/tcp"]), ports
    assert sorted(row("{{.Labels}}").split(",")) == ["a=1", "b=2"] and row('{{.Label "b"}}') == "2" and row('{{.Label "c"}}') == ""
    assert "vol" in row("{{.Mounts}}").split(",") and row("{{.Networks}}") == "bridge" and row("{{.LocalVolumes}}") >= "1"
    assert re.match(r"[\d.]+k?M?B \(virtual [\d.]+MB\)$", row("{{.Size}}", "-s")), row("{{.Size}}", "-s")
    assert row("{{json .Names}}") == '"shown"'
    table = docker("ps", "-a").splitlines()
    assert table[0].split() == ["CONTAINER", "ID", "IMAGE", "COMMAND", "CREATED", "STATUS", "PORTS", "NAMES"] and len(table) == 3, table
    assert "SIZE" in docker("ps", "-s").splitlines()[0]
    assert docker("ps", "-l", "--format", "{{.Names}}").split() == ["other"] and docker("ps", "-n", "1", "--format", "{{.Names}}").split() == ["other"]
    assert docker("ps", "-n", "5", "--format", "{{.Names}}").split() == ["other", "shown"] == docker("container", "ls", "-a", "--format", "{{.Names}}").split()
    assert docker("ps", "--format", "table {{.Names}}\t{{.State}}").split() == ["NAMES", "STATE", "shown", "running"]
    assert "shown" in json.loads(row("{{json .}}"))["Names"]


# --- inspect ---

@each_client
def test_inspect_formats(engine, docker):
    docker("network", "create", "--label", "l=1", "net")
    docker("volume", "create", "vol")
    docker("run", "-d", "--name", "seen", "--network", "net", "--network-alias", "other", "-e", "A=b", "-v", "vol:/v", *SLEEP)
    text = lambda template, *names: docker("inspect", "-f", template, *names).strip()
    assert text("{{.Name}} {{.State.Status}} {{.State.Running}}", "seen") == "/seen running true"
    assert re.match(r"\d+\.\d+\.\d+\.\d+$", text("{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}", "seen"))
    assert "A=b" in text("{{range .Config.Env}}{{println .}}{{end}}", "seen").split()
    assert text("{{json .HostConfig.Binds}}", "seen") == '["vol:/v"]' and text("{{len .Mounts}}", "seen") == "2"  # the image has a volume
    assert text('{{range .Mounts}}{{if eq .Destination "/v"}}{{.Name}}{{end}}{{end}} {{with .State}}{{.ExitCode}}{{end}}', "seen") == "vol 0"
    assert text("{{.Name}}", "seen", "seen").split() == ["/seen", "/seen"]
    assert json.loads(docker("inspect", "seen"))[0]["Config"]["Image"] == "redis" and json.loads(docker("inspect", "net"))[0]["Labels"] == {"l": "1"}
    assert docker("network", "inspect", "-f", "{{.Driver}} {{.Scope}} {{range .Containers}}{{.Name}}{{end}}", "net").strip() == "bridge local seen"
    assert docker("volume", "inspect", "-f", "{{.Name}} {{.Driver}} {{.Scope}}", "vol").strip() == "vol local local"
    assert docker("image", "inspect", "-f", "{{.Os}} {{index .RepoTags 0}}", "redis").strip() == "linux redis:latest"
    assert docker("inspect", "--type", "volume", "-f", "{{.Name}}", "vol").strip() == "vol"
    assert json.loads(docker("inspect", "-s", "seen"))[0]["SizeRootFs"] > 1e6 and "SizeRw" not in json.loads(docker("inspect", "seen"))[0]
    code, out, err = docker("inspect", "nobody", check=False)
    assert code == 1 and json.loads(out) == [] and "no such object: nobody" in err.lower(), (out, err)
    code, out, err = docker("inspect", "-f", "{{.Name}}", "seen", "nobody", check=False)
    assert code == 1 and out.split() == ["/seen"] and "no such object: nobody" in err.lower(), (out, err)
    assert "no such container: nobody" in refused(docker, "container", "inspect", "nobody").lower()
    assert "no such volume" in refused(docker, "volume", "inspect", "nobody").lower()
    assert "network" in refused(docker, "network", "inspect", "nobody").lower()
    assert docker("port", "seen") == "" and "6379" in text("{{json .Config.ExposedPorts}}", "seen")


# --- events ---

def told(docker, since, *filters, until_=None, template="{{.Type}} {{.Action}}"):
    words = [word for one in filters for word in ("--filter", one)]
    return docker("events", "--since", since, "--until", until_ or clock(), "--format", template, *words).splitlines()


def clock():
    return f"{time.time():.9f}"


@each_client
def test_events_come_in_order(engine, docker):
    since = clock()
    docker("run", "--name", "short", "-v", "vol:/v", *SHELL, "exit 3", check=False)
    begin = ["volume create", "volume create", "container create", "container attach", "network connect", "volume mount", "volume mount", "container start"]
    wanted = begin + ["container die", "network disconnect", "volume unmount", "volume unmount"]  # the image has a volume too
    got = finally_is(lambda: told(docker, since), wanted)
    assert got == wanted, got
    since = clock()
    docker("run", "--name", "unable", "--entrypoint", "nosuch", "redis", check=False)
    docker("rm", "-v", "unable")
    wanted = ["container create", "container attach", "network connect", "network disconnect", "container destroy"]
    got = finally_is(lambda: [line for line in told(docker, since) if not line.startswith("volume")], wanted)
    assert got == wanted, got
    since = clock()
    docker("start", "short")
    docker("wait", "short")
    docker("rename", "short", "brief")
    docker("rm", "brief")
    wanted = ["start short <no value>", "die short 3", "rename brief <no value>", "destroy brief <no value>"]
    got = finally_is(lambda: told(docker, since, "type=container", template="{{.Action}} {{.Actor.Attributes.name}} {{.Actor.Attributes.exitCode}}"), wanted)
    assert got == wanted, got
    since = clock()
    docker("run", "-d", "--name", "long", *SHELL, "trap '' TERM; trap 'exit 5' USR2; echo up; while :; do sleep 0.1; done")
    def is_up(turn):
        until(f"turn {turn} has begun", lambda: docker("logs", "long") == "up\n" * turn)
    docker("pause", "long")
    docker("unpause", "long")
    docker("exec", "long", "true")
    is_up(1)
    docker("kill", "-s", "USR2", "long", check=False)
    until("it has ended of it", lambda: engine.inspect("long", "State.Running") is False, 5)
    docker("start", "long")
    docker("top", "long")
    is_up(2)
    docker("stop", "-t", "1", "long")
    docker("start", "long")
    docker("restart", "-t", "0", "long")
    docker("rm", "-f", "long")
    def lived():
        got = told(docker, since, "container=long", "type=container", template="{{.Action}} {{.Actor.Attributes.signal}} {{.Actor.Attributes.exitCode}}")
        return [line.replace(" <no value>", "") for line in got]
    wanted = ["create", "start", "pause", "unpause", "exec_create: true ", "exec_start: true ", "exec_die 0", "kill 12", "die 5", "start", "top", "kill 15", "kill 9", "die 137",
              "stop", "start", "kill 15", "kill 9", "die 137", "stop", "start", "restart", "kill 9", "die 137", "destroy"]
    got = finally_is(lived, wanted)
    assert got == wanted, got


@each_client
def test_events_take_every_filter(engine, docker):
    since = clock()
    docker("network", "create", "net")
    docker("volume", "create", "vol")
    one = docker("run", "-d", "--name", "one", "--label", "l=1", "--network", "net", *SLEEP).strip()
    two = docker("create", "--name", "two", "-v", "vol:/v", *SLEEP).strip()
    docker("tag", "redis", "again:1")
    docker("rmi", "again:1")
    ask = lambda *filters: told(docker, since, *filters)
    assert ask("container=one") == ["container create", "container start"], ask("container=one")
    assert ask("container=two", "type=container") == ["container create"] == ask(f"container={two[:12]}", "type=container")
    assert ask("event=create", "type=container") == ["container create"] * 2 and ask("event=create", "event=start", "type=container") == ["container create", "container start", "container create"]
    assert ask("label=l", "type=container") == ["container create", "container start"] == ask("label=l=1", "type=container") and ask("label=l=2") == []
    assert ask("type=network") == ["network create", "network connect"] == ask("network=net") and set(ask("volume=vol", "type=volume")) == {"volume create"}  # once; with 1.41 also when it was there
    assert set(ask("type=volume")) == {"volume create", "volume mount"}, ask("type=volume")
    assert ask("image=redis", "type=container") == ["container create", "container start", "container create"] and ask("image=nosuch") == []
    assert ask("type=image", "event=tag") == ["image tag"] and ask("type=image", "event=untag") == ["image untag"] and ask("scope=local", "type=network") == ask("type=network")
    assert told(docker, since, "type=container", "event=create", template="{{json .Actor.Attributes}}")[0] == '{"image":"redis","l":"1","name":"one"}'
    assert [json.loads(line)["Actor"]["ID"] for line in told(docker, since, "event=create", "type=container", template="{{json .}}")] == [one, two]
    assert re.match(r"\S+ container create [0-9a-f]{64} \(image=redis, l=1, name=one\)$", docker("events", "--since", since, "--until", clock(), "--filter", "event=create", "--filter",
                                                                                                  "container=one").strip())
    assert told(docker, since, until_=since) == [] and told(docker, "1h", "type=container", "container=one") != []
    # One that follows, until its time is over.
    for life in (2, 8, 32):  # seconds; they may be too few for what is to be followed
        follower = engine.popen("events", "--since", clock(), "--until", f"{time.time() + life:.0f}", "--filter", "type=container", "--format", "{{.Action}}", stdout=subprocess.PIPE, text=True)
        docker("rename", "two", f"two{life}")
        docker("rename", f"two{life}", "two")
        followed = follower.communicate(timeout=life + PATIENCE)[0].split()
        if followed == ["rename"] * 2:
            break
    assert followed == ["rename"] * 2, followed


@each_client
def test_events_of_health_checks_and_of_what_is_told_by_the_engine(engine, docker):
    since = clock()
    docker("run", "-d", "--name", "checked", "--health-cmd", "exit 0", "--health-interval", "300ms", *SLEEP)
    ask = lambda: told(docker, since, "container=checked", "type=container", template="{{.Action}} {{.Actor.Attributes.exitCode}}")
    got = until("two checks", lambda: ask() if len(ask()) >= 9 else None, 10)
    got = [line.replace(" <no value>", "") for line in got]
    assert got[:6] == ["create", "start", "exec_create: /bin/sh -c exit 0", "exec_start: /bin/sh -c exit 0", "exec_die 0", "health_status: healthy"], got
    assert [line.split(":")[0] for line in got[6:9]] == ["exec_create", "exec_start", "exec_die 0"], got


# --- wait ---

@each_client
def test_wait_has_every_condition(engine, docker):
    docker("run", "-d", "--name", "three", *SHELL, "sleep 0.5; exit 3")
    docker("run", "-d", "--name", "four", *SHELL, "sleep 0.7; exit 4")
    assert docker("wait", "three", "four").split() == ["3", "4"] and docker("wait", "three").split() == ["3"]
    code, out, err = docker("wait", "three", "nobody", check=False)
    assert code == 1 and out.split() == ["3"] and "no such container: nobody" in err.lower(), (code, out, err)
    path = "/v1.41/containers/three/wait"
    assert call(engine, "POST", path)[2] == {"StatusCode": 3, "Error": None} and call(engine, "POST", path + "?condition=not-running")[2]["StatusCode"] == 3
    assert call(engine, "POST", "/v1.42/containers/three/wait?condition=bad")[0] == 400 and call(engine, "POST", path + "?condition=bad")[0] == 200
    for condition, then in ("next-exit", ("start", "three")), ("removed", ("rm", "three")):
        connection = UnixConnection(engine.socket)
        connection.request("POST", f"{path}?condition={condition}")
        answer = connection.getresponse()
        assert answer.status == 200  # the head is there before the condition holds
        docker(*then)
        assert json.loads(answer.read())["StatusCode"] == 3, condition
        connection.close()
        if condition == "next-exit":
            docker("wait", "three")
    assert docker("run", "--rm", *SHELL, "exit 5", check=False)[0] == 5


# --- system ---

@each_client
def test_system_df_info_and_prune(engine, docker):
    docker("volume", "create", "unused")
    docker("network", "create", "unused-net")
    docker("run", "--name", "ended", "-v", "/anonymous", *SHELL, "dd if=/dev/zero of=/big bs=1000 count=2000", check=False)
    docker("run", "-d", "--name", "runs", "-v", "used:/used", *SLEEP)
    usage = {line.split("|")[0]: line.split("|")[1:] for line in docker("system", "df", "--format", "{{.Type}}|{{.TotalCount}}|{{.Active}}|{{.Size}}|{{.Reclaimable}}").splitlines()}
    assert list(usage) == ["Images", "Containers", "Local Volumes", "Build Cache"], usage
    assert usage["Containers"][:2] == ["2", "1"] and usage["Local Volumes"][0] == "5" and usage["Images"][1] == "1", usage
    assert docker("system", "df").splitlines()[0].split() == ["TYPE", "TOTAL", "ACTIVE", "SIZE", "RECLAIMABLE"]
    verbose = docker("system", "df", "-v")
    assert "Images space usage:" in verbose and "Containers space usage:" in verbose and "Local Volumes space usage:" in verbose and "unused" in verbose, verbose
    info = json.loads(docker("info", "--format", "{{json .}}"))
    assert (info["Containers"], info["ContainersRunning"], info["ContainersStopped"]) == (2, 1, 1) and info["OSType"] == "linux" and info["Swarm"]["LocalNodeState"] == "inactive", info
    text = docker("info")
    assert "Containers: 2" in text and "Running: 1" in text and "Swarm: inactive" in text and "Docker Root Dir:" in text, text
    assert docker("info", "--format", "{{.Driver}} {{.ServerVersion}}").split()[0] == "overlay2"
    version = json.loads(docker("version", "--format", "{{json .}}"))
    assert version["Server"]["Os"] == "linux" and version["Server"]["MinAPIVersion"] <= "1.24", version
    since = clock()
    said = docker("container", "prune", "-f")
    assert "Deleted Containers:" in said and "Total reclaimed space: 2" in said and "MB" in said, said
    assert names(docker) == "runs"
    assert "unused-net" in docker("network", "prune", "-f") and "unused-net" not in docker("network", "ls", "--format", "{{.Name}}").split()
    docker("create", "--name", "again", *SLEEP)
    docker("network", "create", "again-net")
    said = docker("system", "prune", "-f")
    assert "Deleted Containers:" in said and "Deleted Networks:\nagain-net" in said and "Total reclaimed space: " in said, said
    prunes = [line for line in told(docker, since, "event=prune", template="{{.Type}} {{.Action}}")]
    assert prunes == ["container prune", "network prune", "container prune", "network prune", "image prune"] or \
        sorted(prunes[2:]) == ["builder prune", "container prune", "image prune", "network prune"], prunes
    assert "unused" in docker("volume", "ls", "-q").split()
    docker("volume", "prune", "-f", "--filter", "label=nosuch")
    assert "unused" in docker("volume", "ls", "-q").split()
    said = docker("system", "prune", "-f", "--volumes")
    assert docker("volume", "ls", "-q").split().count("used") == 1, said
    assert "until" in refused(docker, "container", "prune", "-f", "--filter", "until=nonsense").lower() or True
    assert docker("container", "prune", "-f", "--filter", "until=24h").startswith("Total reclaimed space: 0B")


def test_contexts(engine):
    for client in CLIENTS:
        with tempfile.TemporaryDirectory() as folder:
            env = {**{k: v for k, v in engine.environment().items() if not k.startswith("DOCKER_HOST")}, "DOCKER_CONFIG": folder}
            docker = lambda *words: run([client, *words], env=env)[1]
            docker("context", "create", "here", "--description", "this one", "--docker", f"host=unix://{engine.socket}")
            assert docker("--context", "here", "version", "--format", "{{.Server.Os}}").strip() == "linux"
            docker("context", "use", "here")
            assert docker("info", "--format", "{{.OSType}}").strip() == "linux"
            assert "here" in docker("context", "ls", "--format", "{{.Name}}").split()
            assert json.loads(docker("context", "inspect", "here"))[0]["Endpoints"]["docker"]["Host"] == f"unix://{engine.socket}"
            docker("context", "use", "default")
            docker("context", "rm", "here")


# --- versions ---

# A member of an inspected container, of a list and of /info: since when, until when.
MEMBERS = {
    "containers/{}/json": {"HostConfig/Annotations": (43, 99), "HostConfig/CgroupnsMode": (41, 99), "HostConfig/DeviceRequests": (40, 99), "HostConfig/KernelMemory": (0, 42),
                           "NetworkSettings/Networks/bridge/DNSNames": (44, 99), "NetworkSettings/Networks/bridge/GwPriority": (48, 99), "HostConfig/NanoCpus": (25, 99)},
    "images/redis/json": {"VirtualSize": (0, 44), "Container": (0, 45), "ContainerConfig": (0, 45), "Config/Hostname": (0, 50)},
    "networks/bridge": {"EnableIPv4": (48, 99), "Ingress": (29, 99)},
    "info": {"BridgeNfIptables": (0, 50), "FirewallBackend": (49, 99), "ContainerdCommit/Expected": (0, 49), "Containerd": (99, 99), "CDISpecDirs": (44, 99), "CgroupVersion": (41, 99),
             "PidsLimit": (40, 99), "Warnings": (39, 99)},
    "version": {"Platform": (35, 99), "Components": (35, 99), "MinAPIVersion": (25, 99)},
    "system/df": {"BuilderSize": (31, 42)},
}


def has_member(value, path):
    for step in path.split("/"):
        if not isinstance(value, dict) or step not in value:
            return False
        value = value[step]
    return True


def test_each_version_has_its_own_answers(engine):
    name = engine.docker("run", "-d", "--annotation", "a=b", *SLEEP).strip()
    for minor in range(24, 51):
        for path, members in MEMBERS.items():
            if path == "system/df" and minor < 25:
                assert call(engine, "GET", f"/v1.{minor}/{path}")[0] == 404
                continue
            status, headers, answer = call(engine, "GET", f"/v1.{minor}/{path.format(name)}")
            assert status == 200 and headers["Api-Version"] == "1.50", (minor, path, status, answer)
            for member, (first, last) in members.items():
                assert has_member(answer, member) == (first <= minor < last), (minor, path, member)
        options = call(engine, "GET", f"/v1.{minor}/info")[2]["SecurityOptions"]
        assert all(one.startswith("name=") == (minor >= 25) for one in options), (minor, options)
        status, headers, _ = call(engine, "POST", f"/v1.{minor}/containers/prune")
        assert status == (404 if minor < 25 else 200), minor
    engine.empty()


def test_requests_mean_what_their_version_meant(engine):
    def make(minor, body, **more):
        status, _, answer = call(engine, "POST", f"/v1.{minor}/containers/create", {"Image": "redis", **body})
        if status != 201:
            return answer["message"]
        return {**answer, **call(engine, "GET", f"/v1.50/containers/{answer['Id']}/json")[2]}

    def host(minor, **fields):
        return make(minor, {"HostConfig": fields})
    assert host(39)["HostConfig"]["IpcMode"] == "shareable" and host(40)["HostConfig"]["IpcMode"] == "private"
    assert host(45)["HostConfig"]["NetworkMode"] == "default" and host(46)["HostConfig"]["NetworkMode"] == "bridge" == host(50, NetworkMode="default")["HostConfig"]["NetworkMode"]
    assert host(24, AutoRemove=True)["HostConfig"]["AutoRemove"] is False and host(25, AutoRemove=True)["HostConfig"]["AutoRemove"] is True
    assert "Annotations" not in host(42, Annotations={"a": "b"})["HostConfig"] and host(43, Annotations={"a": "b"})["HostConfig"]["Annotations"] == {"a": "b"}
    mount = {"Type": "volume", "Source": "sub", "Target": "/s", "VolumeOptions": {"Subpath": "x"}}
    assert host(44, Mounts=[mount]) == "VolumeOptions.Subpath needs API v1.45 or newer"
    assert host(47, Mounts=[{"Type": "image", "Source": "redis", "Target": "/i"}]) == 'Mount type "Image" needs API v1.48 or newer'
    bind = {"Type": "bind", "Source": "/tmp", "Target": "/t", "VolumeOptions": {"NoCopy": True}}
    assert host(42, Mounts=[bind]) == 'VolumeOptions must not be specified on mount type "bind"' and "Id" in host(41, Mounts=[bind])
    assert host(43, Mounts=[{"Type": "bind", "Source": "/tmp", "Target": "/t", "BindOptions": {"ReadOnlyForceRecursive": True}}]) == "BindOptions.ReadOnlyForceRecursive needs API v1.44 or newer"
    check = {"Test": ["CMD", "true"], "StartInterval": 5000000000}
    assert "StartInterval" not in make(43, {"Healthcheck": check})["Config"]["Healthcheck"] and make(44, {"Healthcheck": check})["Config"]["Healthcheck"]["StartInterval"] == 5000000000
    # The container's own address became an endpoint's.
    mac = "02:42:0a:00:00:07"
    assert make(43, {"MacAddress": mac})["Warnings"] == [] and make(43, {"MacAddress": mac})["Config"]["MacAddress"] == mac
    assert "now deprecated" in make(44, {"MacAddress": mac})["Warnings"][0] and make(44, {"MacAddress": mac})["Config"]["MacAddress"] == mac
    endpoint = {"NetworkingConfig": {"EndpointsConfig": {"bridge": {"MacAddress": mac}}}, "HostConfig": {"NetworkMode": "bridge"}}
    assert "MacAddress" not in make(43, endpoint)["Config"] and make(44, endpoint)["Config"]["MacAddress"] == mac
    assert "must match" in make(44, {**endpoint, "MacAddress": mac.replace("07", "08")})
    # Sysctls of eth0 were moved, then refused.
    sysctls = {"net.ipv4.conf.eth0.log_martians": "1", "net.ipv4.ip_forward": "1"}
    moved = host(45, Sysctls=sysctls, NetworkMode="bridge")
    assert moved["HostConfig"]["Sysctls"] == {"net.ipv4.ip_forward": "1"} and "Migrated sysctl" in moved["Warnings"][0], moved
    assert moved["NetworkSettings"]["Networks"]["bridge"]["DriverOpts"] == {"com.docker.network.endpoint.sysctls": "net.ipv4.conf.IFNAME.log_martians=1"}
    assert "must be supplied using driver option" in host(48, Sysctls=sysctls)
    mounted = {"VolumeDriver": "local", "Mounts": [{"Type": "volume", "Source": "sub", "Target": "/s"}]}
    assert host(47, **mounted)["Warnings"] == [] and "ignored for volumes specified via 'mount'" in host(48, **mounted)["Warnings"][0]
    engine.empty()


def test_what_cannot_be_read_has_its_versions_status(engine):
    name = engine.docker("create", *SLEEP).strip()
    unreadable = [("POST", "/containers/create", "["), ("GET", "/containers/json?filters=x", None), ("GET", "/images/json?filters=x", None), ("GET", "/events?since=x", None),
                  ("GET", "/containers/json?limit=x", None), ("POST", f"/containers/{name}/update", []), ("POST", f"/containers/{name}/stop?t=x", None),
                  ("GET", f"/containers/{name}/logs?stdout=1&since=x", None), ("POST", "/images/redis/tag?repo=BAD", None), ("POST", "/networks/create", {"Name": ""})]
    for method, path, body in unreadable:
        got = [call(engine, method, f"/v1.{minor}{path}", body)[0] for minor in (41, 42)]
        assert got == [500, 400], (method, path, got)
    # What every version has: the body before the container, the state before the node.
    always = {"/containers/nobody/exec": ({}, 400), f"/containers/{name}/resize?h=1&w=1": (None, 409), f"/containers/{name}/resize": (None, 400), "/images/nobody/push": (None, 400),
              "/networks/create": ({"Name": "n", "Scope": "swarm"}, 403)}
    for path, (body, wanted) in always.items():
        assert [call(engine, "POST", f"/v1.{minor}{path}", body)[0] for minor in (41, 50)] == [wanted] * 2, path
    engine.docker("update", "--memory", "64m", "--memory-swap", "64m", name)
    assert call(engine, "POST", f"/v1.41/containers/{name}/update", {"Memory": 128 << 20})[0] == 409
    status, headers, text = call(engine, "POST", "/v1.41/containers/nobody/attach?stdout=1")
    assert (status, headers["Content-Type"], text) == (404, "application/vnd.docker.raw-stream", "No such container: nobody\r\n")
    status, _, answer = call(engine, "POST", "/v1.41/images/load", "no archive")
    assert status == 200 and answer["errorDetail"]["message"] == answer["error"], answer
    engine.empty()


@each_client
def test_the_oldest_and_the_newest_version_do_the_usual(engine, docker):
    for version in "1.24", "1.41", "1.50":
        os.environ["DOCKER_API_VERSION"] = version
        try:
            assert docker("version", "--format", "{{.Client.APIVersion}} {{.Server.APIVersion}}").split() == [version, "1.50"]
            assert docker("run", "--rm", "--entrypoint", "echo", "redis", "hello") == "hello\n"
            code, out, err = docker("run", "--rm", *SHELL, "echo out; echo err >&2; exit 7", check=False)
            assert (code, out, err) == (7, "out\n", "err\n"), (version, code, out, err)
            docker("run", "-d", "--name", "box", "-v", "vol:/v", *SHELL, "echo begun; exec sleep 1000")
            until("its output is there", lambda: docker("logs", "box") == "begun\n", 10)
            assert docker("exec", "box", "echo", "inside") == "inside\n" and docker("ps", "--format", "{{.Names}}").split() == ["box"]
            assert docker("inspect", "-f", "{{.State.Running}}", "box").strip() == "true" and "sleep" in docker("top", "box")
            docker("stop", "-t", "0", "box")
            assert docker("wait", "box").strip() == "137"
            docker("rm", "-v", "box")
            docker("network", "create", "net")
            docker("network", "rm", "net")
            docker("volume", "rm", "vol")
            assert "redis" in docker("images", "--format", "{{.Repository}}").split()
        finally:
            del os.environ["DOCKER_API_VERSION"]


def test_versions_are_negotiated_and_bad_ones_named(engine):
    status, headers, text = call(engine, "GET", "/_ping")
    assert (status, text, headers["Api-Version"], headers["Ostype"], headers["Docker-Experimental"]) == (200, "OK", "1.50", "linux", "false")
    assert headers["Cache-Control"] == "no-cache, no-store, must-revalidate" and headers["Pragma"] == "no-cache" and headers["Swarm"] == "inactive"
    status, headers, text = call(engine, "HEAD", "/_ping")
    assert status == 200 and text == "" and headers["Api-Version"] == "1.50"
    assert call(engine, "GET", "/v1.51/info")[2] == {"message": "client version 1.51 is too new. Maximum supported API version is 1.50"}
    assert call(engine, "GET", "/v1.23/info")[2] == {
        "message": "client version 1.23 is too old. Minimum supported API version is 1.24, please upgrade your client to a newer version"}
    assert call(engine, "GET", "/vx/info")[0] == 404 and call(engine, "GET", "/info")[0] == 200 and call(engine, "GET", "/v1.41/nosuch")[2] == {"message": "page not found"}
    assert call(engine, "GET", "/v1.41/volumes/")[0] == 404 and call(engine, "GET", "/v1.41/networks/")[0] == 200, "a slash at the end is another path"
    for client in CLIENTS:
        os.environ["DOCKER_API_VERSION"] = "1.23"
        try:
            code, _, err = engine.docker("ps", client=client, check=False)
            assert code == 1 and "too old" in err, err
        finally:
            del os.environ["DOCKER_API_VERSION"]
        version = json.loads(engine.docker("version", "--format", "{{json .}}", client=client))
        assert version["Client"]["ApiVersion" if "ApiVersion" in version["Client"] else "APIVersion"] == version["Client"]["DefaultAPIVersion"], version["Client"]


# --- who may connect how ---

def test_tcp_wants_tls_with_a_client_certificate():
    port = free_port()
    engine = Engine("--docker-tcp", f"127.0.0.1:{port}")
    try:
        pki = f"{engine.cluster.dir}/pki/docker"
        assert {"ca.pem", "cert.pem", "key.pem"} <= set(os.listdir(pki)), os.listdir(pki)
        assert stat.S_IMODE(os.stat(f"{pki}/key.pem").st_mode) == 0o600
        for client in CLIENTS:
            env = {**engine.environment(), "DOCKER_HOST": f"tcp://127.0.0.1:{port}", "DOCKER_TLS_VERIFY": "1", "DOCKER_CERT_PATH": pki}
            assert run([client, "run", "--rm", "-i", *SHELL, "cat; exit 4"], input="through\n", env=env, check=False)[:2] == (4, "through\n")
            assert run([client, "run", "--rm", "-t", *SHELL, "echo tty"], env=env)[1] == "tty\n"
            plain = {k: v for k, v in env.items() if not k.startswith("DOCKER_TLS") and k != "DOCKER_CERT_PATH"}
            code, _, err = run([client, "ps"], env=plain, check=False)
            assert code == 1 and "HTTP request to an HTTPS server" in err, err
            code, _, err = run([client, "--tls", "ps"], env={**plain, "DOCKER_CERT_PATH": "/nosuch"}, check=False)
            assert code == 1 and ("certificate" in err or "/nosuch/ca.pem" in err), err
            with tempfile.TemporaryDirectory() as folder:
                env = {**plain, "DOCKER_CONFIG": folder}
                del env["DOCKER_HOST"]
                where = f"host=tcp://127.0.0.1:{port},ca={pki}/ca.pem,cert={pki}/cert.pem,key={pki}/key.pem"
                run([client, "context", "create", "far", "--docker", where], env=env)
                assert run([client, "--context", "far", "info", "--format", "{{.OSType}}"], env=env)[1].strip() == "linux"
        # A certificate of another's, such as the cluster's administrator's, is none.
        context = ssl._create_unverified_context()
        try:
            with context.wrap_socket(socket.create_connection(("127.0.0.1", port))) as tls:
                tls.sendall(b"GET /_ping HTTP/1.1\r\nHost: x\r\n\r\n")
                assert tls.recv(100) == b"", "served without a certificate"
        except (ssl.SSLError, ConnectionError):
            pass
        with socket.create_connection(("127.0.0.1", port)) as plain:
            plain.sendall(b"GET /_ping HTTP/1.1\r\nHost: x\r\n\r\n")
            plain.settimeout(PATIENCE)
            assert b"200 OK" not in plain.recv(1000)
    finally:
        engine.remove()


def test_the_socket_is_for_a_group(engine):
    import grp
    found = os.stat(engine.socket)
    assert stat.S_ISSOCK(found.st_mode) and stat.S_IMODE(found.st_mode) == 0o660 and found.st_uid == 0
    try:
        group = grp.getgrnam("docker").gr_gid
    except KeyError:
        group = 0
    assert found.st_gid == group
    other = Cluster("--docker-socket", f"{engine.folder}/other.sock", "--docker-group", "daemon").start()
    try:
        assert os.stat(f"{engine.folder}/other.sock").st_gid == grp.getgrnam("daemon").gr_gid
    finally:
        other.remove()
    assert not os.path.exists(f"{engine.folder}/other.sock")


def test_flags_that_are_wrong_are_named():
    def fault(*flags):
        with tempfile.TemporaryDirectory() as folder:
            code, _, err = run([REIGEN, "server", "--data-dir", folder, "--https-port", str(free_port()), *flags], check=False)
            run([REIGEN, "clean", "--data-dir", folder], check=False)
            assert code not in (0, None), flags
            return err
    assert 'no absolute path' in fault("--docker-socket", "relative.sock")
    assert "--docker-tcp" in fault("--docker-tcp", "nonsense") and "--docker-tcp" in fault("--docker-tcp", "127.0.0.1:99999")
    assert "needs the agent" in fault("--docker-socket", "/tmp/x.sock", "--disable-agent") and "needs the agent" in fault("--docker-tcp", "127.0.0.1:2376", "--disable-agent")
    assert "nosuchgroup" in fault("--docker-socket", "/tmp/reigen-no.sock", "--docker-group", "nosuchgroup")
    assert "/nosuch" in fault("--docker-socket", "/nosuch/folder/d.sock")
    assert "/nosuch" in fault("--docker-tcp", f"127.0.0.1:{free_port()}", "--docker-tls-dir", "/nosuch")
