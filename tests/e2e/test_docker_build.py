"""`docker build` with the classic builder, and what today's Dockerfiles hold. The texts are those of Docker 20.10's builder."""
import bz2, contextlib, gzip, http.client, io, json, lzma, os, re, shutil, socket, subprocess, tarfile, tempfile, threading, http.server

from cluster import REIGEN, Failed, run, until
from docker_engine import CLIENTS, each_client

BASE = "builder-base:1"


def archive(files):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, data in files.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(data), 0o644
            tar.addfile(entry, io.BytesIO(data))
    return out.getvalue()


class Context:
    """A folder to build in. `base` is an image with busybox and its names."""

    def __init__(self, docker):
        self.docker, self.dir = docker, tempfile.mkdtemp(prefix="reigen-e2e-build-")
        if not docker("images", "-q", BASE):
            self.make_base()

    def make_base(self):
        names = run(["busybox", "--list"])[1].split()
        root = io.BytesIO()
        with tarfile.open(fileobj=root, mode="w") as tar:
            tar.add("/bin/busybox", "bin/busybox")
            for name in names:
                if name != "busybox":
                    link = tarfile.TarInfo(f"bin/{name}")
                    link.type, link.linkname = tarfile.SYMTYPE, "busybox"
                    tar.addfile(link)
            for name in ("tmp", "etc"):
                folder = tarfile.TarInfo(name)
                folder.type, folder.mode = tarfile.DIRTYPE, 0o755
                tar.addfile(folder)
            passwd = b"root:x:0:0::/:/bin/sh\nalice:x:1000:1001::/home/alice:/bin/sh\n"
            for name, data in (("etc/passwd", passwd), ("etc/group", b"root:x:0:\nfriends:x:1001:\n")):
                entry = tarfile.TarInfo(name)
                entry.size, entry.mode = len(data), 0o644
                tar.addfile(entry, io.BytesIO(data))
        path = f"{self.dir}/base.tar"
        open(path, "wb").write(root.getvalue())
        self.docker("import", path, BASE)
        os.remove(path)

    def write(self, name, data, mode=0o644):
        path = f"{self.dir}/{name}"
        os.makedirs(os.path.dirname(path), exist_ok=True)
        open(path, "wb").write(data if isinstance(data, bytes) else data.encode())
        os.chmod(path, mode)

    def build(self, dockerfile, *flags, check=True):
        """What the builder says; with check=False (code, out, err). FROM base stands for the image."""
        self.write("Dockerfile", dockerfile.replace("FROM base", f"FROM {BASE}"))
        return self.docker("build", *flags, self.dir, check=check)

    def fails(self, dockerfile, *flags):
        code, out, err = self.build(dockerfile, *flags, check=False)
        assert code != 0, out
        return code, err


@contextlib.contextmanager
def context(docker):
    made = Context(docker)
    try:
        yield made
    finally:
        shutil.rmtree(made.dir)
        docker("image", "prune", "-f")  # the next client builds anew


def plain(text):
    """Ids replaced, so that texts can be compared."""
    return re.sub(r"\b[0-9a-f]{12}\b", "ID", text)


def steps(text):
    return [line for line in text.splitlines() if line.startswith("Step ") or line == " ---> Using cache"]


def config(docker, image):
    return json.loads(docker("image", "inspect", image))[0]["Config"]


@each_client
def test_every_instruction_leaves_its_trace(engine, docker):
    with context(docker) as here:
        here.write("t.tar", archive({"in-tar": b"tar"}))
        here.write("t.tgz", gzip.compress(archive({"in-gz": b"gz"})))
        here.write("t.txz", lzma.compress(archive({"in-xz": b"xz"})))
        here.write("t.tbz", bz2.compress(archive({"in-bz2": b"bz2"})))
        here.write("folder/x", "x", 0o640)
        out = here.build("ARG TAG=1\nFROM builder-base:${TAG}\nMAINTAINER me <me@x>\nLABEL a=b \"c d\"=\"e f\"\nENV X=1 Y=\"2 3\"\nADD t.tar t.tgz t.txz t.tbz /un/\n"
                         "COPY t.tar /raw/\nCOPY --chown=alice:friends --chmod=751 folder /to\nSHELL [\"/bin/sh\", \"-ec\"]\nSTOPSIGNAL SIGUSR1\n"
                         "HEALTHCHECK --interval=3s --retries=2 CMD true\nVOLUME /v1 /v2\nEXPOSE 80 90/udp\nWORKDIR /w/deep\nWORKDIR er\nUSER alice\n"
                         "RUN id -u; ls /un /raw; stat -c '%a %u:%g' /to/x; pwd; echo $X-$Y\nONBUILD RUN echo triggered\n"
                         "ENTRYPOINT [\"/bin/sh\", \"-c\"]\nCMD [\"echo started as $(id -u) in $(pwd)\"]\n", "-t", "all:1")
        assert "Step 1/20 : ARG TAG=1" in out and "Successfully tagged all:1" in out, out
        for line in ("1000", "in-bz2", "in-gz", "in-tar", "in-xz", "t.tar", "751 1000:1001", "/w/deep/er", "1-2 3"):
            assert line in out.splitlines(), (line, out)
        made = config(docker, "all:1")
        assert made["Labels"] == {"a": "b", "c d": "e f"} and made["Env"][1:] == ["X=1", "Y=2 3"], made
        assert made["StopSignal"] == "SIGUSR1" and made["WorkingDir"] == "/w/deep/er" and made["User"] == "alice" and made["Shell"] == ["/bin/sh", "-ec"], made
        assert set(made["Volumes"]) == {"/v1", "/v2"} and set(made["ExposedPorts"]) == {"80/tcp", "90/udp"} and made["OnBuild"] == ["RUN echo triggered"], made
        assert made["Healthcheck"] == {"Test": ["CMD-SHELL", "true"], "Interval": 3 * 10 ** 9, "Retries": 2}, made
        assert docker("image", "inspect", "-f", "{{.Author}}", "all:1") == "me <me@x>\n"
        history = docker("history", "--no-trunc", "--format", "{{.CreatedBy}}", "all:1").splitlines()
        assert history[:3] == ['/bin/sh -ec #(nop)  CMD ["echo started as $(id -u) in $(pwd)"]', '/bin/sh -ec #(nop)  ENTRYPOINT ["/bin/sh" "-c"]', "/bin/sh -ec #(nop)  ONBUILD RUN echo triggered"], history
        assert docker("run", "--rm", "all:1") == "started as 1000 in /w/deep/er\n"
        child = here.build("FROM all:1\n", "-t", "child:1")
        assert "# Executing 1 build trigger" in child and "triggered" in child and not config(docker, "child:1")["OnBuild"], child
        docker("rmi", "child:1", "all:1")


@each_client
def test_the_cache_is_the_parents_children(engine, docker):
    with context(docker) as here:
        here.write("a", "1")
        file = "FROM base AS one\nARG WHO=none\nRUN echo $WHO > /who\nCOPY a /a\nRUN cat /a\nFROM one\nCOPY --from=one /who /copy\n"
        first = here.build(file, "-t", "cached:1")
        assert first.count("Using cache") == 0 and first.count("Running in") == 3, first
        second = here.build(file, "-t", "cached:1")
        assert second.count("Using cache") == 5 and steps(second)[0] == f"Step 1/7 : FROM {BASE} AS one", second
        assert plain(second).splitlines()[-2:] == ["Successfully built ID", "Successfully tagged cached:1"], second
        assert here.build(file, "--build-arg", "WHO=me").count("Using cache") == 1  # ARG itself
        here.write("a", "2")
        assert here.build(file).count("Using cache") == 2
        assert here.build(file, "--no-cache").count("Using cache") == 0
        code, err = here.fails(file, "--target", "nosuch")
        assert code == 1 and "failed to reach build target nosuch in Dockerfile" in err, err
        assert "Step 5/5" in here.build(file, "--target", "one")
        # With --cache-from only what stands in those images' histories counts, also when they came from elsewhere.
        docker("save", "-o", f"{here.dir}/../{os.path.basename(here.dir)}.tar", "cached:1")
        assert here.build(file, "--cache-from", BASE).count("Using cache") == 0
        os.remove(f"{here.dir}/../{os.path.basename(here.dir)}.tar")
        docker("rmi", "cached:1")


@each_client
def test_what_the_client_sends_and_dockerignore_keeps_out(engine, docker):
    with context(docker) as here:
        for name in ("keep", "secret.key", "deep/er/other.key", "node_modules/x", "docs/a.md", "docs/keep.md"):
            here.write(name, name)
        here.write(".dockerignore", "# nothing of this\n**/*.key\nnode_modules\ndocs/*.md\n!docs/keep.md\n.dockerignore\nDockerfile\n")
        out = here.build("FROM base\nCOPY . /c\nRUN find /c -type f | sort\n")
        assert [line for line in out.splitlines() if line.startswith("/c")] == ["/c/docs/keep.md", "/c/keep"], out
        code, err = here.fails("FROM base\nCOPY secret.key /\n")
        assert code == 1 and "COPY failed: file not found in build context or excluded by .dockerignore: stat secret.key: file does not exist" in err, err
        code, err = here.fails("FROM base\nCOPY ../etc/passwd /\n")
        assert "COPY failed: forbidden path outside the build context: ../etc/passwd ()" in err, err
        here.write("sub/Other", f"FROM {BASE}\nRUN echo other\n")
        assert "\nother\n" in docker("build", "-f", f"{here.dir}/sub/Other", here.dir)
        code, _, err = docker("build", "-f", "nosuch", here.dir, check=False)
        assert code == 1 and "unable to prepare context" in err, err


@each_client
def test_contexts_from_standard_input(engine, docker):
    with context(docker) as here:
        file = f"FROM {BASE}\nRUN echo alone\n"
        out = docker("build", "-", input=file)
        assert "\nalone\n" in out and "Step 2/2" in out, out
        packed = gzip.compress(archive({"Dockerfile": f"FROM {BASE}\nCOPY data /d\nRUN cat /d\n".encode(), "data": b"from a tar\n", "other/File": file.encode()}))
        env = engine.environment()
        for flags, wanted in (((), b"\nfrom a tar\n"), (("-f", "other/File"), b"\nalone\n")):
            done = subprocess.run([CLIENTS[0], "build", "--no-cache", *flags, "-"], input=packed, env=env, capture_output=True, timeout=180)
            assert done.returncode == 0 and wanted in done.stdout, done
        code, _, err = docker("build", "-", input="", check=False)
        assert code == 1 and "the Dockerfile (Dockerfile) cannot be empty" in err or "empty" in err, err


@each_client
def test_a_dockerfile_from_standard_input_with_a_context(engine, docker):
    """The client puts it into the context itself, and leaves the end of the archive out."""
    with context(docker) as here:
        here.write("a.txt", "from the context")
        out = docker("build", "--no-cache", "-f", "-", here.dir, input=f"FROM {BASE}\nCOPY a.txt /x\nRUN cat /x\n")
        assert "from the context" in out and "Successfully built" in out, out


@each_client
def test_copy_keeps_times_and_follows_links(engine, docker):
    with context(docker) as here:
        here.write("tree/deep/file", "1")
        os.symlink("nowhere", f"{here.dir}/tree/link")
        for name in ("deep/file", "deep", "link"):
            os.utime(f"{here.dir}/tree/{name}", (1e9, 1e9), follow_symlinks=False)
        out = here.build("FROM base\nCOPY tree /t\nRUN stat -c '%n %Y' /t/deep /t/link\nRUN mkdir /real && ln -s /real/new /dangling && ln -s /real /folder\n"
                         "COPY tree/deep/file /dangling\nCOPY tree/deep/file /folder\nRUN ls /real; readlink /dangling\nUSER alice:0\nRUN id -G\n", "--no-cache")
        for line in ("/t/deep 1000000000", "/t/link 1000000000", "file\nnew\n/real/new", "0"):
            assert f"\n{line}\n" in out, (line, out)


@each_client
def test_a_failing_step_says_so_and_stays(engine, docker):
    with context(docker) as here:
        code, err = here.fails("FROM base\nRUN echo out; echo err >&2; exit 3\n")
        assert code == 3 and err.endswith("The command '/bin/sh -c echo out; echo err >&2; exit 3' returned a non-zero code: 3\n"), (code, err)
        left = docker("ps", "-a", "--no-trunc", "--format", "{{.Command}} {{.Status}}")
        assert left.startswith('"/bin/sh -c \'echo out; echo err >&2; exit 3\'" Exited (3)'), left
        box = docker("ps", "-aql").strip()
        docker("rm", box)
        code, err = here.fails("FROM base\nRUN echo x > /x; exit 4\n", "--force-rm")
        assert code == 4 and docker("ps", "-aq") == "", err
        code, err = here.fails("FROM base\nRUN [\"/nosuch\"]\n", "--force-rm")
        assert code == 1 and "no such file or directory" in err, (code, err)
        code, out, err = here.build("FROM base\nRUN echo told; exit 5\n", "-q", "--force-rm", check=False)
        assert code == 5 and "told" in out + err and "returned a non-zero code: 5" in err, (code, out, err)
        # Without --rm each step's container stays.
        out = here.build("FROM base\nENV A=1\nRUN echo 1 > /made\n", "--rm=false", "--no-cache")
        assert "Removing" not in out, out
        kept = docker("ps", "-a", "--format", "{{.ID}} {{.Status}}").splitlines()
        assert len(kept) == 2 and "Exited (0)" in kept[0] and kept[1].endswith("Created"), kept
        assert docker("diff", kept[0].split()[0]) == "A /made\n"
        for wrong, text in (("FROM base\nNOSUCH\n", "dockerfile parse error line 2: unknown instruction: NOSUCH"), ("FROM base\nCOPY x\n", "COPY requires at least two arguments"),
                            ("FROM base\nUSER\n", "USER requires exactly one argument"), ("RUN x\n", "no build stage in current context"),
                            ("FROM base\nENV A\n", "failed to parse Dockerfile: ENV must have two arguments"), ("FROM base AS a\nFROM base AS a\n", "a stage name already used"),
                            ("FROM base\nSTOPSIGNAL no\n", "Invalid signal: no"), ("FROM base\nENV A=${B:?why}\n", 'failed to process "${B:?why}": B: why'),
                            ("ARG X\nFROM $X\n", "base name ($X) should not be blank"), ("FROM base\nWORKDIR /etc/passwd\n", "Cannot mkdir: /etc/passwd is not a directory"),
                            ("FROM base\nCOPY --chown=nobody9 Dockerfile /\n", "can't find uid for user nobody9: no such user: nobody9"),
                            ("FROM base\nCMD [\"a\", 1]\n", "failed to parse Dockerfile: when using JSON array syntax, arrays must be comprised of strings only"),
                            ("FROM base\nWORKDIR $nothing\n", "cannot normalize nothing"), ("FROM --platform=x base\n", '"x": unknown operating system or architecture'),
                            ("FROM base\nEXPOSE 99999\n", "Invalid containerPort: 99999"), ("FROM base\nCOPY --bad x y\n", "Unknown flag: bad")):
            code, err = here.fails(wrong)
            assert code == 1 and text in err, (wrong, err)


@each_client
def test_where_a_step_runs(engine, docker):
    """A step is a container: its network, limits and files are those of docker run."""
    with context(docker) as here:
        show = "FROM base\nRUN ip -o -4 addr | grep -c eth0; hostname | wc -c; tail -1 /etc/hosts; test -e /.dockerenv && echo marked\n"
        out = here.build(show, "--no-cache")
        assert "\n1\n13\n" in out and re.search(r"\n172\.\d+\.\d+\.\d+\t[0-9a-f]{12}\nmarked\n", out), out
        assert "\n0\n" in here.build("FROM base\nRUN ip -o -4 addr | grep -c eth0 || true\n", "--no-cache", "--network", "none")
        address = docker("network", "inspect", "-f", "{{(index .IPAM.Config 0).Gateway}}", "bridge").strip()  # the host's
        assert address in here.build("FROM base\nRUN ip -o -4 addr\n", "--no-cache", "--network", "host")
        docker("network", "create", "building")
        assert "\n127.0.0.11\n" in here.build("FROM base\nRUN sed -n 's/nameserver //p' /etc/resolv.conf\n", "--no-cache", "--network", "building")
        code, err = here.fails(show, "--no-cache", "--network", "nosuch")
        assert code == 1 and "network nosuch not found" in err, err
        out = here.build("FROM base\nRUN grep example /etc/hosts; df -m /dev/shm | tail -1; ulimit -n; ps | wc -l\n", "--no-cache", "--add-host", "example:1.2.3.4",
                         "--shm-size", "10m", "--memory", "64m", "--ulimit", "nofile=100:200")
        assert "\n1.2.3.4\texample\n" in out and re.search(r"\S+ +10 ", out) and "\n100\n" in out, out
        limit = "cat /sys/fs/cgroup/memory/memory.limit_in_bytes 2>/dev/null || cat /sys/fs/cgroup/memory.max"
        assert "\n67108864\n" in here.build(f"FROM base\nRUN {limit}\n", "--no-cache", "--memory", "64m")
        # What is written below a volume is no part of the image.
        out = here.build("FROM base\nVOLUME /v\nRUN echo lost > /v/f; echo kept > /f\nRUN cat /f; ls /v\n", "--no-cache", "-t", "vols")
        assert "\nkept\n" in out and "\nf\n" not in out and docker("volume", "ls", "-q") == "", out
        docker("rmi", "vols")
        docker("network", "rm", "building")


@each_client
def test_folders_of_volumes_are_common_folders(engine, docker):
    """Those that the image lacks are made as any other, also by a step of the build."""
    with context(docker) as here:
        here.build("FROM base\nVOLUME /v /deep/er\nRUN mkdir -p -m 700 /own\nVOLUME /own\n", "-t", "folders")
        box = docker("run", "-d", "folders", "true").strip()
        docker("wait", box)
        docker("export", "-o", f"{here.dir}/x.tar", box)
        with tarfile.open(f"{here.dir}/x.tar") as exported:
            modes = {entry.name: entry.mode for entry in exported if entry.name in ("v", "deep", "deep/er", "own")}
        assert modes == {"v": 0o755, "deep": 0o755, "deep/er": 0o755, "own": 0o700}, {name: oct(mode) for name, mode in modes.items()}
        docker("rm", "-v", box)
        docker("rmi", "folders")


@each_client
def test_other_flags(engine, docker):
    with context(docker) as here:
        out = here.build("FROM base\nRUN echo 1 > /one\n", "-q", "--label", "from=flag", "--iidfile", f"{here.dir}/id", "-t", "flags:1", "-t", "flags:2")
        assert re.fullmatch(r"sha256:[0-9a-f]{64}\n", out) and open(f"{here.dir}/id").read() == out, out
        assert config(docker, "flags:2")["Labels"] == {"from": "flag"}
        assert docker("images", "-q", "--no-trunc", "flags:1") == out
        docker("rmi", "flags:1", "flags:2")
        code, err = here.fails("FROM base\n", "--squash")
        assert "squash" in err and "experimental" in err, err
        code, err = here.fails("FROM 127.0.0.1:1/x:1\n")
        assert code == 1 and "127.0.0.1:1" in err, err
        docker("tag", BASE, "127.0.0.1:1/base:1")
        assert here.build("FROM 127.0.0.1:1/base:1\n")
        code, err = here.fails("FROM 127.0.0.1:1/base:1\n", "--pull")
        assert code == 1 and "127.0.0.1:1" in err, err
        docker("rmi", "127.0.0.1:1/base:1")
        out = here.build("# escape=`\nFROM base\nRUN echo a `\n  b\n", "--build-arg", "UNUSED=1")
        assert "\na b\n" in out and "One or more build-args [UNUSED] were not consumed" in out, out
        assert "One or more build-args [NOTSET UNUSED] were not consumed" in here.build("FROM base\n", "--build-arg", "UNUSED=1", "--build-arg", "NOTSET")
        code, err = here.fails("FROM base\n", "-t", "sha256:1")
        assert code != 0 and "refusing to create an ambiguous tag using digest algorithm as name" in err, err
        code, err = here.fails("FROM base\n", "--platform", "nosuch")
        assert '"nosuch": unknown operating system or architecture' in err, err


@each_client
def test_todays_dockerfiles(engine, docker):
    with context(docker) as here:
        here.write("bound/f", "bound\n")
        here.write("exe", "#!/bin/sh\necho run\n", 0o600)
        out = here.build("# syntax=docker/dockerfile:1\nFROM base AS one\nRUN echo stage > /f\nFROM base\n"
                         "RUN --mount=target=/ctx,source=bound cat /ctx/f\n"
                         "RUN --mount=type=bind,from=one,target=/deep/stage,rw echo more >> /deep/stage/f; cat /deep/stage/f\n"
                         "RUN --mount=type=cache,target=/cache/x echo first >> /cache/x/log; cat /cache/x/log\n"
                         "RUN --mount=type=cache,id=/cache/x,target=/elsewhere,sharing=locked cat /elsewhere/log # again\n"
                         "RUN --mount=type=tmpfs,target=/t,size=8m df -m /t | tail -1\n"
                         "RUN --network=none ip -o addr | grep -c eth || true\n"
                         "RUN <<EOF\nset -e\necho doc\nEOF\n"
                         "RUN <<EOF\n#!/bin/busybox sh\necho script $0\nEOF\n"
                         "RUN cat <<A <<B\nfrom-a\nA\nfrom-b\nB\n"
                         "COPY <<one.txt <<-'two.txt' /docs/\n$PATH\none.txt\n\t$PATH\ntwo.txt\n"
                         "COPY --chmod=0755 --link exe /bin/exe\nRUN exe; cat /docs/*; ls -d /ctx /deep /cache /elsewhere /t /dev/pipes 2>/dev/null | wc -l\n", "-t", "today")
        for line in ("bound", "stage", "more", "first", "doc", "script /dev/pipes/EOF", "from-b", "run", "$PATH", "0"):
            assert line in out.splitlines(), (line, out)
        assert re.search(r"tmpfs +8 ", out) and "/usr/local/sbin:" in out, out
        assert here.build(open(f"{here.dir}/Dockerfile").read()).count("Using cache") == 13
        for mount, text in (("type=ssh", "--mount=type=ssh is not supported"), ("type=x,target=/y", "unsupported mount type"), ("type=cache", "target path is required"),
                            (f"target=/x,source=../../nosuch,from={BASE}", "failed to mount"), ("type=secret,id=no,required", "secret no: not found")):
            code, err = here.fails(f"FROM base\nRUN --mount={mount} echo\n")
            assert code == 1 and text in err, (mount, err)
        assert "alice" in here.build(f"FROM base\nRUN --mount=target=/x,source=../../etc,from={BASE} cat /x/passwd\n")  # the image's
        used = [line for line in docker("system", "df").splitlines() if line.startswith("Build Cache")][0].split()
        assert used[2] != "0", used
        for wrong, text in (("nope=1", "failed to prune build cache: Invalid filter 'nope'"), ("until=x", '"until" filter expects a duration')):
            code, _, err = docker("builder", "prune", "-f", "--filter", wrong, check=False)
            assert code == 1 and text in err, (wrong, err)
        assert "Total reclaimed space: 0B" in docker("builder", "prune", "-f", "--filter", "until=24h")
        assert "Total reclaimed space: 0B" in docker("builder", "prune", "-f", "--filter", "type=regular")
        out = docker("builder", "prune", "-f")
        assert "Total" in out and "reclaimed space: 0B" not in out, out
        docker("rmi", "today")


@each_client
def test_files_from_the_web(engine, docker):
    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *words):
            pass
    with context(docker) as here:
        here.write("served/far.txt", "from afar\n")
        here.write("served/t.tar", archive({"in": b"x"}))
        here.write("served/Dockerfile", f"FROM {BASE}\nRUN echo remote\n")
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), lambda *a: Handler(*a, directory=f"{here.dir}/served"))
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}"
        try:
            out = here.build(f"FROM base\nADD {url}/far.txt {url}/t.tar /got/\nADD --chmod=600 {url}/far.txt /as\nRUN cat /as; stat -c '%a %n' /as /got/*\n")
            assert "\nfrom afar\n600 /as\n600 /got/far.txt\n600 /got/t.tar\n" in out, out
            assert here.build(open(f"{here.dir}/Dockerfile").read()).count("Using cache") == 3
            code, err = here.fails(f"FROM base\nADD {url}/nosuch /x\n")
            assert code == 1 and "404" in err, err
            assert "\nremote\n" in docker("build", f"{url}/Dockerfile")
        finally:
            server.shutdown()
            server.server_close()


def leftovers(engine):
    """What a build must not leave: folders of the image store, mounts, containers."""
    data = engine.cluster.dir
    mounts = [line for line in open(f"/proc/{engine.cluster.process.pid}/mounts") if f"{data}/images" in line]
    return os.listdir(f"{data}/images/tmp") + mounts + engine.docker("ps", "-aq").split()


def nothing_is_left(engine, what):
    try:
        until("all is gone", lambda: not leftovers(engine), 10)
    except Failed:
        raise Failed(f"left of {what}: {leftovers(engine)}")


@each_client
def test_a_client_that_goes_away_leaves_nothing(engine, docker):
    with context(docker) as here:
        here.write("Dockerfile", f"FROM {BASE}\nRUN echo begun; sleep 100\n")
        client = engine.popen("build", here.dir, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        until("the step runs", lambda: engine.docker("ps", "-q"), 10)
        client.kill()
        client.wait()
        nothing_is_left(engine, "a build")
        for path in ("/build", "/images/load", "/images/create?fromSrc=-&repo=cut:1"):
            with socket.socket(socket.AF_UNIX) as cut:
                cut.connect(engine.socket)
                body = archive({"Dockerfile": f"FROM {BASE}\n".encode(), "big": os.urandom(300_000)})[:150_000]
                cut.sendall(f"POST /v1.41{path} HTTP/1.1\r\nHost: d\r\nContent-Type: application/x-tar\r\nTransfer-Encoding: chunked\r\n\r\n{len(body):x}\r\n".encode() + body + b"\r\n")
            nothing_is_left(engine, path)
        assert docker("images", "-q", "cut:1") == ""


@each_client
def test_contexts_cannot_leave_their_root(engine, docker):
    def send(files, dockerfile=f"FROM {BASE}\nCOPY . /c\nRUN ls -l /c /c/*\n"):
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w") as tar:
            for name, kind, target in [("Dockerfile", tarfile.REGTYPE, dockerfile.encode()), *files]:
                entry = tarfile.TarInfo(name)
                entry.type = kind
                if kind == tarfile.REGTYPE:
                    entry.size = len(target)
                    tar.addfile(entry, io.BytesIO(target))
                else:
                    entry.linkname = target
                    tar.addfile(entry)
        done = subprocess.run([CLIENTS[0], "build", "--no-cache", "-"], input=out.getvalue(), env=engine.environment(), capture_output=True, timeout=180)
        return done.returncode, done.stdout.decode() + done.stderr.decode()
    with context(docker), tempfile.TemporaryDirectory(prefix="reigen-e2e-outside-") as outside:
        open(f"{outside}/secret", "w").write("geheim\n")
        for files in ([("../../../../../../.." + outside + "/new", tarfile.REGTYPE, b"x")], [(outside + "/new", tarfile.REGTYPE, b"x")],
                      [("out", tarfile.SYMTYPE, outside), ("out/new", tarfile.REGTYPE, b"x")], [("hard", tarfile.LNKTYPE, outside + "/secret")]):
            send(files)
            assert os.listdir(outside) == ["secret"], files
        # Links stay links, and what they lead to on this host is not copied.
        code, text = send([("out", tarfile.SYMTYPE, outside)], f"FROM {BASE}\nCOPY out/secret /c\nRUN cat /c\n")
        assert code != 0 and "geheim" not in text, text
        code, text = send([("Other", tarfile.SYMTYPE, outside + "/secret"), ("x", tarfile.REGTYPE, b"1")], f"FROM {BASE}\nADD Other x /c/\nRUN cat /c/*\n")
        assert "geheim" not in text, text
        # The same inside of an archive that ADD unpacks, and a Dockerfile that is a link.
        inner = io.BytesIO()
        with tarfile.open(fileobj=inner, mode="w") as tar:
            for name, kind, target in (("../" * 8 + outside[1:] + "/new", tarfile.REGTYPE, ""), ("out", tarfile.SYMTYPE, outside), ("out/new", tarfile.REGTYPE, ""),
                                       ("hard", tarfile.LNKTYPE, outside + "/secret"), ("climbs", tarfile.LNKTYPE, "../" * 12 + outside[1:] + "/secret")):
                entry = tarfile.TarInfo(name)
                entry.type, entry.linkname = kind, target
                tar.addfile(entry)
        for packed in (inner.getvalue(), gzip.compress(inner.getvalue())):
            code, text = send([("in.tar", tarfile.REGTYPE, packed)], f"FROM {BASE}\nADD in.tar /c/\nRUN cat /c/*\n")
            assert os.listdir(outside) == ["secret"] and os.stat(f"{outside}/secret").st_nlink == 1 and "geheim" not in text, text
        code, text = send([("Dockerfile", tarfile.SYMTYPE, outside + "/secret")])
        assert code != 0 and "geheim" not in text, text
        # A pipe does not block a copy; a device is refused by name.
        code, text = send([("pipe", tarfile.FIFOTYPE, ""), ("x", tarfile.REGTYPE, b"1")], f"FROM {BASE}\nCOPY x /c/\nRUN cat /c/x\n")
        assert code == 0 and "1Removing" in text, text
        send([("pipe", tarfile.FIFOTYPE, "")])
        code, text = send([("disk", tarfile.BLKTYPE, "")])
        assert code == 1 and "disk" in text, text
        # A stage that swaps folders for links on the way of the next COPY writes into its own layer.
        code, text = send([("x", tarfile.REGTYPE, b"1")], f"FROM {BASE}\nRUN ln -s {outside} /way\nCOPY x /way/new\nRUN ls {outside}\n")
        assert os.listdir(outside) == ["secret"], text
        nothing_is_left(engine, "hostile contexts")


def header(name, size, kind=b"0"):
    """A tar header by hand: of any size, also one that tarfile would not write."""
    field = b"\x80" + size.to_bytes(11, "big") if size >= 8 ** 11 else b"%011o\0" % size
    block = bytearray(name.ljust(100, b"\0") + b"0000644\0" + b"0000000\0" * 2 + field + b"%011o\0" % 0 + b" " * 8 + kind + b"\0" * 100 + b"ustar\x0000" + b"\0" * 247)
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


@each_client
def test_broken_contexts_end_with_an_error(engine, docker):
    with context(docker):
        file = f"FROM {BASE}\nCOPY . /c\n".encode()
        whole = archive({"Dockerfile": file})[:1024]
        pax = b"31 size=9223372036854775807999\n"
        for what, data in (("more than any disk", whole + header(b"huge", 1 << 62) + b"x" * 5000), ("more than 63 bits", whole + header(b"huge", (1 << 88) - 1)),
                           ("cut in a header", whole + header(b"cut", 10)[:300]), ("cut in a file", whole + header(b"cut", 100_000) + b"x" * 70_000),
                           ("no number", whole + header(b"n", 0).replace(b"00000000000\0", b"zzzzzzzzzzz\0", 1)), ("noise", whole + os.urandom(4096)),
                           ("a size in words", whole + header(b"p", len(pax), b"x") + pax.ljust(512, b"\0") + header(b"f", 1) + b"x" * 512),
                           ("a name without end", whole + header(b"l", 1 << 40, b"L") + b"n" * 100_000), ("cut gzip", gzip.compress(whole + os.urandom(9000))[:5000])):
            done = subprocess.run([CLIENTS[0], "build", "--no-cache", "-"], input=data, env=engine.environment(), capture_output=True, timeout=180)
            assert done.returncode == 1 and done.stderr.strip(), (what, done)
            nothing_is_left(engine, what)
            for words in (("load",), ("import", "-", "broken:1")):
                done = subprocess.run([CLIENTS[0], *words], input=data, env=engine.environment(), capture_output=True, timeout=180)
                assert done.returncode == 1 and done.stderr.strip(), (what, words, done)
            nothing_is_left(engine, what)
        assert docker("images", "-q", "broken") == ""


@each_client
def test_an_image_with_odd_values_is_only_odd(engine, docker):
    odd = {"os": "linux", "architecture": "amd64", "config": {"Env": ["NOEQUALS", "=empty", "A=1\n2", "PATH=/bin"], "Labels": {"l\nine": "x" * 100_000, "": "none"},
           "Cmd": ["sh", "-c", "echo $0 \u0007"], "WorkingDir": "/a\nb", "User": "0", "Volumes": {"/../../v": {}}, "ExposedPorts": {"nonsense": {}}, "StopSignal": "SIGNOSUCH"}}
    layer = archive({"x": b"1"})
    import hashlib
    odd["rootfs"] = {"type": "layers", "diff_ids": ["sha256:" + hashlib.sha256(layer).hexdigest()]}
    with context(docker) as here:
        for user in ("0", "../../root", "a\nb"):
            odd["config"]["User"] = user
            path = f"{here.dir}/odd.tar"
            open(path, "wb").write(archive({"layer.tar": layer, "c.json": json.dumps(odd).encode(),
                                            "manifest.json": json.dumps([{"Config": "c.json", "RepoTags": ["odd:1"], "Layers": ["layer.tar"]}]).encode()}))
            code, out, err = docker("load", "-i", path, check=False)
            if code == 0:
                docker("run", "--rm", "odd:1", check=False)
                docker("build", "-", input="FROM odd:1\nRUN echo x\n", check=False)
                docker("image", "inspect", "odd:1")
                docker("rmi", "-f", "odd:1")
            os.remove(path)
        engine.empty()
        nothing_is_left(engine, "what is odd")
        assert not os.path.exists("/v") and engine.cluster.process.poll() is None
