"""A Reigen server of a test's own: started on free ports in a temporary folder, removed with everything it made."""
import http.client, json, os, random, shutil, signal, socket, ssl, subprocess, tempfile, time, urllib.request

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
REIGEN = os.environ.get("REIGEN", f"{ROOT}/build/release/reigen")
KUBECTL = os.environ.get("KUBECTL", "kubectl")
KUBECTL_OLD = os.environ.get("KUBECTL_OLD", "")
TODO = f"{ROOT}/examples/todo"
IMAGES = os.environ.get("REIGEN_IMAGES", f"{ROOT}/build/release/images")


class Failed(Exception):
    pass


# Below what the kernel gives to connections and to sockets without a port of their own (32768 and up), and below the node ports: what is free stays so.
PORTS = iter(random.sample(range(12000, 29000, 4), 4000))


def is_free(port):
    """Whether no socket of TCP or UDP has it, at any address."""
    for line in (line.split() for name in ("tcp", "tcp6", "udp", "udp6") if os.path.exists(f"/proc/net/{name}") for line in open(f"/proc/net/{name}")):
        if line[1].endswith(f":{port:04X}"):
            return False
    return True


def free_port():
    """A port that nobody has and nobody is given later; so are the three after it."""
    return next(port for port in PORTS if all(is_free(port + i) for i in range(4)))


def run(command, input=None, timeout=300, check=True, env=None):
    """Runs a command; returns (exit code, stdout, stderr). With check a code other than 0 fails the test."""
    done = subprocess.run(command, input=input, capture_output=True, text=True, timeout=timeout, env=env)
    if check and done.returncode != 0:
        raise Failed(f"{' '.join(command)} exited with {done.returncode}\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return done.returncode, done.stdout, done.stderr


PATIENCE = 90  # seconds that every wait has at least: a slow machine is no failure, and what holds at once costs nothing
NOT_YET = (Failed, OSError, LookupError, ValueError, http.client.HTTPException, subprocess.TimeoutExpired)


def until(what, condition, seconds=60, every=0.1):
    """Waits until condition() is true and returns its value; a failing condition counts as not yet. `seconds` is what it takes on a common machine."""
    seconds = max(seconds * 2, PATIENCE)
    end, last = time.monotonic() + seconds, None
    while time.monotonic() < end:
        try:
            value = condition()
            if value:
                return value
            last = value
        except NOT_YET as error:
            last = error
        time.sleep(every)
    raise Failed(f"after {seconds} s still not: {what} (last: {last})")


def finally_is(ask, wanted):
    """What ask() gives, as soon as it is what is wanted; else what it gives in the end, for an assertion to show."""
    end, got = time.monotonic() + PATIENCE / 3, ask()
    while got != wanted and time.monotonic() < end:
        time.sleep(0.1)
        got = ask()
    return got


class Cluster:
    used_blocks = int(os.environ.get("REIGEN_E2E_BLOCK", "0"))  # several runs at the same time start at other blocks

    def __init__(self, *flags, agent=True, data_dir=None):
        self.dir = data_dir or tempfile.mkdtemp(prefix="reigen-e2e-")
        self.port = free_port()
        # Each cluster has ranges of its own, so that several live side by side.
        block = 100 + Cluster.used_blocks % 50 * 2
        Cluster.used_blocks += 1
        self.cidrs = (f"10.{block}.0.0/16", f"10.{block + 1}.0.0/16", f"10.{block + 1}.0.10")
        self.flags, self.agent, self.process = list(flags), agent, None
        self.kubeconfig = f"{self.dir}/kubeconfig"
        self.log = f"{self.dir}.log"

    @property
    def url(self):
        return f"https://127.0.0.1:{self.port}"

    @property
    def instance(self):
        """The name by which the instance marks what it makes on the host."""
        return open(f"{self.dir}/instance").read().split()[0]

    def start(self):
        command = [REIGEN, "server", "--data-dir", self.dir, "--bind-address", "0.0.0.0", "--https-port", str(self.port), "--node-name", "node-a",
                   "--cluster-cidr", self.cidrs[0], "--service-cidr", self.cidrs[1], "--cluster-dns", self.cidrs[2], *self.flags]
        if not self.agent:
            command.append("--disable-agent")
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=open(self.log, "a"), start_new_session=True)
        until("the server is ready", self.ready, 60, 0.02)
        return self

    def ready(self):
        if self.process.poll() is not None:
            raise SystemExit(f"the server ended with {self.process.returncode}:\n{open(self.log).read()[-3000:]}")
        context = ssl._create_unverified_context()
        with urllib.request.urlopen(f"{self.url}/readyz", context=context, timeout=10) as answer:
            sockets = [after for flag, after in zip(self.flags, self.flags[1:]) if flag == "--docker-socket"]
            return answer.status == 200 and all(os.path.exists(path) for path in [self.kubeconfig, *sockets])

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                self.kill()
                raise Failed(f"the server did not stop within {PATIENCE} s of SIGTERM")
            if self.process.returncode:
                raise Failed(f"the server ended with {self.process.returncode} after SIGTERM")

    def remove(self):
        try:
            self.stop()
        finally:
            run([REIGEN, "clean", "--data-dir", self.dir], check=False)
            shutil.rmtree(self.dir, ignore_errors=True)

    def kubectl(self, *words, input=None, check=True, timeout=300, old=False):
        """kubectl's standard output; with check=False (code, out, err)."""
        command = [KUBECTL_OLD if old else KUBECTL, "--kubeconfig", self.kubeconfig, *words]
        code, out, err = run(command, input=input, check=check, timeout=timeout)
        return out if check else (code, out, err)

    def popen(self, *words, old=False, **keywords):
        return subprocess.Popen([KUBECTL_OLD if old else KUBECTL, "--kubeconfig", self.kubeconfig, *words], text=True, **keywords)

    def json(self, *words):
        return json.loads(self.kubectl("get", *words, "-o", "json"))

    def image(self, *words):
        return run([REIGEN, "image", *words, "--data-dir", self.dir], timeout=600)[1]

    def import_example(self):
        self.image("import", *(f"{IMAGES}/{name}.tar" for name in ("redis", "redis-slave", "todo-app-web")))

    def wait_pods(self, selector, count, seconds=60):
        def all_ready():
            pods = [p for p in self.json("pods", "-l", selector)["items"] if not p["metadata"].get("deletionTimestamp")]
            ready = [p for p in pods if any(c["type"] == "Ready" and c["status"] == "True" for c in p.get("status", {}).get("conditions", []))]
            return pods if len(ready) == len(pods) == count else None
        try:
            return until(f"{count} pods {selector} are ready", all_ready, seconds)
        except Failed as error:
            raise Failed(f"{error}\n{self.kubectl('get', 'pods', '-o', 'wide')}{self.kubectl('get', 'events')}"[:6000])
