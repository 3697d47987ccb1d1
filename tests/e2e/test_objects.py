"""Objects with the real kubectl: apply, diff, explain, wait, the output forms, edits, the creations. None of it needs a node."""
import base64, json, os, stat, tempfile

from cluster import KUBECTL, KUBECTL_OLD, ROOT, TODO, run, until
import manifests

DEPLOYMENT = f"{TODO}/kubernetes-deployments"


def first_file(folder):
    return f"{folder}/{sorted(f for f in os.listdir(folder) if f.endswith('.yaml'))[0]}"


def test_apply_twice_changes_nothing_the_second_time(control_plane):
    assert "created" in control_plane.kubectl("apply", "-f", DEPLOYMENT)
    again = control_plane.kubectl("apply", "-f", DEPLOYMENT)
    assert again and all(line.endswith("unchanged") for line in again.splitlines()), again


def test_server_side_apply_twice_keeps_the_version(control_plane):
    manifest = manifests.config_map("applied", a="1")
    words = ("apply", "--server-side", "-f", "-")
    assert "serverside-applied" in control_plane.kubectl(*words, input=manifest)
    before = control_plane.json("configmap", "applied")["metadata"]["resourceVersion"]
    control_plane.kubectl(*words, input=manifest)
    assert control_plane.json("configmap", "applied")["metadata"]["resourceVersion"] == before
    code, _, err = control_plane.kubectl(*words, "--field-manager=other", input=manifests.config_map("applied", a="2"), check=False)
    assert code != 0 and 'conflict with "kubectl"' in err and ".data.a" in err, err
    control_plane.kubectl(*words, "--field-manager=other", "--force-conflicts", input=manifests.config_map("applied", a="2"))
    assert control_plane.json("configmap", "applied")["data"] == {"a": "2"}


def test_apply_removes_what_the_manifest_no_longer_has(control_plane):
    control_plane.kubectl("apply", "-f", "-", input=manifests.config_map("shrinks", a="1", b="2"))
    control_plane.kubectl("apply", "-f", "-", input=manifests.config_map("shrinks", a="1"))
    assert control_plane.json("configmap", "shrinks")["data"] == {"a": "1"}


def test_diff_tells_what_would_change(control_plane):
    control_plane.kubectl("apply", "-f", "-", input=manifests.config_map("differs", a="old"))
    assert control_plane.kubectl("diff", "-f", "-", input=manifests.config_map("differs", a="old")) == ""
    code, out, _ = control_plane.kubectl("diff", "-f", "-", input=manifests.config_map("differs", a="new"), check=False)
    assert code == 1 and "-  a: old" in out and "+  a: new" in out, (code, out)
    assert control_plane.json("configmap", "differs")["data"] == {"a": "old"}


def test_explain(control_plane):
    out = control_plane.kubectl("explain", "pod.spec.containers")
    assert "KIND:       Pod" in out and "FIELD: containers <[]Container>" in out and "imagePullPolicy\t<string>" in out, out
    assert "DESCRIPTION:" in out and out.split("DESCRIPTION:")[1].split("FIELDS:")[0].strip() not in ("", "<empty>"), out
    assert "maxSurge" in control_plane.kubectl("explain", "deployment.spec.strategy.rollingUpdate")
    assert "GROUP:      apps" in control_plane.kubectl("explain", "deployments")
    assert control_plane.kubectl("explain", "pods", "--recursive").count("\n") > 400


def test_explain_knows_every_kind(control_plane):
    names = control_plane.kubectl("api-resources", "-o", "name").split()
    assert len(names) > 55, names
    for name in {name.split(".")[0] for name in names}:
        for old in (False, True):
            out = control_plane.kubectl("explain", name, old=old)
            assert "KIND:" in out and "<empty>" not in out, (name, out)


def test_validation_is_strict_warns_or_ignores(control_plane):
    odd = manifests.config_map("odd-fields", a="1").replace('"data"', '"extra": {}, "data"')
    url = "/api/v1/namespaces/default/configmaps?fieldValidation="
    for level, expected in (("Strict", 1), ("Warn", 0), ("Ignore", 0)):
        code, out, err = control_plane.kubectl("create", "--raw", url + level + "&dryRun=All", "-f", "-", input=odd, check=False)
        assert code == expected and ('unknown field "extra"' in out + err) == (level != "Ignore"), (level, code, out, err)
    twice = odd.replace('"extra": {}', '"kind": "ConfigMap"')
    code, _, err = control_plane.kubectl("create", "--raw", url + "Strict", "-f", "-", input=twice, check=False)
    assert code == 1 and "duplicate field" in err and "kind" in err, err


def test_wait(control_plane):
    control_plane.kubectl("create", "configmap", "awaited", "--from-literal=a=1")
    control_plane.kubectl("wait", "configmap/awaited", "--for=jsonpath={.data.a}=1", "--timeout=90s")
    waiting = control_plane.popen("wait", "configmap/awaited", "--for=delete", "--timeout=120s")
    control_plane.kubectl("delete", "configmap", "awaited")
    assert waiting.wait(30) == 0
    control_plane.kubectl("create", "configmap", "stays")
    code, _, err = control_plane.kubectl("wait", "configmap/stays", "--for=delete", "--timeout=1s", check=False)
    assert code == 1 and "timed out" in err, err


def test_output_forms(control_plane):
    control_plane.kubectl("create", "configmap", "shown", "--from-literal=key=value")
    get = ("get", "configmap", "shown")
    assert "  key: value" in control_plane.kubectl(*get, "-o", "yaml")
    assert json.loads(control_plane.kubectl(*get, "-o", "json"))["data"] == {"key": "value"}
    assert control_plane.kubectl(*get, "-o", "jsonpath={.data.key}") == "value"
    assert control_plane.kubectl(*get, "-o", "custom-columns=N:.metadata.name,V:.data.key").split() == ["N", "V", "shown", "value"]
    assert control_plane.kubectl(*get, "-o", "name").strip() == "configmap/shown"
    assert control_plane.kubectl(*get, "-o", "go-template={{.data.key}}") == "value"
    assert "CONTAINERS" in control_plane.kubectl("get", "deployments", "-o", "wide")
    assert control_plane.kubectl("get", "deployments", "--show-labels", "--sort-by=.metadata.name").splitlines()[1].startswith("redis-master")


def test_label_annotate_and_patch(control_plane):
    control_plane.kubectl("create", "configmap", "marked", "--from-literal=a=1")
    control_plane.kubectl("label", "configmap", "marked", "tier=front")
    assert control_plane.kubectl("get", "configmaps", "-l", "tier in (front)", "-o", "name").strip() == "configmap/marked"
    code, _, err = control_plane.kubectl("label", "configmap", "marked", "tier=back", check=False)
    assert code == 1 and "--overwrite is false" in err, err
    control_plane.kubectl("label", "configmap", "marked", "tier-")
    control_plane.kubectl("annotate", "configmap", "marked", "note=eins zwei")
    meta = control_plane.json("configmap", "marked")["metadata"]
    assert "labels" not in meta and meta["annotations"]["note"] == "eins zwei", meta
    control_plane.kubectl("patch", "configmap", "marked", "-p", '{"data":{"b":"2"}}')
    control_plane.kubectl("patch", "configmap", "marked", "--type=merge", "-p", '{"data":{"a":null}}')
    control_plane.kubectl("patch", "configmap", "marked", "--type=json", "-p", '[{"op":"add","path":"/data/c","value":"3"}]')
    assert control_plane.json("configmap", "marked")["data"] == {"b": "2", "c": "3"}
    code, _, err = control_plane.kubectl("label", "configmap", "marked", "bad key=1", check=False)
    assert code != 0 and "bad key" in err, err


def test_edit_with_an_editor(control_plane):
    control_plane.kubectl("create", "configmap", "edited", "--from-literal=word=before")
    with tempfile.TemporaryDirectory() as folder:
        editor = f"{folder}/editor"
        open(editor, "w").write("#!/bin/sh\nsed -i s/before/after/ \"$1\"\n")
        os.chmod(editor, 0o755)
        command = [KUBECTL, "--kubeconfig", control_plane.kubeconfig, "edit", "configmap", "edited"]
        out = run(command, env={**os.environ, "EDITOR": editor, "KUBE_EDITOR": editor})[1]
    assert "configmap/edited edited" in out, out
    assert control_plane.json("configmap", "edited")["data"] == {"word": "after"}


def test_the_creations(control_plane):
    control_plane.kubectl("create", "namespace", "made")
    until("the namespace has its service account", lambda: control_plane.kubectl("get", "serviceaccount", "default", "-n", "made"), 10)
    until("and the CA", lambda: control_plane.json("configmap", "kube-root-ca.crt", "-n", "made")["data"]["ca.crt"], 10)
    control_plane.kubectl("create", "secret", "generic", "password", "--from-literal=word=geheim", "-n", "made")
    secret = control_plane.json("secret", "password", "-n", "made")
    assert base64.b64decode(secret["data"]["word"]) == b"geheim" and secret["type"] == "Opaque", secret
    control_plane.kubectl("create", "serviceaccount", "robot", "-n", "made")
    token = control_plane.kubectl("create", "token", "robot", "-n", "made").strip()
    claims = json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))
    assert claims["sub"] == "system:serviceaccount:made:robot", claims
    control_plane.kubectl("create", "role", "reader", "--verb=get,list", "--resource=secrets", "-n", "made")
    control_plane.kubectl("create", "rolebinding", "robot-reads", "--role=reader", "--serviceaccount=made:robot", "-n", "made")
    robot = [KUBECTL, "--server", control_plane.url, "--insecure-skip-tls-verify", "--token", token, "--kubeconfig", "/dev/null", "-n", "made"]
    until("the binding counts", lambda: "password" in run([*robot, "get", "secrets"])[1], 5)
    code, _, err = run([*robot, "get", "pods"], check=False)
    assert code == 1 and 'User "system:serviceaccount:made:robot" cannot list resource "pods"' in err, err
    assert control_plane.kubectl("auth", "can-i", "create", "pods").strip() == "yes"
    can = ("auth", "can-i", "--as=system:serviceaccount:made:robot", "-n", "made")
    assert control_plane.kubectl(*can, "list", "secrets").strip() == "yes"
    assert control_plane.kubectl(*can, "delete", "secrets", check=False)[1].strip() == "no"
    assert "secrets" in control_plane.kubectl(*can, "--list")
    assert "system:masters" in control_plane.kubectl("auth", "whoami")
    control_plane.kubectl("delete", "namespace", "made", timeout=300)
    code, _, err = control_plane.kubectl("get", "secret", "password", "-n", "made", check=False)
    assert code == 1 and "NotFound" in err, err


def test_autoscalers_of_both_versions(control_plane):
    cluster = control_plane
    cluster.kubectl("create", "deployment", "scaled", "--image=redis")
    cluster.kubectl("autoscale", "deployment", "scaled", "--max=3", "--cpu-percent=50")
    assert "Deployment/scaled" in cluster.kubectl("get", "hpa") and "cpu: <unknown>/50%" in cluster.kubectl("get", "hpa")
    assert cluster.json("horizontalpodautoscalers.v2.autoscaling", "scaled")["spec"]["metrics"][0]["resource"]["target"]["averageUtilization"] == 50
    old = cluster.json("horizontalpodautoscalers.v1.autoscaling", "scaled")
    assert old["apiVersion"] == "autoscaling/v1" and old["spec"]["targetCPUUtilizationPercentage"] == 50, old
    cluster.kubectl("patch", "horizontalpodautoscalers.v1.autoscaling", "scaled", "-p", '{"spec":{"targetCPUUtilizationPercentage":70}}')
    assert cluster.json("horizontalpodautoscalers.v2.autoscaling", "scaled")["spec"]["metrics"][0]["resource"]["target"]["averageUtilization"] == 70
    assert "scaled" in cluster.kubectl("describe", "hpa", "scaled")
    cluster.kubectl("delete", "hpa,deployment", "scaled")


def test_tables_have_the_columns_of_kubernetes(control_plane):
    cluster = control_plane
    policy = {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": "np"}, "spec": {"podSelector": {"matchLabels": {"a": "b"}}}}
    cluster.kubectl("create", "-f", "-", input=json.dumps(policy))
    assert cluster.kubectl("get", "networkpolicy").split()[:5] == ["NAME", "POD-SELECTOR", "AGE", "np", "a=b"]
    event = {"apiVersion": "events.k8s.io/v1", "kind": "Event", "metadata": {"name": "e", "namespace": "default"}, "eventTime": "2026-01-01T00:00:00.000000Z", "type": "Normal",
             "reason": "Tried", "action": "Try", "note": "was tried", "reportingController": "example.com/test", "reportingInstance": "one", "regarding": {"kind": "Pod", "name": "p", "namespace": "default"}}
    cluster.kubectl("create", "-f", "-", input=json.dumps(event))
    shown = cluster.kubectl("get", "events.v1.events.k8s.io").splitlines()
    assert shown[0].split() == ["LAST", "SEEN", "TYPE", "REASON", "OBJECT", "MESSAGE"] and "pod/p" in shown[1] and "was tried" in shown[1], shown
    cluster.kubectl("delete", "networkpolicy", "np")


def test_a_node_may_touch_what_is_its_own_only(control_plane):
    for name in ("node-1", "node-2"):
        control_plane.kubectl("create", "-f", "-", input=json.dumps({"apiVersion": "v1", "kind": "Node", "metadata": {"name": name}}))
    for name in ("bound", "foreign"):
        control_plane.kubectl("create", "secret", "generic", name, "--from-literal=a=1")
    pod = json.loads(manifests.pod("on-node-1", volumes=[{"name": "s", "secret": {"secretName": "bound"}}]))
    pod["spec"]["nodeName"] = "node-1"
    control_plane.kubectl("create", "-f", "-", input=json.dumps(pod))
    me = ("--as=system:node:node-1", "--as-group=system:nodes", "--as-group=system:authenticated")
    assert control_plane.kubectl("get", "secret", "bound", "-o", "name", *me) == "secret/bound\n"
    for words in (("get", "secret", "foreign"), ("get", "secrets"), ("delete", "deployment", "x"), ("create", "namespace", "x")):
        code, _, err = control_plane.kubectl(*words, *me, check=False)
        assert code == 1 and "Forbidden" in err, (words, err)
    control_plane.kubectl("annotate", "node", "node-1", "a=b", *me)
    code, _, err = control_plane.kubectl("get", "node", "node-2", *me, check=False)
    assert code == 1 and "only its own Node object" in err, err
    code, _, err = control_plane.kubectl("replace", "--raw", "/api/v1/nodes/node-2", "-f", "-", *me, input=control_plane.kubectl("get", "node", "node-2", "-o", "json"), check=False)
    assert code == 1 and 'node "node-1" is not allowed to modify node "node-2"' in err, err
    code, _, err = control_plane.kubectl("label", "node", "node-1", "node-restriction.kubernetes.io/x=y", *me, check=False)
    assert code == 1 and "is not allowed to modify labels" in err, err
    control_plane.kubectl("delete", "pod", "on-node-1", "--force", "--grace-period=0")
    control_plane.kubectl("delete", "node", "node-1", "node-2")


def test_health_version_and_metrics(control_plane):
    for path in ("/healthz", "/livez", "/readyz", "/livez/ping", "/readyz/etcd"):
        assert control_plane.kubectl("get", "--raw", path) == "ok", path
    parts = control_plane.kubectl("get", "--raw", "/readyz?verbose")
    assert "[+]etcd ok" in parts and parts.endswith("readyz check passed\n"), parts
    assert "[+]etcd excluded: ok" in control_plane.kubectl("get", "--raw", "/readyz?verbose&exclude=etcd")
    assert json.loads(control_plane.kubectl("get", "--raw", "/version"))["minor"] == "32"
    assert "apiserver_request_total{" in control_plane.kubectl("get", "--raw", "/metrics")


def test_the_default_roles_bind(control_plane):
    control_plane.kubectl("create", "namespace", "roles")
    for role in ("view", "edit", "admin"):
        control_plane.kubectl("create", "rolebinding", role, f"--clusterrole={role}", f"--user={role}", "-n", "roles")
    def can(user, *words):
        return control_plane.kubectl("auth", "can-i", *words, "-n", "roles", f"--as={user}", check=False)[1].strip()
    asked = (("get", "pods"), ("get", "secrets"), ("create", "deployments.apps"), ("create", "rolebindings.rbac.authorization.k8s.io"), ("get", "nodes"))
    assert [can("view", *words) for words in asked] == ["yes", "no", "no", "no", "no"]
    assert [can("edit", *words) for words in asked] == ["yes", "yes", "yes", "no", "no"]
    assert [can("admin", *words) for words in asked] == ["yes", "yes", "yes", "yes", "no"]
    code, _, err = control_plane.kubectl("create", "role", "all", "--verb=*", "--resource=secrets", "-n", "roles", "--as=edit", check=False)
    assert code == 1 and "Forbidden" in err, err
    code, _, err = control_plane.kubectl("create", "role", "more", "--verb=create", "--resource=nodes", "-n", "roles", "--as=admin", check=False)
    assert code == 1 and "attempting to grant RBAC permissions not currently held" in err, err
    control_plane.kubectl("delete", "namespace", "roles", timeout=300)


def test_a_watch_shows_changes(control_plane):
    import subprocess, threading
    watch = control_plane.popen("get", "configmaps", "-w", "-o", "name", "--field-selector=metadata.name=watched", stdout=subprocess.PIPE)
    lines = []
    threading.Thread(target=lambda: lines.extend(watch.stdout), daemon=True).start()
    control_plane.kubectl("create", "configmap", "watched")
    until("the creation is seen", lambda: len(lines) >= 1, 10)
    control_plane.kubectl("label", "configmap", "watched", "a=b")
    until("the change is seen", lambda: len(lines) >= 2, 10)
    watch.terminate()
    watch.wait()


def test_every_resource_can_be_listed(control_plane):
    names = control_plane.kubectl("api-resources", "--verbs=list", "-o", "name").split()
    assert len(names) > 50, names
    out = control_plane.kubectl("get", ",".join(names), "-A", "-o", "name")
    assert "namespace/kube-system" in out, out


def test_dry_run_stores_nothing(control_plane):
    control_plane.kubectl("create", "configmap", "dry", "--dry-run=server")
    code, _, err = control_plane.kubectl("get", "configmap", "dry", check=False)
    assert code == 1 and "NotFound" in err, err


def test_replace_and_conflict(control_plane):
    control_plane.kubectl("create", "configmap", "versioned", "--from-literal=a=1")
    stale = control_plane.kubectl("get", "configmap", "versioned", "-o", "json")
    control_plane.kubectl("patch", "configmap", "versioned", "-p", '{"data":{"a":"2"}}')
    code, _, err = control_plane.kubectl("replace", "-f", "-", input=stale, check=False)
    assert code == 1 and "Conflict" in err and "the object has been modified" in err, err


def test_old_kubectl_with_objects(control_plane):
    assert KUBECTL_OLD, "KUBECTL_OLD names kubectl 1.20"

    def old(*words, **keywords):
        return control_plane.kubectl(*words, old=True, **keywords)
    old("create", "namespace", "old")
    assert "created" in old("apply", "-n", "old", "-f", DEPLOYMENT)
    again = old("apply", "-n", "old", "-f", DEPLOYMENT)
    assert again and all(line.endswith("unchanged") for line in again.splitlines()), again
    assert "Replicas:" in old("describe", "deployment", "todo-app", "-n", "old")
    assert "redis-master" in old("get", "deployments,services", "-n", "old", "-o", "wide")
    assert "KIND:     Pod" in old("explain", "pod.spec.containers")
    old("scale", "--replicas=2", "deployment/todo-app", "-n", "old")
    assert control_plane.json("deployment", "todo-app", "-n", "old")["spec"]["replicas"] == 2
    old("delete", "namespace", "old", timeout=300)
