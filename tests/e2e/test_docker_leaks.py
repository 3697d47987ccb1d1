"""What clients leave half done costs nothing lasting; a full disk, a taken socket and `reigen clean` end as they should."""
import concurrent.futures, io, json, os, socket, subprocess, tarfile, tempfile, threading, time

from cluster import Cluster, IMAGES, REIGEN, Failed, free_port, run, until
from docker_engine import SHELL, Engine
from docker_wire import UnixConnection, call, connect
from host_state import links, pss_kb, rules, settle, snapshot, used_once
import test_clean


HALVES = [b"", b"GET /_pi", b"GET /_ping HTTP/1.1\r\nHost: x\r\nX: ", b"POST /v1.41/containers/create HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n{\"Image\":",
          b"POST /v1.41/build HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-tar\r\nTransfer-Encoding: chunked\r\n\r\n1000\r\nabc", b"POST /v1.41/images/load HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n",
          b"GET /v1.41/events HTTP/1.1\r\nHost: x\r\n\r\n", b"GET /_ping HTTP/1.1\r\nHost: x\r\n\r\n"]


def test_a_thousand_half_open_connections(engine):
    before, server = used_once(engine), engine.cluster.process.pid
    memory = pss_kb(server)
    for _ in range(2):
        held = []
        for i in range(1000):
            sock = connect(engine.socket)
            sock.sendall(HALVES[i % len(HALVES)])
            held.append(sock)
        assert call(engine, "GET", "/containers/json")[0] == 200
        assert engine.docker("run", "--rm", "--entrypoint", "echo", "redis", "still") == "still\n"
        for sock in held:
            sock.close()
        settle(engine.cluster, before, slack={"fds": 4})
    until("memory is given back", lambda: pss_kb(server) < memory + 12_000)


def half_read(engine, method, path, body=b"", headers=b"", then=b"", linger=0.05):
    """A request whose answer is begun to be read, and dropped."""
    sock = connect(engine.socket, 30)
    kind = b"" if b"Content-Type" in headers else b"Content-Type: application/json\r\n"
    length = b"" if b"chunked" in headers else b"Content-Length: %d\r\n" % len(body)
    try:
        sock.sendall(f"{method} /v1.41{path} HTTP/1.1\r\nHost: x\r\n".encode() + kind + length + headers + b"\r\n" + body)
        sock.recv(100)
        if then:
            sock.sendall(then)
        time.sleep(linger)
    except (ConnectionError, TimeoutError):
        pass
    finally:
        sock.close()


def test_broken_streams_leave_nothing(engine):
    before = used_once(engine)
    box = engine.docker("run", "-d", "-i", *SHELL, "while :; do echo line line line; sleep 0.01; done").strip()
    terminal = engine.docker("run", "-d", "-t", "-i", *SHELL, "exec sh").strip()
    with_box = snapshot(engine.cluster)
    upgrade = b"Connection: Upgrade\r\nUpgrade: tcp\r\n"
    for _ in range(5):
        for name in (box, terminal):
            half_read(engine, "POST", f"/containers/{name}/attach?stream=1&stdin=1&stdout=1&stderr=1", headers=upgrade, then=b"typed\n")
            half_read(engine, "POST", f"/containers/{name}/attach?stream=1&stdout=1&logs=1")
            # One with a terminal goes on without its client, as with Docker.
            for tty in (False, True):
                made = call(engine, "POST", f"/containers/{name}/exec", {"Cmd": ["sh", "-c", "sleep 1" if tty else "cat; exit 0"], "AttachStdin": True, "AttachStdout": True, "AttachStderr": True, "Tty": tty})[1]
                half_read(engine, "POST", f"/exec/{made['Id']}/start", json.dumps({"Tty": tty}).encode(), headers=upgrade, then=b"typed\n")
        half_read(engine, "GET", f"/containers/{box}/logs?follow=1&stdout=1")
        half_read(engine, "GET", f"/containers/{box}/stats")
        half_read(engine, "GET", f"/containers/{box}/archive?path=/")
        half_read(engine, "GET", f"/containers/{box}/export")
        half_read(engine, "GET", "/images/get?names=redis")
        half_read(engine, "GET", "/events?since=0")
        half_read(engine, "POST", f"/containers/{box}/wait?condition=removed")
        chunked = b"Transfer-Encoding: chunked\r\nContent-Type: application/x-tar\r\n"
        part = b"%x\r\n%s" % (100000, tar_of("Dockerfile", b"FROM redis\nRUN sleep 100\n")[:900])
        for path in ("/build", "/images/load", f"/containers/{box}/archive?path=/tmp", "/images/create?fromSrc=-&repo=cut"):
            sock = connect(engine.socket)
            method = "PUT" if "archive" in path else "POST"
            sock.sendall(f"{method} /v1.41{path} HTTP/1.1\r\nHost: x\r\n".encode() + chunked + b"\r\n" + part)
            sock.close()
    settle(engine.cluster, with_box, slack={"fds": 8})
    # A build whose client goes away ends, with the step that runs.
    builder = connect(engine.socket)
    context = tar_of("Dockerfile", b"FROM redis\nRUN sleep 86399\n")
    builder.sendall(f"POST /v1.41/build?rm=1&forcerm=1 HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-tar\r\nContent-Length: {len(context)}\r\n\r\n".encode() + context)
    until("the step runs", lambda: "sleep 86399" in run(["ps", "-ef"])[1], 20)
    builder.close()
    until("the step is ended", lambda: "sleep 86399" not in run(["ps", "-ef"])[1], 20)
    settle(engine.cluster, with_box, slack={"fds": 8})
    # The containers are none the worse.
    assert engine.docker("exec", box, "echo", "fine") == "fine\n"
    engine.docker("image", "prune", "-f")
    engine.empty()
    settle(engine.cluster, before, slack={"fds": 6})


def tar_of(name, data):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        info = tarfile.TarInfo(name)
        info.size = len(data)
        tar.addfile(info, io.BytesIO(data))
    return out.getvalue()


def test_many_short_lives_leave_nothing(engine):
    before = used_once(engine)
    for _ in range(20):
        engine.docker("run", "--rm", "-v", "/anonymous", "-p", "80", *SHELL, "echo x > /anonymous/f")
        engine.docker("network", "create", "short")
        engine.docker("run", "-d", "--name", "short", "--network", "short", *SHELL, "exec sleep 1000")
        engine.docker("exec", "short", "true")
        engine.docker("rm", "-f", "-v", "short")
        engine.docker("network", "rm", "short")
    settle(engine.cluster, before, slack={"fds": 6})
    until("the containers' folders are gone", lambda: not os.listdir(f"{engine.cluster.dir}/node/containers"), 20)
    until("the volumes' folders are gone", lambda: not os.listdir(f"{engine.cluster.dir}/node/volumes"), 20)


def short_lives(engine, count):
    """Containers made, started and removed through the API, as `docker run --rm` does."""
    def one(_):
        made = call(engine, "POST", "/containers/create", {"Image": "redis", "Entrypoint": ["true"], "HostConfig": {"AutoRemove": True}})[1]["Id"]
        assert call(engine, "POST", f"/containers/{made}/start")[0] == 204
        assert call(engine, "POST", f"/containers/{made}/wait?condition=removed")[0] in (200, 404)
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        list(pool.map(one, range(count)))


def test_short_lives_hold_no_memory(engine):
    """What a container may leave is the store's history of five minutes, some 35 kB each; caches are bounded, and filled by the first lives."""
    server, count = engine.cluster.process.pid, 100
    short_lives(engine, 60)
    # The allocator gives free pages back after some seconds of rest, so a burst's pages are waited for: the least of several looks counts.
    before = min(pss_kb(server) for _ in range(5) if not time.sleep(1))
    short_lives(engine, count)
    until("the memory is as before", lambda: pss_kb(server) < before + 100 * count, 60, 1)


def test_a_full_disk():
    folder = tempfile.mkdtemp(prefix="reigen-e2e-small-")
    run(["mount", "-t", "tmpfs", "-o", "size=400m", "none", folder])
    engine = None
    try:
        engine = Engine(data_dir=f"{folder}/data")
        engine.docker("run", "-d", "--name", "before", *SHELL, "exec sleep 1000")
        with open(f"{folder}/big", "wb") as big:
            try:
                while True:
                    big.write(b"x" * (1 << 20))
                    big.flush()
            except OSError:
                pass
        full = "no space left on device"
        code, _, err = engine.docker("exec", "before", "sh", "-c", "dd if=/dev/zero of=/file bs=1M count=5", check=False)
        assert code != 0 and full in err.lower(), (code, err)
        with open(f"{engine.folder}/file", "wb") as file:
            file.write(b"y" * 5_000_000)
        code, _, err = engine.docker("cp", f"{engine.folder}/file", "before:/tmp/", check=False)
        assert code != 0 and full in err.lower(), (code, err)
        for words in (("run", "-d", "--name", "during", *SHELL, "exec sleep 1000"), ("commit", "before", "made:1"), ("load", "-i", f"{IMAGES}/todo-app-web.tar"), ("volume", "create", "during")):
            code, _, err = engine.docker(*words, check=False)
            assert code == 0 or err.strip(), words
        os.unlink(f"{folder}/big")
        until("it serves again", lambda: engine.docker("run", "--rm", *SHELL, "echo again") == "again\n", 30)
        assert engine.docker("exec", "before", "echo", "alive") == "alive\n"
        engine.docker("rm", "-f", "before")
        engine.empty()
    finally:
        if engine:
            engine.remove()
        run(["umount", "-l", folder], check=False)
        os.rmdir(folder)


def test_a_taken_socket_path(engine):
    folder = tempfile.mkdtemp(prefix="reigen-e2e-")
    try:
        def refused(path):
            done = subprocess.run([REIGEN, "server", "--data-dir", f"{folder}/data", "--https-port", str(free_port()), "--node-name", "node-b", "--docker-socket", path, "--log-level", "error",
                                   "--cluster-cidr", "10.98.0.0/16", "--service-cidr", "10.99.0.0/16", "--cluster-dns", "10.99.0.10"], capture_output=True, text=True, timeout=180)
            assert done.returncode != 0 and path in done.stderr and len(done.stderr.strip().splitlines()) == 1, (path, done.returncode, done.stderr)
        refused(engine.socket)  # another server's
        assert call(engine, "GET", "/_ping", version="")[0] == 200
        with open(f"{folder}/file", "w") as file:
            file.write("mine")
        refused(f"{folder}/file")
        assert open(f"{folder}/file").read() == "mine"
        os.mkdir(f"{folder}/folder")
        refused(f"{folder}/folder")
        refused("/" + "x" * 200)
        stale = socket.socket(socket.AF_UNIX)  # of a server that died
        stale.bind(f"{folder}/stale")
        stale.close()
        cluster = Cluster("--docker-socket", f"{folder}/stale").start()
        try:
            until("it serves", lambda: connect(f"{folder}/stale"), 10)
            mode = os.stat(f"{folder}/stale").st_mode & 0o777
            assert mode == 0o660, oct(mode)
        finally:
            cluster.remove()
        assert not os.path.exists(f"{folder}/stale")
    finally:
        run([REIGEN, "clean", "--data-dir", f"{folder}/data"], check=False)
        run(["rm", "-rf", folder])


def test_clean_leaves_nothing_of_docker():
    for killed in (False, True):
        engine = Engine()
        try:
            port = free_port()
            engine.docker("network", "create", "cleaned")
            engine.docker("network", "create", "-o", "com.docker.network.bridge.name=e2e-named0", "named")
            engine.docker("volume", "create", "cleaned")
            engine.docker("run", "-d", "--name", "aa", "--network", "cleaned", "-p", f"{port}:80", "-v", "cleaned:/d", "-v", "/anonymous", "--tmpfs", "/t", "--restart", "always", *SHELL, "exec sleep 1000")
            engine.docker("run", "-d", "--name", "bb", "--network", "named", *SHELL, "exec sleep 1000")
            engine.docker("run", "-d", "--name", "cc", "--network", "container:aa", *SHELL, "exec sleep 1000")
            engine.docker("run", "-d", "--name", "dd", "--network", "host", "--privileged", *SHELL, "exec sleep 1000")
            engine.docker("create", "--name", "ee", "-v", "cleaned:/d", "redis")
            engine.docker("cp", "/etc/hostname", "ee:/tmp/")
            made = links(engine.cluster)
            assert "e2e-named0" in made and len(made) > 3 and rules(engine.cluster), made
            engine.docker("stop", "-t", "0", "bb")
            engine.docker("pause", "cc")
            cluster, instance = engine.cluster, engine.cluster.instance
            during = test_clean.host(cluster, instance)
            for what in ("mounts", "cgroups", "tables", "processes", "run"):
                assert during[what], what
            (cluster.kill if killed else cluster.stop)()
            run([REIGEN, "clean", "--data-dir", cluster.dir])
            test_clean.assert_clean(cluster, instance, made)
            assert instance not in run(["nft", "list", "ruleset"])[1] and f"reigen:{instance}" not in run(["ip", "-d", "link"])[1]
            with socket.socket() as free:
                free.bind(("0.0.0.0", port))
            run([REIGEN, "clean", "--data-dir", cluster.dir])
        finally:
            engine.remove()
