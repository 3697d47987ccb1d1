"""Text of users never becomes an instruction to the host, and broken requests end cleanly."""
import hashlib, http.client, io, json, os, socket, subprocess, tarfile, tempfile, urllib.parse

from cluster import Cluster, REIGEN, Failed, free_port, run, until
from docker_engine import SHELL, Engine
from docker_wire import call, connect, raw
from host_state import settle, used_once

CANARY = "/tmp/reigen-canary"
# Each would leave the canary, or something else, where it is taken for anything but text.
VALUES = [f"$(touch {CANARY})", f"`touch {CANARY}`", f"; touch {CANARY} #", f"| touch {CANARY}", f"x\ntouch {CANARY}\n", f"' ; touch {CANARY} ; '", f'" ; touch {CANARY} ; "',
          f"../../../../../../../../..{CANARY}", f"/../..{CANARY}", "--privileged", "-v/:/host", "%s%n%x", "{{.}}${IFS}$HOME", "a\r\nX-Injected: 1", "a\0b", "\x1b[31m\x07", "\u202ename\ufeff", "a=b=c,ro:z", ".", "..",
          " ", "*", "~", "\\", "x" * 70000]


FOLDERS = ("/", "/etc", "/root", "/usr/bin", "/var/lib", "/run")


def host_files():
    """The folders a path trick would reach, by what is in them."""
    out = {}
    for folder in FOLDERS:
        out[folder] = sorted(name for name in os.listdir(folder) if not name.startswith(("reigen", ".")))
    for file in ("/etc/passwd", "/etc/hosts", "/etc/resolv.conf", "/etc/hostname"):
        out[file] = hashlib.sha256(open(file, "rb").read()).hexdigest()
    out["hostname"], out["canary"] = socket.gethostname(), os.path.exists(CANARY)
    out["sysctl"] = [open(f"/proc/sys/{name}").read() for name in ("kernel/core_pattern", "vm/overcommit_memory", "kernel/threads-max")]
    return out


def is_of_a_value(name):
    """Whether a new file comes of one of the values: others make files there, too."""
    pieces = {piece for value in VALUES for piece in value.split("/") if len(piece) > 3}
    return name in VALUES or any(piece in name for piece in pieces) or any(character in name for character in "$`;|'\" \n\r\\*{%=:\x1b\u202e") or not name.strip(".~")


def unchanged(engine, files, before):
    now = host_files()
    for folder in FOLDERS:
        now[folder] = [name for name in now[folder] if name in files[folder] or is_of_a_value(name)]
    for folder in ("/run", "/var/lib"):
        files = {**files, folder: [name for name in files[folder] if name in now[folder]]}
    assert now == files, {k: (files[k], v) for k, v in now.items() if files[k] != v}
    settle(engine.cluster, before, slack={"fds": 6, "processes": 1})


def quiet(engine):
    return host_files(), used_once(engine)


def refused_or_made(status, answer, what):
    """No text is worth an internal error, but what the host's kernel or the runtime says of a value."""
    assert status in (200, 201, 204, 304) or 400 <= status <= 501 and isinstance(answer, dict) and answer["message"], (what, status, answer)
    assert status != 500 or not any(word in answer["message"] for word in ("terminate", "std::", "assert", "sqlite")), (what, answer)


def fields(value):
    """Bodies of create, each with the value in one place."""
    host = lambda **some: {"HostConfig": some}
    return [
        {"Hostname": value}, {"Domainname": value}, {"User": value}, {"WorkingDir": value}, {"WorkingDir": "/" + value}, {"StopSignal": value}, {"Image": value}, {"Shell": [value]},
        {"ExposedPorts": {value: {}}}, {"Volumes": {value: {}}}, {"Volumes": {"/" + value: {}}}, {"MacAddress": value}, {"Entrypoint": [value]}, {"Env": [value]}, {"Env": [f"{value}=1"]},
        {"Healthcheck": {"Test": [value, value]}}, {"Healthcheck": {"Test": ["CMD", value]}},
        host(Binds=[value]), host(Binds=[f"{value}:/x"]), host(Binds=[f"/tmp:/{value}"]), host(Binds=[f"vol:/x:{value}"]), host(NetworkMode=value), host(NetworkMode="container:" + value), host(PidMode=value),
        host(IpcMode="container:" + value), host(UTSMode=value), host(UsernsMode=value), host(CgroupParent=value), host(CgroupParent="/" + value), host(CpusetCpus=value), host(Runtime=value), host(VolumeDriver=value),
        host(VolumesFrom=[value]), host(Links=[f"{value}:x"]), host(CapAdd=[value]), host(SecurityOpt=[value]), host(SecurityOpt=["seccomp=" + value]), host(SecurityOpt=["label=" + value]),
        host(SecurityOpt=["apparmor=" + value]), host(Sysctls={value: "1"}), host(Sysctls={"net.ipv4.ip_forward": value}), host(Sysctls={"net/../../kernel/core_pattern": value}), host(Tmpfs={"/" + value: ""}),
        host(Tmpfs={"/t": value}), host(Devices=[{"PathOnHost": value, "PathInContainer": "/dev/x", "CgroupPermissions": "rwm"}]),
        host(Devices=[{"PathOnHost": "/dev/null", "PathInContainer": "/dev/" + value, "CgroupPermissions": "rwm"}]), host(DeviceCgroupRules=[value]), host(Dns=[value]), host(DnsSearch=[value]), host(DnsOptions=[value]),
        host(ExtraHosts=[f"{value}:1.2.3.4"]), host(ExtraHosts=[f"name:{value}"]), host(GroupAdd=[value]), host(Ulimits=[{"Name": value, "Soft": 1, "Hard": 1}]), host(LogConfig={"Type": value}),
        host(LogConfig={"Type": "json-file", "Config": {value: value}}), host(LogConfig={"Type": "json-file", "Config": {"labels": value, "tag": value}}), host(StorageOpt={value: value}),
        host(PortBindings={"80/tcp": [{"HostIp": value, "HostPort": ""}]}), host(PortBindings={"80/tcp": [{"HostPort": value}]}), host(PortBindings={value: [{}]}), host(MaskedPaths=["/" + value]),
        host(Mounts=[{"Type": "bind", "Source": value, "Target": "/x"}]), host(Mounts=[{"Type": "volume", "Source": value, "Target": "/x"}]), host(Mounts=[{"Type": "volume", "Target": "/" + value}]),
        host(Mounts=[{"Type": "volume", "Source": "v", "Target": "/x", "VolumeOptions": {"DriverConfig": {"Name": "local", "Options": {"type": value, "o": value, "device": value}}}}]),
        host(Annotations={value: value}), {"NetworkingConfig": {"EndpointsConfig": {value: {}}}},
        {"NetworkingConfig": {"EndpointsConfig": {"bridge": {"Aliases": [value], "IPAMConfig": {"IPv4Address": value}, "DriverOpts": {value: value}}}}}]


def test_text_arrives_as_text(engine):
    files, before = quiet(engine)
    for i, value in enumerate(v for v in VALUES if "\0" not in v):
        status, made = call(engine, "POST", f"/containers/create?name=text{i}", {
            "Image": "redis", "Entrypoint": ["sh", "-c", 'printf "%s|%s" "$V" "$1"', "x"], "Cmd": [value], "Env": [f"V={value}"], "Labels": {value: value, "plain": value}})
        assert status == 201, (value[:60], status, made)
        status, answer = call(engine, "POST", f"/containers/{made['Id']}/start")
        assert status == 204, (value[:60], status, answer)
        call(engine, "POST", f"/containers/{made['Id']}/wait")
        assert engine.docker("logs", made["Id"]) == f"{value}|{value}".replace("\r\n", "\n"), (value[:60], engine.docker("logs", made["Id"])[:200])
        _, shown = call(engine, "GET", f"/containers/{made['Id']}/json")
        assert shown["Config"]["Labels"] == {value: value, "plain": value} and shown["Args"][-1] == value
        query = urllib.parse.quote(json.dumps({"label": [f"plain={value}"]}))
        assert len(query) > 60000 or len(call(engine, "GET", f"/containers/json?all=1&filters={query}")[1]) == 1, value[:60]
    assert "a\\u202e" not in engine.cluster.kubectl("get", "pods", "-o", "yaml")
    engine.empty()
    unchanged(engine, files, before)


def test_values_in_every_field_of_create(engine):
    files, before = quiet(engine)
    started = 0
    for number, value in enumerate(VALUES):
        for place, body in enumerate(fields(value)):
            what = (value[:60], json.dumps(body)[:120])
            status, made = call(engine, "POST", "/containers/create", {"Image": "redis", "Entrypoint": ["true"], **body})
            refused_or_made(status, made, what)
            if status != 201:
                continue
            # Starting all would take minutes: each value in a third of its places, each place with a third of the values.
            if (number + place) % 3 == 0 and started < 120:
                started += 1
                refused_or_made(*call(engine, "POST", f"/containers/{made['Id']}/start"), what)
            status, answer = call(engine, "DELETE", f"/containers/{made['Id']}?force=1&v=1")
            assert status == 204, (what, status, answer)
    assert started > 30, started
    engine.empty()
    unchanged(engine, files, before)


def test_values_in_names_and_paths_of_everything_else(engine):
    files, before = quiet(engine)
    box = engine.docker("run", "-d", *SHELL, "exec sleep 1000").strip()
    for value in VALUES:
        quoted = urllib.parse.quote(value, safe="")
        asks = [("POST", f"/containers/create?name={quoted}", {"Image": "redis"}), ("POST", f"/containers/{box}/rename?name={quoted}", None), ("GET", f"/containers/{quoted}/json", None), ("DELETE", f"/containers/{quoted}", None),
                ("POST", "/volumes/create", {"Name": value}), ("POST", "/volumes/create", {"Name": "opt", "DriverOpts": {"type": "none", "o": "bind", "device": value}}), ("POST", "/volumes/create", {"Name": "drv", "Driver": value}),
                ("POST", "/volumes/create", {"Name": "lab", "Labels": {value: value}}), ("DELETE", f"/volumes/{quoted}", None), ("GET", f"/volumes/{quoted}", None),
                ("POST", "/networks/create", {"Name": value}), ("POST", "/networks/create", {"Name": "n1", "Options": {"com.docker.network.bridge.name": value}}), ("DELETE", f"/networks/{quoted}", None),
                ("POST", "/networks/create", {"Name": "n2", "IPAM": {"Config": [{"Subnet": value, "Gateway": value}]}}), ("POST", "/networks/create", {"Name": "n3", "Driver": value}),
                ("POST", "/networks/create", {"Name": "n4", "Labels": {value: value}, "Options": {value: value}}),
                ("GET", f"/containers/{box}/archive?path={quoted}", None), ("GET", f"/containers/{box}/top?ps_args={quoted}", None), ("GET", f"/containers/{box}/logs?stdout=1&since={quoted}", None),
                ("POST", f"/containers/{box}/kill?signal={quoted}", None), ("GET", f"/images/{quoted}/json", None), ("POST", f"/images/redis/tag?repo={quoted}&tag={quoted}", None), ("GET", f"/images/get?names={quoted}", None),
                ("POST", f"/images/create?fromSrc=-&repo={quoted}", b""), ("POST", f"/images/create?fromImage=localhost:1/{quoted}&tag={quoted}", b""), ("POST", f"/commit?container={box}&repo={quoted}&changes={quoted}&author={quoted}", {}),
                ("GET", f"/containers/json?filters={quoted}", None), ("GET", "/containers/json?filters=" + urllib.parse.quote(json.dumps({"name": [value], "label": [value]}), safe=""), None),
                ("POST", f"/build?t={quoted}&dockerfile={quoted}&remote={quoted}&buildargs={quoted}", b""), ("GET", f"/events?until=1&since=0&filters={quoted}", None)]
        for method, path, body in asks:
            if len(path) > 60000 and method == "GET":
                continue
            status, answer = call(engine, method, path, body)
            ok = status < 500 or status in (500, 501) and isinstance(answer, dict) and answer["message"]
            assert ok, (method, path[:120], value[:60], status, str(answer)[:300])
        for words in (["sh", "-c", 'printf %s "$1"', "x", value], [value], ["/bin/sh", value]):
            status, made = call(engine, "POST", f"/containers/{box}/exec", {"Cmd": words, "AttachStdout": True, "Env": [f"V={value}"], "User": "" if words[0] == "sh" else value, "WorkingDir": "/"})
            refused_or_made(status, made, (words[0][:40], value[:40]))
            if status == 201:
                call(engine, "POST", f"/exec/{made['Id']}/start", {"Detach": False})
    for container in engine.docker("ps", "-aq").split():
        engine.docker("rm", "-f", "-v", container)
    for image in call(engine, "GET", "/images/json")[1]:
        for tag in image["RepoTags"] or []:
            if tag.split(":")[0] not in ("redis", "redis-slave", "todo-app-web"):
                engine.docker("rmi", tag)
    engine.docker("image", "prune", "-f")
    engine.empty()
    unchanged(engine, files, before)


def context_of(dockerfile, **files):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, text in {"Dockerfile": dockerfile, **files}.items():
            data = text.encode()
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return out.getvalue()


def test_values_in_builds_and_compose_files(engine):
    files, before = quiet(engine)
    for value in VALUES:
        quoted = json.dumps(value)
        for line in (f"LABEL a={quoted}", f"ENV A={quoted}", f"WORKDIR {value}", f"USER {value}", f"COPY {value} /x", f"COPY Dockerfile {value}", f"COPY --from={value} / /", f"ADD {value} /", f"EXPOSE {value}", f"VOLUME {value}",
                     f"STOPSIGNAL {value}", f"SHELL [{quoted}]", f"HEALTHCHECK CMD {value}", f"ARG {value}", f"FROM {value}", f"CMD [{quoted}]", value):
            status, answer = call(engine, "POST", "/build?rm=1&t=hostile:1", context_of(f"FROM redis\n{line}\n"), {"Content-Type": "application/x-tar"})
            assert status in (200, 400) or status == 500 and "message" in answer, (line[:80], status, str(answer)[:300])
    with tempfile.TemporaryDirectory() as folder:
        for value in VALUES:
            project = {"services": {"a": {"image": "redis", "entrypoint": ["true"], "labels": {"l": value}, "environment": {"E": value}, "hostname": "h", "command": [value.replace("$", "$$")]}}}
            project["services"]["a"]["labels"]["l"] = project["services"]["a"]["environment"]["E"] = value.replace("$", "$$")
            with open(f"{folder}/compose.yml", "w") as file:
                json.dump(project, file)
            code, out, err = run([REIGEN, "compose", "-p", "hostile", "-f", f"{folder}/compose.yml", "create"], env=engine.environment(), check=False)
            if code == 0:
                shown = call(engine, "GET", "/containers/json?all=1")[1]
                assert [c["Labels"]["l"] for c in shown if c["Labels"].get("com.docker.compose.project") == "hostile"] == [value], (value[:60], shown)
            else:
                assert err.strip() and "terminate" not in err, (value[:60], code, err)
            run([REIGEN, "compose", "-p", "hostile", "-f", f"{folder}/compose.yml", "down", "-t", "0"], env=engine.environment(), check=False)
    call(engine, "DELETE", "/images/hostile:1?force=1")
    engine.docker("image", "prune", "-f")
    engine.empty()
    unchanged(engine, files, before)


def chunked(*parts):
    return b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts)


def test_broken_http(engine):
    files, before = quiet(engine)
    head = b"POST /v1.41/containers/create HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    broken = [b"\r\n\r\n", b"GARBAGE\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"GET / HTTP/9.9\r\n\r\n", b"GET /v1.41/info HTTP/1.1\r\nHost: x\r\nBad Header\r\n\r\n", b"\0" * 5000,
              b"GET /" + b"a" * 200000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", b"GET /_ping HTTP/1.1\r\nHost: x\r\n" + b"X: " + b"y" * 200000 + b"\r\n\r\n",
              b"GET /_ping HTTP/1.1\r\nHost: x\r\n" + b"".join(b"X-%d: y\r\n" % i for i in range(20000)) + b"\r\n",
              head + b"Content-Length: -1\r\n\r\n", head + b"Content-Length: 99999999999999999999\r\n\r\n", head + b"Content-Length: 5\r\nContent-Length: 7\r\n\r\n{}", head + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
              head + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n", head + b"Transfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n{}", head + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}XX0\r\n\r\n",
              head + b"Transfer-Encoding: chunked\r\n\r\n" + chunked(b'{"Image":'), head + b"Transfer-Encoding: gzip, chunked\r\n\r\n", head + b"Content-Length: 100\r\n\r\n{", head + b"Expect: 100-continue\r\nContent-Length: 2\r\n\r\n",
              b"GET /v1.41/../../etc/passwd HTTP/1.1\r\nHost: x\r\n\r\n", b"GET /v1.41/%2e%2e/%2e%2e/etc/passwd HTTP/1.1\r\nHost: x\r\n\r\n", b"GET /v1.41/info%00 HTTP/1.1\r\nHost: x\r\n\r\n", b"GET /%ff%fe HTTP/1.1\r\nHost: x\r\n\r\n",
              b"CONNECT a:1 HTTP/1.1\r\nHost: x\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\xff" * 100]
    for data in broken:
        out = raw(engine, data, timeout=3, half_close=True)
        assert not out or out.startswith((b"HTTP/1.1 4", b"HTTP/1.1 5", b"HTTP/1.0 4", b"HTTP/1.1 100", b"HTTP/1.1 2", b"HTTP/1.1 3")) or out.startswith(b"\0\0"), (data[:100], out[:200])
        assert b"root:" not in out
    bodies = [b"", b"null", b"[]", b'"x"', b"{", b'{"Image":5}', b'{"Image":"redis","Labels":[]}', b'{"a":' * 50000 + b"1" + b"}" * 50000, b"[" * 200000, b'{"Image":"\xff\xfe"}', b'{"Image":"redis","Image":"other"}',
              b'{"Image":"redis","Env":["' + b"A" * 5_000_000 + b'"]}', b'{"Cmd":' + b'["x"' + b',"x"' * 500000 + b"]}", b'{"HostConfig":{"Memory":1e400}}', b'{"HostConfig":{"Memory":-9223372036854775809}}']
    for body in bodies:
        status, answer = call(engine, "POST", "/containers/create", body, version="/v1.44")  # 500 before 1.42, as with Docker
        assert 400 <= status < 500 and answer["message"] or status == 201, (body[:60], status, answer)
    for kind in ("text/plain", "application/x-tar", "", "application/json; charset=utf-16", "multipart/form-data"):
        status, answer = call(engine, "POST", "/containers/create", b'{"Image":"redis"}', {"Content-Type": kind}, version="/v1.44")
        assert status in (201, 400, 415), (kind, status, answer)
    # Pipelined and kept connections answer each in turn.
    out = raw(engine, b"GET /_ping HTTP/1.1\r\nHost: x\r\n\r\n" * 50, timeout=60, half_close=True)
    assert out.count(b"HTTP/1.1 200") == 50, out[:300]
    engine.empty()
    unchanged(engine, files, before)
    assert call(engine, "GET", "/_ping", version="")[0] == 200
