"""Registries as the big ones are: tokens from a server of their own, blobs on another host, downloads that break off."""
import atexit, base64, contextlib, gzip, hashlib, http.server, io, json, os, shutil, tarfile, tempfile, threading, time, urllib.parse

from cluster import REIGEN, run, until
import manifests

USER, PASSWORD = "alice", "geheim"
MANIFEST, CONFIG, LAYER = (f"application/vnd.oci.image.{kind}" for kind in ("manifest.v1+json", "config.v1+json", "layer.v1.tar+gzip"))


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, get):
        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                get(self)

            do_HEAD = do_POST = do_GET

            def log_message(self, *words):
                pass

        super().__init__(("127.0.0.1", 0), Handler)
        self.host = f"127.0.0.1:{self.server_port}"
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, request, address):
        pass  # cut connections are what is tested


def answer(request, status, body=b"", **headers):
    request.send_response(status)
    for name, value in {"Content-Length": str(len(body)), **headers}.items():
        request.send_header(name.replace("_", "-"), value)
    request.end_headers()
    if request.command != "HEAD":
        request.wfile.write(body)


def digest(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


class World:
    """A registry, its token server and the host of its blobs. What is asked is written down."""

    def __init__(self):
        self.registry, self.tokens, self.blobs = Server(self.on_registry), Server(self.on_token), Server(self.on_blob)
        self.host = self.registry.host
        self.forget()
        self.issued, self.content, self.cuts, self.spent = {}, {}, 0, set()
        self.ranges_work, self.refuse_anonymous, self.token_uses, self.direct, self.greedy = True, True, 10**9, False, False
        self.make_image()

    def forget(self):
        self.asked_tokens, self.asked_blobs, self.asked = [], [], []

    def make_image(self):
        plain = io.BytesIO()
        with tarfile.open(fileobj=plain, mode="w") as tar:
            tar.add("/bin/busybox", "bin/sh")
            noise = tarfile.TarInfo("noise")
            noise.size = 3_000_000
            tar.addfile(noise, io.BytesIO(os.urandom(noise.size)))
        self.layer = gzip.compress(plain.getvalue(), 1)
        config = json.dumps({"os": "linux", "architecture": "amd64", "config": {"Cmd": ["sh", "-c", "echo up; exec sleep 1000"]},
                             "rootfs": {"type": "layers", "diff_ids": [digest(plain.getvalue())]}}).encode()
        self.manifest = json.dumps({"schemaVersion": 2, "mediaType": MANIFEST,
                                    "config": {"mediaType": CONFIG, "digest": digest(config), "size": len(config)},
                                    "layers": [{"mediaType": LAYER, "digest": digest(self.layer), "size": len(self.layer)}]}).encode()
        self.content = {digest(config): config, digest(self.layer): self.layer}

    def on_token(self, request):
        """public/* for everyone; private/* with the password or the refresh token."""
        query = urllib.parse.urlsplit(request.path).query
        if request.command == "POST":
            query = request.rfile.read(int(request.headers["Content-Length"])).decode()
        fields = {key: values[0] for key, values in urllib.parse.parse_qs(query).items()}
        basic = request.headers.get("Authorization", "")
        known = basic == "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode() or (
            fields.get("grant_type") == "refresh_token" and fields.get("refresh_token") == "auffrischung")
        self.asked_tokens.append({**fields, "known": known, "anonymous": not basic and request.command == "GET", "path": request.path})
        if (basic and not known) or request.command == "POST" and not known:
            return answer(request, 401, b'{"details":"incorrect username or password"}')
        if not known and self.refuse_anonymous and "private/" in fields.get("scope", ""):
            return answer(request, 401, b'{"details":"who are you"}')
        token = f"token-{len(self.issued)}-{os.urandom(6).hex()}"
        self.issued[token] = {"scope": fields.get("scope", ""), "known": known, "uses": 0}
        name = "access_token" if request.command == "POST" else "token"
        answer(request, 200, json.dumps({name: token, "expires_in": 60}).encode(), Content_Type="application/json")

    def allowed(self, request, repository):
        kind, _, token = request.headers.get("Authorization", "").partition(" ")
        issued = self.issued.get(token) if kind == "Bearer" else None
        if not issued or f"repository:{repository}:" not in issued["scope"] or issued["uses"] >= self.token_uses:
            return False
        issued["uses"] += 1
        return issued["known"] or not repository.startswith("private/")

    def on_registry(self, request):
        self.asked.append((request.path, request.headers.get("Authorization", "")))
        parts = request.path.split("/")
        if len(parts) < 5 or parts[1] != "v2":
            return answer(request, 404)
        repository, kind, name = "/".join(parts[2:-2]), parts[-2], parts[-1]
        if not self.allowed(request, repository):
            challenge = f'Bearer realm="http://{self.tokens.host}/token?account=x",service="registry.test",scope="repository:{repository}:pull"'
            return answer(request, 401, b'{"errors":[{"code":"UNAUTHORIZED"}]}', WWW_Authenticate=challenge)
        if kind == "manifests":
            return answer(request, 200, self.manifest, Content_Type=MANIFEST, Docker_Content_Digest=digest(self.manifest))
        if name not in self.content:
            return answer(request, 404)
        if self.direct:
            return self.send_blob(request, self.content[name])
        answer(request, 307, b"over there", Location=f"http://{self.blobs.host}/data/{name}?signature=1")

    def on_blob(self, request):
        """As object stores: a request that is signed and carries credentials too is refused."""
        self.asked_blobs.append({"path": request.path, "authorization": request.headers.get("Authorization"), "range": request.headers.get("Range")})
        if self.greedy:
            return answer(request, 401, WWW_Authenticate=f'Bearer realm="http://{self.blobs.host}/token",service="greedy"')
        if request.headers.get("Authorization"):
            return answer(request, 400, b"only one auth mechanism allowed")
        self.send_blob(request, self.content[urllib.parse.urlsplit(request.path).path.split("/")[-1]])

    def send_blob(self, request, data):
        begin, status, headers = 0, 200, {}
        if self.ranges_work and request.headers.get("Range"):
            begin = int(request.headers["Range"].removeprefix("bytes=").split("-")[0])
            status, headers = 206, {"Content-Range": f"bytes {begin}-{len(data) - 1}/{len(data)}"}
        rest = data[begin:]
        if self.cuts > 0 and len(data) > 100_000:
            self.cuts -= 1
            request.send_response(status)
            for name, value in {"Content-Length": str(len(rest)), **headers}.items():
                request.send_header(name, value)
            request.end_headers()
            request.wfile.write(rest[:400_000])
            request.wfile.flush()
            time.sleep(0.05)
            request.close_connection = True
            request.connection.shutdown(2)
            return None
        return answer(request, status, rest, **headers)

    def pull(self, folder, name, *flags, check=True):
        return run([REIGEN, "image", "pull", "--data-dir", folder, *flags, f"{self.host}/{name}"], check=check)


@contextlib.contextmanager
def world(**settings):
    made, folder = World(), tempfile.mkdtemp(prefix="reigen-e2e-")
    for name, value in settings.items():
        setattr(made, name, value)
    try:
        yield made, folder
    finally:
        for server in (made.registry, made.tokens, made.blobs):
            server.shutdown()
            server.server_close()
        shutil.rmtree(folder)


def whole(made, folder, name):
    listed = run([REIGEN, "image", "ls", "--data-dir", folder])[1]
    assert f"{made.host}/{name}" in listed, listed


def test_a_token_for_everyone_and_blobs_elsewhere():
    with world() as (made, folder):
        made.pull(folder, "public/app:v1")
        whole(made, folder, "public/app")
        assert [t["anonymous"] for t in made.asked_tokens] == [True], made.asked_tokens
        asked = made.asked_tokens[0]
        assert asked["service"] == "registry.test" and asked["scope"] == "repository:public/app:pull" and asked["account"] == "x", asked
        assert len(made.asked_blobs) == 2 and all(blob["authorization"] is None for blob in made.asked_blobs), made.asked_blobs


def test_a_token_for_the_password_only():
    for refuse in (True, False):  # the token server refuses strangers, or gives them a token that opens nothing
        with world(refuse_anonymous=refuse) as (made, folder):
            for flags in ((), ("--creds", f"{USER}:falsch")):
                code, _, err = made.pull(folder, "private/app:v1", *flags, check=False)
                assert code == 1 and len(err.strip().splitlines()) == 1 and made.host in err and "denied" in err, err
            assert PASSWORD not in json.dumps(made.asked) and "falsch" not in json.dumps(made.asked)
            made.forget()
            made.pull(folder, "private/app:v1", "--creds", f"{USER}:{PASSWORD}")
            whole(made, folder, "private/app")
            assert made.asked_tokens[-1]["known"], made.asked_tokens
            # The password goes to the token server, never to the registry itself; the token goes to the registry, never to the blobs' host.
            assert all(not sent.startswith("Basic") for _, sent in made.asked), made.asked
            assert all(blob["authorization"] is None for blob in made.asked_blobs), made.asked_blobs


def test_a_token_that_ends_meanwhile_is_fetched_again():
    for uses in (1, 2):  # used up by the manifest; by the configuration, so that the layer's download meets it
        with world(token_uses=uses) as (made, folder):
            made.pull(folder, "private/app:v1", "--creds", f"{USER}:{PASSWORD}")
            whole(made, folder, "private/app")


def test_a_host_of_blobs_that_asks_for_the_password_does_not_get_it():
    with world(greedy=True) as (made, folder):
        code, _, err = made.pull(folder, "private/app:v1", "--creds", f"{USER}:{PASSWORD}", check=False)
        assert code == 1 and "denied" in err, err
        assert made.asked_blobs and not any("/token" in blob["path"] or blob["authorization"] for blob in made.asked_blobs), made.asked_blobs


def test_a_download_that_breaks_off_goes_on_where_it_was():
    for direct in (False, True):
        with world(cuts=3, direct=direct) as (made, folder):
            made.pull(folder, "public/app:v1")
            whole(made, folder, "public/app")
            assert made.cuts == 0
            if not direct:
                ranges = [blob["range"] for blob in made.asked_blobs if blob["path"].split("?")[0].endswith(digest(made.layer))]
                assert ranges == [None, "bytes=400000-", "bytes=800000-", "bytes=1200000-"], ranges
                assert all(blob["authorization"] is None for blob in made.asked_blobs)


def test_a_download_goes_on_as_long_as_it_gets_on():
    with world(cuts=7) as (made, folder):
        made.pull(folder, "public/app:v1")
        whole(made, folder, "public/app")


def test_a_host_without_ranges_sends_it_all_again():
    with world(cuts=1, ranges_work=False) as (made, folder):
        made.pull(folder, "public/app:v1")
        whole(made, folder, "public/app")


def test_a_host_that_always_breaks_off_is_named():
    with world(cuts=10**6, ranges_work=False) as (made, folder):
        code, _, err = made.pull(folder, "public/app:v1", check=False)
        lines = [line for line in err.splitlines() if line.startswith("reigen")]
        assert code == 1 and len(lines) == 1 and digest(made.layer) in lines[0] and made.host in lines[0], err
        assert run([REIGEN, "image", "ls", "-q", "--data-dir", folder])[1] == ""


def test_a_pod_pulls_with_a_refresh_token_and_over_a_broken_line(cluster):
    with world(cuts=2) as (made, _):
        config = json.dumps({"auths": {made.host: {"username": "<token>", "password": "", "identitytoken": "auffrischung"}}})
        path = tempfile.mktemp(prefix="reigen-e2e-")
        open(path, "w").write(config)
        atexit.register(os.remove, path)
        cluster.kubectl("create", "secret", "generic", "refresh", "--type=kubernetes.io/dockerconfigjson", f"--from-file=.dockerconfigjson={path}")
        pod = json.loads(manifests.pod("by-token", main={"image": f"{made.host}/private/app:v1"}, imagePullSecrets=[{"name": "refresh"}]))
        del pod["spec"]["containers"][0]["command"]
        cluster.kubectl("create", "-f", "-", input=json.dumps(pod))
        cluster.wait_pods("app=by-token", 1)
        until("it runs", lambda: cluster.kubectl("logs", "by-token") == "up\n", 10)
        assert [t.get("grant_type") for t in made.asked_tokens if t["known"]] == ["refresh_token"], made.asked_tokens
        assert made.cuts == 0
        cluster.kubectl("delete", "pod", "by-token")
        cluster.kubectl("delete", "secret", "refresh")
