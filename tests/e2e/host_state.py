"""What a cluster has on the host: counted before and after, so that a test sees what leaks."""
import json, os, time

from cluster import PATIENCE, run, until
from docker_engine import SHELL


def lines(command):
    return [line.strip() for line in run(command, check=False)[1].splitlines() if line.strip()]


def ours(cluster):
    """The pids of the server, its helpers, conmons and what runs in its containers: by executable, folder or cgroup."""
    marks = (cluster.dir.encode(), f"/reigen/{cluster.instance}/".encode())
    found = {cluster.process.pid} if cluster.process else set()
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            words = open(f"/proc/{pid}/cmdline", "rb").read() + open(f"/proc/{pid}/cgroup", "rb").read()
        except OSError:
            continue
        if any(mark in words for mark in marks) or f"reigen-{cluster.instance}".encode() in words:
            found.add(int(pid))
    return found


def fds(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def pss_kb(pid):
    return int(next(line for line in open(f"/proc/{pid}/smaps_rollup") if line.startswith("Pss:")).split()[1])


def links(cluster):
    """The names of the host's links that are the instance's: by the alias it gives each, or by a route to a pod. Those of others come and go."""
    described = json.loads(run(["ip", "-j", "link"])[1])
    pods = f"10.{cluster.cidrs[0].split('.')[1]}."
    routes = {route.get("dev") for route in json.loads(run(["ip", "-j", "route"])[1]) if route["dst"].startswith(pods)}
    return {link["ifname"] for link in described if f"reigen:{cluster.instance}" in link.get("ifalias", "") or link["ifname"] in routes}


def tables(cluster):
    return [line for line in lines(["nft", "list", "tables"]) if cluster.instance in line]


def rules(cluster):
    return [line for table in tables(cluster) for line in lines(["nft", "list", *table.split()])]


def used_once(engine):
    """The snapshot of an engine that has done what is made on first use, and is empty."""
    engine.docker("network", "create", "once")
    for network in ("once", "bridge"):
        engine.docker("run", "--rm", "--network", network, "-p", "80", "-v", "/once", *SHELL, "true")
    engine.empty()
    until("removed pods are gone", lambda: "No resources" in engine.cluster.kubectl("get", "pods", check=False)[2])
    return snapshot(engine.cluster)


def snapshot(cluster):
    """Numbers by kind; file descriptors of the server among them."""
    marks = (cluster.dir, cluster.instance)
    mine = lambda items: sum(any(mark in item for mark in marks) for item in items)
    return {
        "processes": len(ours(cluster)),
        "fds": fds(cluster.process.pid),
        "mounts": mine(open(f"/proc/{cluster.process.pid}/mountinfo").read().splitlines()),
        "cgroups": mine(folder for folder, _, _ in os.walk("/sys/fs/cgroup")),
        "links": len(links(cluster)),
        "tables": len(tables(cluster)),
        "rules": len(rules(cluster)),
        "run": len(run_files(cluster)),
    }


def run_files(cluster):
    """Files of the instance's run folder, but those of roots that are mounted there."""
    top, out = f"/run/reigen/{cluster.instance}", []
    for folder, folders, files in os.walk(top):
        folders[:] = [name for name in folders if not os.path.ismount(f"{folder}/{name}")]
        out += [f"{folder}/{name}" for name in files]
    return out


def settle(cluster, before, seconds=PATIENCE, slack=()):
    """Waits until nothing is more than before; `slack` allows some of a kind. The difference that stays is the error."""
    allowed, end = dict(slack), time.monotonic() + seconds
    while True:
        now = snapshot(cluster)
        more = {kind: (before[kind], now[kind]) for kind in before if now[kind] > before[kind] + allowed.get(kind, 0)}
        if not more or time.monotonic() > end:
            assert not more, f"left behind (before, now): {more}; {sorted(run_files(cluster)) if 'run' in more else ''}"
            return
        time.sleep(0.2)
