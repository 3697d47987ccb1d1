"""The measures, one function each. A function takes the samples of one run and hands back {name of a row: value}."""
import json
import socket
import statistics
import threading
import time

from cluster import TOKEN, Cluster, wait_until

PODS = "/api/v1/namespaces/default/pods"
LISTED = 17000
NODES, SCHEDULED = 5000, 12000
SERVICES = 10000

# name of the row: unit, mark, whether less is better, what Kubernetes 1.32 reaches (text)
ROWS = {
    "start to serving": ("s", 0.2, True, "2.9"),
    "start to node Ready": ("s", 0.6, True, "10"),
    "idle memory, with a node": ("MB", 40, True, "650"),
    "stored pod": ("KB", 4, True, "40"),
    "creations, 1 connection": ("/s", 3000, False, "357"),
    "creations, 32 connections": ("/s", 20000, False, "1,340"),
    "GETs, 16 connections": ("/s", 50000, False, "3,170"),
    "list of 17,000 pods": ("s", 0.1, True, "0.87"),
    "memory for four such lists at once": ("MB", 20, True, "1,600"),
    "scheduled onto 5,000 nodes": ("/s", 15000, False, "212"),
    "pod start, one by one": ("ms", 60, True, "1,005"),
    "pod start, 30 at once": ("s", 1.2, True, "5.5"),
    "1,000 watchers: last event": ("ms", 10, True, "18"),
    "1,000 watchers: burst": ("/s", 150000, False, "62,000"),
    "1,000 watchers: memory each": ("KB", 20, True, "82"),
    "service change to kernel, 10,000 services": ("ms", 15, True, "141"),
    "CPU with nothing to do, 10 pods": ("%", 0.5, True, ""),
}


def pod(name, image):
    container = {"name": "c", "image": image, "imagePullPolicy": "IfNotPresent", "command": ["/bin/sleep", "100000"]}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": {"terminationGracePeriodSeconds": 0, "containers": [container]}}


def start(setup):
    with Cluster(setup, agent=True) as cluster:
        wait_until(cluster.node_ready, 60, "the node is Ready", 0.002)
        return {"start to serving": cluster.serving_after, "start to node Ready": time.monotonic() - cluster.begun}


def memory(setup):
    with Cluster(setup, agent=True) as cluster:
        wait_until(cluster.node_ready, 60, "the node is Ready")
        time.sleep(10)
        return {"idle memory, with a node": cluster.pss_kb() / 1000}


def create(setup):
    with Cluster(setup, agent=False) as cluster:
        time.sleep(1)
        one = cluster.load("pods", 1, 5, 0, "one", "nobody")["rate"]
        many = cluster.load("pods", 32, 8, 0, "many", "nobody")["rate"]
    return {"creations, 1 connection": one, "creations, 32 connections": many}


def sample_memory(cluster, done):
    peak = 0
    while not done.is_set():
        peak = max(peak, cluster.pss_kb())
        done.wait(0.02)
    return peak


def lists_at_once(cluster, before):
    peaks, done = [], threading.Event()
    sampler = threading.Thread(target=lambda: peaks.append(sample_memory(cluster, done)))
    sampler.start()
    try:
        cluster.load("get", 4, 0, 16, "/api/v1/pods")
    finally:
        done.set()
        sampler.join()
    return (peaks[0] - before) / 1000


def read(setup):
    with Cluster(setup, agent=False) as cluster:
        time.sleep(3)
        empty = cluster.pss_kb()
        cluster.load("pods", 32, 0, LISTED, "p", "nobody")
        time.sleep(3)
        before = cluster.pss_kb()
        gets = cluster.load("get", 16, 5, 0, PODS + "/p-10")["rate"]
        one = cluster.load("get", 1, 0, 7, "/api/v1/pods")["median_ms"] / 1000
        time.sleep(3)
        four = lists_at_once(cluster, cluster.pss_kb())
    return {"stored pod": (before - empty) / LISTED, "GETs, 16 connections": gets, "list of 17,000 pods": one, "memory for four such lists at once": max(0, four)}


def schedule(setup):
    with Cluster(setup, agent=False, flags=["--disable-scheduler"]) as cluster:
        cluster.load("pods", 32, 0, SCHEDULED, "p", "default-scheduler")
        cluster.load("nodes", 16, 0, NODES)
        revision = cluster.call("GET", PODS + "?limit=1")[1]["metadata"]["resourceVersion"]
        cluster.stop()
        cluster.start()
        rate = cluster.load("bound", SCHEDULED, revision)["rate"]
    return {"scheduled onto 5,000 nodes": rate}


def runs(pod):
    """Phase Running alone is also what a container shows that could not be started and is tried again."""
    status = pod.get("status", {})
    return status.get("phase") == "Running" and all("running" in c["state"] for c in status.get("containerStatuses", [{"state": {}}]))


class RunningPods(threading.Thread):
    """Notes when a watch first shows a pod Running."""

    def __init__(self, cluster):
        super().__init__(daemon=True)
        self.cluster, self.seen, self.changed = cluster, {}, threading.Condition()
        self.revision = cluster.call("GET", PODS + "?limit=1")[1]["metadata"]["resourceVersion"]

    def run(self):
        connection = self.cluster.connect()
        connection.request("GET", f"{PODS}?watch=1&resourceVersion={self.revision}", headers={"Authorization": "Bearer " + TOKEN})
        answer = connection.getresponse()
        try:
            while line := answer.readline():
                found = json.loads(line)["object"]
                if runs(found):
                    with self.changed:
                        self.seen.setdefault(found["metadata"]["name"], time.monotonic())
                        self.changed.notify_all()
        except (OSError, ValueError):
            pass  # the server ended

    def wait_for(self, names, seconds):
        with self.changed:
            if not self.changed.wait_for(lambda: all(n in self.seen for n in names), seconds):
                raise RuntimeError(f"pods did not run within {seconds} s: " + ", ".join(n for n in names if n not in self.seen))
        return max(self.seen[n] for n in names)


def make_pods(cluster, connection, names):
    for name in names:
        status, answer = cluster.call("POST", PODS, pod(name, cluster.setup.image), connection=connection)
        if status != 201:
            raise RuntimeError(f"pod {name}: {answer}")


def pods(setup):
    with Cluster(setup, agent=True) as cluster:
        wait_until(cluster.node_ready, 60, "the node is Ready")
        time.sleep(2)
        running = RunningPods(cluster)
        running.start()
        connection = cluster.connect()
        times = []
        for i in range(20):
            begun = time.monotonic()
            make_pods(cluster, connection, [f"one-{i}"])
            times.append((running.wait_for([f"one-{i}"], 60) - begun) * 1000)
        time.sleep(1)
        names = [f"batch-{i}" for i in range(30)]
        begun = time.monotonic()
        make_pods(cluster, connection, names)
        batch = running.wait_for(names, 120) - begun
    return {"pod start, one by one": statistics.median(times), "pod start, 30 at once": batch}


def watch(setup):
    with Cluster(setup, agent=False) as cluster:
        time.sleep(3)
        before = cluster.pss_kb()
        process = cluster.load_process("watch", 1000, 20, 20)
        try:
            if not process.stdout.readline():
                raise RuntimeError("the watchers did not open")
            time.sleep(1)
            each = (cluster.pss_kb() - before) / 1000
            process.stdin.write("\n")
            process.stdin.flush()
            result = json.loads(process.stdout.readline())
        finally:
            process.kill()
            process.wait()
    return {"1,000 watchers: last event": result["median_ms"], "1,000 watchers: burst": result["burst_rate"], "1,000 watchers: memory each": each}


NETLINK_NETFILTER, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, NFNLGRP_NFTABLES = 12, 270, 1, 7


def kernel_listener():
    """A socket that gets what is committed to nftables."""
    listener = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_NETFILTER)
    listener.bind((0, 0))
    listener.setsockopt(socket.SOL_SOCKET, 33, 64 << 20)  # SO_RCVBUFFORCE
    listener.setsockopt(SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, NFNLGRP_NFTABLES)
    return listener


def wait_in_kernel(listener, address, seconds=60):
    wanted, end = socket.inet_aton(address), time.monotonic() + seconds
    while time.monotonic() < end:
        listener.settimeout(max(0.01, end - time.monotonic()))
        try:
            if wanted in listener.recv(1 << 20):
                return
        except OSError:
            pass  # a lost message of others; the loop ends by time
    raise RuntimeError(f"{address} did not reach the kernel within {seconds} s")


def proxy(setup):
    slices = "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices"
    with Cluster(setup, agent=True) as cluster:
        wait_until(cluster.node_ready, 60, "the node is Ready")
        cluster.load("services", 8, 0, SERVICES * 2)
        connection = cluster.connect()
        times = []

        def change(i, address, seconds):
            endpoints = [{"addresses": [a], "conditions": {"ready": True}} for a in (address, "100.80.0.1", "100.80.0.2", "100.80.0.3", "100.80.0.4")]
            listener = kernel_listener()
            begun = time.monotonic()
            status, answer = cluster.call("PATCH", f"{slices}/bench-{i}", {"endpoints": endpoints}, connection=connection, kind="application/merge-patch+json")
            if status != 200:
                raise RuntimeError(str(answer))
            wait_in_kernel(listener, address, seconds)
            times.append((time.monotonic() - begun) * 1000)
            listener.close()

        change(SERVICES - 1, "100.90.0.1", 120)  # the creations are all in the kernel then
        time.sleep(2)
        times.clear()
        for i in range(20):
            change(i * 400 + 7, f"100.90.1.{i + 1}", 20)
            time.sleep(0.2)
    return {"service change to kernel, 10,000 services": statistics.median(times)}


def idle(setup):
    with Cluster(setup, agent=True) as cluster:
        wait_until(cluster.node_ready, 60, "the node is Ready")
        running = RunningPods(cluster)
        running.start()
        names = [f"idle-{i}" for i in range(10)]
        make_pods(cluster, cluster.connect(), names)
        running.wait_for(names, 120)
        time.sleep(15)
        cpu, begun = cluster.cpu_seconds(), time.monotonic()
        time.sleep(60)
        used = (cluster.cpu_seconds() - cpu) / (time.monotonic() - begun)
    return {"CPU with nothing to do, 10 pods": used * 100}


# name for --only: function, whether it needs root
MEASURES = {"start": (start, True), "memory": (memory, True), "create": (create, False), "read": (read, False), "schedule": (schedule, False),
            "pods": (pods, True), "watch": (watch, False), "proxy": (proxy, True), "idle": (idle, True)}
