"""Compose of three kinds against one engine: docker-compose 1.29, Compose v2, `reigen compose`. What they call the same is the same here."""
import functools, os, re, shutil, subprocess, tempfile

from cluster import REIGEN
from docker_engine import CLIENTS

COMMANDS = {kind: command for kind, command in (
    ("1.29", [os.environ.get("COMPOSE_OLD", "")]), ("v2", [os.environ.get("COMPOSE", "")]), ("reigen", [REIGEN, "compose"])) if command[0]}

SLEEP = 'entrypoint: ["sleep", "1000"]\n    stop_grace_period: 0s'

TWO = f"""
services:
  one:
    image: redis
    {SLEEP}
    environment: {{COLOUR: red}}
    volumes: ["data:/kept", "/scratch"]
  two:
    image: redis
    {SLEEP}
    depends_on: [one]
volumes:
  data:
"""


class Project:
    """A folder with Compose files of one kind of client. Its name is the folder's."""

    def __init__(self, engine, kind):
        self.engine, self.kind, self.command, self.old = engine, kind, COMMANDS[kind], kind == "1.29"
        self.parent = tempfile.mkdtemp(prefix="reigen-e2e-compose-")
        self.folder = f"{self.parent}/shop"
        os.mkdir(self.folder)
        self.environment = {"PATH": f"{os.path.dirname(CLIENTS[0]) or '/usr/bin'}:{os.environ['PATH']}"}  # 1.29 runs `docker` for exec and run

    def write(self, text):
        self.file("compose.yaml", text)

    def file(self, name, text):
        os.makedirs(os.path.dirname(f"{self.folder}/{name}"), exist_ok=True)
        with open(f"{self.folder}/{name}", "w") as file:
            file.write(text)

    def env(self):
        return {**self.engine.environment(), **self.environment}

    def __call__(self, *words, check=True, input=None, timeout=300, folder=None):
        """Standard output; with check=False (code, out, err)."""
        done = subprocess.run([*self.command, *words], cwd=folder or self.folder, env=self.env(), input=input, capture_output=True, text=True, timeout=timeout,
                              stdin=None if input is not None else subprocess.DEVNULL)
        out = re.sub("\x1b\\[[0-9;]*[A-Za-z]", "", done.stdout)  # of v2's logs, with --no-color, too
        if check and done.returncode != 0:
            raise AssertionError(f"{self.kind}: {' '.join(words)} exited with {done.returncode}\n{out[-2000:]}{done.stderr[-2000:]}")
        return out if check else (done.returncode, out, done.stderr)

    def popen(self, *words):
        return subprocess.Popen([*self.command, *words], cwd=self.folder, env=self.env(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT, text=True)

    def name(self, service, number=1):
        """The name of a service's container."""
        return f"shop{'_' if self.old else '-'}{service}{'_' if self.old else '-'}{number}"

    def id(self, service, number=1):
        return self.inspect(service, "Id", number)

    def inspect(self, service, path, number=1):
        return self.engine.inspect(self.name(service, number), path)

    def running(self):
        """The services whose containers run, each as often as it does."""
        words = ("ps", "--filter", "label=com.docker.compose.project=shop", "--format", '{{.Label "com.docker.compose.service"}}')
        return sorted(self.engine.docker(*words).split())

    def remove(self):
        self.engine.empty()
        shutil.rmtree(self.parent)


def with_compose(*kinds):
    """Runs test(project) with each of these clients in turn; what one leaves behind is removed."""
    def decorate(test):
        @functools.wraps(test)
        def wrapped(engine):
            for kind in kinds:
                if kind not in COMMANDS:
                    continue
                project = Project(engine, kind)
                try:
                    test(project)
                except Exception as error:
                    error.add_note(f"with {kind}")
                    raise
                finally:
                    project.remove()
        del wrapped.__wrapped__  # the runner gives what the parameters name: only `engine`
        return wrapped
    return decorate


each_compose = with_compose("1.29", "v2", "reigen")
