"""What clients other than kubectl rely on: watches and lists by revision, discovery, reviews, what admission adds."""
import contextlib, json, ssl, threading, urllib.error, urllib.parse, urllib.request

from cluster import until
import manifests


def connection(cluster):
    context = ssl.create_default_context(cafile=f"{cluster.dir}/pki/ca.crt")
    context.load_cert_chain(f"{cluster.dir}/pki/admin.crt", f"{cluster.dir}/pki/admin.key")
    return context


def call(cluster, method, path, body=None, **headers):
    """(status, content type, body); JSON is decoded."""
    request = urllib.request.Request(cluster.url + path, body and json.dumps(body).encode(), method=method,
                                     headers={"Content-Type": "application/json", **{k.replace("_", "-"): v for k, v in headers.items()}})
    try:
        answer = urllib.request.urlopen(request, context=connection(cluster), timeout=120)
    except urllib.error.HTTPError as error:
        answer = error
    with answer:
        kind, text = answer.headers.get("Content-Type", ""), answer.read()
        return answer.status, kind, json.loads(text) if kind.startswith("application/json") else text


def get(cluster, path, **query):
    return call(cluster, "GET", path + ("?" + urllib.parse.urlencode(query) if query else ""))


@contextlib.contextmanager
def watch(cluster, path, **query):
    """The events that have come so far, a list that grows."""
    answer = urllib.request.urlopen(f"{cluster.url}{path}?{urllib.parse.urlencode({'watch': 1, **query})}", context=connection(cluster), timeout=300)
    events = []

    def read():
        with contextlib.suppress(OSError, ValueError, AttributeError):
            for line in answer:
                events.append(json.loads(line))
    threading.Thread(target=read, daemon=True).start()
    try:
        yield events
    finally:
        answer.fp.raw._sock.shutdown(2)


def space(cluster, name):
    call(cluster, "POST", "/api/v1/namespaces", {"metadata": {"name": name}})
    return f"/api/v1/namespaces/{name}"


def names(answer):
    return [item["metadata"]["name"] for item in answer[2]["items"]]


def test_a_watch_can_begin_with_what_there_is(control_plane):
    maps = space(control_plane, "watched") + "/configmaps"
    until("the certificate is there", lambda: "kube-root-ca.crt" in names(get(control_plane, maps)), 10)
    call(control_plane, "POST", maps, {"metadata": {"name": "a"}})
    with watch(control_plane, maps, sendInitialEvents="true", resourceVersionMatch="NotOlderThan", allowWatchBookmarks="true") as events:
        until("the initial events end", lambda: any(e["type"] == "BOOKMARK" for e in events), 10)
        assert [e["type"] for e in events] == ["ADDED", "ADDED", "BOOKMARK"], events
        end = events[-1]["object"]["metadata"]
        assert end["annotations"] == {"k8s.io/initial-events-end": "true"} and int(end["resourceVersion"]) > 0, end
        call(control_plane, "POST", maps, {"metadata": {"name": "b"}})
        call(control_plane, "PATCH", f"{maps}/b", {"data": {"x": "y"}}, Content_Type="application/merge-patch+json")
        call(control_plane, "DELETE", f"{maps}/b")
        until("the changes come", lambda: len(events) == 6, 10)
        assert [(e["type"], e["object"]["metadata"]["name"]) for e in events[3:]] == [("ADDED", "b"), ("MODIFIED", "b"), ("DELETED", "b")]
    with watch(control_plane, maps, resourceVersion=end["resourceVersion"], labelSelector="app=one") as events:
        call(control_plane, "POST", maps, {"metadata": {"name": "c", "labels": {"app": "one"}}})
        call(control_plane, "PATCH", f"{maps}/c", {"metadata": {"labels": {"app": "two"}}}, Content_Type="application/merge-patch+json")
        until("what leaves the selector is deleted", lambda: [e["type"] for e in events] == ["ADDED", "DELETED"], 10)
    status, _, refused = get(control_plane, maps, watch=1, sendInitialEvents="true")
    assert status == 422 and refused["reason"] == "Invalid", refused


def test_lists_by_revision_and_in_pages(control_plane):
    secrets = space(control_plane, "listed") + "/secrets"
    for name in "abcde":
        call(control_plane, "POST", secrets, {"metadata": {"name": name, "labels": {"even": str("abcde".index(name) % 2)}}})
    first = get(control_plane, secrets, limit=2)
    assert names(first) == ["a", "b"] and first[2]["metadata"]["remainingItemCount"] == 3
    call(control_plane, "DELETE", f"{secrets}/d")
    call(control_plane, "POST", secrets, {"metadata": {"name": "bb"}})
    rest = get(control_plane, secrets, limit=10, **{"continue": first[2]["metadata"]["continue"]})
    assert names(rest) == ["c", "d", "e"], names(rest)
    version = first[2]["metadata"]["resourceVersion"]
    assert rest[2]["metadata"]["resourceVersion"] == version
    assert names(get(control_plane, secrets, resourceVersion=version, resourceVersionMatch="Exact")) == list("abcde")
    assert names(get(control_plane, secrets, resourceVersion=version, resourceVersionMatch="NotOlderThan")) == ["a", "b", "bb", "c", "e"]
    status, _, refused = get(control_plane, secrets, resourceVersionMatch="Exact")
    assert status == 422 and refused["reason"] == "Invalid", refused
    status, _, late = get(control_plane, secrets, resourceVersion=str(int(version) + 10**9))
    assert status == 504 and late["reason"] == "Timeout", late
    status, _, _ = get(control_plane, secrets, **{"continue": "nonsense"})
    assert status == 400
    assert names(get(control_plane, secrets, labelSelector="even in (1)", fieldSelector="metadata.name!=e")) == ["b"]
    status, _, _ = call(control_plane, "DELETE", secrets + "?labelSelector=even%3D0")
    assert status == 200 and names(get(control_plane, secrets)) == ["b", "bb"]


def test_discovery_in_one_answer_and_openapi(control_plane):
    form = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
    status, kind, core = call(control_plane, "GET", "/api", Accept=form)
    assert status == 200 and kind == form and core["kind"] == "APIGroupDiscoveryList", (status, kind)
    assert "pods" in [r["resource"] for r in core["items"][0]["versions"][0]["resources"]]
    groups = {g["metadata"]["name"]: g for g in call(control_plane, "GET", "/apis", Accept=form)[2]["items"]}
    deployments = next(r for r in groups["apps"]["versions"][0]["resources"] if r["resource"] == "deployments")
    assert {"status", "scale"} == {s["subresource"] for s in deployments["subresources"]} and "deploy" in deployments["shortNames"], deployments
    for form in ("application/com.github.proto-openapi.spec.v2@v1.0+protobuf", "application/com.github.proto-openapi.spec.v2.v1.0+protobuf"):
        status, kind, text = call(control_plane, "GET", "/openapi/v2", Accept=form)
        assert status == 200 and b"io.k8s.api.core.v1.Pod" in text, (status, kind)
    paths = call(control_plane, "GET", "/openapi/v3")[2]["paths"]
    assert "io.k8s.api.apps.v1.Deployment" in call(control_plane, "GET", paths["apis/apps/v1"]["serverRelativeURL"])[2]["components"]["schemas"]


def test_tokens_are_reviewed(control_plane):
    until("the account is there", lambda: call(control_plane, "GET", "/api/v1/namespaces/default/serviceaccounts/default")[0] == 200, 10)
    made = call(control_plane, "POST", "/api/v1/namespaces/default/serviceaccounts/default/token", {"spec": {"audiences": ["me"], "expirationSeconds": 600}})[2]
    review = lambda token, *audiences: call(control_plane, "POST", "/apis/authentication.k8s.io/v1/tokenreviews",
                                            {"spec": {"token": token, "audiences": list(audiences)}})[2]["status"]
    good = review(made["status"]["token"], "me", "you")
    assert good["authenticated"] and good["user"]["username"] == "system:serviceaccount:default:default" and good["audiences"] == ["me"], good
    for token, audience in ((made["status"]["token"], "you"), ("nonsense", "me")):
        assert not review(token, audience).get("authenticated"), (token, audience)


def test_admission_completes_pods_and_nodes(control_plane):
    pods = space(control_plane, "admitted") + "/pods"
    until("the account is there", lambda: call(control_plane, "GET", "/api/v1/namespaces/admitted/serviceaccounts/default")[0] == 200, 10)
    pod = json.loads(manifests.pod("p"))
    pod["spec"]["priorityClassName"] = "system-node-critical"
    status, _, made = call(control_plane, "POST", pods, pod)
    assert status == 201, made
    spec = made["spec"]
    assert spec["serviceAccountName"] == "default" and spec["priority"] == 2000001000 and spec["preemptionPolicy"] == "PreemptLowerPriority"
    assert spec["volumes"][0]["name"].startswith("kube-api-access-")
    assert spec["containers"][0]["volumeMounts"] == [{"name": spec["volumes"][0]["name"], "readOnly": True, "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount"}]
    assert [(t["key"], t["effect"], t["tolerationSeconds"]) for t in spec["tolerations"]] == [
        ("node.kubernetes.io/not-ready", "NoExecute", 300), ("node.kubernetes.io/unreachable", "NoExecute", 300)], spec["tolerations"]
    pod["metadata"]["name"], pod["spec"]["serviceAccountName"] = "q", "nobody"
    status, _, refused = call(control_plane, "POST", pods, pod)
    assert status == 403 and 'serviceaccount "nobody" not found' in refused["message"], refused
    status, _, node = call(control_plane, "POST", "/api/v1/nodes", {"metadata": {"name": "new"}})
    assert node["spec"]["taints"] == [{"key": "node.kubernetes.io/not-ready", "effect": "NoSchedule"}], node
    call(control_plane, "DELETE", "/api/v1/nodes/new")


def test_a_namespace_that_ends_takes_nothing_new(control_plane):
    path = space(control_plane, "ending")
    call(control_plane, "POST", f"{path}/configmaps", {"metadata": {"name": "held", "finalizers": ["example.com/hold"]}})
    call(control_plane, "DELETE", path)
    status, _, refused = call(control_plane, "POST", f"{path}/configmaps", {"metadata": {"name": "late"}})
    assert status == 403 and "because it is being terminated" in refused["message"], refused
    assert refused["details"]["causes"][0]["reason"] == "NamespaceTerminating", refused
    until("it says what it waits for", lambda: any(c["type"] == "NamespaceFinalizersRemaining" and c["status"] == "True" and "example.com/hold" in c["message"]
                                                 for c in get(control_plane, path)[2]["status"].get("conditions", [])), 10)
    call(control_plane, "PATCH", f"{path}/configmaps/held", {"metadata": {"finalizers": None}}, Content_Type="application/merge-patch+json")
    until("it is gone", lambda: get(control_plane, path)[0] == 404, 10)
    status, _, refused = call(control_plane, "POST", f"{path}/configmaps", {"metadata": {"name": "late"}})
    assert status == 404 and refused["message"] == 'namespaces "ending" not found', refused


def test_a_watch_goes_on_after_a_killed_server(control_plane):
    maps = space(control_plane, "resumed") + "/configmaps"
    call(control_plane, "POST", maps, {"metadata": {"name": "a", "labels": {"l": "1"}}})
    version = get(control_plane, maps)[2]["metadata"]["resourceVersion"]
    call(control_plane, "POST", maps, {"metadata": {"name": "b"}})
    call(control_plane, "PATCH", f"{maps}/a", {"metadata": {"labels": {"l": "2"}}}, Content_Type="application/merge-patch+json")
    control_plane.kill()
    control_plane.start()
    with watch(control_plane, maps, resourceVersion=version) as events:
        call(control_plane, "DELETE", f"{maps}/b")
        seen = lambda: [(e["type"], e["object"]["metadata"]["name"]) for e in events if e["object"]["metadata"]["name"] in "ab"]
        until("what was missed comes, then what is new", lambda: seen() == [("ADDED", "b"), ("MODIFIED", "a"), ("DELETED", "b")], 10)
    with watch(control_plane, maps, resourceVersion=version, labelSelector="l=1") as events:
        until("what left the selector is known", lambda: [(e["type"], e["object"]["metadata"]["name"]) for e in events] == [("DELETED", "a")], 10)
