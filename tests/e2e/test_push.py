"""Pushes to a registry as the big ones are: a token for pushing, uploads on another host, connections that break, a registry that asks to wait."""
import contextlib, io, json, os, shutil, tarfile, tempfile, urllib.parse

from cluster import REIGEN, run
from test_registry import PASSWORD, USER, World, answer, digest


class PushWorld(World):
    """The registry of the pull tests that takes images too. Bytes go to the host of the blobs."""

    def __init__(self):
        self.uploads, self.stored, self.manifests, self.busy, self.cut_uploads, self.resumable = {}, {}, {}, 0, 0, True
        self.mounts, self.sent = [], []
        super().__init__()
        for server in (self.registry, self.blobs):
            server.RequestHandlerClass.do_PUT = server.RequestHandlerClass.do_PATCH = server.RequestHandlerClass.do_GET

    def on_registry(self, request):
        self.asked.append((request.path, request.headers.get("Authorization", "")))
        path, _, query = request.path.partition("?")
        if path == "/v2/":
            if request.headers.get("Authorization", "").partition(" ")[2] in self.issued:
                return answer(request, 200)
            return answer(request, 401, WWW_Authenticate=f'Bearer realm="http://{self.tokens.host}/token",service="registry.test"')
        if self.busy > 0:
            self.busy -= 1
            return answer(request, 429, Retry_After="1")
        repository, kind, name = path.split("/v2/")[1].rsplit("/", 2) if "/uploads/" not in path else (path.split("/v2/")[1].split("/blobs/")[0], "uploads", "")
        if not self.allowed(request, repository) or "push" not in self.issued[request.headers["Authorization"].split(" ")[1]]["scope"]:
            return answer(request, 401, WWW_Authenticate=f'Bearer realm="http://{self.tokens.host}/token",service="registry.test",scope="repository:{repository}:pull"')
        if kind == "uploads":
            fields = dict(urllib.parse.parse_qsl(query))
            if "mount" in fields:
                self.mounts.append(fields)
                if fields["mount"] in self.stored:
                    return answer(request, 201)
            number = f"u{len(self.uploads)}"
            self.uploads[number] = b""
            return answer(request, 202, Location=f"http://{self.blobs.host}/upload/{number}?state=1")
        if kind == "blobs":
            known = name in self.stored and (repository, name) not in self.spent
            return answer(request, 200 if known else 404)
        if request.command == "PUT":
            body = request.rfile.read(int(request.headers["Content-Length"]))
            self.manifests[f"{repository}:{name}"] = (request.headers["Content-Type"], body)
            return answer(request, 201, Docker_Content_Digest=digest(body))
        return answer(request, 404)

    def on_blob(self, request):
        path, _, query = request.path.partition("?")
        number = path.split("/")[-1]
        self.asked_blobs.append({"path": request.path, "authorization": request.headers.get("Authorization"), "range": request.headers.get("Content-Range")})
        if request.headers.get("Authorization"):
            return answer(request, 400, b"only one auth mechanism allowed")
        if request.command == "GET":
            if not self.resumable:
                return answer(request, 404)
            return answer(request, 204, Location=f"http://{self.blobs.host}/upload/{number}?state=2",
                          Range=f"0-{len(self.uploads[number]) - 1}")
        length = int(request.headers["Content-Length"])
        if self.cut_uploads > 0 and length > 400_000:
            self.cut_uploads -= 1
            self.uploads[number] += request.rfile.read(300_000)
            request.close_connection = True
            return request.connection.shutdown(2)
        begin = int(request.headers.get("Content-Range", "0-").split("-")[0])
        body = self.uploads[number][:begin] + request.rfile.read(length)
        wanted = dict(urllib.parse.parse_qsl(query))["digest"]
        self.sent.append(wanted)
        if digest(body) != wanted:
            return answer(request, 400, b"digest")
        self.stored[wanted] = body
        return answer(request, 201)

    def push(self, folder, name, *flags, check=True):
        return run([REIGEN, "image", "push", "--data-dir", folder, *flags, f"{self.host}/{name}"], check=check)


@contextlib.contextmanager
def world(**settings):
    made, folder = PushWorld(), tempfile.mkdtemp(prefix="reigen-e2e-")
    for name, value in settings.items():
        setattr(made, name, value)
    layer = io.BytesIO()
    with tarfile.open(fileobj=layer, mode="w") as tar:
        noise = tarfile.TarInfo("noise")
        noise.size = 1_500_000
        tar.addfile(noise, io.BytesIO(os.urandom(noise.size)))
    config = json.dumps({"os": "linux", "architecture": "amd64", "rootfs": {"type": "layers", "diff_ids": [digest(layer.getvalue())]}}).encode()
    archive = os.path.join(folder, "a.tar")
    with tarfile.open(archive, "w") as tar:
        for name, data in (("layer.tar", layer.getvalue()), ("config.json", config),
                           ("manifest.json", json.dumps([{"Config": "config.json", "RepoTags": [f"{made.host}/public/app:v1"], "Layers": ["layer.tar"]}]).encode())):
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))
    run([REIGEN, "image", "import", "--data-dir", folder, archive])
    try:
        yield made, folder
    finally:
        for server in (made.registry, made.tokens, made.blobs):
            server.shutdown()
            server.server_close()
        shutil.rmtree(folder)


CREDENTIALS = ("--creds", f"{USER}:{PASSWORD}")


def whole(made):
    kind, body = made.manifests["public/app:v1"]
    manifest = json.loads(body)
    assert kind == manifest["mediaType"] == "application/vnd.docker.distribution.manifest.v2+json", kind
    for part in [manifest["config"], *manifest["layers"]]:
        assert len(made.stored[part["digest"]]) == part["size"], part


def test_a_push_with_a_token_and_uploads_elsewhere():
    with world() as (made, folder):
        _, out, _ = made.push(folder, "public/app:v1", *CREDENTIALS)
        whole(made)
        assert out.startswith("v1: digest: sha256:"), out
        scopes = [token["scope"] for token in made.asked_tokens]
        assert scopes and all("pull,push" in scope for scope in scopes), scopes
        assert all(blob["authorization"] is None for blob in made.asked_blobs), made.asked_blobs
        assert all(not sent.startswith("Basic") for _, sent in made.asked), made.asked
        sent = list(made.sent)
        _, again, _ = made.push(folder, "public/app:v1", *CREDENTIALS)
        assert again == out and made.sent == sent, "nothing is sent twice"


def test_an_upload_that_breaks_off_goes_on_where_it_was():
    with world(cut_uploads=2) as (made, folder):
        made.push(folder, "public/app:v1", *CREDENTIALS)
        whole(made)
        ranges = [blob["range"].split("-")[0] for blob in made.asked_blobs if blob["range"]]
        assert ranges == ["300000", "600000"], ranges
    with world(cut_uploads=1, resumable=False) as (made, folder):
        made.push(folder, "public/app:v1", *CREDENTIALS)
        whole(made)


def test_a_registry_that_asks_to_wait_is_waited_for():
    with world(busy=2) as (made, folder):
        made.push(folder, "public/app:v1", *CREDENTIALS)
        whole(made)


def test_a_push_that_is_refused_says_so():
    with world() as (made, folder):
        code, _, err = made.push(folder, "public/app:v1", "--creds", f"{USER}:falsch", check=False)
        assert code == 1 and len(err.strip().splitlines()) <= 2 and "denied" in err, err
        assert not made.manifests
