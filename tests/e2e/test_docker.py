"""Docker's own command line, of both ages, against a node's Docker endpoint. The tests of a file share one engine and run in order."""
import json, tempfile, urllib.request

from cluster import free_port, until
from docker_engine import SHELL, each_client


def answer(url):
    with urllib.request.urlopen(url, timeout=20) as page:
        return page.read().decode()


@each_client
def test_the_walk(engine, docker):
    port = free_port()
    docker("network", "create", "todoapp_network")
    docker("run", "--net=todoapp_network", "--name=redis-master", "-d", "redis")
    docker("run", "--net=todoapp_network", "--name=redis-slave", "-d", "redis-slave:v1")
    docker("run", "--net=todoapp_network", "--name=frontend", "-d", "-p", f"{port}:3000", "todo-app-web:v1")
    settings = json.loads(docker("inspect", "frontend"))[0]["NetworkSettings"]
    address = settings["Networks"]["todoapp_network"]["IPAddress"]
    assert {"HostIp": "0.0.0.0", "HostPort": str(port)} in settings["Ports"]["3000/tcp"], settings["Ports"]
    for host in (f"127.0.0.1:{port}", f"[::1]:{port}", f"{address}:3000"):
        until(f"{host} answers", lambda: answer(f"http://{host}/health"), 10)
    until("an entry is kept", lambda: "milk" in answer(f"http://127.0.0.1:{port}/insert/list/milk"), 10)
    until("the replica has it", lambda: "milk" in answer(f"http://127.0.0.1:{port}/read/list"), 10)
    names = docker("ps", "--format", "{{.Names}} {{.Image}} {{.Ports}}").splitlines()
    assert any(line.startswith("frontend todo-app-web:v1 ") and f"0.0.0.0:{port}->3000/tcp" in line for line in names), names
    pods = engine.cluster.kubectl("get", "pods", "-A")
    assert "redis-master-" in pods and "frontend-" in pods, pods
    docker("rm", "-f", "frontend", "redis-slave", "redis-master")
    docker("network", "rm", "todoapp_network")
    assert docker("ps", "-aq") == ""


@each_client
def test_run_gives_output_and_exit_code(engine, docker):
    assert docker("run", "--rm", "--entrypoint", "echo", "redis", "hello") == "hello\n"
    code, out, err = docker("run", "--rm", *SHELL, "echo out; echo err >&2; exit 7", check=False)
    assert (code, out, err) == (7, "out\n", "err\n"), (code, out, err)
    assert docker("run", "--rm", "-i", "--entrypoint", "cat", "redis", input="through\n") == "through\n"
    code, _, err = docker("run", "--rm", "--entrypoint", "no-such-program", "redis", check=False)
    assert code == 127 and "executable file not found in $PATH" in err, (code, err)
    code, _, err = docker("run", "--rm", "--entrypoint", "/etc", "redis", check=False)
    assert code == 126, (code, err)
    # The container of --rm is gone before its failed start is told: its name is free at once.
    for _ in range(2):
        docker("create", "--rm", "--name", "brief", "--entrypoint", "no-such-program", "redis")
        assert docker("start", "brief", check=False)[0] != 0
    assert docker("ps", "-aq", "--filter", "name=brief") == ""
    code, _, err = docker("run", "--rm", "--no-such-flag", "redis", check=False)
    assert code == 125, (code, err)
    assert docker("run", "--rm", "-e", "A=1", "-w", "/tmp", "-u", "1000:1000", "-h", "box", *SHELL, "echo $A $(pwd) $(id -u):$(id -g) $(hostname)") == "1 /tmp 1000:1000 box\n"


@each_client
def test_a_container_keeps_its_layer_and_its_log_over_restarts(engine, docker):
    docker("run", "-d", "--name", "kept", *SHELL, "date +%N >> /runs; wc -l < /runs; exec sleep 1000")
    until("the first line is there", lambda: docker("logs", "kept").split() == ["1"], 10)
    docker("restart", "-t", "1", "kept")
    until("the second run sees the first", lambda: docker("logs", "kept").split() == ["1", "2"], 10)
    assert docker("exec", "kept", "wc", "-l", "/runs").split() == ["2", "/runs"]
    docker("stop", "-t", "1", "kept")
    assert engine.inspect("kept", "State.Running") is False
    code, _, err = docker("exec", "kept", "true", check=False)
    assert code != 0 and "is not running" in err, (code, err)
    docker("start", "kept")
    until("the third run", lambda: docker("logs", "--tail", "1", "kept").split() == ["3"], 10)
    code, _, err = docker("rm", "kept", check=False)
    assert code == 1 and "is running" in err or "running container" in err, err
    docker("rm", "-f", "kept")


@each_client
def test_names_are_unique_and_unknown_ones_are_named(engine, docker):
    docker("create", "--name", "one", "redis")
    code, _, err = docker("create", "--name", "one", "redis", check=False)
    assert code == 1 and "is already in use by container" in err, err
    code, _, err = docker("start", "nobody", check=False)
    assert code == 1 and "No such container: nobody" in err, err
    docker("rename", "one", "two")
    assert docker("ps", "-a", "--format", "{{.Names}} {{.State}}") == "two created\n"
    docker("rm", "two")


@each_client
def test_a_policy_restarts_and_a_stop_ends_it(engine, docker):
    docker("run", "-d", "--restart", "always", "--name", "again", *SHELL, "sleep 0.2; exit 3")
    until("it was restarted twice", lambda: engine.inspect("again", "RestartCount") >= 2, 20)
    docker("stop", "-t", "1", "again")
    assert engine.inspect("again", "State.Status") == "exited"
    docker("rm", "again")


@each_client
def test_volumes_keep_what_is_written(engine, docker):
    docker("volume", "create", "data")
    docker("run", "--rm", "-v", "data:/d", *SHELL, "echo kept > /d/file")
    assert docker("run", "--rm", "-v", "data:/d:ro", "--entrypoint", "cat", "redis", "/d/file") == "kept\n"
    code, _, err = docker("run", "--rm", "-v", "data:/d:ro", *SHELL, "echo no > /d/file", check=False)
    assert code != 0 and "Read-only file system" in err, err
    assert "data" in docker("volume", "ls", "-q").split()
    docker("volume", "rm", "data")


@each_client
def test_files_are_copied_both_ways(engine, docker):
    docker("run", "-d", "--name", "box", "--entrypoint", "sleep", "redis", "1000")
    with tempfile.TemporaryDirectory() as folder:
        with open(f"{folder}/in", "w") as file:
            file.write("content\n")
        docker("cp", f"{folder}/in", "box:/tmp/there")
        assert docker("exec", "box", "cat", "/tmp/there") == "content\n"
        docker("cp", "box:/tmp/there", f"{folder}/out")
        assert open(f"{folder}/out").read() == "content\n"
    assert "A /tmp/there" in docker("diff", "box").splitlines()
    docker("rm", "-f", "box")
