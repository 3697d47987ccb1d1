"""Where pods go: selectors, taints, cordon and drain, priority."""
import json

from cluster import Failed, run, until
import manifests


def create(cluster, *arguments, **keywords):
    cluster.kubectl("create", "-f", "-", input=manifests.pod(*arguments, **keywords))


def refusal(cluster, name):
    """Why the scheduler found no node, as its newest event says."""
    def told():
        return [e["message"] for e in cluster.json("events", "--field-selector", f"involvedObject.name={name},reason=FailedScheduling")["items"]]
    return until(f"an event tells about {name}", told, 20)[-1]


def test_a_selector_waits_for_its_label(cluster):
    create(cluster, "picky", nodeSelector={"disk": "ssd"})
    assert "0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector." in refusal(cluster, "picky")
    cluster.kubectl("label", "node", "node-a", "disk=ssd")
    cluster.wait_pods("app=picky", 1)
    cluster.kubectl("delete", "pod", "picky")


def test_taints_keep_away_and_evict(cluster):
    create(cluster, "stays", tolerations=[{"key": "busy", "operator": "Exists"}])
    create(cluster, "leaves")
    cluster.wait_pods("app in (stays,leaves)", 2)
    cluster.kubectl("taint", "node", "node-a", "busy=yes:NoExecute")
    until("the pod without toleration is evicted", lambda: cluster.kubectl("get", "pod", "leaves", check=False)[0] == 1, 30)
    create(cluster, "newcomer")
    assert "1 node(s) had untolerated taint {busy: yes}" in refusal(cluster, "newcomer")
    cluster.wait_pods("app=stays", 1)
    cluster.kubectl("taint", "node", "node-a", "busy-")
    cluster.wait_pods("app=newcomer", 1)
    cluster.kubectl("delete", "pod", "stays", "newcomer")


def test_cordon_and_drain(cluster):
    cluster.kubectl("create", "deployment", "web", "--image=todo-app-web:v1", "--replicas=2")
    cluster.wait_pods("app=web", 2)
    assert "evicting pod" in cluster.kubectl("drain", "node-a", "--ignore-daemonsets", "--timeout=60s")
    assert "Ready,SchedulingDisabled" in cluster.kubectl("get", "node", "node-a")
    name = until("a pod waits", lambda: cluster.json("pods", "-l", "app=web", "--field-selector=status.phase=Pending")["items"], 20)[0]["metadata"]["name"]
    assert "1 node(s) were unschedulable" in refusal(cluster, name)
    cluster.kubectl("uncordon", "node-a")
    cluster.wait_pods("app=web", 2)
    cluster.kubectl("delete", "deployment", "web")


def test_the_more_important_pod_takes_the_place(cluster):
    cluster.kubectl("create", "priorityclass", "urgent", "--value=1000")
    milli = int(cluster.json("node", "node-a")["status"]["allocatable"]["cpu"]) * 700
    need = {"resources": {"requests": {"cpu": f"{milli}m"}}}
    create(cluster, "humble", main=need)
    cluster.wait_pods("app=humble", 1)
    create(cluster, "equal", main=need)
    assert "1 Insufficient cpu" in refusal(cluster, "equal")
    cluster.kubectl("delete", "pod", "equal")
    create(cluster, "urgent", main=need, priorityClassName="urgent")
    cluster.wait_pods("app=urgent", 1)
    assert cluster.json("pod", "urgent")["spec"]["priority"] == 1000
    until("the other is gone", lambda: cluster.kubectl("get", "pod", "humble", check=False)[0] == 1, 20)
    code, _, err = cluster.kubectl("create", "-f", "-", input=manifests.pod("unknown", priorityClassName="nothing"), check=False)
    assert code == 1 and "no PriorityClass with name nothing was found" in err, err
    cluster.kubectl("delete", "pod", "urgent")


def evict(cluster, pod):
    eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": pod, "namespace": "default"}}
    return cluster.kubectl("create", "--raw", f"/api/v1/namespaces/default/pods/{pod}/eviction", "-f", "-", input=json.dumps(eviction), check=False)


def test_a_disruption_budget_stops_evictions(cluster):
    probe = {"exec": {"command": ["test", "!", "-e", "/tmp/ill"]}, "periodSeconds": 1, "failureThreshold": 1, "timeoutSeconds": 60}
    spec = {"terminationGracePeriodSeconds": 1, "containers": [manifests.container(readinessProbe=probe)]}
    cluster.kubectl("create", "-f", "-", input=json.dumps({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "guarded"},
        "spec": {"replicas": 3, "selector": {"matchLabels": {"app": "guarded"}}, "template": {"metadata": {"labels": {"app": "guarded"}}, "spec": spec}}}))
    pods = [p["metadata"]["name"] for p in cluster.wait_pods("app=guarded", 3)]
    cluster.kubectl("create", "poddisruptionbudget", "guard", "--selector=app=guarded", "--max-unavailable=1")
    def allowed():
        return cluster.kubectl("get", "pdb", "guard", "--no-headers").split()[1:4]
    until("one may go", lambda: allowed() == ["N/A", "1", "1"], 10)
    # A pod that is not ready, or is not there, is the one that may be missing.
    cluster.kubectl("exec", pods[0], "--", "touch", "/tmp/ill")
    until("none may go", lambda: allowed()[2] == "0", 20)
    code, _, err = evict(cluster, pods[1])
    assert code == 1 and "Cannot evict pod as it would violate the pod's disruption budget." in err, err
    cluster.kubectl("drain", "node-a", "--ignore-daemonsets", "--force", "--delete-emptydir-data", "--pod-selector=app=guarded", "--timeout=8s", check=False)
    cluster.kubectl("uncordon", "node-a")
    cluster.wait_pods("app=guarded", 3)  # the ill one was evicted, and replaced
    left = {p["metadata"]["name"] for p in cluster.json("pods", "-l", "app=guarded")["items"]}
    assert pods[0] not in left and {pods[1], pods[2]} <= left, left
    until("one may go again", lambda: allowed()[2] == "1", 20)
    assert evict(cluster, pods[1])[0] == 0
    until("it is replaced", lambda: allowed()[2] == "1" and pods[1] not in cluster.kubectl("get", "pods", "-o", "name"), 30)
    status = cluster.json("pdb", "guard")["status"]
    assert (status["currentHealthy"], status["desiredHealthy"], status["expectedPods"]) == (3, 2, 3), status
    assert next(c for c in status["conditions"] if c["type"] == "DisruptionAllowed")["reason"] == "SufficientPods", status
    cluster.kubectl("delete", "pdb/guard", "deployment/guarded")
