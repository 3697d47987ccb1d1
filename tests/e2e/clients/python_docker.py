#!/usr/bin/env python3
"""What programs do with python3-docker. usage: python_docker.py REGISTRY   (DOCKER_HOST says where the engine is; images: redis)

Each function is a check of its own; all run, a traceback tells of each that fails, and the exit code is 1 then."""
import io, os, socket, struct, sys, tarfile, tempfile, threading, time, traceback

import docker
from docker.types import LogConfig, Mount, Ulimit

REGISTRY = sys.argv[1]
client = docker.from_env(timeout=180)
low = client.api


def shell(script):
    return {"image": "redis", "entrypoint": "sh", "command": ["-c", script]}


def eventually(what, condition, seconds=90):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, what
        time.sleep(0.05)


def tar_of(**files):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, text in files.items():
            info = tarfile.TarInfo(name.replace("__", "/"))
            info.size = len(text)
            archive.addfile(info, io.BytesIO(text.encode()))
    return out.getvalue()


def run_gives_output_or_raises():
    assert client.containers.run(**shell("echo out; echo err >&2"), remove=True) == b"out\n"
    both = client.containers.run(**shell("echo out; sleep 0.5; echo err >&2"), remove=True, stderr=True)
    assert both == b"out\nerr\n", both
    try:
        client.containers.run(**shell("echo why >&2; exit 3"), remove=True)
        raise AssertionError("no error")
    except docker.errors.ContainerError as error:
        assert error.exit_status == 3 and error.stderr == b"why\n", (error.exit_status, error.stderr)
    lines = list(client.containers.run(**shell("echo one; sleep 0.2; echo two"), remove=True, stream=True))
    assert b"".join(lines) == b"one\ntwo\n", lines
    try:
        client.containers.run("redis", entrypoint="no-such-program", remove=True)
        raise AssertionError("no error")
    except docker.errors.APIError as error:
        assert error.status_code in (400, 404) and "executable file not found" in error.explanation, error
    for name in ("nobody", "no/body"):
        try:
            client.containers.get(name)
            raise AssertionError("no error")
        except docker.errors.NotFound:
            pass


def a_container_has_what_it_was_given():
    volume = client.volumes.create("pydata", labels={"of": "test"})
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        with open(f"{folder}/file", "w") as file:
            file.write("from the host")
        container = client.containers.run(
            **shell("cat /host/file; echo; echo $A:$B; pwd; id -u; hostname; exec sleep 1000"), detach=True, name="given", environment={"A": "1", "B": "x y"},
            working_dir="/tmp", user="1000", hostname="box", labels={"app": "test"}, ports={"80/tcp": None, "81/udp": ("127.0.0.1", None)}, mem_limit="64m",
            nano_cpus=500_000_000, pids_limit=100, cap_add=["NET_ADMIN"], cap_drop=["CHOWN"], read_only=True, tmpfs={"/scratch": "size=1m"}, shm_size="8m",
            ulimits=[Ulimit(name="nofile", soft=100, hard=200)], dns=["192.0.2.53"], extra_hosts={"other": "192.0.2.9"}, restart_policy={"Name": "on-failure", "MaximumRetryCount": 2},
            log_config=LogConfig(type="json-file", config={"max-size": "1m"}), volumes={"pydata": {"bind": "/data", "mode": "rw"}},
            mounts=[Mount("/host", folder, type="bind", read_only=True)], init=True, stop_signal="SIGKILL", healthcheck={"test": ["CMD", "true"], "interval": 200_000_000})
        try:
            eventually("its lines are in the log", lambda: container.logs().count(b"\n") == 5)
            assert container.logs().decode().split("\n") == ["from the host", "1:x y", "/tmp", "1000", "box", ""], container.logs()
            container.reload()
            assert container.status == "running" and container.labels["app"] == "test" and container.image.tags == ["redis:latest"]
            ports = container.ports
            assert ports["80/tcp"][0]["HostPort"].isdigit() and ports["81/udp"][0]["HostIp"] == "127.0.0.1", ports
            host = container.attrs["HostConfig"]
            assert (host["Memory"], host["NanoCpus"], host["PidsLimit"], host["ShmSize"]) == (64 << 20, 500_000_000, 100, 8 << 20), host
            assert host["RestartPolicy"] == {"Name": "on-failure", "MaximumRetryCount": 2}
            assert {(m["Type"], m["Destination"], m["RW"]) for m in container.attrs["Mounts"]} == {("volume", "/data", True), ("bind", "/host", False)}
            code, out = container.exec_run(["sh", "-c", "ulimit -n; grep other /etc/hosts; cat /etc/resolv.conf; touch /x"])
            assert code == 1 and b"100\n" in out and b"192.0.2.9\tother" in out and b"nameserver 192.0.2.53" in out and b"Read-only file system" in out, out
            eventually("it is healthy", lambda: low.inspect_container("given")["State"]["Health"]["Status"] == "healthy")
            assert [c.name for c in client.containers.list(filters={"label": "app=test"})] == ["given"]
        finally:
            container.remove(force=True)
    volume.remove()


def exec_has_every_form():
    container = client.containers.run(**shell("exec sleep 1000"), detach=True)
    try:
        assert container.exec_run("echo hello") == (0, b"hello\n")
        assert container.exec_run(["sh", "-c", "exit 7"]).exit_code == 7
        for _ in range(10):  # what comes at once is not lost with the answer's head
            assert container.exec_run("echo hello").output == b"hello\n"
        assert container.exec_run(["sh", "-c", "echo o; sleep 0.5; echo e >&2"], demux=True) == (0, (b"o\n", b"e\n"))
        assert b"".join(container.exec_run(["sh", "-c", "echo 1; sleep 0.1; echo 2"], stream=True).output) == b"1\n2\n"
        pieces = list(container.exec_run(["sh", "-c", "echo o; sleep 0.5; echo e >&2"], stream=True, demux=True).output)
        assert pieces == [(b"o\n", None), (None, b"e\n")], pieces
        assert container.exec_run(["sh", "-c", "test -t 0 && echo terminal"], tty=True) == (0, b"terminal\r\n")
        assert container.exec_run(["sh", "-c", "echo $A; pwd; id -u"], environment={"A": "b"}, workdir="/tmp", user="7").output == b"b\n/tmp\n7\n"
        container.exec_run("touch /detached", detach=True)
        eventually("it ran", lambda: container.exec_run("test -e /detached").exit_code == 0)
        # A socket: raw input, frames of output, its end by half-close.
        stream = container.exec_run(["cat"], stdin=True, socket=True).output._sock
        stream.sendall(b"through\n")
        assert read_frame(stream) == (1, b"through\n")
        stream.shutdown(socket.SHUT_WR)
        assert read_frame(stream) is None
        stream.close()
        made = low.exec_create(container.id, ["sh", "-c", "exit 4"])["Id"]
        low.exec_start(made)
        seen = low.exec_inspect(made)
        assert (seen["ExitCode"], seen["Running"], seen["ProcessConfig"]["entrypoint"]) == (4, False, "sh"), seen
        code, out = container.exec_run("no-such-program")
        assert code in (126, 127) and b"executable file not found" in out, (code, out)
    finally:
        container.remove(force=True)


def read_frame(stream):
    def take(n):
        data = b""
        while len(data) < n:
            piece = stream.recv(n - len(data))
            if not piece:
                return data
            data += piece
        return data
    stream.settimeout(90)
    head = take(8)
    if not head:
        return None
    kind, size = struct.unpack(">BxxxL", head)
    return kind, take(size)


def streams_can_be_attached():
    container = client.containers.create(**shell("read line; echo got $line; echo end >&2"), stdin_open=True)
    try:
        stream = container.attach_socket(params={"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1})._sock
        container.start()
        stream.sendall(b"words\n")
        assert read_frame(stream) == (1, b"got words\n")
        assert read_frame(stream) == (2, b"end\n")
        stream.close()
        assert container.wait()["StatusCode"] == 0
        assert container.attach(logs=True, stream=False, stderr=False) in (b"got words\n", b"")  # it may lie in the reader's buffer with the head
    finally:
        container.remove(force=True)
    container = client.containers.run(**shell("for i in 1 2 3; do echo $i; sleep 0.1; done"), detach=True)
    try:
        assert b"".join(container.logs(stream=True, follow=True)) == b"1\n2\n3\n"
        assert container.logs(tail=1) == b"3\n"
        stamped = container.logs(timestamps=True).split(b"\n")[0]
        assert stamped.endswith(b" 1") and stamped[4:5] == b"-", stamped
        assert container.logs(since=int(time.time()) + 100) == b""
    finally:
        container.remove(force=True)


def files_go_in_and_out():
    container = client.containers.run(**shell("exec sleep 1000"), detach=True)
    try:
        assert container.put_archive("/tmp", tar_of(d__file="content"))
        data, stat = container.get_archive("/tmp/d")
        assert stat["name"] == "d" and stat["mode"] & 0x80000000, stat
        archive = tarfile.open(fileobj=io.BytesIO(b"".join(data)))
        assert sorted(archive.getnames()) == ["d", "d/file"] and archive.extractfile("d/file").read() == b"content"
        assert {"Path": "/tmp/d/file", "Kind": 1} in container.diff()
        exported = tarfile.open(fileobj=io.BytesIO(b"".join(container.export())))
        assert exported.extractfile("tmp/d/file").read() == b"content"
        try:
            container.get_archive("/nosuch")
            raise AssertionError("no error")
        except docker.errors.NotFound:
            pass
    finally:
        container.remove(force=True)


def life_and_waiting():
    container = client.containers.create(**shell("sleep 1000"), name="life")
    container.start()
    container.reload()
    assert container.status == "running"
    container.pause()
    container.reload()
    assert container.status == "paused"
    container.unpause()
    assert any("sleep" in " ".join(line) for line in container.top()["Processes"])
    container.rename("lived")
    assert client.containers.get("lived").id == container.id
    container.update(mem_limit="32m", memswap_limit="32m")
    container.restart(timeout=0)
    container.kill("SIGKILL")
    assert container.wait(timeout=90)["StatusCode"] == 137
    container.start()
    container.stop(timeout=0)
    assert container.wait(condition="not-running")["StatusCode"] == 137
    container.remove()
    # A policy that starts it again ends a wait all the same.
    container = client.containers.run(**shell("sleep 0.3; exit 5"), detach=True, restart_policy={"Name": "always"})
    assert container.wait(timeout=90)["StatusCode"] == 5
    container.remove(force=True)
    assert client.containers.prune()["SpaceReclaimed"] >= 0


def events_and_statistics_stream():
    seen, begun = [], time.time()
    stream = client.events(decode=True, filters={"type": "container", "label": "seen=yes"}, since=int(begun) - 1)
    reader = threading.Thread(target=lambda: seen.extend(event["Action"] for event in stream), daemon=True)
    reader.start()
    container = client.containers.run(**shell("sleep 1000"), detach=True, labels={"seen": "yes"})
    samples = container.stats(decode=True, stream=True)
    first = next(samples)
    second = next(samples)
    assert first["memory_stats"]["usage"] > 0 and second["cpu_stats"]["system_cpu_usage"] > 0 and second["read"] > first["read"]
    assert container.stats(stream=False)["id"] == container.id
    container.remove(force=True)
    eventually("all events came", lambda: seen[-1:] == ["destroy"])
    stream.close()
    assert seen == ["create", "start", "kill", "die", "destroy"], seen


def images_are_built_and_carried():
    dockerfile = "FROM redis\nARG WHAT=none\nENV WHAT=$WHAT\nRUN echo built > /built\nCOPY file /file\nLABEL a=b\nENTRYPOINT [\"sh\", \"-c\"]\nCMD [\"cat /file /built; echo $WHAT\"]\n"
    context = io.BytesIO(tar_of(Dockerfile=dockerfile, file="copied\n"))
    image, lines = client.images.build(fileobj=context, custom_context=True, tag="pybuilt:1", buildargs={"WHAT": "said"}, rm=True)
    assert any("Successfully built" in line.get("stream", "") for line in lines)
    assert image.tags == ["pybuilt:1"] and image.labels == {"a": "b"}
    assert client.containers.run("pybuilt:1", remove=True) == b"copied\nbuilt\nsaid\n"
    try:
        client.images.build(fileobj=io.BytesIO(b"FROM redis\nRUN exit 3\n"))
        raise AssertionError("no error")
    except docker.errors.BuildError as error:
        assert "returned a non-zero code: 3" in error.msg, error.msg
    assert [entry["CreatedBy"] for entry in image.history()][1].startswith("/bin/sh -c #(nop)  ENTRYPOINT"), image.history()
    saved = b"".join(image.save(named=True))
    client.images.remove("pybuilt:1")
    assert client.images.load(saved)[0].tags == ["pybuilt:1"]
    try:
        client.images.load(b"no archive")
        raise AssertionError("no error")
    except docker.errors.ImageLoadError:
        pass
    assert image.tag(f"{REGISTRY}/carried", "2")
    pushed = list(client.images.push(f"{REGISTRY}/carried", tag="2", stream=True, decode=True))
    assert any("digest: sha256:" in line.get("status", "") for line in pushed), pushed
    client.images.remove(f"{REGISTRY}/carried:2")
    pulled = client.images.pull(f"{REGISTRY}/carried", tag="2")
    assert pulled.id == image.id and pulled.attrs["RepoDigests"], pulled.attrs
    assert client.images.get_registry_data(f"{REGISTRY}/carried:2").id.startswith("sha256:")
    container = client.containers.create("pybuilt:1")
    assert container.commit("pycommitted", "1", changes='CMD ["true"]', message="why").attrs["Config"]["Cmd"] == ["true"]
    container.remove()
    for name in ("pycommitted:1", f"{REGISTRY}/carried:2", "pybuilt:1"):
        client.images.remove(name)
    try:
        client.images.get("pybuilt:1")
        raise AssertionError("no error")
    except docker.errors.ImageNotFound:
        pass


def networks_join_by_name():
    pool = docker.types.IPAMConfig(pool_configs=[docker.types.IPAMPool(subnet="10.213.0.0/24", gateway="10.213.0.1")])
    network = client.networks.create("pynet", driver="bridge", ipam=pool, labels={"of": "test"})
    server = client.containers.run("redis", name="server", detach=True)
    network.connect(server, aliases=["cache"], ipv4_address="10.213.0.77")
    for name in ("server", "cache", "10.213.0.77"):
        out = client.containers.run(**shell(f"for i in $(seq 100); do redis-cli -h {name} ping | grep PONG && break; sleep 0.2; done"), network="pynet", remove=True)
        assert out == b"PONG\n", (name, out)
    network.reload()
    assert [c.name for c in network.containers] == ["server"]
    network.disconnect(server)
    network.reload()
    assert network.containers == []
    server.remove(force=True)
    network.remove()
    assert client.networks.list(names=["pynet"]) == []


def the_system_tells_of_itself():
    assert client.ping() is True
    assert client.version()["ApiVersion"] == low._version
    assert client.info()["OSType"] == "linux" and client.df()["Images"]
    old = docker.DockerClient(base_url=os.environ["DOCKER_HOST"], version="1.30")
    assert old.containers.list() == [] and old.version()["ApiVersion"] >= "1.41"
    try:
        client.swarm.init()
        raise AssertionError("no error")
    except docker.errors.APIError as error:
        assert "swarm" in str(error)


CHECKS = [run_gives_output_or_raises, a_container_has_what_it_was_given, exec_has_every_form, streams_can_be_attached, files_go_in_and_out, life_and_waiting,
          events_and_statistics_stream, images_are_built_and_carried, networks_join_by_name, the_system_tells_of_itself]
failed = False
for check in CHECKS:
    begun = time.time()
    try:
        check()
        print(f"ok {check.__name__} {time.time() - begun:.1f} s")
    except Exception:
        failed = True
        print(f"FAILED {check.__name__}\n{traceback.format_exc()}")
sys.exit(failed)
