"""The life of a container: start to removal, signals, terminals, exec, logs, limits that change, exit codes."""
import json, os, re, signal, time

from cluster import PATIENCE, finally_is, run, until
from docker_engine import CLIENTS, SHELL, each_client
from docker_wire import call, connect
from terminal import Terminal

SLEEP = ("--entrypoint", "sleep", "redis", "1000")
COUNTS = "trap 'echo hup' HUP; trap 'echo usr1' USR1; echo up; while :; do sleep 0.05; done"
V1 = os.path.exists("/sys/fs/cgroup/memory")


def refused(docker, *words, text, code=1):
    got, out, err = docker(*words, check=False)
    assert got == code and text in err + out, (words, got, out, err)


def lines(docker, name, *flags):
    return docker("logs", *flags, name).splitlines()


@each_client
def test_start_stop_restart_and_removal(engine, docker):
    docker("create", "--name", "one", *SLEEP)
    refused(docker, "stop", "nobody", text="No such container: nobody")
    assert docker("start", "one", "one").split() == ["one", "one"], "a start of one that runs is fine"
    pid = engine.inspect("one", "State.Pid")
    docker("restart", "-t", "0", "one")
    assert engine.inspect("one", "State.Pid") != pid and engine.inspect("one", "RestartCount") == 0
    refused(docker, "rm", "one", text="cannot remove a running container")
    docker("stop", "-t", "0", "one")
    docker("stop", "one")
    assert engine.inspect("one", "State.ExitCode") == 137
    docker("run", "-d", "--name", "two", "-v", "/anonymous", *SLEEP)
    assert docker("volume", "ls", "-q") != ""
    assert docker("rm", "-f", "-v", "two", "one").split() == ["two", "one"]
    assert docker("volume", "ls", "-q") == ""
    refused(docker, "rm", "one", text="No such container: one")
    refused(docker, "rm", "-l", "no/link", text="No such container: no/link")


@each_client
def test_stop_sends_the_signal_and_waits(engine, docker):
    docker("run", "-d", "--name", "polite", *SHELL, "trap 'echo bye; exit 9' TERM; echo up; while :; do sleep 0.05; done")
    docker("run", "-d", "--name", "own", "--stop-signal", "USR1", *SHELL, "trap 'echo usr; exit 8' USR1; echo up; while :; do sleep 0.05; done")
    docker("run", "-d", "--name", "deaf", "--stop-timeout", "1", *SHELL, "trap 'echo no' TERM; echo up; while :; do sleep 0.05; done")
    for name in ("polite", "own", "deaf"):
        until(f"{name} is up", lambda: lines(docker, name) == ["up"], 10)
    docker("stop", "polite", "own", "deaf")
    told = docker("events", "--since", "1h", "--until", f"{time.time():.9f}", "--filter", f"container={engine.inspect('deaf', 'Id')}", "--filter", "event=kill", "--format", "{{.TimeNano}} {{.Actor.Attributes.signal}}")
    asked, forced = (line.split() for line in told.splitlines())
    assert (asked[1], forced[1]) == ("15", "9") and 1 <= (int(forced[0]) - int(asked[0])) / 1e9 < 9, told  # without --stop-timeout it were 10
    assert [engine.inspect(name, "State.ExitCode") for name in ("polite", "own", "deaf")] == [9, 8, 137]
    assert lines(docker, "polite") == ["up", "bye"] and lines(docker, "own") == ["up", "usr"] and lines(docker, "deaf") == ["up", "no"]


@each_client
def test_kill_by_name_and_number(engine, docker):
    docker("run", "-d", "--name", "it", *SHELL, COUNTS)
    until("it is up", lambda: lines(docker, "it") == ["up"], 10)
    wanted = ["up"]
    for text, printed in (("USR1", "usr1"), ("SIGHUP", "hup"), ("10", "usr1"), ("sighup", "hup")):
        docker("kill", "-s", text, "it")
        wanted.append(printed)
        until(f"{text} arrived", lambda: lines(docker, "it") == wanted, 5)
    refused(docker, "kill", "-s", "NONSENSE", "it", text="Invalid signal: NONSENSE")
    refused(docker, "kill", "-s", "0", "it", text="Invalid signal: 0")
    refused(docker, "kill", "-s", "99", "it", text="Cannot kill container: it: The linux daemon does not support signal 99")
    refused(docker, "kill", "nobody", text="Cannot kill container: nobody: No such container: nobody")
    docker("kill", "it")
    assert engine.inspect("it", "State.ExitCode") == 137 and engine.inspect("it", "State.Running") is False
    refused(docker, "kill", "it", text="is not running")


@each_client
def test_pause_holds_everything(engine, docker):
    docker("run", "-d", "--name", "ticks", *SHELL, "while :; do echo tick; sleep 0.05; done")
    until("it ticks", lambda: len(lines(docker, "ticks")) > 3, 10)
    docker("pause", "ticks")
    assert "(Paused)" in docker("ps", "--format", "{{.Status}}") and engine.inspect("ticks", "State.Status") == "paused"
    refused(docker, "exec", "ticks", "true", text="Container ticks is paused, unpause the container before exec")
    refused(docker, "pause", "ticks", text="is already paused")
    refused(docker, "start", "ticks", text="cannot start a paused container, try unpause instead")
    refused(docker, "rm", "ticks", text="cannot remove a paused container")
    def rests():  # what it had written may be on its way to the log yet
        seen = len(lines(docker, "ticks"))
        time.sleep(0.5)
        return len(lines(docker, "ticks")) == seen
    until("it ticks no more", rests)
    before = len(lines(docker, "ticks"))
    docker("unpause", "ticks")
    until("it goes on", lambda: len(lines(docker, "ticks")) > before, 5)
    refused(docker, "unpause", "ticks", text="is not paused")
    docker("pause", "ticks")
    docker("stop", "-t", "1", "ticks")
    assert engine.inspect("ticks", "State.Status") == "exited"
    refused(docker, "pause", "ticks", text="is not running")


@each_client
def test_a_rename_keeps_everything_else(engine, docker):
    docker("network", "create", "names")
    docker("run", "-d", "--name", "old", "--network", "names", *SLEEP)
    docker("create", "--name", "taken", "redis")
    id = engine.inspect("old", "Id")
    docker("rename", "old", "new")
    assert engine.inspect("new", "Id") == id and engine.inspect("new", "Name") == "/new"
    pods = engine.cluster.kubectl("get", "pods", "-o", "name")
    assert f"pod/old-{id[:12]}" in pods, "a pod's name is that of its run's first moment"
    docker("restart", "-t", "0", "new")
    assert f"pod/new-{id[:12]}" in engine.cluster.kubectl("get", "pods", "-o", "name")
    until("the name is found", lambda: docker("run", "--rm", "--network", "names", "--entrypoint", "nslookup", "redis", "new"), 10)
    refused(docker, "rename", "new", "taken", text="is already in use by container")
    refused(docker, "rename", "new", "a b", text="a b), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed")
    refused(docker, "rename", "new", "new", text="Renaming a container with the same name as its current name")
    refused(docker, "rename", "nobody", "some", text="No such container: nobody")


@each_client
def test_start_attached_gives_output_input_and_exit_code(engine, docker):
    docker("create", "--name", "says", *SHELL, "echo out; echo err >&2; exit 3")
    code, out, err = docker("start", "-a", "says", check=False)
    assert (code, out, err) == (3, "out\n", "err\n"), (code, out, err)
    docker("create", "-i", "--name", "cat", "--entrypoint", "cat", "redis")
    assert docker("start", "-a", "-i", "cat", input="through\n") == "through\n"
    assert docker("start", "-a", "-i", "cat", input="again\n") == "again\n"
    assert docker("logs", "cat") == "through\nagain\n"
    refused(docker, "attach", "cat", text="You cannot attach to a stopped container, start it first")


@each_client
def test_wait_gives_codes_in_order(engine, docker):
    docker("run", "-d", "--name", "five", *SHELL, "sleep 0.3; exit 5")
    docker("run", "-d", "--name", "six", *SHELL, "exit 6")
    assert docker("wait", "five", "six").split() == ["5", "6"]
    assert docker("wait", "five").split() == ["5"]
    refused(docker, "wait", "nobody", text="No such container: nobody")


def client_of(docker):
    return docker.keywords["client"]


@each_client
def test_a_terminal_with_its_size_and_keys(engine, docker):
    command = [client_of(docker), "run", "-it", "--name", "tty", *SHELL, "echo '#'; while :; do read -r line && eval \"$line\"; done"]
    terminal = Terminal(command, engine.environment(), rows=33, columns=101)
    terminal.expect("#")
    terminal.type("tty; echo is $TERM\n")
    terminal.expect("/dev/pts/0\r\nis xterm")
    def size(wanted):
        terminal.type("stty size\n")
        terminal.expect(wanted, 0.5)
        return True
    until("the size is seen inside", lambda: size("33 101"), 10, 0.05)  # an old client tells it only after the start
    terminal.size(40, 120)
    until("the new size is seen inside", lambda: size("40 120"), 10, 0.05)
    terminal.type("\x10\x11")  # ctrl-p ctrl-q
    assert terminal.end() == 0 and engine.inspect("tty", "State.Running") is True
    terminal = Terminal([client_of(docker), "attach", "--detach-keys", "ctrl-a,x", "tty"], engine.environment())
    terminal.type("echo once $((40+2))\n")
    terminal.expect("once 42")
    terminal.type("\x01x")
    code = terminal.end()
    assert (code == 0 or "read escape sequence" in terminal.text) and engine.inspect("tty", "State.Running") is True, (code, terminal.text)
    terminal = Terminal([client_of(docker), "attach", "tty"], engine.environment())
    terminal.type("exit 7\n")
    assert terminal.end() == 7
    code, _, err = docker("run", "--rm", "--detach-keys", "ctrl-nonsense", "-i", *SLEEP, check=False)
    assert code != 0 and ("nonsense" in err or "received 400" in err), (code, err)


@each_client
def test_signals_of_the_client_reach_the_program(engine, docker):
    def begun(*words):
        script = "trap 'exit 44' TERM; echo up; while :; do sleep 0.05; done"
        process = engine.popen("run", *words, *SHELL, script, client=client_of(docker), stdout=-1, text=True)
        assert process.stdout.readline() == "up\n"
        return process
    process = begun("--name", "proxied")
    process.send_signal(signal.SIGTERM)
    assert process.wait(PATIENCE) == 44
    process = begun("--sig-proxy=false", "--name", "alone")
    process.send_signal(signal.SIGTERM)
    process.wait(PATIENCE)
    assert engine.inspect("alone", "State.Running") is True


def test_a_request_comes_after_the_start_it_meets(engine):
    """The program may be heard before its start is answered."""
    script = "trap 'exit 44' TERM; echo up; while :; do sleep 0.05; done"
    for _ in range(10):
        _, created = call(engine, "POST", "/containers/create", {"Image": "redis", "Entrypoint": ["sh", "-c", script]})
        path = f"/containers/{created['Id']}"
        output = connect(engine.socket)
        output.sendall(f"POST /v1.41{path}/attach?stream=1&stdout=1 HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n".encode())
        heard = output.recv(4096)
        start = connect(engine.socket)
        start.sendall(f"POST /v1.41{path}/start HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        while b"up\n" not in heard:
            heard += output.recv(4096)
        assert call(engine, "GET", f"{path}/json")[1]["State"]["Running"] is True
        assert call(engine, "POST", f"{path}/kill?signal=TERM") == (204, "")
        assert call(engine, "POST", f"{path}/wait")[1]["StatusCode"] == 44
        assert start.recv(4096).startswith(b"HTTP/1.1 204")
        output.close()
        start.close()
    engine.empty()


@each_client
def test_exit_codes(engine, docker):
    for words, wanted in ((("sh", "redis", "-c", "exit 200"), 200), (("no-such-program", "redis"), 127), (("/no/such", "redis"), 127), (("/etc", "redis"), 126),
                          (("/etc/passwd", "redis"), 126), (("sh", "redis", "-c", "sh -c 'kill -9 $$'; exit $?"), 137), (("sh", "redis", "-c", "sh -c 'kill $$'; exit $?"), 143)):
        code, out, err = docker("run", "--rm", "--entrypoint", *words, check=False)
        assert code == wanted, (words, code, out, err)
    code, _, err = docker("run", "--rm", "--entrypoint", "sh", "--sysctl", "net.nonsense=1", "redis", check=False)
    assert code == 127 and "no such file or directory" in err, (code, err)
    assert docker("run", "--rm", "-h", "a name", *SHELL, "hostname") == "a name\n"
    code, _, _ = docker("run", "--rm", "--init", *SHELL, "kill -TERM $$; sleep 1", check=False)
    assert code == 143
    assert docker("run", "--pull", "never", "not/there:x", check=False)[0] == 125
    code, _, _ = docker("run", "--name", "greedy", "-m", "20m", "--memory-swap", "20m", *SHELL, "exec dd if=/dev/zero of=/dev/null bs=200M count=1", check=False)
    assert code == 137 and engine.inspect("greedy", "State.OOMKilled") is True
    code, _, err = docker("run", "--name", "failed", "--entrypoint", "/no/such", "redis", check=False)
    state = engine.inspect("failed", "State")
    assert state["Status"] == "created" and state["ExitCode"] == 127 and "/no/such" in state["Error"], state


@each_client
def test_exec_in_all_its_forms(engine, docker):
    docker("run", "-d", "--name", "box", "-e", "GIVEN=1", *SLEEP)
    assert docker("exec", "-e", "A=2", "-w", "/tmp", "-u", "1000:1001", "box", "sh", "-c", "echo $A $GIVEN $(pwd) $(id -u):$(id -g)") == "2 1 /tmp 1000:1001\n"
    assert docker("exec", "-i", "box", "cat", input="in\n") == "in\n"
    assert docker("exec", "-e", "GIVEN", "box", "sh", "-c", "echo [$GIVEN]") == "[]\n"
    docker("exec", "-d", "box", "touch", "/detached")
    until("the detached one ran", lambda: docker("exec", "box", "ls", "/detached"), 5)
    version = tuple(int(part) for part in docker("version", "-f", "{{.Client.APIVersion}}").strip().split("."))
    missing = 127 if version >= (1, 42) else 126
    for words, wanted, text in ((("box", "sh", "-c", "exit 7"), 7, ""), (("box", "sh", "-c", "kill -9 $$"), 137, ""), (("box", "no-such"), missing, "executable file not found in $PATH"),
                                (("box", "/etc"), 126, "permission denied"), (("-u", "nobody-here", "box", "true"), 126, "unable to find user nobody-here"),
                                (("-w", "/no/such", "box", "true"), 126, 'chdir to cwd ("/no/such") set in config.json failed: no such file or directory'),
                                (("-w", "/etc/passwd", "box", "true"), 126, "not a directory: unknown: Are you trying to mount a directory onto a file"),
                                (("box", ""), missing, 'exec: "": executable file not found in $PATH'), (("-w", "relative", "box", "true"), 126, "Cwd must be an absolute path")):
        code, out, err = docker("exec", *words, check=False)
        assert code == wanted and text in out + err, (words, code, out, err)
    rights = docker("exec", "--privileged", "box", "grep", "CapEff", "/proc/self/status")
    own = int(re.search(r"CapBnd:\s*(\w+)", open("/proc/self/status").read())[1], 16)
    assert int(rights.split()[1], 16) == own, rights
    terminal = Terminal([client_of(docker), "exec", "-it", "box", "sh", "-c", "i=0; while [ $i -lt 600 -a \"$(stty size)\" != '21 77' ]; do sleep 0.1; i=$((i+1)); done; stty size; tty; exit 3"], engine.environment(), rows=21, columns=77)
    code = terminal.end()
    assert code == 3 and "/dev/pts/" in terminal.text and "21 77" in terminal.text, (code, terminal.text)
    process = engine.popen("exec", "box", "sh", "-c", "echo up; exec sleep 1000", client=client_of(docker), stdout=-1, text=True)
    assert process.stdout.readline() == "up\n"
    docker("kill", "box")
    assert process.wait(PATIENCE) == 137
    refused(docker, "exec", "box", "true", text="is not running")


@each_client
def test_top_and_stats(engine, docker):
    docker("run", "-d", "--name", "busy", *SHELL, "sleep 1001 & exec sleep 1002")
    until("both run", lambda: len(docker("top", "busy").splitlines()) == 3, 5)
    heads = docker("top", "busy").splitlines()[0].split()
    assert heads == ["UID", "PID", "PPID", "C", "STIME", "TTY", "TIME", "CMD"], heads
    assert docker("top", "busy", "-o", "pid,comm").splitlines()[0].split() == ["PID", "COMMAND"]
    refused(docker, "top", "busy", "-o", "comm", text="Couldn't find PID field in ps output")
    refused(docker, "top", "nobody", text="No such container: nobody")
    row = json.loads(docker("stats", "--no-stream", "--format", "{{json .}}", "busy"))
    assert row["Name"] == "busy" and row["PIDs"] == "2" and float(row["CPUPerc"].rstrip("%")) >= 0 and " / " in row["MemUsage"], row
    heads = docker("stats", "--no-stream", "busy").splitlines()[0]
    assert re.split(r" {2,}", heads.strip()) == ["CONTAINER ID", "NAME", "CPU %", "MEM USAGE / LIMIT", "MEM %", "NET I/O", "BLOCK I/O", "PIDS"], heads
    process = engine.popen("stats", "--format", "{{.Name}}", "busy", client=client_of(docker), stdout=-1, text=True)
    try:
        seen = 0
        while seen < 2:
            line = process.stdout.readline()
            assert line, "the stream goes on"
            seen += "busy" in line
    finally:
        process.kill()
        process.wait()


def cgroup_file(name, v1, v2):
    return f"/sys/fs/cgroup/{name}/{v1}" if V1 else f"/sys/fs/cgroup/{v2}"


@each_client
def test_update_of_one_that_runs_and_of_one_that_does_not(engine, docker):
    def now(controller, v1, v2):
        return docker("exec", "it", "cat", cgroup_file(controller, v1, v2)).split()
    docker("run", "-d", "--name", "it", *SLEEP)
    docker("update", "-m", "100m", "--memory-swap", "200m", "it")
    assert now("memory", "memory.limit_in_bytes", "memory.max") == ["104857600"]
    docker("update", "--cpus", "0.5", "--pids-limit", "50", "--cpuset-cpus", "0", "--cpu-shares", "100", "--restart", "on-failure:4", "it")
    assert now("cpu", "cpu.cfs_quota_us", "cpu.max")[0] == "50000" and now("pids", "pids.max", "pids.max") == ["50"]
    assert docker("exec", "it", "grep", "Cpus_allowed_list", "/proc/self/status").split()[1] == "0"
    host = engine.inspect("it", "HostConfig")
    assert (host["NanoCpus"], host["PidsLimit"], host["RestartPolicy"]) == (500000000, 50, {"Name": "on-failure", "MaximumRetryCount": 4}), host
    refused(docker, "update", "-m", "300m", "it", text="Memory limit should be smaller than already set memoryswap limit")
    refused(docker, "update", "-m", "1m", "it", text="Minimum memory limit allowed is 6MB")
    refused(docker, "update", "--cpus", "5000", "it", text="ange of CPUs is from 0.01 to")
    refused(docker, "update", "--restart", "nonsense", "it", text="nonsense")
    docker("stop", "-t", "0", "it")
    docker("update", "-m", "64m", "--memory-swap", "64m", "it")
    docker("start", "it")
    assert now("memory", "memory.limit_in_bytes", "memory.max") == ["67108864"]
    docker("create", "--rm", "--name", "brief", "redis")
    refused(docker, "update", "--restart", "always", "brief", text="Restart policy cannot be updated because AutoRemove is enabled for the container")


@each_client
def test_logs_with_every_flag(engine, docker):
    docker("run", "-d", "--name", "talks", "--label", "color=red", "-e", "SHAPE=round", "--log-opt", "labels=color", "--log-opt", "env=SHAPE", *SHELL,
           "for i in 1 2 3 4 5; do echo line$i; done; while [ ! -e /go ]; do sleep 0.05; done; echo late; exec sleep 1000")
    until("it talked", lambda: len(lines(docker, "talks")) == 5, 10)
    assert lines(docker, "talks", "--tail", "2") == ["line4", "line5"] and lines(docker, "talks", "--tail", "0") == []
    stamped = lines(docker, "talks", "-t", "--tail", "1")[0].split()
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z", stamped[0]) and stamped[1] == "line5", stamped
    assert lines(docker, "talks", "--details", "--tail", "1") == ["SHAPE=round,color=red line5"]
    process = engine.popen("logs", "-f", "--tail", "1", "talks", client=client_of(docker), stdout=-1, text=True)
    try:
        assert process.stdout.readline() == "line5\n"
        docker("exec", "talks", "touch", "/go")
        assert process.stdout.readline() == "late\n"
    finally:
        process.kill()
        process.wait()
    late = lines(docker, "talks", "-t", "--tail", "1")[0].split()[0]
    assert lines(docker, "talks", "--since", late) == ["late"]
    before = lines(docker, "talks", "-t")[4].split()[0]
    assert lines(docker, "talks", "--until", before) == ["line1", "line2", "line3", "line4", "line5"]
    assert lines(docker, "talks", "--since", "1h") == lines(docker, "talks") and lines(docker, "talks", "--until", "1h") == []
    docker("kill", "talks")
    assert docker("logs", "-f", "talks").splitlines()[-1] == "late", "a follower of one that ended ends too"
    refused(docker, "logs", "nobody", text="No such container: nobody")


@each_client
def test_log_drivers_and_rotation(engine, docker):
    docker("run", "--name", "silent", "--log-driver", "none", *SHELL, "echo hi")
    refused(docker, "logs", "silent", text="configured logging driver does not support reading")
    docker("run", "--name", "local", "--log-driver", "local", *SHELL, "echo hi")
    assert docker("logs", "local") == "hi\n"
    docker("run", "--name", "much", "--log-opt", "max-size=10k", "--log-opt", "max-file=3", *SHELL,
           "i=0; while [ $i -lt 3000 ]; do echo line number $i; i=$((i+1)); done")
    kept = lines(docker, "much")
    assert kept[-1] == "line number 2999" and 100 < len(kept) < 800, (len(kept), kept[:1], kept[-1:])
    assert kept == [f"line number {i}" for i in range(3000 - len(kept), 3000)], "one of the middle is missing"
    docker("run", "-d", "--name", "goes-on", "--log-opt", "max-size=10k", "--log-opt", "max-file=20", *SHELL,  # a slow reader is some files behind
           "i=0; while :; do echo line number $i; i=$((i+1)); [ $((i % 100)) -gt 0 ] || sleep 0.05; done")
    process = engine.popen("logs", "-f", "goes-on", client=client_of(docker), stdout=-1, text=True)
    try:
        numbers = [int(process.stdout.readline().split()[2]) for _ in range(4000)]
    finally:
        process.kill()
        process.wait()
    assert numbers == list(range(numbers[0], numbers[0] + 4000)), "a follower missed or repeated a line at a rotation"
    until("old ones go", lambda: int(lines(docker, "goes-on")[0].split()[2]) > 0, 10)
