"""A Reigen server of the benchmark's own: its life, its processes, and calls to its API."""
import http.client
import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import time

TOKEN = "bench-token"
NODE = "bench"
TLS = ssl._create_unverified_context()


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_until(condition, seconds, what, pause=0.005):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise RuntimeError(f"{what}: not within {seconds} s")
        time.sleep(pause)


class Cluster:
    """`with Cluster(...)` starts a server on an empty folder; everything it made is removed at the end."""

    def __init__(self, setup, agent, flags=()):
        self.setup, self.agent, self.flags = setup, agent, list(flags)
        self.port = free_port()
        self.work = tempfile.mkdtemp(prefix="cluster-", dir=setup.work)
        self.data = self.work + "/data"
        self.process = None
        with open(self.work + "/tokens.csv", "w") as out:
            out.write(f'{TOKEN},bench,bench,"system:masters"\n')

    def __enter__(self):
        try:
            self.start(self.flags)
        except BaseException:
            self.remove()
            raise
        return self

    def __exit__(self, *_):
        self.remove()

    def start(self, flags=()):
        if self.agent and self.setup.image_dir and not os.path.exists(self.data):
            shutil.copytree(self.setup.image_dir, self.data)
        service = self.setup.service_cidr
        argv = [self.setup.binary, "server", "--data-dir", self.data, "--https-port", str(self.port), "--node-name", NODE,
                "--token-auth-file", self.work + "/tokens.csv", "--cluster-cidr", self.setup.cluster_cidr, "--service-cidr", service,
                "--cluster-dns", ".".join(service.split(".")[:3]) + ".10", *flags]
        if not self.agent:
            argv += ["--disable-agent", "--bind-address", "127.0.0.1"]
        self.log = open(self.work + "/log", "ab")
        self.begun = time.monotonic()
        self.process = subprocess.Popen(argv, stdout=self.log, stderr=self.log, start_new_session=True)
        wait_until(self.serves, 60, "the server serves", 0.002)
        self.serving_after = time.monotonic() - self.begun

    def serves(self):
        if self.process.poll() is not None:
            raise RuntimeError("the server ended: " + open(self.work + "/log").read()[-2000:])
        try:
            return self.call("GET", "/readyz", plain=True)[0] == 200
        except OSError:
            return False

    def node_ready(self):
        status, node = self.call("GET", "/api/v1/nodes/" + NODE)
        return status == 200 and any(c["type"] == "Ready" and c["status"] == "True" for c in node["status"].get("conditions", []))

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.process = None

    def remove(self):
        self.stop()
        if os.path.exists(self.data):
            done = subprocess.run([self.setup.binary, "clean", "--data-dir", self.data], capture_output=True, text=True)
            if done.returncode != 0:
                self.setup.say("reigen clean: " + done.stderr.strip())
        shutil.rmtree(self.work, ignore_errors=True)

    def connect(self):
        return http.client.HTTPSConnection("127.0.0.1", self.port, context=TLS, timeout=120)

    def call(self, method, path, body=None, plain=False, connection=None, kind="application/json"):
        used = connection or self.connect()
        try:
            used.request(method, path, json.dumps(body) if body is not None else None, {"Authorization": "Bearer " + TOKEN, "Content-Type": kind})
            answer = used.getresponse()
            data = answer.read()
        finally:
            if not connection:
                used.close()
        return answer.status, data if plain else json.loads(data)

    def load(self, mode, *arguments):
        """Runs the load generator to its end."""
        done = subprocess.run([self.setup.load, mode, str(self.port), TOKEN, *map(str, arguments)], capture_output=True, text=True, start_new_session=True)
        if done.returncode != 0:
            raise RuntimeError(done.stderr.strip())
        result = json.loads(done.stdout.splitlines()[-1])
        if result.get("errors"):
            raise RuntimeError(f"load {mode}: {result['errors']} of {result['count']} requests failed: {done.stderr.strip()}")
        return result

    def load_process(self, mode, *arguments):
        return subprocess.Popen([self.setup.load, mode, str(self.port), TOKEN, *map(str, arguments)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                text=True, start_new_session=True)

    def processes(self):
        """The server, its helpers and conmon: what is not a container's own."""
        run = None
        try:
            run = "/run/reigen/" + open(self.data + "/instance").read().strip() + "/"
        except OSError:
            pass
        found = []
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                ours = os.readlink(f"/proc/{pid}/exe") == self.setup.binary
                ours = ours or (run and run.encode() in open(f"/proc/{pid}/cmdline", "rb").read())
            except OSError:
                continue
            if ours:
                found.append(int(pid))
        return found

    def pss_kb(self):
        total = 0
        for pid in self.processes():
            try:
                total += int(next(line for line in open(f"/proc/{pid}/smaps_rollup") if line.startswith("Pss:")).split()[1])
            except (OSError, StopIteration):
                pass
        return total

    def cpu_seconds(self):
        """Of all processes: their threads to the nanosecond, and in ticks the children they waited for."""
        total = 0.0
        for pid in self.processes():
            try:
                for thread in os.listdir(f"/proc/{pid}/task"):
                    total += int(open(f"/proc/{pid}/task/{thread}/schedstat").read().split()[0]) / 1e9
                children = open(f"/proc/{pid}/stat").read().rpartition(")")[2].split()[13:15]
                total += sum(map(int, children)) / os.sysconf("SC_CLK_TCK")
            except OSError:
                continue
        return total
