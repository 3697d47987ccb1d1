"""An engine that Docker's own command lines talk to: a cluster with a Docker socket. A test that takes `engine` shares it with its file."""
import functools, json, os, subprocess, tempfile

from cluster import Cluster, run, until

# Docker's command lines, the newest first.
CLIENTS = [path for path in (os.environ.get("DOCKER", "docker"), os.environ.get("DOCKER_OLD", "")) if path]

SHELL = ("--entrypoint", "sh", "redis", "-c")  # run … *SHELL, "a script"


class Engine:
    def __init__(self, *flags, kind=Cluster, **keywords):
        self.folder = tempfile.mkdtemp(prefix="reigen-e2e-docker-")
        self.socket = f"{self.folder}/docker.sock"
        self.cluster = kind("--docker-socket", self.socket, *flags, **keywords).start()
        self.cluster.import_example()

    def environment(self):
        return {**os.environ, "DOCKER_HOST": f"unix://{self.socket}", "DOCKER_BUILDKIT": "0", "DOCKER_CONFIG": self.folder, "DOCKER_CLI_HINTS": "false"}

    def docker(self, *words, client=CLIENTS[0], input=None, check=True, timeout=180):
        """The client's standard output; with check=False (code, out, err)."""
        code, out, err = run([client, *words], input=input, check=check, timeout=timeout, env=self.environment())
        return out if check else (code, out, err)

    def popen(self, *words, client=CLIENTS[0], **keywords):
        return subprocess.Popen([client, *words], env=self.environment(), **keywords)

    def inspect(self, name, path="", **keywords):
        """What inspect has at a path like State.Pid, as Python's values."""
        return json.loads(self.docker("inspect", "-f", "{{json ." + path + "}}", name, **keywords))

    def empty(self):
        """Removes every container (but pods'), network and volume."""
        ids = self.containers()
        if ids:
            _, _, err = self.docker("rm", "-f", "-v", *ids, check=False)
            bad = [line for line in err.splitlines() if "No such container" not in line and "already in progress" not in line]  # one with --rm goes by itself
            assert not bad, bad
            until("no container is left", lambda: not self.containers())
        self.docker("network", "prune", "-f")
        volumes = self.docker("volume", "ls", "-q").split()
        if volumes:
            self.docker("volume", "rm", "-f", *volumes)

    def containers(self):
        """The ids of all that are no pods'."""
        shown = (line.split(" ", 1) for line in self.docker("ps", "-a", "--format", "{{.ID}} {{.Names}}").splitlines())
        return [identity for identity, name in shown if not name.startswith("k8s_")]

    def remove(self):
        self.cluster.remove()
        subprocess.run(["rm", "-rf", self.folder], check=False)


def each_client(test):
    """Runs test(engine, docker) with every client in turn; what one leaves behind is removed."""
    @functools.wraps(test)
    def wrapped(engine):
        for client in CLIENTS:
            try:
                test(engine, functools.partial(engine.docker, client=client))
            finally:
                engine.empty()
    del wrapped.__wrapped__  # the runner gives what the parameters name: only `engine`
    return wrapped
