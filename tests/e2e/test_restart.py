"""The server ends, is killed, or the whole host goes down: what ran goes on or comes back."""
import os, shutil, signal, socket, urllib.request

from cluster import run, until
import manifests


def containers(cluster):
    return {p["metadata"]["name"]: (p["metadata"]["uid"], [(c["containerID"], c["restartCount"]) for c in p["status"]["containerStatuses"]]) for p in cluster.json("pods")["items"]}


def setup_pods(cluster):
    if cluster.kubectl("get", "deployment", "web", check=False)[0] != 0:
        cluster.kubectl("create", "deployment", "web", "--image=todo-app-web:v1", "--replicas=2")
        cluster.kubectl("expose", "deployment", "web", "--port=80", "--target-port=3000", "--type=NodePort")
        volumes = [{"name": "h", "hostPath": {"path": cluster.dir + "/disk", "type": "DirectoryOrCreate"}}, {"name": "e", "emptyDir": {}}, {"name": "c", "configMap": {"name": "kube-root-ca.crt"}}]
        mounts = [{"name": v["name"], "mountPath": f"/{v['name']}"} for v in volumes]
        cluster.kubectl("create", "-f", "-", input=manifests.pod("counter", "while :; do date >> /e/ticks; echo tick; sleep 0.2; done", main={"volumeMounts": mounts}, volumes=volumes))
    cluster.wait_pods("app=web", 2)
    cluster.wait_pods("app=counter", 1)


def node_port(cluster):
    return cluster.json("service", "web")["spec"]["ports"][0]["nodePort"]


def seen_again(cluster):
    """The node has reported after the start, so what the API says of its pods is of now."""
    return cluster.json("node", "node-a")["status"]["conditions"] and cluster.kubectl("exec", "counter", "--", "true") == ""


def test_a_killed_server_leaves_connections_open_and_adopts(cluster):
    setup_pods(cluster)
    port, before = node_port(cluster), containers(cluster)
    with socket.create_connection(("127.0.0.1", port)) as connection:
        request = b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n"
        connection.settimeout(60)
        connection.sendall(request)
        assert b"200" in connection.recv(4096)
        cluster.kill()
        connection.sendall(request)
        assert b"200" in connection.recv(4096), "the open connection broke with the server"
        assert urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=30).read() == b"ok\n"
        ticks = int(run(["sh", "-c", f"find {cluster.dir} -name ticks | head -1 | xargs wc -l"])[1].split()[0])
        until("the container goes on", lambda: int(run(["sh", "-c", f"find {cluster.dir} -name ticks | head -1 | xargs wc -l"])[1].split()[0]) > ticks, 10)
        cluster.start()
        until("pods can be reached", lambda: seen_again(cluster), 20)
        connection.sendall(request)
        assert b"200" in connection.recv(4096)
    assert containers(cluster) == before


def test_logs_and_exec_go_on_after_adoption(cluster):
    setup_pods(cluster)
    cluster.kill()
    cluster.start()
    until("pods can be reached", lambda: seen_again(cluster), 20)
    before = len(cluster.kubectl("logs", "counter").splitlines())
    until("new lines are logged", lambda: len(cluster.kubectl("logs", "counter").splitlines()) > before + 5, 10)


def test_a_container_that_died_meanwhile_is_restarted(cluster):
    setup_pods(cluster)
    count = cluster.json("pod", "counter")["status"]["containerStatuses"][0]["restartCount"]
    pid = next(p for p in os.listdir("/proc") if p.isdigit() and in_counter(p))
    cluster.kill()
    os.kill(int(pid), signal.SIGKILL)
    cluster.start()
    def again():
        state = cluster.json("pod", "counter")["status"]["containerStatuses"][0]
        return state["restartCount"] == count + 1 and state["ready"]
    until("it was restarted once", again, 40)


def in_counter(pid):
    try:
        return "date >> /e/ticks" in open(f"/proc/{pid}/cmdline").read() and "conmon" not in open(f"/proc/{pid}/comm").read()
    except OSError:
        return False


def test_a_pod_deleted_meanwhile_is_gone_after_the_start(cluster):
    setup_pods(cluster)
    cluster.kubectl("delete", "pod", "counter", "--wait=false")
    cluster.kill()
    cluster.start()
    until("the pod is gone", lambda: cluster.kubectl("get", "pod", "counter", check=False)[0] == 1, 60)
    until("and its process", lambda: not any(in_counter(p) for p in os.listdir("/proc") if p.isdigit()), 10)
    cluster.kubectl("delete", "deployment,service", "web")


def test_a_clean_stop_leaves_the_pods_too(cluster):
    setup_pods(cluster)
    before = containers(cluster)
    cluster.stop()
    assert cluster.process.returncode == 0, cluster.process.returncode
    cluster.start()
    until("pods can be reached", lambda: seen_again(cluster), 20)
    assert containers(cluster) == before


def members(instance):
    """Processes in the instance's control groups."""
    out = set()
    for folder, _, files in os.walk("/sys/fs/cgroup"):
        if instance in folder and "cgroup.procs" in files:
            out |= {int(pid) for pid in open(f"{folder}/cgroup.procs").read().split()}
    return out


def lives(pid):
    try:
        return open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()[0] not in "ZX"
    except OSError:
        return False


def simulate_reboot(cluster):
    """Ends the instance's processes and takes its mounts, control groups, tables and /run away, as a reboot does; the disk is kept."""
    cluster.kill()
    instance = cluster.instance
    pids = members(instance)
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            if any(mark in open(f"/proc/{pid}/cmdline").read() for mark in (cluster.dir, instance)):
                pids.add(int(pid))  # conmon
        except OSError:
            pass
    assert pids, "no process is the instance's: the simulation is worth nothing"
    for pid in pids - {os.getpid()}:
        try:
            os.kill(pid, signal.SIGKILL)
        except OSError:
            pass
    until("its processes are gone", lambda: not members(instance) and not any(lives(pid) for pid in pids))
    for _ in range(3):
        for line in reversed(open("/proc/self/mountinfo").read().splitlines()):
            if cluster.dir in line or instance in line:
                run(["umount", "-l", line.split()[4]], check=False)
    shutil.rmtree(f"/run/reigen/{instance}")
    for folder, _, _ in os.walk("/sys/fs/cgroup", topdown=False):
        if instance in folder:
            until(f"{folder} is empty", lambda: os.rmdir(folder) is None)
    for line in run(["nft", "list", "tables"])[1].splitlines():
        if instance in line:
            run(["nft", "delete", *line.split()])


def test_after_a_reboot_the_pods_come_back_with_their_volumes(cluster):
    setup_pods(cluster)
    cluster.kubectl("exec", "counter", "--", "sh", "-c", "echo bleibt > /e/kept")
    uids = {name: uid for name, (uid, _) in containers(cluster).items()}
    count = cluster.json("pod", "counter")["status"]["containerStatuses"][0]["restartCount"]
    simulate_reboot(cluster)
    cluster.start()
    def back():
        state = cluster.json("pod", "counter")["status"]["containerStatuses"][0]
        return state["restartCount"] == count + 1 and state["ready"]
    until("the pod runs again", back, 60)
    cluster.wait_pods("app=web", 2)
    assert {name: uid for name, (uid, _) in containers(cluster).items()} == uids
    assert cluster.kubectl("exec", "counter", "--", "cat", "/e/kept") == "bleibt\n"
    until("the service answers", lambda: urllib.request.urlopen(f"http://127.0.0.1:{node_port(cluster)}/health", timeout=10).read() == b"ok\n", 20)
