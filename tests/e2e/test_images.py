"""Images of a real registry (Debian's docker-registry): credentials, indexes by platform, zstd, damaged blobs, pull policies."""
import atexit, base64, hashlib, json, os, shutil, subprocess, tempfile, urllib.error, urllib.request

from cluster import REIGEN, Failed, free_port, run, until
import manifests

USER, PASSWORD = "alice", "geheim"
INDEX = "application/vnd.oci.image.index.v1+json"
MANIFESTS = "application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json, " + INDEX


class Registry:
    """Every request needs the password."""

    def __init__(self):
        self.dir, self.port = tempfile.mkdtemp(prefix="reigen-registry-"), free_port()
        self.host = f"127.0.0.1:{self.port}"
        run(["htpasswd", "-Bbc", f"{self.dir}/htpasswd", USER, PASSWORD])
        config = {"version": 0.1, "storage": {"filesystem": {"rootdirectory": f"{self.dir}/data"}}, "http": {"addr": self.host},
                  "auth": {"htpasswd": {"realm": "test", "path": f"{self.dir}/htpasswd"}}}
        open(f"{self.dir}/config.yml", "w").write(json.dumps(config))
        self.process = subprocess.Popen(["docker-registry", "serve", f"{self.dir}/config.yml"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until("the registry answers", lambda: self.call("GET", "/v2/")[0] == 200, 20)
        self.images()

    def call(self, method, path, body=None, kind=MANIFESTS):
        request = urllib.request.Request(f"http://{self.host}{path}", body, method=method, headers={
            "Authorization": "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode(), "Accept": MANIFESTS, "Content-Type": kind})
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, answer.headers, answer.read()

    def push(self, archive, name, *flags):
        run(["skopeo", "--insecure-policy", "copy", "--dest-tls-verify=false", f"--dest-creds={USER}:{PASSWORD}", *flags,
             f"docker-archive:{archive}", f"docker://{self.host}/{name}"])

    def images(self):
        """tiny:v1 (gzip), tiny:zstd, tiny:arm, tiny:all (an index of both platforms), broken:v1 (a blob cut short)."""
        context, store = f"{self.dir}/context", f"{self.dir}/store"
        os.makedirs(context)
        shutil.copy("/bin/busybox", f"{context}/busybox")
        open(f"{context}/noise", "wb").write(os.urandom(300_000))
        open(f"{context}/Dockerfile", "w").write("FROM scratch\nCOPY busybox /bin/sh\nCOPY noise /noise\nARG WHO=amd64\nENV WHO=$WHO\nCMD [\"sh\", \"-c\", \"echo $WHO; exec sleep 1000\"]\n")
        for name, flags in (("amd", ()), ("arm", ("--platform", "linux/arm64", "--build-arg", "WHO=arm64"))):
            run([REIGEN, "image", "build", "--data-dir", store, "-q", "-t", f"{name}:v1", *flags, context])
            run([REIGEN, "image", "save", "--data-dir", store, "-o", f"{self.dir}/{name}.tar", f"{name}:v1"])
        self.push(f"{self.dir}/amd.tar", "tiny:v1", "--format=v2s2")
        self.push(f"{self.dir}/amd.tar", "tiny:zstd", "--format=oci", "--dest-compress-format=zstd")
        self.push(f"{self.dir}/arm.tar", "tiny:arm", "--format=oci")
        entries = []
        for tag, platform in (("arm", "arm64"), ("zstd", "amd64")):
            _, headers, body = self.call("GET", f"/v2/tiny/manifests/{tag}")
            entries.append({"mediaType": headers["Content-Type"], "digest": headers["Docker-Content-Digest"], "size": len(body), "platform": {"os": "linux", "architecture": platform}})
        index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": entries}
        self.call("PUT", "/v2/tiny/manifests/all", json.dumps(index).encode(), INDEX)
        self.cut()

    def cut(self):
        """An image of its own whose largest blob loses its second half on the registry's disk."""
        context = f"{self.dir}/context"
        open(f"{context}/noise", "wb").write(os.urandom(300_000))
        run([REIGEN, "image", "build", "--data-dir", f"{self.dir}/store", "-q", "-t", "broken:v1", context])
        run([REIGEN, "image", "save", "--data-dir", f"{self.dir}/store", "-o", f"{self.dir}/broken.tar", "broken:v1"])
        self.push(f"{self.dir}/broken.tar", "broken:v1", "--format=oci")
        layers = json.loads(self.call("GET", "/v2/broken/manifests/v1")[2])["layers"]
        self.damaged = layers[-1]["digest"]
        digits = self.damaged.split(":")[1]
        path = f"{self.dir}/data/docker/registry/v2/blobs/sha256/{digits[:2]}/{digits}/data"
        os.truncate(path, os.path.getsize(path) // 2)

    def close(self):
        self.process.terminate()
        self.process.wait()
        shutil.rmtree(self.dir)


registry = None


def the_registry():
    """One for all tests of this file, until the run ends."""
    global registry
    if not registry:
        registry = Registry()
        atexit.register(registry.close)
    return registry


def pull(folder, name, *flags, check=True):
    return run([REIGEN, "image", "pull", "--data-dir", folder, *flags, f"{the_registry().host}/{name}"], check=check)


def inspect(folder, name):
    return json.loads(run([REIGEN, "image", "inspect", "--data-dir", folder, f"{the_registry().host}/{name}"])[1])


def test_pulls_with_the_right_password_only():
    folder = tempfile.mkdtemp(prefix="reigen-e2e-")
    try:
        for flags in ((), ("--creds", f"{USER}:falsch")):
            code, _, err = pull(folder, "tiny:v1", *flags, check=False)
            assert code == 1 and len(err.strip().splitlines()) == 1 and the_registry().host in err, err
            assert "401" in err or "unauthorized" in err or "denied" in err or "authentication" in err, err
        pull(folder, "tiny:v1", "--creds", f"{USER}:{PASSWORD}")
        assert f"{the_registry().host}/tiny" in run([REIGEN, "image", "ls", "--data-dir", folder])[1]
        code, _, err = pull(folder, "tiny:nothing", "--creds", f"{USER}:{PASSWORD}", check=False)
        assert code == 1 and "tiny:nothing" in err and len(err.strip().splitlines()) == 1, err
    finally:
        shutil.rmtree(folder)


def test_takes_the_hosts_platform_out_of_an_index_and_unpacks_zstd():
    folder = tempfile.mkdtemp(prefix="reigen-e2e-")
    try:
        pull(folder, "tiny:all", "--creds", f"{USER}:{PASSWORD}")
        assert "WHO=amd64" in json.dumps(inspect(folder, "tiny:all"))
        pull(folder, "tiny:all", "--platform", "linux/arm64", "--creds", f"{USER}:{PASSWORD}")
        assert "WHO=arm64" in json.dumps(inspect(folder, "tiny:all"))
        code, _, err = pull(folder, "tiny:all", "--platform", "linux/s390x", "--creds", f"{USER}:{PASSWORD}", check=False)
        assert code == 1 and "s390x" in err, err
    finally:
        shutil.rmtree(folder)


def test_a_damaged_blob_is_refused_and_leaves_nothing():
    folder = tempfile.mkdtemp(prefix="reigen-e2e-")
    try:
        code, _, err = pull(folder, "broken:v1", "--creds", f"{USER}:{PASSWORD}", check=False)
        lines = [line for line in err.splitlines() if line.startswith("reigen")]
        assert code == 1 and len(lines) == 1 and the_registry().damaged in lines[0] and "bytes" in lines[0], err
        assert run([REIGEN, "image", "ls", "-q", "--data-dir", folder])[1] == ""
    finally:
        shutil.rmtree(folder)


def waiting(cluster, name):
    state = cluster.json("pod", name)["status"]["containerStatuses"][0]["state"].get("waiting", {})
    return state.get("reason"), state.get("message", "")


def test_a_pod_pulls_with_its_secret(cluster):
    host = the_registry().host
    main = {"image": f"{host}/tiny:all", "imagePullPolicy": "Always"}
    del_command = json.loads(manifests.pod("with-secret", main=main, imagePullSecrets=[{"name": "registry"}]))
    del del_command["spec"]["containers"][0]["command"]
    cluster.kubectl("create", "-f", "-", input=manifests.pod("no-secret", main=main))
    until("without the secret it cannot", lambda: waiting(cluster, "no-secret")[0] in ("ErrImagePull", "ImagePullBackOff"), 30)
    until("it is said of which host", lambda: host in waiting(cluster, "no-secret")[1])
    cluster.kubectl("create", "secret", "docker-registry", "registry", f"--docker-server={host}", f"--docker-username={USER}", f"--docker-password={PASSWORD}")
    cluster.kubectl("create", "-f", "-", input=json.dumps(del_command))
    cluster.wait_pods("app=with-secret", 1)
    until("it has told", lambda: cluster.kubectl("logs", "with-secret") == "amd64\n")
    messages = [e["message"] for e in cluster.json("events", "--field-selector", "involvedObject.name=with-secret")["items"]]
    assert any(m.startswith(f'Pulling image "{host}/tiny:all"') for m in messages) and any("Successfully pulled image" in m for m in messages), messages
    assert cluster.json("pod", "with-secret")["status"]["containerStatuses"][0]["imageID"].startswith(f"{host}/tiny@sha256:")
    cluster.kubectl("create", "-f", "-", input=manifests.pod("broken", main={"image": f"{host}/broken:v1"}, imagePullSecrets=[{"name": "registry"}]))
    until("the damaged image is refused", lambda: the_registry().damaged[:19] in waiting(cluster, "broken")[1], 40)
    cluster.kubectl("delete", "pod", "no-secret", "with-secret", "broken")
