"""Both worlds on one engine: what docker makes seen with kubectl, what kubectl makes seen with docker, and what neither may do to the other's."""
import functools, ipaddress, json, re, subprocess, time, urllib.request

from cluster import KUBECTL_OLD, TODO, free_port, run, until
from docker_engine import CLIENTS, SHELL, Engine, each_client
from docker_wire import UnixConnection
import manifests

ID = re.compile(r"^[0-9a-f]{64}$")


def both_ages(test):
    """Runs test(engine, docker, kubectl) with the newest clients and with the oldest; what one leaves behind is removed."""
    @functools.wraps(test)
    def wrapped(engine):
        assert KUBECTL_OLD, "KUBECTL_OLD names kubectl 1.20"
        for client, old in ((CLIENTS[0], False), (CLIENTS[-1], True)):
            try:
                test(engine, functools.partial(engine.docker, client=client), functools.partial(engine.cluster.kubectl, old=old))
            finally:
                engine.empty()
    del wrapped.__wrapped__  # the runner gives what the parameters name: only `engine`
    return wrapped


def pod_of(engine, name):
    """The pod of a container, by the name the design gives it."""
    identity = engine.inspect(name, "Id")
    return engine.cluster.json("pod", f"{re.sub('[^a-z0-9]', '-', name.lower()).strip('-')}-{identity[:12]}")


def made_by_kubectl(engine, name, script="echo up; exec sleep 1000", **spec):
    """A pod of kubectl's; the id of its container for docker."""
    engine.cluster.kubectl("create", "-f", "-", input=manifests.pod(name, script, **spec))
    engine.cluster.wait_pods(f"app={name}", 1)
    return engine.docker("ps", "-q", "--no-trunc", "--filter", f"label=io.kubernetes.pod.name={name}").split()[0]


def refused(docker, *words):
    code, out, err = docker(*words, check=False)
    assert code != 0, (words, out)
    return err


@both_ages
def test_a_container_is_a_pod(engine, docker, kubectl):
    docker("run", "-d", "--name", "My_App.1", "--label", "tier=web", "-e", "SECRET=hidden", *SHELL, "echo hello; exec sleep 1000")
    identity = engine.inspect("My_App.1", "Id")
    assert ID.match(identity)
    pod = pod_of(engine, "My_App.1")
    assert pod["metadata"]["name"] == f"my-app-1-{identity[:12]}" and pod["metadata"]["namespace"] == "default"
    assert pod["metadata"]["annotations"]["docker.reigen.dev/container"] == identity
    assert pod["metadata"]["ownerReferences"][0]["kind"] == "Container" and pod["metadata"]["ownerReferences"][0]["controller"] is True
    assert [c["name"] for c in pod["spec"]["containers"]] == ["my-app-1"] and pod["spec"]["containers"][0]["command"] == ["sh"], pod["spec"]
    assert "hidden" not in json.dumps(pod), "the environment shows in the pod"
    name = pod["metadata"]["name"]
    table = until("the pod shows as running", lambda: (lambda t: t if "1/1" in t and "Running" in t else None)(kubectl("get", "pods", "-o", "wide")), 10)
    assert engine.inspect("My_App.1", "NetworkSettings.IPAddress") in table, table
    assert kubectl("get", "pods", "-l", f"docker.reigen.dev/container-id={identity[:12]}", "-o", "name").strip() == f"pod/{name}"
    until("its line is in the log", lambda: kubectl("logs", name))
    assert kubectl("logs", name) == "hello\n" and kubectl("logs", name, "--tail=1", "--timestamps").endswith(" hello\n")
    assert kubectl("exec", name, "--", "sh", "-c", "echo in $HOSTNAME; exit 0").split()[0] == "in"
    assert kubectl("exec", "-i", name, "--", "cat", input="through") == "through"
    described = kubectl("describe", "pod", name)
    assert f"Controlled By:  Container/{identity}" in described and "Running" in described, described
    assert kubectl("exec", name, "--", "hostname") == docker("exec", "My_App.1", "hostname")


@both_ages
def test_the_kinds_have_tables_yaml_and_explanations(engine, docker, kubectl):
    docker("network", "create", "--subnet", "10.77.0.0/24", "shown-net")
    docker("volume", "create", "Shown_Vol")
    docker("run", "-d", "--name", "shown", "--network", "shown-net", "-v", "Shown_Vol:/v", *SHELL, "exec sleep 1000")
    identity = engine.inspect("shown", "Id")
    header, row = kubectl("get", "containers.docker.reigen.dev").splitlines()
    assert header.split() == ["NAME", "DOCKER", "NAME", "IMAGE", "STATE", "RESTARTS", "AGE"] and row.split()[:5] == [identity, "shown", "redis", "running", "0"], row
    assert "node-a" in kubectl("get", "containers.docker.reigen.dev", identity, "-o", "wide")
    networks = kubectl("get", "networks.docker.reigen.dev")
    assert re.search(r"shown-net +bridge +10\.77\.0\.0/24", networks), networks
    volumes = kubectl("get", "volumes.docker.reigen.dev", "-o", "wide")
    assert re.search(r"^n-53hown-5f-56ol +Shown_Vol +local +node-a", volumes, re.M), volumes
    claims = kubectl("get", "nameclaims.docker.reigen.dev")
    assert re.search(rf"container\.nshown +Container +shown +{identity}", claims), claims
    assert f"name: {identity}" in kubectl("get", "containers.docker.reigen.dev", identity, "-o", "yaml")
    assert engine.cluster.json("containers.docker.reigen.dev", identity)["status"]["state"] == "running"
    for kind, field in (("containers", "status.restartCount"), ("networks", "spec.pools"), ("volumes", "spec.driverOpts")):
        assert "DESCRIPTION" in kubectl("explain", f"{kind}.{field}", "--api-version=docker.reigen.dev/v1")
    assert "restartCount" in engine.cluster.kubectl("explain", "containers.docker.reigen.dev.status")  # 1.20 does not take this form
    assert "Docker Name:" in kubectl("describe", "containers.docker.reigen.dev", identity)
    assert "containers" in kubectl("api-resources", "--api-group=docker.reigen.dev", "-o", "name")
    assert identity in kubectl("get", "containers.docker.reigen.dev", "--field-selector=spec.dockerName=shown,status.state=running", "-o", "name")
    docker("stop", "-t", "0", "shown")
    assert "exited (137)" in kubectl("get", "containers.docker.reigen.dev", identity)


@both_ages
def test_deleting_the_pod_is_killing_the_container(engine, docker, kubectl):
    docker("run", "-d", "--name", "victim", "--restart", "always", *SHELL, "trap 'echo term; exit 4' TERM; echo up; while :; do sleep 0.1; done")
    until("it is up", lambda: docker("logs", "victim") == "up\n", 10)
    kubectl("delete", "pod", pod_of(engine, "victim")["metadata"]["name"], "--grace-period=5")
    until("it has ended", lambda: engine.inspect("victim", "State.Status") == "exited", 10)
    assert engine.inspect("victim", "State.ExitCode") == 4 and docker("logs", "victim") == "up\nterm\n"
    until("no pod is left", lambda: "victim" not in kubectl("get", "pods"), 10)
    docker("start", "victim")
    assert engine.inspect("victim", "State.Running") is True
    name = pod_of(engine, "victim")["metadata"]["name"]
    kubectl("delete", "pod", name, "--grace-period=0", "--force")
    until("it was killed", lambda: engine.inspect("victim", "State.Status") == "exited", 15)
    # With --rm the container goes as it does after a kill.
    docker("run", "-d", "--rm", "--name", "brief", *SHELL, "exec sleep 1000")
    kubectl("delete", "pod", pod_of(engine, "brief")["metadata"]["name"], "--grace-period=1", "--wait=false")
    until("it is gone", lambda: docker("ps", "-aq", "--filter", "name=brief") == "", 15)


@both_ages
def test_deleting_the_object_removes_the_container(engine, docker, kubectl):
    docker("run", "-d", "--name", "object", *SHELL, "trap exit TERM; while :; do sleep 0.1; done")
    identity, pid = engine.inspect("object", "Id"), engine.inspect("object", "State.Pid")
    kubectl("delete", "containers.docker.reigen.dev", identity)
    until("docker does not know it", lambda: docker("ps", "-aq") == "", 15)
    until("its pod is gone", lambda: identity[:12] not in kubectl("get", "pods"), 15)
    until("its process is gone", lambda: run(["kill", "-0", str(pid)], check=False)[0] != 0, 15)
    until("the name is free again", lambda: docker("run", "-d", "--name", "object", *SHELL, "exec sleep 1000", check=False)[0] == 0, 10)


def test_who_may_not(engine):
    engine.docker("run", "-d", "--name", "root", *SHELL, "exec sleep 1000")
    identity, kubectl = engine.inspect("root", "Id"), engine.cluster.kubectl
    try:
        for role in ("admin", "edit", "view"):
            kubectl("create", "serviceaccount", role, check=False)
            kubectl("create", "rolebinding", role, f"--clusterrole={role}", f"--serviceaccount=default:{role}", check=False)
            may = kubectl("auth", "can-i", "--list", f"--as=system:serviceaccount:default:{role}")
            assert "deployments.apps" in may and "docker.reigen.dev" not in may and "*.*" not in may, may
        code, _, err = kubectl("get", "containers.docker.reigen.dev", "--as=system:serviceaccount:default:admin", check=False)
        assert code == 1 and "Forbidden" in err, err
        # Not even an administrator forges the link.
        code, _, err = kubectl("annotate", "pod", pod_of(engine, "root")["metadata"]["name"], "--overwrite", f"docker.reigen.dev/container={'0' * 64}", check=False)
        assert code == 1 and "annotation docker.reigen.dev/container may only be set by the container controller" in err, err
        code, _, err = kubectl("label", "pod", pod_of(engine, "root")["metadata"]["name"], "docker.reigen.dev/container-id-", check=False)
        assert code == 1 and "label docker.reigen.dev/container-id may only be set by the container controller" in err, err
        owner = {"apiVersion": "docker.reigen.dev/v1", "kind": "Container", "name": identity, "uid": engine.cluster.json("containers.docker.reigen.dev", identity)["metadata"]["uid"]}
        for marks in ({"annotations": {"docker.reigen.dev/container": identity}}, {"labels": {"docker.reigen.dev/container-id": identity[:12]}}, {"ownerReferences": [owner]}):
            pod = json.loads(manifests.pod("forged"))
            pod["metadata"].update(marks)
            code, _, err = kubectl("create", "-f", "-", input=json.dumps(pod), check=False)
            assert code == 1 and "may only be set by the container controller" in err, (marks, err)
        deployment = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": {"name": "forged"}, "spec": {"replicas": 1, "selector": {"matchLabels": {"app": "forged"}}, "template": {
            "metadata": {"labels": {"app": "forged"}, "annotations": {"docker.reigen.dev/container": identity}}, "spec": json.loads(manifests.pod("forged"))["spec"]}}}
        kubectl("create", "-f", "-", input=json.dumps(deployment))
        until("its pods are refused", lambda: "may only be set by the container controller" in kubectl("get", "events", "-o", "jsonpath={.items[*].message}"), 15)
        assert "forged" not in kubectl("get", "pods")
        name = pod_of(engine, "root")["metadata"]["name"]
        code, _, err = kubectl("debug", name, "--image=redis", "--image-pull-policy=IfNotPresent", "-q", "--", "true", check=False)
        assert code == 1 and "pods of Containers have no ephemeralcontainers" in err, err
        # What would have no effect is not taken either; marks of one's own are.
        name = pod_of(engine, "root")["metadata"]["name"]
        for words in (("set", "image", f"pod/{name}", "root=other"), ("patch", "pod", name, "-p", '{"spec":{"activeDeadlineSeconds":5}}')):
            code, _, err = kubectl(*words, check=False)
            assert code == 1 and "pods of Containers are changed with docker" in err, (words, err)
        kubectl("label", "pod", name, "mine=yes")
        # A Container cannot be made with a name somebody else has, nor its name or program be changed.
        code, _, err = kubectl("patch", "containers.docker.reigen.dev", identity, "--type=merge", "-p", '{"spec":{"path":"/bin/other"}}', check=False)
        assert code == 1, err
    finally:
        kubectl("delete", "replicaset", "forged", "--ignore-not-found")
        engine.empty()


@both_ages
def test_a_pod_is_seen_with_docker(engine, docker, kubectl):
    pod = json.loads(manifests.pod("seen", "echo line; exec sleep 1000", main={"env": [{"name": "A", "value": "b"}], "resources": {"limits": {"memory": "64Mi"}},
                                                                         "volumeMounts": [{"name": "v", "mountPath": "/v"}]}, volumes=[{"name": "v", "emptyDir": {}}]))
    pod["spec"]["initContainers"] = [manifests.container("echo first", name="init")]
    kubectl("create", "-f", "-", input=json.dumps(pod))
    try:
        [shown] = engine.cluster.wait_pods("app=seen", 1)
        uid = shown["metadata"]["uid"]
        name = f"k8s_main_seen_default_{uid}_0"
        lines = docker("ps", "--format", "{{.Names}} {{.Image}} {{.Command}} {{.State}}").splitlines()
        assert f'{name} redis "sh -c \'echo line; e…" running' in lines, lines
        assert f"k8s_init_seen_default_{uid}_0" in docker("ps", "-a", "--filter", "status=exited", "--format", "{{.Names}}").split()
        for query in ("name=k8s_main_seen", "label=io.kubernetes.pod.name=seen", f"label=io.kubernetes.pod.uid={uid}", "ancestor=redis", "status=running", "volume=/v"):
            assert name in docker("ps", "--filter", query, "--format", "{{.Names}}").split(), query
        assert name not in docker("ps", "--filter", "label=io.kubernetes.pod.name=other", "--format", "{{.Names}}").split()
        inspected = json.loads(docker("inspect", name))[0]
        assert inspected["State"]["Running"] is True and inspected["State"]["Pid"] > 1 and inspected["Name"] == f"/{name}"
        assert inspected["Config"]["Labels"]["io.kubernetes.pod.namespace"] == "default" and inspected["Config"]["Labels"]["io.kubernetes.container.name"] == "main"
        assert "A=b" in inspected["Config"]["Env"] and any(entry.startswith("PATH=") for entry in inspected["Config"]["Env"]), inspected["Config"]["Env"]
        assert (inspected["Path"], inspected["Args"][0]) == ("sh", "-c") and inspected["HostConfig"]["Memory"] == 64 << 20
        assert inspected["NetworkSettings"]["IPAddress"] == shown["status"]["podIP"]
        assert ("/v", True) in [(m["Destination"], m["RW"]) for m in inspected["Mounts"]], inspected["Mounts"]
        until("its line is in the log", lambda: docker("logs", name))
        assert docker("logs", name) == "line\n" and docker("logs", "--tail", "1", inspected["Id"][:12]) == "line\n"
        assert docker("logs", f"k8s_init_seen_default_{uid}_0") == "first\n"
        assert docker("exec", name, "sh", "-c", "echo $A > /v/file; cat /v/file") == "b\n"
        assert docker("exec", "-i", name, "cat", input="through") == "through"
        assert refused_code(docker, "exec", name, "sh", "-c", "exit 5") == 5
        assert "sleep 1000" in docker("top", name) and docker("top", name, "-o", "pid").split()[0] == "PID"
        usage = docker("stats", "--no-stream", "--format", "{{.Name}} {{.MemUsage}}", name).split()
        assert usage[0] == name and usage[-1] == "64MiB" and not usage[1].startswith("0B"), usage
        assert "/etc/passwd" not in docker("cp", f"{name}:/v/file", "-")
        with open(f"{engine.folder}/in", "w") as file:
            file.write("from outside\n")
        docker("cp", f"{engine.folder}/in", f"{name}:/tmp/in")
        assert kubectl("exec", "seen", "--", "cat", "/tmp/in") == "from outside\n"
    finally:
        kubectl("delete", "pod", "seen", "--now")
    until("docker does not show it any more", lambda: "seen" not in docker("ps", "-a", "--format", "{{.Names}}"), 10)


def refused_code(docker, *words):
    return docker(*words, check=False)[0]


@each_client
def test_what_docker_may_not_do_to_a_pod(engine, docker):
    identity = made_by_kubectl(engine, "kept")
    try:
        docker("network", "create", "other")
        reason = "belongs to the pod default/kept of Kubernetes"
        for words in (("stop",), ("kill",), ("kill", "-s", "HUP"), ("restart",), ("start",), ("pause",), ("unpause",), ("rm",), ("rm", "-f"), ("update", "-m", "100m"), ("network", "connect", "other"),
                      ("network", "disconnect", "none")):
            assert reason in refused(docker, *words, identity), words
        assert reason in refused(docker, "rename", identity, "mine")
        for words in (("--network", f"container:{identity}"), ("--pid", f"container:{identity}"), ("--volumes-from", identity)):
            assert reason in refused(docker, "run", "--rm", *words, *SHELL, "true"), words
        assert reason in refused(docker, "run", "--rm", "--link", f"{identity}:x", *SHELL, "true")
        assert "only Docker's own can be committed" in refused(docker, "commit", identity)
        for words in (("diff", identity), ("export", "-o", f"{engine.folder}/exported", identity)):
            assert "only Docker's own can be exported or compared" in refused(docker, *words), words
        assert "is being used by running container" in refused(docker, "rmi", "-f", engine.inspect(identity, "Image"))
        docker("container", "prune", "-f")
        assert identity in docker("ps", "-q", "--no-trunc").split()
        [pod] = engine.cluster.wait_pods("app=kept", 1)
        assert pod["status"]["containerStatuses"][0]["restartCount"] == 0
        assert pod["status"]["containerStatuses"][0]["containerID"].endswith(identity)
    finally:
        engine.cluster.kubectl("delete", "pod", "kept", "--now")


@both_ages
def test_waits_and_events_of_a_pod(engine, docker, kubectl):
    events = engine.popen("events", "--since", f"{time.time():.9f}", "--filter", "type=container", "--format", "{{.Action}} {{.Actor.Attributes.name}}", stdout=subprocess.PIPE, text=True)
    try:
        identity = made_by_kubectl(engine, "waited", "trap 'exit 3' TERM; while :; do sleep 0.05; done")
        waiting = UnixConnection(engine.socket)
        waiting.request("POST", f"/v1.41/containers/{identity}/wait")
        answer = waiting.getresponse()  # its head comes before the end
        kubectl("delete", "pod", "waited", "--grace-period=60")
        assert json.loads(answer.read())["StatusCode"] == 3
        waiting.close()
        seen = []
        while not seen or not seen[-1].startswith("destroy"):
            seen.append(events.stdout.readline())
        assert [line.split()[0] for line in seen if "k8s_main_waited_default" in line] == ["create", "start", "die", "destroy"], seen
    finally:
        events.kill()
        events.wait()


def answer(url):
    with urllib.request.urlopen(url, timeout=20) as page:
        return page.read().decode()


def test_the_todo_app_on_both_sides(engine):
    cluster, docker, port = engine.cluster, engine.docker, free_port()
    try:
        cluster.kubectl("apply", "-f", f"{TODO}/kubernetes")
        docker("network", "create", "todoapp_network")
        docker("run", "--net=todoapp_network", "--name=redis-master", "-d", "redis")
        docker("run", "--net=todoapp_network", "--name=redis-slave", "-d", "redis-slave:v1")
        docker("run", "--net=todoapp_network", "--name=frontend", "-d", "-p", f"{port}:3000", "todo-app-web:v1")
        until("docker's keeps an entry", lambda: "of-docker" in answer(f"http://127.0.0.1:{port}/insert/todo/of-docker"), 30)
        service = cluster.json("service", "todo-app")["spec"]
        address = f"{service['clusterIP']}:{service['ports'][0]['port']}"
        until("kubectl's keeps an entry", lambda: "of-kubectl" in answer(f"http://{address}/insert/todo/of-kubectl"), 60)
        assert "of-kubectl" not in answer(f"http://127.0.0.1:{port}/read/todo") and "of-docker" not in answer(f"http://{address}/read/todo")
        # A container reaches a service by its address.
        until("the replica has it", lambda: "of-kubectl" in answer(f"http://{address}/read/todo"), 10)
        until("a container reads it", lambda: "of-kubectl" in docker("run", "--rm", "--network", "todoapp_network", *SHELL, f"printf 'GET /read/todo HTTP/1.0\\r\\n\\r\\n' | nc -w 20 {address.replace(':', ' ')}"), 20)
        names = docker("ps", "--format", "{{.Names}}").split()
        assert {"redis-master", "redis-slave", "frontend"} <= set(names) and sum(name.startswith("k8s_") for name in names) >= 3, names
    finally:
        cluster.kubectl("delete", "-f", f"{TODO}/kubernetes", "--wait=false", check=False)
        engine.empty()


def test_containers_do_not_disturb_the_cluster(engine):
    cluster, kubectl = engine.cluster, engine.cluster.kubectl
    before = cluster.json("node", "node-a")["status"]
    for i in range(4):
        engine.docker("run", "-d", "--name", f"guest{i}", "-m", "64m", *SHELL, "exec sleep 1000")
    try:
        node = cluster.json("node", "node-a")["status"]
        assert node["allocatable"] == before["allocatable"] and node["capacity"] == before["capacity"]
        described = kubectl("describe", "node", "node-a")
        assert re.search(r"cpu +0 \(0%\)", described) and re.search(r"memory +0 \(0%\)", described), described
        identity = engine.inspect("guest0", "Id")
        [pod] = [p for p in cluster.json("pods")["items"] if p["metadata"]["name"].startswith("guest0-")]
        until("the summary has the container", lambda: any(p["podRef"]["name"] == pod["metadata"]["name"] and p["memory"]["workingSetBytes"] > 0
                                                         for p in json.loads(kubectl("get", "--raw", "/api/v1/nodes/node-a/proxy/stats/summary"))["pods"]), 20)
        # A full node by pods' count takes Docker's containers all the same; a drain leaves or ends them as it would any pod without a controller of its own.
        made_by_kubectl(engine, "neighbour")
        kubectl("cordon", "node-a")
        engine.docker("run", "-d", "--name", "while-cordoned", *SHELL, "exec sleep 1000")
        assert engine.inspect("while-cordoned", "State.Running") is True
        code, out, err = kubectl("drain", "node-a", "--force", "--grace-period=1", "--timeout=120s", check=False)
        assert code == 0, (out, err)
        until("drained containers have ended", lambda: engine.inspect("guest0", "State.Status") == "exited", 15)
        assert engine.inspect("guest0", "Id") == identity
        engine.docker("start", "guest0")
        assert engine.inspect("guest0", "State.Running") is True
    finally:
        kubectl("uncordon", "node-a")
        kubectl("delete", "pod", "neighbour", "--now", "--ignore-not-found")
        engine.empty()


def test_containers_count_neither_as_pods_nor_in_their_addresses():
    engine = Engine("--max-pods", "2")
    try:
        cluster, kubectl, docker = engine.cluster, engine.cluster.kubectl, engine.docker
        node = until("the node is there", lambda: cluster.json("node", "node-a"), 20)
        assert (node["status"]["capacity"]["pods"], node["status"]["allocatable"]["pods"]) == ("2", "2"), node["status"]
        pods, bridge = ipaddress.ip_network(node["spec"]["podCIDR"]), ipaddress.ip_network(json.loads(docker("network", "inspect", "bridge"))[0]["IPAM"]["Config"][0]["Subnet"])
        assert not pods.overlaps(bridge), (pods, bridge)
        for i in range(4):
            docker("run", "-d", "--name", f"guest{i}", *SHELL, "exec sleep 1000")
        # More containers than pods fit; the pods find room beside them, and then the node is full for pods alone.
        for name in ("one", "two"):
            made_by_kubectl(engine, name)
        kubectl("create", "-f", "-", input=manifests.pod("three"))
        until("the third pod finds no room", lambda: "Too many pods" in kubectl("get", "pod", "three", "-o", "jsonpath={.status.conditions[*].message}"), 20)
        docker("run", "-d", "--name", "late", *SHELL, "exec sleep 1000")
        assert len(docker("ps", "-q", "--filter", "name=guest", "--filter", "name=late").split()) == 5
        for name in ("guest0", "late"):
            address = ipaddress.ip_address(engine.inspect(name, "NetworkSettings.IPAddress"))
            assert address in bridge and address not in pods, (name, address)
            until("its pod has the address", lambda: pod_of(engine, name)["status"]["podIP"] == str(address), 10)
        for name in ("one", "two"):
            assert ipaddress.ip_address(cluster.json("pod", name)["status"]["podIP"]) in pods
        # Room is made by a pod that goes, not by a container.
        docker("rm", "-f", "guest1", "guest2", "guest3")
        assert "Too many pods" in kubectl("get", "pod", "three", "-o", "jsonpath={.status.conditions[*].message}")
        kubectl("delete", "pod", "one", "--now")
        cluster.wait_pods("app=three", 1)
        assert engine.inspect("guest0", "State.Running") is True and engine.inspect("late", "State.Running") is True
    finally:
        engine.remove()
