"""`reigen clean` leaves nothing: the host before and after is the same."""
import json, os, shutil, subprocess

from cluster import REIGEN, Cluster, Failed, free_port, run, until
import manifests


def lines(command):
    return set(line.strip() for line in run(command, check=False)[1].splitlines() if line.strip())


def cgroups():
    return {folder for folder, _, _ in os.walk("/sys/fs/cgroup") if "reigen" in folder}


def links():
    return {link["ifname"] for link in json.loads(run(["ip", "-j", "link"])[1])}


def host(cluster):
    """What of the host may have to do with the instance. Other instances may live beside it, so whole sets are compared by name."""
    mine = (cluster.dir, f"10.{cluster.cidrs[0].split('.')[1]}.", f"10.{cluster.cidrs[1].split('.')[1]}.")
    processes = set()
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            command = open(f"/proc/{pid}/cmdline").read().replace("\0", " ")
            if cluster.dir in command and int(pid) != os.getpid():
                processes.add(command)
        except OSError:
            pass
    return {
        "mounts": {line.split()[4] for line in open("/proc/self/mountinfo") if "reigen" in line},
        "namespaces": set(os.listdir("/run/netns")) if os.path.isdir("/run/netns") else set(),
        "cgroups": cgroups(),
        "tables": lines(["nft", "list", "tables"]),
        "links": links(),
        "routes": {line for line in lines(["ip", "route", "show", "table", "all"]) if any(part in line for part in mine)},
        "processes": processes,
        "run": set(os.listdir("/run/reigen")) if os.path.isdir("/run/reigen") else set(),
    }


def test_clean_leaves_nothing():
    cluster = Cluster()
    before = host(cluster)
    cluster.start()
    try:
        cluster.import_example()
        port = free_port()
        cluster.kubectl("create", "-f", "-", input=manifests.pod("stays", main={"ports": [{"containerPort": 80, "hostPort": port}]}, volumes=[{"name": "m", "emptyDir": {"medium": "Memory"}}]))
        cluster.kubectl("create", "deployment", "web", "--image=todo-app-web:v1", "--replicas=2")
        cluster.kubectl("expose", "deployment", "web", "--port=80", "--target-port=3000", "--type=NodePort")
        cluster.wait_pods("app=stays", 1)
        cluster.wait_pods("app=web", 2)
        during = host(cluster)
        for what in ("mounts", "cgroups", "tables", "links", "processes"):
            assert during[what] - before[what], f"a running instance shows no {what}: the comparison is worth nothing"
        cluster.stop()
        run([REIGEN, "clean", "--data-dir", cluster.dir])
        after = host(cluster)
        left = {what: after[what] - before[what] for what in before if after[what] - before[what]}
        assert not left, left
        assert not os.path.exists(cluster.dir) or not os.listdir(cluster.dir), os.listdir(cluster.dir)
        run([REIGEN, "clean", "--data-dir", cluster.dir])
    finally:
        cluster.remove()


def test_clean_after_a_killed_server():
    cluster = Cluster()
    before = host(cluster)
    cluster.start()
    try:
        cluster.import_example()
        cluster.kubectl("create", "-f", "-", input=manifests.pod("stays"))
        cluster.wait_pods("app=stays", 1)
        cluster.kill()
        run([REIGEN, "clean", "--data-dir", cluster.dir])
        after = host(cluster)
        left = {what: after[what] - before[what] for what in before if after[what] - before[what]}
        assert not left, left
    finally:
        cluster.remove()


def test_keep_images_keeps_them():
    cluster = Cluster(agent=False)
    try:
        cluster.import_example()
        run([REIGEN, "clean", "--data-dir", cluster.dir, "--keep-images"])
        assert "redis" in cluster.image("ls")
    finally:
        cluster.remove()
