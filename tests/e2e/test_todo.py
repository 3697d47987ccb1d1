"""The to-do app with the real kubectl, line by line."""
import calendar, json, os, signal, subprocess, threading, time, urllib.request

from cluster import Cluster, Failed, TODO, free_port, run, until


def create_app(cluster, folder="kubernetes", extension="yaml"):
    for part in ("redis-master", "redis-slave", "todo-app"):
        cluster.kubectl("create", "-f", f"{TODO}/{folder}/{part}-controller.{extension}")
        cluster.kubectl("create", "-f", f"{TODO}/{folder}/{part}-service.{extension}")
    for part, count in (("redis-master", 1), ("redis-slave", 2), ("todo-app", 3)):
        cluster.wait_pods(f"name={part}", count)


def app_url(cluster):
    port = cluster.json("service", "todo-app")["spec"]["ports"][0]["nodePort"]
    return f"http://127.0.0.1:{port}"


def fetch(url, timeout=30):
    with urllib.request.urlopen(url, timeout=timeout) as answer:
        return answer.read().decode()


def seconds(stamp):
    return calendar.timegm(time.strptime(stamp, "%Y-%m-%dT%H:%M:%SZ"))


def test_app_comes_up_from_single_files(cluster):
    create_app(cluster)
    for pod in cluster.json("pods")["items"]:
        begun = max(state["state"]["running"]["startedAt"] for state in pod["status"]["containerStatuses"])
        ready = next(c["lastTransitionTime"] for c in pod["status"]["conditions"] if c["type"] == "Ready")
        assert seconds(ready) - seconds(begun) < 9, f"a probe that came before its program waits its whole period: {begun} {ready}"
    wide = cluster.kubectl("get", "pods,rc,services,endpoints", "-o", "wide")
    assert "replicationcontroller/todo-app" in wide and "endpoints/redis-slave" in wide, wide


def test_app_reads_and_writes(cluster):
    url = app_url(cluster)
    assert json.loads(fetch(f"{url}/insert/todos/eins")) == ["eins"]
    assert json.loads(fetch(f"{url}/insert/todos/zwei%20drei")) == ["eins", "zwei drei"]
    until("the replica has it", lambda: json.loads(fetch(f"{url}/read/todos")) == ["eins", "zwei drei"], 10)
    assert json.loads(fetch(f"{url}/delete/todos/eins")) == ["zwei drei"]


def test_frontends_answer_in_turn_through_the_proxies(cluster):
    port = free_port()
    proxy = cluster.popen("proxy", f"--port={port}", stdout=subprocess.DEVNULL)
    try:
        for path in ("/api/v1/namespaces/default/services/todo-app/proxy/whoami", "/api/v1/proxy/namespaces/default/services/todo-app/whoami"):
            until("kubectl proxy listens", lambda: fetch(f"http://127.0.0.1:{port}{path}"), 10)
            names = {fetch(f"http://127.0.0.1:{port}{path}").strip() for _ in range(40)}
            pods = {p["metadata"]["name"] for p in cluster.json("pods", "-l", "name=todo-app")["items"]}
            assert names == pods, (path, names, pods)
    finally:
        proxy.terminate()
        proxy.wait()


def test_scaling_up_and_down(cluster):
    cluster.kubectl("scale", "--replicas=5", "rc", "todo-app")
    cluster.wait_pods("name=todo-app", 5)
    cluster.kubectl("scale", "--replicas=1", "rc", "todo-app")
    until("one pod is left", lambda: len(cluster.json("pods", "-l", "name=todo-app")["items"]) == 1, 60)
    cluster.kubectl("scale", "--replicas=3", "rc", "todo-app")
    cluster.wait_pods("name=todo-app", 3)


def test_a_watch_sees_a_deleted_pod_replaced(cluster):
    name = cluster.json("pods", "-l", "name=todo-app")["items"][0]["metadata"]["name"]
    watch = cluster.popen("get", "pods", "-l", "name=todo-app", "-w", "--no-headers", stdout=subprocess.PIPE)
    lines = []
    threading.Thread(target=lambda: lines.extend(watch.stdout), daemon=True).start()
    until("the watch shows the pods", lambda: len(lines) >= 3, 10)
    cluster.kubectl("delete", "pod", name)
    pods = cluster.wait_pods("name=todo-app", 3)
    assert name not in {p["metadata"]["name"] for p in pods}
    until("the watch saw the change", lambda: any(name in line and "Terminating" in line for line in lines), 10)
    watch.terminate()
    watch.wait()


def test_a_killed_container_comes_back_with_a_count(cluster):
    name = cluster.json("pods", "-l", "name=redis-slave")["items"][0]["metadata"]["name"]
    cluster.kubectl("exec", name, "--", "sh", "-c", "kill -9 1 || redis-cli shutdown nosave", check=False)
    cluster.kubectl("exec", name, "--", "redis-cli", "shutdown", "nosave", check=False)

    def restarted():
        status = cluster.json("pod", name)["status"]["containerStatuses"][0]
        return status["ready"] and status["restartCount"] >= 1 and "terminated" in status["lastState"]
    until("the container was restarted", restarted, 60)


def test_describe_logs_and_events(cluster):
    name = cluster.json("pods", "-l", "name=todo-app")["items"][0]["metadata"]["name"]
    assert "todo-app listens on port 3000" in cluster.kubectl("logs", name)
    for words in (("pod", name), ("rc", "todo-app"), ("svc", "todo-app"), ("node", "node-a")):
        assert "Name:" in cluster.kubectl("describe", *words)
    assert "Scheduled" in cluster.kubectl("get", "events")


def test_the_cluster_introduces_itself(cluster):
    assert "is running at" in cluster.kubectl("cluster-info")
    assert "Ready" in cluster.kubectl("get", "nodes", "-o", "wide")
    assert "Healthy" in cluster.kubectl("get", "componentstatuses")
    assert "replicationcontrollers" in cluster.kubectl("api-resources")
    assert "Server Version: v1.32" in cluster.kubectl("version")


def test_exec_attach_cp_and_port_forward(cluster):
    name = cluster.json("pods", "-l", "name=redis-master")["items"][0]["metadata"]["name"]
    assert cluster.kubectl("exec", name, "--", "echo", "hallo") == "hallo\n"
    assert cluster.kubectl("exec", "-i", name, "--", "cat", input="durch") == "durch"
    code, _, _ = cluster.kubectl("exec", name, "--", "sh", "-c", "exit 7", check=False)
    assert code == 7, code
    source = f"{cluster.dir}/copied"
    open(source, "w").write("x" * 100000)
    cluster.kubectl("cp", source, f"{name}:/tmp/copied")
    cluster.kubectl("cp", f"{name}:/tmp/copied", f"{source}.back")
    assert open(f"{source}.back").read() == "x" * 100000
    port = free_port()
    forward = cluster.popen("port-forward", f"pod/{name}", f"{port}:6379", stdout=subprocess.PIPE)
    try:
        assert "Forwarding from" in forward.stdout.readline()
        assert run(["redis-cli", "-p", str(port), "ping"])[1].strip() == "PONG"
    finally:
        forward.terminate()
        forward.wait()


def test_names_are_found_inside_pods(cluster):
    name = cluster.json("pods", "-l", "name=redis-master")["items"][0]["metadata"]["name"]
    assert cluster.kubectl("exec", name, "--", "redis-cli", "-h", "redis-master", "ping").strip() == "PONG"
    assert cluster.kubectl("exec", name, "--", "redis-cli", "-h", "redis-slave.default.svc.cluster.local", "ping").strip() == "PONG"


def test_killing_the_server_leaves_the_app_and_a_restart_adopts_it(cluster):
    url = app_url(cluster)
    before = {p["metadata"]["uid"]: p["status"]["containerStatuses"][0]["containerID"] for p in cluster.json("pods")["items"]}
    cluster.kill()
    assert fetch(f"{url}/health") == "ok\n"
    assert json.loads(fetch(f"{url}/insert/while/down")) == ["down"]
    cluster.start()
    time.sleep(2)
    cluster.wait_pods("name=todo-app", 3)
    after = {p["metadata"]["uid"]: p["status"]["containerStatuses"][0]["containerID"] for p in cluster.json("pods")["items"]}
    assert before == after, (before, after)
    assert json.loads(fetch(f"{url}/read/while")) == ["down"]


def test_json_manifests_work_like_yaml_ones(cluster):
    for part in ("todo-app", "redis-slave", "redis-master"):
        cluster.kubectl("delete", "rc,service", part)
    until("all pods are gone", lambda: not cluster.json("pods")["items"], 60)
    create_app(cluster, "kubernetes-json", "json")
    fetch(app_url(cluster) + "/health")
