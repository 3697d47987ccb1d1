"""Streams with the real clients: logs, exec, attach, run, cp, port-forward, proxy."""
import os, pty, select, socket, subprocess, threading, time, urllib.request

from cluster import KUBECTL, KUBECTL_OLD, PATIENCE, Failed, free_port, run, until
import manifests


class Terminal:
    """A client on a terminal of its own."""

    def __init__(self, cluster, *words, old=False):
        self.master, slave = pty.openpty()
        command = [KUBECTL_OLD if old else KUBECTL, "--kubeconfig", cluster.kubeconfig, *words]
        self.process = subprocess.Popen(command, stdin=slave, stdout=slave, stderr=slave, start_new_session=True)
        os.close(slave)
        self.seen = ""

    def expect(self, text, seconds=PATIENCE):
        end = time.monotonic() + seconds
        while text not in self.seen:
            if time.monotonic() > end:
                raise Failed(f"no {text!r} on the terminal, only {self.seen!r}")
            if select.select([self.master], [], [], 0.2)[0]:
                try:
                    self.seen += os.read(self.master, 4096).decode(errors="replace")
                except OSError:
                    if text not in self.seen:
                        raise Failed(f"the terminal closed; no {text!r}, only {self.seen!r}")

    def type(self, text):
        os.write(self.master, text.encode())

    def close(self):
        try:
            self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise Failed(f"the client did not end; it showed {self.seen!r}")
        finally:
            os.close(self.master)
        return self.process.returncode


def start(cluster, name, *arguments, **keywords):
    cluster.kubectl("apply", "-f", "-", input=manifests.pod(name, *arguments, **keywords))
    cluster.wait_pods(f"app={name}", 1)


def clients():
    assert KUBECTL_OLD, "KUBECTL_OLD names kubectl 1.20"
    return (False, True)


def test_logs_follow_until_the_end(cluster):
    script = "i=0; while [ ! -e /tmp/end ]; do i=$((i+1)); echo line $i; sleep 0.1; done; echo last; exec sleep 1000"
    start(cluster, "talker", script)
    follow = cluster.popen("logs", "-f", "talker", "--tail=1", stdout=subprocess.PIPE)
    lines = []
    threading.Thread(target=lambda: lines.extend(follow.stdout), daemon=True).start()
    until("lines follow", lambda: len(lines) > 5, 20)
    cluster.kubectl("exec", "talker", "--", "touch", "/tmp/end")
    until("the last line comes", lambda: lines[-1] == "last\n", 10)
    cluster.kubectl("delete", "pod", "talker")
    assert follow.wait(PATIENCE) == 0
    numbers = [int(line.split()[1]) for line in lines[:-1]]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers))), numbers


def test_log_options(cluster):
    start(cluster, "log", "echo eins; echo zwei >&2; echo drei; exec sleep 1000")
    assert until("all is written", lambda: len(cluster.kubectl("logs", "log").split()) == 3 and cluster.kubectl("logs", "log"), 10)
    assert sorted(cluster.kubectl("logs", "log").split()) == ["drei", "eins", "zwei"]
    assert len(cluster.kubectl("logs", "log", "--tail=2").splitlines()) == 2
    assert cluster.kubectl("logs", "log", "--timestamps").startswith("20")
    assert cluster.kubectl("logs", "log", "--limit-bytes=4") == cluster.kubectl("logs", "log")[:4]
    assert "eins" in cluster.kubectl("logs", "-l", "app=log", "--prefix")
    code, _, err = cluster.kubectl("logs", "log", "-c", "nothing", check=False)
    assert code == 1 and "container nothing is not valid for pod log" in err, err
    code, _, err = cluster.kubectl("logs", "log", "--previous", check=False)
    assert code == 1 and 'previous terminated container "main" in pod "log" not found' in err, err


def test_logs_of_the_previous_container(cluster):
    cluster.kubectl("create", "-f", "-", input=manifests.pod("again", "echo run $(cat /c/n 2>/dev/null); echo x >> /c/n; [ -e /c/two ] || { touch /c/two; exit 1; }; exec sleep 1000",
                                                             main={"volumeMounts": [{"name": "c", "mountPath": "/c"}]}, volumes=[{"name": "c", "emptyDir": {}}]))
    until("it runs again", lambda: cluster.json("pod", "again")["status"]["containerStatuses"][0]["restartCount"] == 1
          and cluster.json("pod", "again")["status"]["containerStatuses"][0]["ready"], 40)
    assert cluster.kubectl("logs", "again", "--previous") == "run\n"
    assert cluster.kubectl("logs", "again") == "run x\n"


def test_exec_on_a_terminal(cluster):
    start(cluster, "shell")
    for old in clients():
        terminal = Terminal(cluster, "exec", "-it", "shell", "--", "sh", old=old)
        terminal.type("test -t 0 && echo is-a-$((1+1))-terminal\n")
        terminal.expect("is-a-2-terminal")
        terminal.type("exit 3\n")
        terminal.expect("exit code 3")
        assert terminal.close() == 3


def test_exec_streams_and_exit_codes(cluster):
    start(cluster, "shell")
    for old in clients():
        code, out, err = cluster.kubectl("exec", "shell", "--", "sh", "-c", "echo out; echo err >&2; exit 7", check=False, old=old)
        assert (code, out) == (7, "out\n") and err.startswith("err\n"), (old, code, out, err)
        text = "x" * 3_000_000
        assert cluster.kubectl("exec", "-i", "shell", "--", "cat", input=text, old=old) == text
    code, _, err = cluster.kubectl("exec", "shell", "--", "no-such-program", check=False)
    assert code != 0 and "no-such-program" in err, err
    code, _, err = cluster.kubectl("exec", "nowhere", "--", "true", check=False)
    assert code == 1 and 'pods "nowhere" not found' in err, err


def test_attach(cluster):
    start(cluster, "reader", "while read line; do echo got $line; done", main={"stdin": True, "tty": True})
    for old in clients():
        terminal = Terminal(cluster, "attach", "-it", "reader", old=old)
        terminal.type("\n")
        terminal.expect("got")
        terminal.type("hallo\n")
        terminal.expect("got hallo")
        terminal.process.kill()
        terminal.close()
    assert cluster.json("pod", "reader")["status"]["containerStatuses"][0]["restartCount"] == 0


def test_run_with_a_terminal_and_remove(cluster):
    terminal = Terminal(cluster, "run", "-it", "--rm", "once", f"--image={manifests.IMAGE}", "--image-pull-policy=IfNotPresent", "--restart=Never", "--command", "--", "sh")
    time.sleep(0.2)
    until("the pod runs", lambda: cluster.json("pod", "once")["status"]["phase"] == "Running", 30)
    terminal.type("echo $((40+2)) is it\n")
    terminal.expect("42 is it")
    terminal.type("exit\n")
    terminal.expect('pod "once" deleted')
    assert terminal.close() == 0
    assert cluster.kubectl("get", "pod", "once", check=False)[0] == 1


def test_run_gives_the_exit_code(cluster):
    code, out, _ = cluster.kubectl("run", "-i", "--rm", "--quiet", "code", f"--image={manifests.IMAGE}", "--image-pull-policy=IfNotPresent", "--restart=Never", "--command", "--",
                                   "sh", "-c", "sleep 1; echo done; exit 5", check=False)
    assert code == 5 and "done" in out, (code, out)


def test_debug_beside_and_in_a_copy(cluster):
    cluster.kubectl("create", "-f", "-", input=manifests.pod("debugged"))
    cluster.wait_pods("app=debugged", 1)
    image = ("--image=redis", "--image-pull-policy=IfNotPresent", "--profile=general")
    # The input stays open: its end would detach from a container that keeps its own.
    debug = cluster.popen("debug", "debugged", *image, "-c", "beside", "--target=main", "-i", "--", "sh", "-c", "read go; ps; echo seen",
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    debug.stdin.write("go\n")
    debug.stdin.flush()
    seen = debug.stdout.read()
    debug.stdin.close()
    assert debug.wait() == 0 and "sleep 1000" in seen and "seen" in seen, seen
    until("it has ended", lambda: "terminated" in cluster.json("pod", "debugged")["status"]["ephemeralContainerStatuses"][0]["state"], 10)
    assert cluster.kubectl("logs", "debugged", "-c", "beside").endswith("seen\n")
    cluster.kubectl("debug", "debugged", *image, "--copy-to=copy", "-c", "more", "--", "sleep", "1000")
    until("the copy runs with both", lambda: [c["name"] for c in cluster.json("pod", "copy")["status"]["containerStatuses"] if c["ready"]] == ["main", "more"], 20)
    cluster.kubectl("delete", "pod", "debugged", "copy", "--now")


def test_cp_both_ways(cluster):
    start(cluster, "shell")
    for old in clients():
        source = f"{cluster.dir}/folder{int(old)}"
        os.makedirs(f"{source}/deep", exist_ok=True)
        content = os.urandom(700_000)
        open(f"{source}/deep/file", "wb").write(content)
        cluster.kubectl("cp", source, f"shell:/tmp/folder{int(old)}", old=old)
        cluster.kubectl("cp", f"default/shell:/tmp/folder{int(old)}", f"{source}.back", old=old)
        assert open(f"{source}.back/deep/file", "rb").read() == content


def test_port_forward(cluster):
    cluster.kubectl("create", "deployment", "web", "--image=todo-app-web:v1")
    cluster.kubectl("rollout", "status", "deployment/web", "--timeout=60s")
    cluster.kubectl("expose", "deployment", "web", "--port=80", "--target-port=3000")
    name = cluster.wait_pods("app=web", 1)[0]["metadata"]["name"]
    for old in clients():
        for target, port in ((f"pod/{name}", 3000), ("deployment/web", 3000), ("service/web", 80)):
            local = free_port()
            forward = cluster.popen("port-forward", target, f"{local}:{port}", old=old, stdout=subprocess.PIPE)
            try:
                assert "Forwarding from" in forward.stdout.readline()
                for _ in range(3):
                    assert urllib.request.urlopen(f"http://127.0.0.1:{local}/whoami", timeout=30).read().decode().strip() == name
            finally:
                forward.terminate()
                forward.wait()


def test_much_data_through_a_port_forward_while_others_stream(cluster):
    main = {"ports": [{"containerPort": 9000}]}
    start(cluster, "source", "while :; do head -c 20000000 /dev/zero | nc -l -p 9000; done", main=main)
    local = free_port()
    forward = cluster.popen("port-forward", "source", f"{local}:9000", stdout=subprocess.PIPE)
    logs = cluster.popen("logs", "-f", "source", stdout=subprocess.DEVNULL)
    try:
        assert "Forwarding from" in forward.stdout.readline()
        for _ in range(2):
            until("nc listens", lambda: ":2328 " in cluster.kubectl("exec", "source", "--", "sh", "-c", "cat /proc/net/tcp /proc/net/tcp6 | grep ' 0A '"))
            with socket.create_connection(("127.0.0.1", local), timeout=60) as connection:
                count = 0
                while data := connection.recv(1 << 20):
                    count += len(data)
            assert count == 20_000_000, count
    finally:
        for process in (forward, logs):
            process.terminate()
            process.wait()


def test_exec_and_port_forward_over_spdy_with_the_new_client(cluster):
    start(cluster, "shell")
    env = {**os.environ, "KUBECTL_REMOTE_COMMAND_WEBSOCKETS": "false", "KUBECTL_PORT_FORWARD_WEBSOCKETS": "false"}
    code, out, err = run([KUBECTL, "--kubeconfig", cluster.kubeconfig, "exec", "-i", "shell", "--", "sh", "-c", "cat; echo err >&2; exit 9"], input="hin", check=False, env=env)
    assert (code, out) == (9, "hin") and err.startswith("err\n"), (code, out, err)
    name, local = cluster.wait_pods("app=web", 1)[0]["metadata"]["name"], free_port()
    forward = subprocess.Popen([KUBECTL, "--kubeconfig", cluster.kubeconfig, "port-forward", name, f"{local}:3000"], env=env, stdout=subprocess.PIPE, text=True)
    try:
        assert "Forwarding from" in forward.stdout.readline()
        assert urllib.request.urlopen(f"http://127.0.0.1:{local}/whoami", timeout=30).read().decode().strip() == name
    finally:
        forward.terminate()
        forward.wait()


def test_port_forward_to_a_closed_port_says_so(cluster):
    start(cluster, "shell")
    local = free_port()
    forward = cluster.popen("port-forward", "shell", f"{local}:9", stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        assert "Forwarding from" in forward.stdout.readline()
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{local}/", timeout=30)
            raise Failed("a closed port answered")
        except OSError:
            pass
        line = forward.stderr.readline()
        assert "error" in line and "9" in line, line
    finally:
        forward.terminate()
        forward.wait()


def test_proxies_to_pods_nodes_and_services(cluster):
    name = cluster.wait_pods("app=web", 1)[0]["metadata"]["name"]
    for path in (f"/api/v1/namespaces/default/pods/{name}:3000/proxy/whoami", "/api/v1/namespaces/default/services/web/proxy/whoami",
                 "/api/v1/namespaces/default/services/http:web:80/proxy/whoami"):
        assert cluster.kubectl("get", "--raw", path).strip() == name, path
    assert cluster.kubectl("get", "--raw", "/api/v1/nodes/node-a/proxy/healthz") == "ok"
    assert '"nodeName"' in cluster.kubectl("get", "--raw", "/api/v1/nodes/node-a/proxy/stats/summary")


def test_old_kubectl_reads(cluster):
    start(cluster, "shell")
    cluster.kubectl("logs", "shell", old=True)
    assert "Name:" in cluster.kubectl("describe", "pod", "shell", old=True)
    assert "Running" in cluster.kubectl("get", "pods", old=True)
    assert "node-a" in cluster.kubectl("describe", "node", "node-a", old=True)
