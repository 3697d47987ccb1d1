"""The measures of Docker's side: the same clients and calls against Reigen or, with --dockerd, a real Docker Engine."""
import os
import statistics
import threading
import time

from docker_engine import IMAGE, open_engine, timed

CONTAINERS, CALLERS = 100, 8
KEPT = 30
MEGABYTES = 256
LINE = "x" * 99
COMPOSE = f"""services:
  store:
    image: {IMAGE}
  replica:
    image: {IMAGE}
    depends_on: [store]
  web:
    image: {IMAGE}
    depends_on: [store, replica]
    ports: ["3000"]
"""

# name of the row: unit, mark, whether less is better, what Docker 20.10 reaches on such a machine (text)
ROWS = {
    "docker run --rm": ("ms", 120, True, "325"),
    "docker run -d": ("ms", 70, True, "257"),
    "docker-compose up -d, three services": ("ms", 600, True, "1,420"),
    "reigen compose up -d, three services": ("ms", 300, True, ""),
    "100 containers through the API": ("/s", 30, False, ""),
    "a container, over its own processes": ("MB", 4, True, ""),
    "idle memory, with Docker's endpoint": ("MB", 40, True, "125"),
    "docker cp out of a container": ("MB/s", 300, False, ""),
    "docker cp into a container": ("MB/s", 300, False, ""),
    "docker logs": ("MB/s", 300, False, ""),
    "build of 10 steps from cache": ("ms", 100, True, ""),
}


def median_ms(actions):
    return statistics.median(timed(action) for action in actions) * 1000


def docker_run(setup):
    with open_engine(setup) as engine:
        engine.docker("run", "--rm", IMAGE, "echo", "warm")
        removed = median_ms([lambda: engine.docker("run", "--rm", IMAGE, "echo", "hello")] * 15)
        kept = median_ms([lambda: engine.docker("run", "-d", IMAGE)] * 15)
    return {"docker run --rm": removed, "docker run -d": kept}


def compose_project(setup, name):
    folder = f"{setup.work}/{name}"
    os.makedirs(folder, exist_ok=True)
    with open(folder + "/docker-compose.yml", "w") as out:
        out.write('version: "3"\n' + COMPOSE)
    return folder


def ups(engine, folder, *client):
    """The project comes up from nothing, goes down again; the first time is not counted."""
    times = []
    for _ in range(6):
        times.append(timed(lambda: engine.command(*client, "up", "-d", cwd=folder)))
        engine.command(*client, "down", "-t", "0", cwd=folder)
    return statistics.median(times[1:]) * 1000


def compose(setup):
    out = {}
    with open_engine(setup) as engine:
        out["docker-compose up -d, three services"] = ups(engine, compose_project(setup, "benchone"), setup.docker_compose)
        out["reigen compose up -d, three services"] = ups(engine, compose_project(setup, "benchtwo"), setup.binary, "compose")
    return out


def in_parallel(callers, work):
    """Each caller takes from the iterator `work` and runs what it gets; the first failure is raised."""
    failed, lock = [], threading.Lock()

    def run():
        while True:
            with lock:
                action = next(work, None)
            if action is None or failed:
                return
            try:
                action()
            except Exception as error:
                failed.append(error)

    threads = [threading.Thread(target=run) for _ in range(callers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failed:
        raise RuntimeError(str(failed[0]))


def start_containers(engine, count, callers):
    """Created and started through the API, a kept connection a caller."""
    connections = threading.local()

    def one():
        if not hasattr(connections, "mine"):
            connections.mine = engine.connect()
        made = engine.call(connections.mine, "POST", "/containers/create", {"Image": IMAGE})
        engine.call(connections.mine, "POST", f"/containers/{made['Id']}/start")

    in_parallel(callers, iter([one] * count))


def docker_api(setup):
    with open_engine(setup) as engine:
        start_containers(engine, 1, 1)
        time.sleep(1)
        seconds = timed(lambda: start_containers(engine, CONTAINERS, CALLERS))
    return {"100 containers through the API": CONTAINERS / seconds}


def docker_memory(setup):
    with open_engine(setup) as engine:
        time.sleep(10)
        idle = engine.pss_kb()
        start_containers(engine, KEPT, 2)
        time.sleep(10)
        each = (engine.pss_kb() - idle) / KEPT
    return {"idle memory, with Docker's endpoint": idle / 1000, "a container, over its own processes": each / 1000}


def docker_streams(setup):
    size = MEGABYTES << 20
    with open_engine(setup) as engine:
        engine.docker("run", "-d", "--name", "files", IMAGE)
        engine.docker("exec", "files", "sh", "-c", f"mkdir /in; dd if=/dev/zero of=/file bs=1M count={MEGABYTES} 2>/dev/null")
        tar, lines = f"{setup.work}/file.tar", size // (len(LINE) + 1)
        engine.command("sh", "-c", f"{setup.docker} cp files:/file - > {tar}")
        engine.docker("run", "--name", "speaks", "-d", IMAGE, "sh", "-c", f"yes {LINE} | head -n {lines}")
        engine.docker("wait", "speaks")
        out = median_ms([lambda: engine.discarded("cp", "files:/file", "-")] * 5) / 1000
        into = median_ms([lambda: engine.command("sh", "-c", f"{setup.docker} cp - files:/in < {tar}")] * 5) / 1000
        logs = median_ms([lambda: engine.discarded("logs", "speaks")] * 5) / 1000
        os.unlink(tar)
    return {"docker cp out of a container": size / 1e6 / out, "docker cp into a container": size / 1e6 / into, "docker logs": size / 1e6 / logs}


def docker_build(setup):
    context = f"{setup.work}/ten-steps"
    os.makedirs(context, exist_ok=True)
    with open(context + "/Dockerfile", "w") as out:
        out.write(f"FROM {IMAGE}\nENV A=1\nWORKDIR /app\nCOPY Dockerfile /app/\n")
        out.writelines(f"RUN echo {step} > /app/{step}\n" for step in range(5))
        out.write('LABEL last=1\nCMD ["true"]\n')
    with open_engine(setup) as engine:
        build = ("build", "-t", "ten-steps", context)
        engine.docker(*build)
        return {"build of 10 steps from cache": median_ms([lambda: engine.docker(*build)] * 10)}


# name for --only: function, whether it needs root
MEASURES = {"docker-run": (docker_run, True), "docker-compose": (compose, True), "docker-api": (docker_api, True), "docker-memory": (docker_memory, True),
            "docker-streams": (docker_streams, True), "docker-build": (docker_build, True)}
