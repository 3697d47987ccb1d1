"""Other programs that speak Docker's API: python3-docker, npm's dockerode and testcontainers. The programs of the folder clients do what is usual with each."""
import json, os, shutil, subprocess, tempfile

from cluster import ROOT, Failed, free_port, run, until

CLIENTS = f"{ROOT}/tests/e2e/clients"
NODE_CLIENTS = os.environ.get("NODE_CLIENTS", f"{ROOT}/build/tools/npm")  # with node_modules, as clients/package-lock.json has them
COMPOSE = os.environ.get("COMPOSE", "")


class Registry:
    def __init__(self, folder):
        self.host = f"127.0.0.1:{free_port()}"
        with open(f"{folder}/registry.yml", "w") as file:
            json.dump({"version": 0.1, "storage": {"filesystem": {"rootdirectory": f"{folder}/registry"}}, "http": {"addr": self.host}}, file)
        self.process = subprocess.Popen(["docker-registry", "serve", f"{folder}/registry.yml"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until("the registry answers", lambda: run(["curl", "-fs", f"http://{self.host}/v2/"])[0] == 0, 20)

    def stop(self):
        self.process.kill()
        self.process.wait()


def check(engine, *command, **variables):
    """Runs a program of checks: it prints a line for each that is good and a trace for each that is not."""
    code, out, err = run(list(command), check=False, timeout=600, env={**engine.environment(), **variables})
    if code != 0:
        raise Failed(f"{out[-6000:]}{err[-3000:]}")
    print("".join(f"       {line}\n" for line in out.splitlines()), end="")


def check_node(engine, program, folder, *words, **variables):
    # Node looks for modules beside the program.
    os.symlink(f"{NODE_CLIENTS}/node_modules", f"{folder}/node_modules")
    shutil.copy(f"{CLIENTS}/{program}", folder)
    check(engine, "node", f"{folder}/{program}", *words, **variables)


def test_python_docker(engine):
    with tempfile.TemporaryDirectory() as folder:
        registry = Registry(folder)
        try:
            check(engine, "/usr/bin/python3", f"{CLIENTS}/python_docker.py", registry.host)
        finally:
            registry.stop()
            engine.empty()


def test_dockerode(engine):
    with tempfile.TemporaryDirectory() as folder:
        registry = Registry(folder)
        try:
            check_node(engine, "dockerode.mjs", folder, registry.host)
        finally:
            registry.stop()
            engine.empty()


def test_testcontainers(engine):
    with tempfile.TemporaryDirectory() as folder:
        programs = f"{folder}/bin"
        os.mkdir(programs)
        if COMPOSE:
            os.symlink(COMPOSE, f"{programs}/docker-compose")
        try:
            # As on a machine that has no other Docker programs.
            check_node(engine, "testcontainers.mjs", folder, folder, TESTCONTAINERS_RYUK_DISABLED="true", HOME=folder, DOCKER_COMPOSE=COMPOSE,
                       PATH=f"{programs}:{os.environ['PATH']}")
        finally:
            engine.empty()
