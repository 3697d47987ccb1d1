"""An engine that Docker's clients speak to: Reigen's endpoint, or for comparison a real dockerd, both on an empty folder of the benchmark's own."""
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time

from cluster import Cluster, wait_until

IMAGE = "bench-docker:1"
DOCKERFILE = 'FROM scratch\nCOPY busybox /bin/busybox\nRUN ["/bin/busybox", "--install", "-s", "/bin"]\nCMD ["sleep", "100000"]\n'


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=120)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


def socket_folder():
    """A unix socket's path holds 107 bytes, so it does not stand below --work."""
    return tempfile.mkdtemp(prefix="reigen-bench-")


class Engine:
    """What both kinds share; `with` starts it with the benchmark's image and removes what it made."""

    def prepare(self):
        self.docker("build", "-q", "-t", IMAGE, self.setup.docker_context)

    def environment(self):
        return {**os.environ, "DOCKER_HOST": "unix://" + self.socket, "DOCKER_BUILDKIT": "0", "DOCKER_CONFIG": self.sockets}

    def command(self, *argv, **keywords):
        done = subprocess.run(argv, capture_output=True, text=True, env=self.environment(), start_new_session=True, timeout=300, **keywords)
        if done.returncode != 0:
            raise RuntimeError(f"{' '.join(argv)}: {done.stderr.strip()[-500:]}")
        return done.stdout.strip()

    def docker(self, *words):
        return self.command(self.setup.docker, *words)

    def discarded(self, *words):
        """docker, its output thrown away by the kernel."""
        subprocess.run([self.setup.docker, *words], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=self.environment(), timeout=300, check=True)

    def connect(self):
        return UnixConnection(self.socket)

    def call(self, connection, method, path, body=None):
        connection.request(method, "/v1.41" + path, json.dumps(body) if body is not None else None, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        data = answer.read()
        if answer.status >= 400:
            raise RuntimeError(f"{method} {path}: {answer.status} {data.decode()[:300]}")
        return json.loads(data) if data else None

    def serves(self):
        try:
            connection = self.connect()
            self.call(connection, "GET", "/images/json")
            connection.close()
            return True
        except (OSError, RuntimeError):
            return False


class ReigenEngine(Engine):
    def __init__(self, setup):
        self.setup, self.sockets = setup, socket_folder()
        self.socket = self.sockets + "/docker.sock"
        self.cluster = Cluster(setup, agent=True, flags=["--docker-socket", self.socket])

    def __enter__(self):
        self.cluster.__enter__()
        try:
            wait_until(self.serves, 30, "the Docker endpoint serves")
            wait_until(self.cluster.node_ready, 60, "the node is Ready")
            self.prepare()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.cluster.remove()
        shutil.rmtree(self.sockets, ignore_errors=True)

    def pss_kb(self):
        return self.cluster.pss_kb()


class DockerdEngine(Engine):
    def __init__(self, setup):
        self.setup, self.sockets = setup, socket_folder()
        self.socket = self.sockets + "/docker.sock"
        self.data = tempfile.mkdtemp(prefix="dockerd-", dir=setup.work)

    def __enter__(self):
        argv = [self.setup.dockerd, "--data-root", self.data + "/root", "--exec-root", self.sockets + "/exec", "-p", self.sockets + "/pid", "-H", "unix://" + self.socket]
        self.process = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=open(self.data + "/log", "ab"), start_new_session=True)
        try:
            wait_until(self.alive_and_serving, 60, "dockerd serves")
            self.prepare()
        except BaseException:
            self.__exit__()
            raise
        return self

    def alive_and_serving(self):
        if self.process.poll() is not None:
            raise RuntimeError("dockerd ended: " + open(self.data + "/log").read()[-1000:])
        return self.serves()

    def __exit__(self, *_):
        if self.process.poll() is None and self.serves():
            for container in self.docker("ps", "-aq").split():
                self.docker("rm", "-f", "-v", container)
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)
        shutil.rmtree(self.sockets, ignore_errors=True)
        shutil.rmtree(self.data, ignore_errors=True)

    def pss_kb(self):
        """dockerd, its containerd and the shims: what names its folders."""
        total = 0
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                if self.sockets.encode() in open(f"/proc/{pid}/cmdline", "rb").read() and "docker-compose" not in open(f"/proc/{pid}/comm").read():
                    total += int(next(line for line in open(f"/proc/{pid}/smaps_rollup") if line.startswith("Pss:")).split()[1])
            except (OSError, StopIteration):
                continue
        return total


def open_engine(setup):
    return DockerdEngine(setup) if setup.dockerd else ReigenEngine(setup)


def timed(action):
    begun = time.monotonic()
    action()
    return time.monotonic() - begun
