"""Images by Docker's command lines: registries with logins and tokens, archives, names, removal, lists."""
import atexit, contextlib, gzip, http.server, io, json, os, re, shutil, socket, subprocess, tarfile, tempfile, threading, time

from cluster import Failed, run, until
from docker_engine import CLIENTS, Engine, each_client
from test_images import Registry
import test_images, test_push, test_registry

USER, PASSWORD = "alice", "geheim"
registry = None


def the_registry():
    """Debian's, one for the file: tiny:v1, tiny:zstd, tiny:arm, tiny:all, broken:v1."""
    global registry
    if not registry:
        registry = Registry()
        atexit.register(registry.close)
    return registry


def login(engine, docker, host, password=PASSWORD, check=True):
    return docker("login", "-u", USER, "--password-stdin", host, input=password, check=check)


@contextlib.contextmanager
def world(kind, **settings):
    made = kind()
    for name, value in settings.items():
        setattr(made, name, value)
    try:
        yield made
    finally:
        for server in (made.registry, made.tokens, made.blobs):
            server.shutdown()
            server.server_close()


def tar(files):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, data in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return out.getvalue()


@contextlib.contextmanager
def scratch():
    folder = tempfile.mkdtemp(prefix="reigen-e2e-images-")
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def make_image(docker, name, files, *changes):
    """An image of its own from a tar of files; its id."""
    with scratch() as folder:
        open(f"{folder}/t.tar", "wb").write(tar(files))
        return docker("import", *[word for change in changes for word in ("--change", change)], f"{folder}/t.tar", name).strip()


def forget(docker, *names):
    docker("rmi", "-f", *names, check=False)


# --- registries ---

@each_client
def test_a_registry_with_a_login(engine, docker):
    host = the_registry().host
    tiny = f"{host}/tiny:v1"
    docker("logout", host)
    code, _, err = docker("pull", tiny, check=False)
    assert code == 1 and ("unauthorized" in err or "denied" in err or "no basic auth credentials" in err), err
    code, _, err = login(engine, docker, host, "falsch", check=False)
    assert code == 1 and "unauthorized" in err and "falsch" not in err, err
    assert "Login Succeeded" in login(engine, docker, host)
    out = docker("pull", tiny)
    assert out.startswith("v1: Pulling from tiny\n") and re.search(r"\n[0-9a-f]{12}: Pull complete\n", out), out
    assert re.search(rf"\nDigest: sha256:[0-9a-f]{{64}}\nStatus: Downloaded newer image for {tiny}\n{tiny}\n$", out), out
    again = docker("pull", tiny)
    assert f"Status: Image is up to date for {tiny}" in again, again
    assert docker("pull", "-q", tiny) == f"{tiny}\n"
    name = docker("image", "inspect", "-f", "{{index .RepoDigests 0}}", tiny).strip()
    assert name.startswith(f"{host}/tiny@sha256:"), name
    docker("rmi", tiny)
    out = docker("pull", name)
    assert out.startswith(f"{name}: Pulling from tiny\n") and f"Status: Downloaded newer image for {name}" in out, out
    docker("rmi", name)
    code, _, err = docker("pull", "-a", f"{host}/nosuch", check=False)
    assert code == 1 and f"repository {host}/nosuch not found: name unknown" in err, err
    out = docker("pull", "-a", f"{host}/tiny", check=False)[1]
    assert "zstd: Pulling from tiny" in out and "v1: Pulling from tiny" in out, out
    docker("pull", "--platform", "linux/arm64", f"{host}/tiny:all")
    assert docker("image", "inspect", "-f", "{{.Architecture}}", f"{host}/tiny:all") == "arm64\n"
    assert docker("run", "--rm", f"{host}/tiny:zstd", "sh", "-c", "echo $WHO") == "amd64\n"
    for wrong, text in (("tiny:nosuch", "manifest unknown"), ("nosuch:v1", "not found"), ("broken:v1", "sha256:")):
        code, _, err = docker("pull", f"{host}/{wrong}", check=False)
        assert code == 1 and text in err, (wrong, err)
    assert docker("images", "-q", f"{host}/broken") == "" and os.listdir(f"{engine.cluster.dir}/images/tmp") == []
    forget(docker, *docker("images", "-q", f"{host}/tiny").split())
    docker("logout", host)
    code, _, err = docker("pull", tiny, check=False)
    assert code == 1, err


@each_client
def test_pushes_to_a_registry(engine, docker):
    host = the_registry().host
    own = f"{host}/own/{os.urandom(4).hex()}"
    make_image(docker, f"{own}:v1", {"f": os.urandom(200_000)}, 'CMD ["/x"]')
    docker("logout", host)
    code, out, err = docker("push", f"{own}:v1", check=False)
    assert code == 1 and err == "no basic auth credentials\n", (out, err)
    login(engine, docker, host)
    out = docker("push", f"{own}:v1")
    assert out.startswith(f"The push refers to repository [{own}]\n") and re.search(r"\n[0-9a-f]{12}: Pushed\n", out), out
    found = re.search(r"\nv1: digest: (sha256:[0-9a-f]{64}) size: \d+\n$", out)
    assert found, out
    assert "Layer already exists" in docker("push", f"{own}:v1")
    assert docker("push", "-q", f"{own}:v1") == f"{own}:v1\n"
    docker("tag", f"{own}:v1", f"{own}:v2")
    for words, name in (((own,), f"{own}:latest"), ((f"{own}:nosuch",), f"{own}:nosuch")):
        code, _, err = docker("push", *words, check=False)
        assert code == 1 and err == f"tag does not exist: {name}\n", err
    out = docker("push", "-a", own)
    assert "v1: digest: " in out and "v2: digest: " in out, out
    docker("rmi", f"{own}:v1", f"{own}:v2")
    docker("pull", f"{own}@{found[1]}")
    docker("rmi", f"{own}@{found[1]}")
    code, _, err = docker("push", f"{own}:v1", check=False)
    assert code == 1 and err == f"An image does not exist locally with the tag: {own}\n", err
    code, _, err = docker("push", "127.0.0.1:1/x", check=False)
    assert code == 1 and "An image does not exist locally with the tag: 127.0.0.1:1/x" in err, err
    docker("logout", host)


@each_client
def test_tokens_and_blobs_on_another_host(engine, docker):
    with world(test_registry.World, cuts=2) as made:
        name = f"{made.host}/public/app:v1"
        assert f"Status: Downloaded newer image for {name}" in docker("pull", name)
        ranges = [blob["range"] for blob in made.asked_blobs if blob["path"].split("?")[0].endswith(test_registry.digest(made.layer))]
        assert ranges == [None, "bytes=400000-", "bytes=800000-"], ranges
        assert all(blob["authorization"] is None for blob in made.asked_blobs), made.asked_blobs
        docker("rmi", name)
        code, _, err = docker("pull", f"{made.host}/private/app:v1", check=False)
        assert code == 1 and "denied" in err, err


@each_client
def test_pushes_with_tokens(engine, docker):
    for settings in ({}, {"cut_uploads": 2}, {"busy": 2}):
        with world(test_push.PushWorld, **settings) as made:
            code, _, err = login(engine, docker, made.host, "falsch", check=False)
            assert code == 1 and "falsch" not in err, err
            assert "Login Succeeded" in login(engine, docker, made.host)
            stored = json.load(open(f"{engine.folder}/config.json"))["auths"]
            assert made.host in stored, stored
            name = f"{made.host}/private/app:v1"
            make_image(docker, name, {"noise": os.urandom(1_500_000)})
            assert "v1: digest: sha256:" in docker("push", name)
            kind, body = made.manifests["private/app:v1"]
            for part in [json.loads(body)["config"], *json.loads(body)["layers"]]:
                assert len(made.stored[part["digest"]]) == part["size"], part
            assert all(blob["authorization"] is None for blob in made.asked_blobs), made.asked_blobs
            assert all(not sent.startswith("Basic") for _, sent in made.asked), made.asked
            docker("rmi", name)
            docker("logout", made.host)


def test_pulls_go_through_the_proxy():
    asked = []

    class Proxy(http.server.BaseHTTPRequestHandler):
        def do_CONNECT(self):
            asked.append(self.path)
            self.send_error(502)

        def log_message(self, *words):
            pass
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Proxy)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    before = {name: os.environ.pop(name, None) for name in ("HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy")}
    os.environ["HTTPS_PROXY"] = f"http://127.0.0.1:{server.server_port}"
    try:
        os.environ["NO_PROXY"] = "127.0.0.1"  # for this program's own look at the server
        engine = Engine()
    finally:
        del os.environ["HTTPS_PROXY"], os.environ["NO_PROXY"]
        os.environ.update({name: value for name, value in before.items() if value is not None})
    try:
        code, _, err = engine.docker("pull", "registry.test/some/app:v1", check=False)
        assert code == 1 and asked[:1] == ["registry.test:443"], (asked, err)
    finally:
        engine.remove()
        server.shutdown()
        server.server_close()


# --- archives ---

@each_client
def test_save_and_load(engine, docker):
    with scratch() as folder:
        one = make_image(docker, "saved/one:1", {"f": b"one"})
        two = make_image(docker, "saved/two:1", {"f": b"two"})
        docker("tag", "saved/one:1", "saved/one:2")
        path = f"{folder}/all.tar"
        docker("save", "-o", path, "saved/one", "saved/two:1", one)
        with tarfile.open(path) as archive:
            listed = json.load(archive.extractfile("manifest.json"))
            assert sorted(name for image in listed for name in image["RepoTags"] or []) == ["saved/one:1", "saved/one:2", "saved/two:1"], listed
        docker("rmi", "saved/one:1", "saved/one:2", "saved/two:1")
        out = docker("load", "-i", path)
        assert sorted(out.splitlines()) == ["Loaded image: saved/one:1", "Loaded image: saved/one:2", "Loaded image: saved/two:1"], out
        assert docker("images", "-q", "--no-trunc", "saved/one:1").strip() == one and docker("images", "-q", "--no-trunc", "saved/two:1").strip() == two
        # By id it has no name, then; and a name that moves is told.
        docker("save", "-o", f"{folder}/id.tar", one)
        docker("rmi", "-f", one)
        assert docker("load", "-i", f"{folder}/id.tar") == f"Loaded image ID: {one}\n"
        docker("tag", two, "saved/one:1")
        out = docker("load", "-i", path)
        assert f"The image saved/one:1 already exists, renaming the old one with ID {two} to empty string\n" in out, out
        assert docker("load", "-q", "-i", path).count("Loaded image: ") == 3
        whole = open(path, "rb").read()
        for packed in (gzip.compress(whole), whole):
            done = subprocess.run([CLIENTS[0], "load", "-q"], input=packed, env=engine.environment(), capture_output=True, timeout=180)
            assert done.returncode == 0 and done.stdout.count(b"Loaded image") == 3, done
        docker("rmi", "-f", one, two)
        for broken in (whole[:len(whole) // 2], b"no archive at all" * 100, b"", tar({"x": b"1"}), whole[:1000] + b"\xff" * 2000 + whole[3000:]):
            done = subprocess.run([CLIENTS[0], "load"], input=broken, env=engine.environment(), capture_output=True, timeout=180)
            assert done.returncode == 1 and done.stderr, done
        assert docker("images", "-q", "saved/*") == "" and os.listdir(f"{engine.cluster.dir}/images/tmp") == []
        code, _, err = docker("save", "-o", f"{folder}/x", "nosuch", "redis", check=False)
        assert code == 1 and "No such image: nosuch" in err, err


@each_client
def test_import(engine, docker):
    with scratch() as folder:
        open(f"{folder}/t.tar", "wb").write(tar({"etc/a": b"a"}))
        id = docker("import", "-m", "told", "--change", 'CMD ["/x", "y"]', "--change", "ENV A=1", f"{folder}/t.tar", "imported:1").strip()
        assert re.fullmatch(r"sha256:[0-9a-f]{64}", id), id
        shown = json.loads(docker("image", "inspect", "imported:1"))[0]
        assert shown["Config"]["Cmd"] == ["/x", "y"] and shown["Config"]["Env"] == ["A=1"] and shown["Comment"] == "told", shown
        packed = gzip.compress(open(f"{folder}/t.tar", "rb").read())
        done = subprocess.run([CLIENTS[0], "import", "-", "imported:2"], input=packed, env=engine.environment(), capture_output=True, timeout=180)
        assert done.returncode == 0, done
        assert "Imported from -" in docker("history", "imported:2")
        code, _, err = docker("import", "--change", "FROM x", f"{folder}/t.tar", check=False)
        assert code == 1 and "from is not a valid change command" in err, err
        done = subprocess.run([CLIENTS[0], "import", "-", "bad:1"], input=b"junk" * 500, env=engine.environment(), capture_output=True, timeout=180)
        assert done.returncode == 1 and docker("images", "-q", "bad") == "", done
        # What is wrong with a change has no line, as it is in no file.
        for change, text in (("ENV", "ENV requires at least one argument"), ("LABEL", "LABEL requires at least one argument"), ("HEALTHCHECK CMD", "Missing command after HEALTHCHECK CMD"),
                             ("ONBUILD FROM x", "FROM isn't allowed as an ONBUILD trigger"), ("USER", "USER requires exactly one argument")):
            code, _, err = docker("import", "--change", change, f"{folder}/t.tar", check=False)
            assert code == 1 and err == f"Error response from daemon: {text}\n", (change, err)
        box = docker("create", "imported:1").strip()
        code, _, err = docker("commit", "-c", "ENV", box, check=False)
        assert code == 1 and err == "Error response from daemon: ENV requires at least one argument\n", err
        # No name may look like a digest.
        for words in (("import", f"{folder}/t.tar", "sha256:1"), ("commit", box, "sha256:1"), ("tag", "imported:1", "sha256:1")):
            code, _, err = docker(*words, check=False)
            assert code == 1 and "refusing to create an ambiguous tag using digest algorithm as name" in err, (words, err)
        docker("rm", box)
        docker("rmi", "imported:1", "imported:2")


# --- names, lists, removal ---

@each_client
def test_tags_and_removal(engine, docker):
    id = make_image(docker, "named:1", {"f": b"1"})
    short = id[7:19]
    docker("tag", "named:1", "other/named:2")
    # So much of an id as no other has is enough, and what names two is nothing's name.
    others = [one[7:] for one in docker("images", "-aq", "--no-trunc").split() if one != id]
    length = next(n for n in range(1, 65) if not any(one.startswith(id[7:7 + n]) for one in others))
    assert docker("image", "inspect", "-f", "{{.Id}}", id[7:7 + length]).strip() == id
    if length > 1:
        assert docker("image", "inspect", id[7:6 + length], check=False)[0] == 1
    for words, text in ((("image", "inspect", "named:1:1"), "no such image: named:1:1: invalid reference format"), (("save", "named:1:1"), "invalid reference format")):
        code, _, err = docker(*words, check=False)
        assert code == 1 and text in err, (words, err)
    for wrong, text in ((("nosuch", "x"), "No such image: nosuch:latest"), (("named:1", "sha256:ab"), "refusing to create an ambiguous tag using digest algorithm as name"),
                        (("named:1", "BIG"), "must be lowercase")):
        code, _, err = docker("tag", *wrong, check=False)
        assert code == 1 and text in err, (wrong, err)
    code, _, err = docker("rmi", short, check=False)
    assert code == 1 and f"conflict: unable to delete {short} (must be forced) - image is referenced in multiple repositories" in err, err
    assert docker("rmi", "named:1") == "Untagged: named:1\n"
    code, out, err = docker("rmi", "other/named:2", "nosuch", check=False)
    lines = out.splitlines()
    assert code == 1 and lines[:2] == ["Untagged: other/named:2", f"Deleted: {id}"] and lines[2].startswith("Deleted: sha256:") and len(lines) == 3, out
    assert "No such image: nosuch" in err, err
    # What containers use
    make_image(docker, "used:1", {"f": b"2"})
    box = docker("create", "used:1", "/x").strip()
    code, _, err = docker("rmi", "used:1", check=False)
    assert code == 1 and f"conflict: unable to remove repository reference \"used:1\" (must force) - container {box[:12]} is using its referenced image" in err, err
    assert docker("rmi", "-f", "used:1").startswith("Untagged: used:1\n")
    docker("rm", box)
    box = docker("run", "-d", "--entrypoint", "sleep", "redis", "100").strip()
    image = docker("inspect", "-f", "{{.Image}}", box).strip()
    code, _, err = docker("rmi", "-f", image, check=False)
    assert code == 1 and f"conflict: unable to delete {image[7:19]} (cannot be forced) - image is being used by running container {box[:12]}" in err, err
    docker("rm", "-f", box)
    code, out, err = docker("rmi", "-f", "nosuch", check=False)
    assert "No such image: nosuch" in err, err


def build(engine, dockerfile, *flags):
    return engine.docker("build", "-q", *flags, "-", input=dockerfile).strip()


@each_client
def test_lists_and_their_filters(engine, docker):
    first = make_image(docker, "list/a:1", {"f": b"a"}, "LABEL kind=a", "LABEL both=1")
    time.sleep(0.02)
    second = make_image(docker, "list/b:1", {"f": b"bb"}, "LABEL kind=b", "LABEL both=1")

    def names(*filters):
        return docker("images", "--format", "{{.Repository}}:{{.Tag}}", *[word for item in filters for word in ("--filter", item)]).splitlines()
    assert names("label=kind=a") == ["list/a:1"] and names("label=both") == ["list/b:1", "list/a:1"] and names("label=both", "label=kind=b") == ["list/b:1"]
    assert names("reference=list/*") == ["list/b:1", "list/a:1"] and names("reference=list/*:2") == []
    assert "list/a:1" in names("before=list/b:1") and "list/b:1" not in names("before=list/b:1")
    assert names("since=list/a:1")[:1] == ["list/b:1"] and "list/a:1" not in names("since=list/a:1")
    assert names("dangling=true", "label=both") == []
    docker("tag", "list/b:1", "list/a:1")
    assert docker("images", "-q", "--no-trunc", "--filter", "dangling=true", "--filter", "label=both").strip() == first
    for wrong, text in (("dangling=maybe", "nvalid filter 'dangling=[maybe]'"), ("nosuch=1", "nvalid filter 'nosuch"), ("before=nosuch", "No such image: nosuch")):
        code, _, err = docker("images", "--filter", wrong, check=False)
        assert code == 1 and text in err, (wrong, err)
    shown = json.loads(docker("images", "--format", "{{json .}}", "list/b"))
    assert shown["Repository"] == "list/b" and shown["Tag"] == "1" and shown["ID"] == second[7:19] and shown["Size"] == "2B", shown
    assert docker("images", "--digests", "list/b").splitlines()[1].split()[2] == "<none>"
    assert docker("images", "list/nosuch").count("\n") == 1
    # Steps of a build are shown with -a only.
    built = build(engine, "FROM list/b:1\nLABEL step=1\nLABEL step=2\n")
    assert docker("images", "-q", "--no-trunc", "--filter", "label=step").split() == [built]
    assert len(docker("images", "-aq", "--filter", "label=step").split()) == 2
    history = docker("history", "--format", "{{.CreatedBy}}|{{.Size}}", built).splitlines()
    assert history[0] == "/bin/sh -c #(nop)  LABEL step=2|0B" and len(history) == 3, history
    for words in (("image", "inspect", "nosuch"), ("history", "nosuch")):
        code, _, err = docker(*words, check=False)
        assert code == 1 and "o such image: nosuch" in err, err
    counted = [line for line in docker("system", "df").splitlines() if line.startswith("Images")][0].split()
    assert int(counted[1]) == len(set(docker("images", "-q", "--no-trunc").split())), counted
    assert re.search(rf"\nlist/a +1 +{second[7:19]} ", docker("system", "df", "-v"))  # an image is there once, with its first name
    # Pruning
    assert docker("image", "prune", "-f", "--filter", "label=nosuch") == "Total reclaimed space: 0B\n"
    assert docker("image", "prune", "-f", "--filter", "until=1h") == "Total reclaimed space: 0B\n"
    out = docker("image", "prune", "-f", "--filter", "label=both")
    assert f"deleted: {first}" in out.lower() and f"deleted: {built}" in out.lower() and "Total reclaimed space: 1B" in out, out
    out = docker("image", "prune", "-af", "--filter", "label=kind")
    assert "untagged: list/b:1" in out.lower() and docker("images", "-q", "list/*") == "", out
    code, _, err = docker("image", "prune", "-f", "--filter", "nosuch=1", check=False)
    assert code == 1 and "nvalid filter 'nosuch" in err, err


@each_client
def test_what_cannot_be_had(engine, docker):
    code, _, err = docker("search", "redis", check=False)
    assert code == 1 and "searching is not supported" in err, err
    for words, text in ((("--limit", "1000"), "Limit 1000 is outside the range of [1, 100]"), (("--filter", "nosuch=1"), "nvalid filter 'nosuch'"),
                        (("--filter", "is-official=maybe"), "nvalid filter 'is-official=[maybe]'")):
        code, _, err = docker("search", *words, "redis", check=False)
        assert code == 1 and text in err, err
    code, _, err = docker("pull", "scratch", check=False)
    assert code == 1 and "'scratch' is a reserved name" in err, err
    code, _, err = docker("pull", "127.0.0.1:1/x:1", check=False)
    assert code == 1 and "127.0.0.1:1" in err, err
    docker("tag", "redis", "127.0.0.1:1/redis")
    code, _, err = docker("run", "--rm", "--platform", "linux/arm64", "127.0.0.1:1/redis", "true", check=False)
    assert code == 125 and err, err
    docker("rmi", "127.0.0.1:1/redis")


@each_client
def test_clients_that_go_away(engine, docker):
    """Pulls and pushes end with their client, and leave no part of an image."""
    with world(test_registry.World) as made:
        name = f"{made.host}/public/app:v1"
        slow = made.send_blob
        made.send_blob = lambda request, data: (time.sleep(10), slow(request, data))
        client = engine.popen("pull", name, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until("it downloads", lambda: made.asked_blobs, 10)
        client.kill()
        client.wait()
        until("nothing is left", lambda: os.listdir(f"{engine.cluster.dir}/images/tmp") == [], 15)
        assert docker("images", "-q", name) == ""
    # Names and headers that mean nothing
    with socket.socket(socket.AF_UNIX) as raw:
        raw.connect(engine.socket)
        raw.sendall(b"POST /v1.41/images/create?fromImage=127.0.0.1:1/x&tag=1 HTTP/1.1\r\nHost: d\r\nX-Registry-Auth: \xff\xfe{{{\r\nContent-Length: 0\r\n\r\n")
        assert b"HTTP/1.1 " in raw.recv(100)
    assert docker("version", "-f", "{{.Server.Version}}")
