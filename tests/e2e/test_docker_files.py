"""Files through Docker's own command lines: cp, diff, commit, export and import, also of hostile archives and hostile containers."""
import hashlib, http.client, io, json, os, re, socket, subprocess, tarfile, tempfile, time, urllib.parse

from cluster import Failed, until
from docker_engine import SHELL, each_client


def binary(engine, docker, *words, input=b"", check=True):
    """The client's standard output as bytes; with check=False (code, out, err)."""
    done = subprocess.run([docker.keywords["client"], *words], input=input, capture_output=True, timeout=180, env=engine.environment())
    if check and done.returncode != 0:
        raise Failed(f"{words} exited with {done.returncode}: {done.stderr[-1000:]}")
    return done.stdout if check else (done.returncode, done.stdout, done.stderr.decode())


def archive(*entries):
    """A tar of (name, content or TarInfo changes)."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for name, what in entries:
            info = tarfile.TarInfo(name)
            info.mtime = 1700000000
            data = what if isinstance(what, bytes) else b""
            for key, value in (what.items() if isinstance(what, dict) else ()):
                setattr(info, key, value)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return out.getvalue()


def entries(data):
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        return {member.name: member for member in tar}


def write(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as file:
        file.write(text)


def read(path):
    with open(path) as file:
        return file.read()


class Connection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("docker", timeout=120)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(120)
        self.sock.connect(self.path)


def call(engine, method, url, body=None, **query):
    """(status, body) of one request; an answer that is cut counts as what came of it."""
    connection = Connection(engine.socket)
    try:
        connection.request(method, f"{url}?{urllib.parse.urlencode(query)}", body)
        answer = connection.getresponse()
        try:
            return answer.status, answer.read()
        except http.client.IncompleteRead as cut:
            return answer.status, cut.partial
    finally:
        connection.close()


def box(docker, name, *flags, script="exec sleep 1000"):
    docker("run", "-d", "--name", name, *flags, *SHELL, script)
    return name


@each_client
def test_cp_puts_files_where_docker_does(engine, docker):
    box(docker, "box")
    with tempfile.TemporaryDirectory() as folder:
        write(f"{folder}/file", "content\n")
        write(f"{folder}/tree/sub/leaf", "leaf\n")
        docker("exec", "box", "mkdir", "/there")
        for stopped in (False, True):
            if stopped:
                docker("stop", "-t", "0", "box")
            mark = "stopped" if stopped else "running"
            docker("cp", f"{folder}/file", f"box:/there/{mark}")         # a new name
            docker("cp", f"{folder}/file", "box:/there")                 # into a folder
            docker("cp", f"{folder}/tree", f"box:/{mark}-tree")          # a folder as a new one
            docker("cp", f"{folder}/tree", "box:/there/")                # a folder into one
            docker("cp", f"{folder}/tree/.", f"box:/there")              # what is in a folder
            out = f"{folder}/out-{mark}"
            docker("cp", f"box:/there/{mark}", out)
            assert read(out) == "content\n"
            docker("cp", "box:/there", f"{folder}/all-{mark}")
            found = sorted(os.path.relpath(f"{at}/{name}", f"{folder}/all-{mark}") for at, _, names in os.walk(f"{folder}/all-{mark}") for name in names)
            assert set(found) >= {mark, "file", "tree/sub/leaf", "sub/leaf"}, found
            docker("cp", f"box:/{mark}-tree/.", f"{folder}/contents-{mark}")
            assert read(f"{folder}/contents-{mark}/sub/leaf") == "leaf\n"
        for source, target, said in ((f"{folder}/file", "box:/nowhere/", "no such directory"),
                                     (f"{folder}/tree", "box:/there/file", "cannot copy directory"),
                                     (f"{folder}/absent", "box:/there", "no such file or directory"),
                                     ("box:/absent", folder, "ontainer"),
                                     ("nobody:/etc/hosts", folder, "No such container:")):
            code, _, err = docker("cp", source, target, check=False)
            assert code == 1 and said in err, (source, target, code, err)
        status, body = call(engine, "GET", "/containers/box/archive", path="/absent")
        assert (status, json.loads(body)["message"]) == (404, "Could not find the file /absent in container box"), body


@each_client
def test_cp_speaks_tar_on_standard_streams(engine, docker):
    box(docker, "box", script="mkdir -p /d/sub; echo one > /d/one; echo two > /d/sub/two; ln -s one /d/link; exec sleep 1000")
    until("the files are there", lambda: docker("exec", "box", "cat", "/d/sub/two") == "two\n", 10)
    until("the link is there", lambda: docker("exec", "box", "cat", "/d/link") == "one\n", 10)
    found = entries(binary(engine, docker, "cp", "box:/d", "-"))
    assert sorted(found) == ["d", "d/link", "d/one", "d/sub", "d/sub/two"] and found["d/link"].linkname == "one", found
    assert sorted(entries(binary(engine, docker, "cp", "box:/d/.", "-"))) in ([".", "./link", "./one", "./sub", "./sub/two"], ["", "link", "one", "sub", "sub/two"])
    docker("exec", "box", "mkdir", "/e")
    data = archive(("new", {"type": tarfile.DIRTYPE, "mode": 0o750, "uid": 7, "gid": 8}), ("new/f", b"through a pipe\n"), ("new/l", {"type": tarfile.SYMTYPE, "linkname": "f"}))
    binary(engine, docker, "cp", "-", "box:/e", input=data)
    assert docker("exec", "box", "sh", "-c", "stat -c '%a %u:%g' /e/new; cat /e/new/l").split("\n")[:2] == ["750 7:8", "through a pipe"]
    code, _, err = binary(engine, docker, "cp", "-", "box:/e/new/f", input=data, check=False)
    assert code == 1 and 'must be a directory' in err or "not a directory" in err, err


@each_client
def test_cp_keeps_links_and_follows_them_when_asked(engine, docker):
    box(docker, "box", script="mkdir /d; echo inside > /d/file; ln -s /d/file /link; ln -s /d /folder; ln -s /nowhere /dangling; exec sleep 1000")
    until("the links are there", lambda: docker("exec", "box", "readlink", "/dangling"), 10)
    with tempfile.TemporaryDirectory() as folder:
        docker("cp", "box:/link", f"{folder}/link")
        assert os.readlink(f"{folder}/link") == "/d/file"
        docker("cp", "-L", "box:/link", f"{folder}/file")
        assert read(f"{folder}/file") == "inside\n"
        docker("cp", "box:/folder/", f"{folder}/copied")
        assert read(f"{folder}/copied/file") == "inside\n"
        docker("cp", "box:/dangling", f"{folder}/dangling")
        assert os.readlink(f"{folder}/dangling") == "/nowhere"
        write(f"{folder}/new", "new\n")
        docker("cp", f"{folder}/new", "box:/folder")  # through the link, into the folder
        assert docker("exec", "box", "cat", "/d/new") == "new\n"
        docker("cp", f"{folder}/new", "box:/link")  # through the link, onto the file
        assert docker("exec", "box", "cat", "/d/file") == "new\n"
        os.symlink("new", f"{folder}/pointer")
        docker("cp", f"{folder}/pointer", "box:/pointer")
        assert docker("exec", "box", "readlink", "/pointer") == "new\n"
        docker("cp", "-L", f"{folder}/pointer", "box:/pointed")
        assert docker("exec", "box", "cat", "/pointed") == "new\n"


@each_client
def test_cp_and_owners(engine, docker):
    box(docker, "box")
    docker("create", "--name", "owned", "--user", "1234:4321", "--entrypoint", "sh", "redis", "-c", "stat -c '%u:%g' /plain /archived")
    with tempfile.TemporaryDirectory() as folder:
        write(f"{folder}/f", "x")
        os.chown(f"{folder}/f", 55, 66)
        os.chmod(f"{folder}/f", 0o640)
        docker("cp", "-a", f"{folder}/f", "box:/archived")
        assert docker("exec", "box", "stat", "-c", "%u:%g %a", "/archived") == "55:66 640\n"
        docker("exec", "box", "chown", "77:88", "/archived")
        found = entries(binary(engine, docker, "cp", "box:/archived", "-"))["archived"]
        assert (found.uid, found.gid, found.mode) == (77, 88, 0o640), found
        docker("cp", "-a", f"{folder}/f", "owned:/archived")  # the container's user's
        docker("cp", f"{folder}/f", "owned:/plain")
        assert docker("start", "-a", "owned").split()[1] == "1234:4321"


@each_client
def test_cp_reaches_volumes_and_respects_what_is_read_only(engine, docker):
    with tempfile.TemporaryDirectory() as folder:
        write(f"{folder}/f", "kept\n")
        docker("create", "--name", "never", "-v", "data:/data", "-v", f"{folder}:/host:ro", "--entrypoint", "true", "redis")
        docker("cp", f"{folder}/f", "never:/data/f")  # a container that was never started
        assert docker("run", "--rm", "-v", "data:/d", "--entrypoint", "cat", "redis", "/d/f") == "kept\n"
        docker("cp", "never:/host/f", f"{folder}/out")
        assert read(f"{folder}/out") == "kept\n"
        box(docker, "ro", "--read-only", "-v", "data:/data", "-v", f"{folder}:/host:ro", "--tmpfs", "/ram")
        for stopped in (False, True):
            if stopped:
                docker("stop", "-t", "0", "ro")
            for place, said in (("/etc/f", "container rootfs is marked read-only"), ("/host/g", "read-only")):
                code, _, err = docker("cp", f"{folder}/f", f"ro:{place}", check=False)
                assert code == 1 and said in err, (stopped, place, err)
            docker("cp", f"{folder}/f", f"ro:/data/g{stopped}")
        assert not os.path.exists(f"{folder}/g")
        assert "gTrue" in docker("run", "--rm", "-v", "data:/d", "--entrypoint", "ls", "redis", "/d")


HOSTILE = (("a name above the destination", (("../../../../../../../{out}/escaped", b"x"),)),
           ("a name that climbs in the middle", (("a/b/../../../../../../../{out}/escaped", b"x"),)),
           ("an absolute name", (("{out}/escaped", b"x"),)),
           ("through an absolute link", (("l", {"type": tarfile.SYMTYPE, "linkname": "{out}"}), ("l/escaped", b"x"))),
           ("through a climbing link", (("l", {"type": tarfile.SYMTYPE, "linkname": "../../../../../../..{out}"}), ("l/escaped", b"x"))),
           ("a hard link to a file outside", (("h", {"type": tarfile.LNKTYPE, "linkname": "../../../../../../..{out}/secret"}),)),
           ("a hard link by an absolute name", (("h", {"type": tarfile.LNKTYPE, "linkname": "{out}/secret"}),)),
           ("a link to a link", (("p", {"type": tarfile.SYMTYPE, "linkname": "q"}), ("q", {"type": tarfile.SYMTYPE, "linkname": "{out}"}), ("p/escaped", b"x"))))


def hostile(members, out):
    changed = []
    for name, what in members:
        if isinstance(what, dict) and "linkname" in what:
            what = {**what, "linkname": what["linkname"].format(out=out)}
        changed.append((name.format(out=out), what))
    return archive(*changed)


@each_client
def test_hostile_archives_stay_inside(engine, docker):
    box(docker, "box", script="mkdir -p /w/x; exec sleep 1000")
    until("the folder is there", lambda: docker("exec", "box", "ls", "/w") == "x\n", 10)
    with tempfile.TemporaryDirectory(prefix="reigen-outside-") as out:
        write(f"{out}/secret", "the host's\n")
        for what, members in HOSTILE:
            code, _, err = binary(engine, docker, "cp", "-", "box:/w/x", input=hostile(members, out), check=False)
            assert os.listdir(out) == ["secret"], (what, os.listdir(out))
            assert os.stat(f"{out}/secret").st_nlink == 1, what
            if what.startswith("a name"):
                assert code == 1 and "outside" in err, (what, code, err)
        # An entry may be a device, as with Docker; the container cannot open one that it was not given.
        binary(engine, docker, "cp", "-", "box:/w", input=archive(("disk", {"type": tarfile.BLKTYPE, "devmajor": 254, "devminor": 0, "mode": 0o666})), check=False)
        code, _, err = docker("exec", "box", "head", "-c", "1", "/w/disk", check=False)
        assert code != 0 and ("not permitted" in err or "No such" in err), err
        # Broken ones end with an error and leave the engine well.
        whole = archive(("f", b"y" * 100000))
        for data in (whole[:600], whole[:70000], b"no archive at all" * 100, b"\x1f\x8b" + os.urandom(500)):
            code, _, err = binary(engine, docker, "cp", "-", "box:/w", input=data, check=False)
            assert code == 1, (len(data), err)
        assert docker("exec", "box", "true") == ""


NAMED = [{"Config": "config.json", "RepoTags": ["hostile:1"], "Layers": ["layer.tar"]}]


def saved_image(layer, manifest=NAMED):
    digest = "sha256:" + hashlib.sha256(layer).hexdigest()
    config = {"architecture": "amd64", "os": "linux", "config": {"Cmd": ["/bin/sh"]}, "rootfs": {"type": "layers", "diff_ids": [digest]}}
    return archive(("config.json", json.dumps(config).encode()), ("layer.tar", layer), ("manifest.json", json.dumps(manifest).encode()))


@each_client
def test_hostile_images_stay_inside(engine, docker):
    with tempfile.TemporaryDirectory(prefix="reigen-outside-") as out:
        write(f"{out}/secret", "the host's\n")
        for what, members in HOSTILE:
            binary(engine, docker, "load", input=saved_image(hostile(members, out)), check=False)
            docker("create", "--pull", "never", "--name", "made", "hostile:1", check=False)
            binary(engine, docker, "export", "made", check=False)
            assert os.listdir(out) == ["secret"], (what, os.listdir(out))
            assert os.stat(f"{out}/secret").st_nlink == 1, what
            docker("rm", "-f", "made", check=False)
            docker("rmi", "-f", "hostile:1", check=False)
        good = archive(("f", b"x"))
        for manifest in ([{"Config": f"{out}/secret", "RepoTags": ["hostile:1"], "Layers": ["layer.tar"]}],
                         [{"Config": "config.json", "RepoTags": ["hostile:1"], "Layers": [f"../../../../../..{out}/secret"]}],
                         [{"Config": "config.json", "RepoTags": ["hostile:1"], "Layers": []}], {}, [None], [{"Config": "absent.json"}]):
            code, _, err = binary(engine, docker, "load", input=saved_image(good, manifest=manifest), check=False)
            assert code == 1, (manifest, err)
        # The image's manifest comes through a link to a file of the host.
        data = archive(("manifest.json", {"type": tarfile.SYMTYPE, "linkname": f"{out}/secret"}))
        code, _, err = binary(engine, docker, "load", input=data, check=False)
        assert code == 1 and "the host's" not in err, err
        assert "hostile" not in docker("images")


@each_client
def test_a_container_that_swaps_links_leads_cp_nowhere(engine, docker):
    with tempfile.TemporaryDirectory(prefix="reigen-outside-") as out:
        write(f"{out}/f", "the host's\n")
        swap = f"mkdir /w; cd /w; while :; do mkdir d; echo mine > d/f; rm -rf d; ln -s {out} d; rm d; ln -s ../../../../../../..{out} d; rm d; done 2>/dev/null"
        box(docker, "swap", script=swap)
        until("it swaps", lambda: docker("exec", "swap", "ls", "/w") is not None, 10)
        end, turns, seen = time.time() + 2, 0, set()
        while time.time() < end:
            turns += 1
            status, data = call(engine, "GET", "/containers/swap/archive", path="/w/d/f")
            assert b"the host's" not in data
            seen.add(status)
            status, data = call(engine, "GET", "/containers/swap/archive", path="/w/d/")
            assert b"the host's" not in data
            status, data = call(engine, "HEAD", "/containers/swap/archive", path="/w/d/f")
            status, _ = call(engine, "PUT", "/containers/swap/archive", archive(("f", b"the container's\n"), ("new/g", b"x")), path="/w/d")
            status, _ = call(engine, "PUT", "/containers/swap/archive", archive(("d/f", b"the container's\n"), ("d/n", b"x")), path="/w")
            assert os.listdir(out) == ["f"] and read(f"{out}/f") == "the host's\n"
        for _ in range(5):
            docker("cp", f"{out}/f", "swap:/w/d/f", check=False)
            docker("cp", "swap:/w/d", f"{out}/copied", check=False)
            subprocess.run(["rm", "-rf", f"{out}/copied"], check=True)
            assert os.listdir(out) == ["f"] and read(f"{out}/f") == "the host's\n"
        assert turns > 3 and seen <= {200, 404, 400, 500}, (turns, seen)


@each_client
def test_diff_names_what_changed(engine, docker):
    docker("run", "--name", "changed", *SHELL, "echo x > /new; mkdir -p /tree/a; echo y > /tree/a/b; rm /etc/debian_version; chmod 600 /etc/hostname /etc/issue; echo z > /tmp/t")
    lines = docker("diff", "changed").splitlines()
    assert set(lines) >= {"A /new", "A /tree", "A /tree/a", "A /tree/a/b", "C /etc", "D /etc/debian_version", "C /etc/issue", "C /tmp", "A /tmp/t"}, lines
    assert not any(word in line for line in lines for word in ("/dev", "/proc", "/sys", "hostname", "resolv", "dockerenv")), lines
    code, _, err = docker("diff", "nobody", check=False)
    assert code == 1 and "No such container: nobody" in err, err


@each_client
def test_commit_makes_an_image_that_runs(engine, docker):
    box(docker, "base", "-e", "OLD=1", "-v", "data:/data", script="echo kept > /file; echo no > /data/not; exec sleep 1000")
    until("the files are there", lambda: docker("exec", "base", "cat", "/data/not") == "no\n", 10)
    changes = ("ENV NEW=2 BOTH=$OLD", 'CMD ["cat /file; ls /data; echo $OLD $NEW $BOTH; pwd; id -u"]', 'ENTRYPOINT ["sh", "-c"]', "WORKDIR /etc", "USER 99",
               "EXPOSE 80/tcp", "LABEL who=us", "VOLUME /vol", "STOPSIGNAL SIGINT", "HEALTHCHECK NONE", "ONBUILD RUN true")
    id = docker("commit", "-a", "An Author", "-m", "a message", *(word for change in changes for word in ("-c", change)), "base", "made:1").strip()
    assert re.fullmatch("sha256:[0-9a-f]{64}", id), id
    assert engine.inspect("base", "State.Status") == "running"
    assert docker("run", "--rm", "made:1").split() == ["kept", "1", "2", "1", "/etc", "99"]
    about = json.loads(docker("image", "inspect", "made:1"))[0]
    config = about["Config"]
    assert (about["Author"], about["Comment"]) == ("An Author", "a message"), about
    assert (config["User"], config["Labels"], config["StopSignal"]) == ("99", {"who": "us"}, "SIGINT"), config
    assert "80/tcp" in config["ExposedPorts"] and "/vol" in config["Volumes"] and config["OnBuild"] == ["RUN true"], config
    assert docker("history", "--format", "{{.Comment}}", "made:1").splitlines()[0] == "a message"
    code, _, err = docker("commit", "-c", "RUN true", "base", check=False)
    assert code == 1 and "run is not a valid change command" in err, err
    code, _, err = docker("commit", "base", "Wrong/Name", check=False)
    assert code == 1 and "must be lowercase" in err, err
    docker("stop", "-t", "0", "base")
    docker("commit", "--pause=false", "base", "made:2")
    assert docker("run", "--rm", "--entrypoint", "cat", "made:2", "/file") == "kept\n"
    docker("rmi", "made:1", "made:2")


@each_client
def test_commit_pauses_unless_told_not_to(engine, docker):
    box(docker, "busy", script="while :; do echo x; sleep 0.02; done")
    start = f"{time.time():.6f}"
    docker("commit", "busy", "paused:1")
    docker("commit", "--pause=false", "busy", "paused:2")
    told = docker("events", "--since", start, "--until", str(int(time.time()) + 1), "--filter", "container=busy", "--format", "{{.Status}}").split()
    assert [word for word in told if word in ("pause", "commit", "unpause")] == ["pause", "commit", "unpause", "commit"], told
    assert engine.inspect("busy", "State.Status") == "running"
    docker("rmi", "paused:1", "paused:2")


@each_client
def test_export_and_import_carry_a_root(engine, docker):
    docker("run", "--name", "source", "-v", "data:/data", *SHELL, "echo exported > /file; echo no > /data/not; chown 12:34 /file; chmod 4755 /file")
    with tempfile.TemporaryDirectory() as folder:
        docker("export", "-o", f"{folder}/root.tar", "source")
        found = entries(open(f"{folder}/root.tar", "rb").read())
        assert (found["file"].uid, found["file"].gid, found["file"].mode) == (12, 34, 0o4755)
        assert ".dockerenv" in found and "data" in found and "data/not" not in found
        id = docker("import", "-m", "from a file", "-c", 'CMD ["cat", "/file"]', "-c", "ENV A=b", f"{folder}/root.tar", "imported:1").strip()
        assert re.fullmatch("sha256:[0-9a-f]{64}", id), id
        assert docker("run", "--rm", "imported:1") == "exported\n"
        about = json.loads(docker("image", "inspect", "imported:1"))[0]
        assert about["Config"]["Env"][-1] == "A=b" and about["Comment"] == "from a file" and len(about["RootFS"]["Layers"]) == 1, about
        whole = binary(engine, docker, "export", "source")
        binary(engine, docker, "import", "-", "imported:2", input=whole)
        assert docker("run", "--rm", "imported:2", "stat", "-c", "%u:%g %a", "/file") == "12:34 4755\n"
        code, _, err = binary(engine, docker, "import", "-", "imported:3", input=b"no archive" * 100, check=False)
        assert code == 1, err
        docker("rmi", "imported:1", "imported:2")
