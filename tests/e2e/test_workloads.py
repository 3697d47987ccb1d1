"""Deployments and what kubectl does with them: rollouts, scaling, exposing, repair."""
import json, os, signal, time, urllib.request

from cluster import KUBECTL_OLD, Failed, free_port, run, until
import manifests

WEB = "todo-app-web:v1"


def deployment(cluster, name):
    return cluster.json("deployment", name)


def images(cluster, name):
    pods = [p for p in cluster.json("pods", "-l", f"app={name}")["items"] if not p["metadata"].get("deletionTimestamp")]
    return sorted({p["spec"]["containers"][0]["image"] for p in pods})


def test_a_deployment_is_created_and_rolls_out(cluster):
    cluster.image("tag", WEB, "todo-app-web:v2")
    cluster.kubectl("create", "deployment", "web", f"--image={WEB}", "--replicas=3")
    out = cluster.kubectl("rollout", "status", "deployment", "web", "--timeout=180s")
    assert 'deployment "web" successfully rolled out' in out, out
    cluster.wait_pods("app=web", 3)
    row = cluster.kubectl("get", "deployment", "web", "--no-headers").split()
    assert row[:4] == ["web", "3/3", "3", "3"], row


def test_an_exposed_deployment_answers_at_its_service(cluster):
    cluster.kubectl("expose", "deployment", "web", "--port=80", "--target-port=3000", "--type=NodePort")
    service = cluster.json("service", "web")["spec"]
    url = f"http://127.0.0.1:{service['ports'][0]['nodePort']}/whoami"
    pods = {p["metadata"]["name"] for p in cluster.wait_pods("app=web", 3)}
    seen = set()

    def all_answer():
        seen.add(urllib.request.urlopen(url, timeout=20).read().decode().strip())
        return seen == pods
    until("each pod answered at the node port", all_answer, 20)
    answer = urllib.request.urlopen(f"http://{service['clusterIP']}/health", timeout=20).read()
    assert answer == b"ok\n", answer
    slices = cluster.json("endpointslices", "-l", "kubernetes.io/service-name=web")["items"]
    assert sum(len(s["endpoints"]) for s in slices) == 3, slices


def test_set_image_rolls_to_the_new_image_and_history_tells(cluster):
    cluster.kubectl("set", "image", "deployment/web", "todo-app-web=todo-app-web:v2")
    cluster.kubectl("rollout", "status", "deployment", "web", "--timeout=180s")
    until("only new pods are left", lambda: images(cluster, "web") == ["todo-app-web:v2"], 30)
    history = cluster.kubectl("rollout", "history", "deployment", "web")
    assert [line.split()[0] for line in history.splitlines()[2:] if line] == ["1", "2"], history
    detail = cluster.kubectl("rollout", "history", "deployment", "web", "--revision=1")
    assert WEB in detail, detail


def test_undo_goes_back(cluster):
    cluster.kubectl("rollout", "undo", "deployment", "web")
    cluster.kubectl("rollout", "status", "deployment", "web", "--timeout=180s")
    until("the old image runs", lambda: images(cluster, "web") == [WEB], 30)
    history = cluster.kubectl("rollout", "history", "deployment", "web")
    assert [line.split()[0] for line in history.splitlines()[2:] if line] == ["2", "3"], history


def test_a_paused_deployment_waits_until_it_is_resumed(cluster):
    cluster.kubectl("rollout", "pause", "deployment", "web")
    cluster.kubectl("set", "image", "deployment/web", "todo-app-web=todo-app-web:v2")
    generation = deployment(cluster, "web")["metadata"]["generation"]
    until("the controller has seen it", lambda: deployment(cluster, "web")["status"]["observedGeneration"] == generation, 20)
    assert images(cluster, "web") == [WEB]
    cluster.kubectl("rollout", "resume", "deployment", "web")
    cluster.kubectl("rollout", "status", "deployment", "web", "--timeout=180s")
    until("the new image runs", lambda: images(cluster, "web") == ["todo-app-web:v2"], 30)


def test_restart_replaces_every_pod(cluster):
    before = {p["metadata"]["uid"] for p in cluster.wait_pods("app=web", 3)}
    cluster.kubectl("rollout", "restart", "deployment", "web")
    cluster.kubectl("rollout", "status", "deployment", "web", "--timeout=180s")
    after = {p["metadata"]["uid"] for p in cluster.wait_pods("app=web", 3)}
    assert not before & after, before & after


def test_scaling_a_deployment(cluster):
    cluster.kubectl("scale", "--replicas=4", "deployment", "web")
    cluster.wait_pods("app=web", 4)
    cluster.kubectl("scale", "--current-replicas=4", "--replicas=1", "deployment/web")
    cluster.wait_pods("app=web", 1)
    code, _, err = cluster.kubectl("scale", "--current-replicas=7", "--replicas=2", "deployment/web", check=False)
    assert code == 1 and "Expected replicas to be 7, was 1" in err, err


def test_a_deleted_pod_is_replaced(cluster):
    name = cluster.wait_pods("app=web", 1)[0]["metadata"]["name"]
    cluster.kubectl("delete", "pod", name)
    assert cluster.wait_pods("app=web", 1)[0]["metadata"]["name"] != name


def test_a_rollout_without_its_image_does_not_take_the_old_pods_down(cluster):
    cluster.kubectl("scale", "--replicas=2", "deployment/web")
    cluster.wait_pods("app=web", 2)
    cluster.kubectl("set", "image", "deployment/web", "todo-app-web=127.0.0.1:1/never:v9")
    until("the new pod cannot get its image", lambda: "ImagePullBackOff" in cluster.kubectl("get", "pods", "-l", "app=web"), 60)
    assert deployment(cluster, "web")["status"]["availableReplicas"] == 2
    code, _, err = cluster.kubectl("rollout", "status", "deployment", "web", "--timeout=1s", check=False)
    assert code != 0, err
    cluster.kubectl("rollout", "undo", "deployment", "web")
    cluster.kubectl("rollout", "status", "deployment", "web", "--timeout=180s")


def test_a_rollout_that_gets_nowhere_is_given_up(cluster):
    stuck = manifests.container(image="127.0.0.1:1/never:v9")
    cluster.kubectl("create", "-f", "-", input=json.dumps({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "stuck"},
        "spec": {"progressDeadlineSeconds": 3, "selector": {"matchLabels": {"app": "stuck"}},
                 "template": {"metadata": {"labels": {"app": "stuck"}}, "spec": {"terminationGracePeriodSeconds": 1, "containers": [stuck]}}}}))
    code, _, err = cluster.kubectl("rollout", "status", "deployment", "stuck", "--timeout=180s", check=False)
    assert code == 1 and 'deployment "stuck" exceeded its progress deadline' in err, err
    condition = next(c for c in deployment(cluster, "stuck")["status"]["conditions"] if c["type"] == "Progressing")
    assert (condition["status"], condition["reason"]) == ("False", "ProgressDeadlineExceeded") and '"stuck-' in condition["message"], condition
    # What comes later still counts.
    cluster.kubectl("patch", "deployment", "stuck", "-p", '{"spec":{"progressDeadlineSeconds":600}}')
    cluster.kubectl("set", "image", "deployment/stuck", f"main={manifests.IMAGE}")
    assert "successfully rolled out" in cluster.kubectl("rollout", "status", "deployment", "stuck", "--timeout=180s")
    cluster.kubectl("delete", "deployment", "stuck")


def test_recreate_ends_the_old_before_the_new(cluster):
    cluster.kubectl("create", "deployment", "again", f"--image={WEB}")
    cluster.kubectl("rollout", "status", "deployment/again", "--timeout=180s")
    cluster.kubectl("patch", "deployment", "again", "-p", '{"spec":{"strategy":{"type":"Recreate","rollingUpdate":null}}}')
    cluster.kubectl("set", "image", "deployment/again", "*=todo-app-web:v2")
    cluster.kubectl("rollout", "status", "deployment/again", "--timeout=180s")
    until("the new image runs", lambda: images(cluster, "again") == ["todo-app-web:v2"], 30)


def test_old_kubectl_drives_a_deployment(cluster):
    assert KUBECTL_OLD, "KUBECTL_OLD names kubectl 1.20"
    def old(*words, **keywords):
        return cluster.kubectl(*words, old=True, **keywords)
    old("create", "deployment", "old", f"--image={WEB}", "--replicas=2")
    assert "successfully rolled out" in old("rollout", "status", "deployment", "old", "--timeout=180s")
    old("scale", "--replicas=3", "deployment", "old")
    cluster.wait_pods("app=old", 3)
    old("rollout", "restart", "deployment", "old")
    assert "successfully rolled out" in old("rollout", "status", "deployment", "old", "--timeout=180s")
    assert "REVISION" in old("rollout", "history", "deployment", "old")
    old("rollout", "undo", "deployment", "old")
    old("delete", "deployment", "old")


def test_deleting_a_deployment_takes_its_pods_along(cluster):
    cluster.kubectl("delete", "deployment", "web", "again")
    cluster.kubectl("delete", "service", "web")
    until("the pods are gone", lambda: not cluster.json("pods")["items"], 60)
    until("the sets are gone", lambda: not cluster.json("replicasets")["items"])


def test_an_orphaned_replica_set_stays(cluster):
    cluster.kubectl("create", "deployment", "orphan", f"--image={WEB}")
    cluster.kubectl("rollout", "status", "deployment/orphan", "--timeout=180s")
    cluster.kubectl("delete", "deployment", "orphan", "--cascade=orphan")
    sets = cluster.json("replicasets", "-l", "app=orphan")["items"]
    assert len(sets) == 1 and not sets[0]["metadata"].get("ownerReferences"), sets
    cluster.kubectl("delete", "replicaset", "-l", "app=orphan", "--cascade=foreground")
    assert not cluster.json("pods", "-l", "app=orphan")["items"]


def test_a_claim_in_use_outlives_its_deletion(cluster):
    claim = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "kept"},
             "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Mi"}}}}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "keeper"},
           "spec": {"volumes": [{"name": "v", "persistentVolumeClaim": {"claimName": "kept"}}],
                    "containers": [manifests.container("exec sleep 1000", "main", volumeMounts=[{"name": "v", "mountPath": "/v"}])]}}
    for item in (claim, pod):
        cluster.kubectl("create", "-f", "-", input=json.dumps(item))
    until("the pod has a node", lambda: cluster.json("pod", "keeper")["spec"].get("nodeName"), 20)
    cluster.kubectl("delete", "pvc", "kept", "--wait=false")
    until("the claim is terminating", lambda: "Terminating" in cluster.kubectl("get", "pvc", "kept"), 5)
    time.sleep(1)
    assert cluster.json("pvc", "kept")["metadata"]["finalizers"] == ["kubernetes.io/pvc-protection"]
    cluster.kubectl("delete", "pod", "keeper", "--grace-period=1")
    until("the claim went with its last pod", lambda: cluster.kubectl("get", "pvc", "kept", check=False)[0] != 0, 20)
