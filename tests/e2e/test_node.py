"""What a node does with pods: restarts, limits, probes, volumes, environment, init containers, host ports."""
import json, os, shutil, socket, ssl, struct, threading, urllib.request

from cluster import Failed, free_port, run, until
import manifests


def create(cluster, *arguments, **keywords):
    cluster.kubectl("create", "-f", "-", input=manifests.pod(*arguments, **keywords))


def status(cluster, name, index=0):
    return cluster.json("pod", name)["status"]["containerStatuses"][index]


def execute(cluster, name, script, **keywords):
    return cluster.kubectl("exec", name, "--", "sh", "-c", script, **keywords)


def reasons(cluster, name):
    return {e["reason"] for e in cluster.json("events", "--field-selector", f"involvedObject.name={name}")["items"]}


def ready(cluster, name, seconds=60):
    cluster.wait_pods(f"app={name}", 1, seconds)


def remove(cluster, *names):
    cluster.kubectl("delete", "pod", *names)


def test_restarts_are_counted_and_back_off(cluster):
    create(cluster, "crash", "echo broken; exit 4")
    def backed_off():
        state = status(cluster, "crash")
        return state["restartCount"] >= 2 and state["state"].get("waiting", {}).get("reason") == "CrashLoopBackOff" and state
    state = until("it waits in CrashLoopBackOff", backed_off, 60)
    assert state["lastState"]["terminated"]["exitCode"] == 4 and state["lastState"]["terminated"]["reason"] == "Error", state
    assert "back-off 20s restarting failed container=main pod=crash_default" in state["state"]["waiting"]["message"], state
    assert "BackOff" in reasons(cluster, "crash")
    assert "CrashLoopBackOff" in cluster.kubectl("get", "pod", "crash")
    remove(cluster, "crash")


def test_restart_policies(cluster):
    create(cluster, "never", "exit 3", restartPolicy="Never")
    create(cluster, "on-failure", "exit 0", restartPolicy="OnFailure")
    until("never fails", lambda: cluster.json("pod", "never")["status"]["phase"] == "Failed", 30)
    until("on-failure succeeds", lambda: cluster.json("pod", "on-failure")["status"]["phase"] == "Succeeded", 30)
    assert "Completed" in cluster.kubectl("get", "pod", "on-failure")
    assert status(cluster, "never")["state"]["terminated"]["exitCode"] == 3
    remove(cluster, "never", "on-failure")


def test_too_much_memory_is_oom_killed(cluster):
    create(cluster, "hungry", "head -c 100000000 /dev/zero | tail", restartPolicy="Never",
           main={"resources": {"limits": {"memory": "20Mi"}}, "command": ["tail", "/dev/zero"]})
    until("it failed", lambda: cluster.json("pod", "hungry")["status"]["phase"] == "Failed", 60)
    ended = status(cluster, "hungry")["state"]["terminated"]
    assert (ended["reason"], ended["exitCode"]) == ("OOMKilled", 137), ended
    assert cluster.json("pod", "hungry")["status"]["qosClass"] == "Burstable"
    assert not os.path.exists("oom"), "conmon leaves its files in the folder the server was started in"
    remove(cluster, "hungry")


def test_limits_reach_the_cgroup(cluster):
    create(cluster, "limited", main={"resources": {"limits": {"memory": "64Mi", "cpu": "500m"}}})
    ready(cluster, "limited")
    assert cluster.json("pod", "limited")["status"]["qosClass"] == "Guaranteed"
    out = execute(cluster, "limited", "cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/cpu.max 2>/dev/null || cat /sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/cpu/cpu.cfs_quota_us")
    assert out.split()[:2] == ["67108864", "50000"], out
    remove(cluster, "limited")


def test_a_failing_liveness_probe_restarts(cluster):
    probe = {"exec": {"command": ["test", "!", "-e", "/tmp/ill"]}, "periodSeconds": 1, "failureThreshold": 1, "timeoutSeconds": 60}
    create(cluster, "alive", main={"livenessProbe": probe})
    ready(cluster, "alive")
    execute(cluster, "alive", "touch /tmp/ill")
    until("it was restarted", lambda: status(cluster, "alive")["restartCount"] == 1 and status(cluster, "alive")["ready"], 40)
    assert {"Unhealthy", "Killing"} <= reasons(cluster, "alive")
    remove(cluster, "alive")


def test_readiness_takes_a_pod_out_of_its_service(cluster):
    probe = {"exec": {"command": ["test", "-e", "/tmp/ready"]}, "periodSeconds": 1, "timeoutSeconds": 60}
    create(cluster, "slow", main={"readinessProbe": probe, "ports": [{"containerPort": 80}]})
    cluster.kubectl("expose", "pod", "slow", "--port=80")
    until("it runs", lambda: status(cluster, "slow")["state"].get("running"), 30)
    until("the endpoints know it as not ready", lambda: cluster.json("endpoints", "slow")["subsets"][0]["notReadyAddresses"], 10)
    assert not status(cluster, "slow")["ready"]
    execute(cluster, "slow", "touch /tmp/ready")
    until("the endpoints have it", lambda: cluster.json("endpoints", "slow")["subsets"][0]["addresses"], 10)
    execute(cluster, "slow", "rm /tmp/ready")
    until("it is out again", lambda: "addresses" not in cluster.json("endpoints", "slow")["subsets"][0], 20)
    cluster.kubectl("delete", "pod,service", "slow")


def test_http_tcp_and_startup_probes(cluster):
    fields = {"image": "todo-app-web:v1", "command": ["todo-app"], "ports": [{"name": "http", "containerPort": 3000}],
              "startupProbe": {"httpGet": {"path": "/health", "port": "http"}, "periodSeconds": 1, "failureThreshold": 60},
              "readinessProbe": {"httpGet": {"path": "/health", "port": 3000}, "periodSeconds": 1, "timeoutSeconds": 20},
              "livenessProbe": {"tcpSocket": {"port": 3000}, "periodSeconds": 1, "timeoutSeconds": 20}}
    create(cluster, "probed", main=fields)
    ready(cluster, "probed")
    assert status(cluster, "probed")["started"] is True
    fields["startupProbe"] = {"httpGet": {"path": "/nothing", "port": 3000}, "periodSeconds": 1, "failureThreshold": 1, "timeoutSeconds": 20}
    create(cluster, "ill", main=fields)
    until("the startup probe ended it", lambda: status(cluster, "ill")["restartCount"] >= 1, 40)
    def messages():
        return [e["message"] for e in cluster.json("events", "--field-selector", "involvedObject.name=ill,reason=Unhealthy")["items"]]
    # Before its program listens it is refused; that is an end, too.
    until("an event tells", lambda: any("Startup probe failed: HTTP probe failed with statuscode: 404" in m for m in messages()))
    remove(cluster, "probed", "ill")


class HealthServer:
    """grpc.health.v1 in a few frames of HTTP/2, on the host; healthy is what it answers."""

    def __init__(self):
        self.healthy, self.asked = True, []
        self.listener = socket.create_server(("0.0.0.0", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            with connection:
                self.answer(connection.makefile("rwb"))

    def answer(self, stream):
        def frame(kind, flags, number, payload=b""):
            stream.write(struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", number) + payload)
        def text(value):
            return bytes([len(value)]) + value.encode()
        stream.read(24)  # the preface
        frame(4, 0, 0)
        while head := stream.read(9):
            payload = stream.read(int.from_bytes(head[:3], "big"))
            if head[3] == 0 and head[4] & 1:  # the end of the question
                self.asked.append(payload[5:])
                frame(1, 4, 1, b"\x88\0" + text("content-type") + text("application/grpc"))
                frame(0, 0, 1, b"\0\0\0\0\x02\x08" + (b"\x01" if self.healthy else b"\x02"))
                frame(1, 5, 1, b"\0" + text("grpc-status") + text("0"))
                stream.flush()
                return


def test_a_grpc_probe(cluster):
    server = HealthServer()
    probe = {"grpc": {"port": server.port, "service": "deep"}, "periodSeconds": 1, "failureThreshold": 1, "timeoutSeconds": 20}
    create(cluster, "grpc", hostNetwork=True, main={"readinessProbe": probe})
    ready(cluster, "grpc")
    assert server.asked and set(server.asked) == {b"\x0a\x04deep"}, server.asked
    server.healthy = False
    until("it is not ready", lambda: not status(cluster, "grpc")["ready"], 20)
    def messages():
        return [e["message"] for e in cluster.json("events", "--field-selector", "involvedObject.name=grpc,reason=Unhealthy")["items"]]
    until("an event tells", lambda: any("Readiness probe failed: service unhealthy" in m for m in messages()))
    server.healthy = True
    ready(cluster, "grpc")
    server.listener.close()
    remove(cluster, "grpc")


def test_long_logs_are_rotated_and_read_as_one(cluster):
    create(cluster, "chatty", "i=0; while [ $i -lt 14 ]; do i=$((i+1)); echo part $i; head -c 750000 /dev/zero | tr '\\0' x | fold -w 1000; echo; done; echo the end; exec sleep 1000")
    ready(cluster, "chatty")
    until("all is written", lambda: "the end" in cluster.kubectl("logs", "chatty", "--tail=1"), 60)
    def files():
        folder = next(f for f, _, names in os.walk(f"{cluster.dir}/node") if "chatty" in f and any(".log" in n for n in names))
        return {n: os.path.getsize(f"{folder}/{n}") for n in os.listdir(folder) if ".log" in n}
    until("the log was rotated", lambda: len(files()) >= 2, 100)
    execute(cluster, "chatty", "echo afterwards > /proc/1/fd/1")
    until("what comes later is logged", lambda: "afterwards" in cluster.kubectl("logs", "chatty", "--tail=2"), 20)
    remove(cluster, "chatty")


def test_statistics(cluster):
    create(cluster, "counted", "head -c 20000000 /dev/zero | md5sum; exec sleep 1000")
    ready(cluster, "counted")
    def summary():
        pods = json.loads(cluster.kubectl("get", "--raw", "/api/v1/nodes/node-a/proxy/stats/summary"))["pods"]
        return next(p for p in pods if p["podRef"]["name"] == "counted")
    pod = until("it used the CPU", lambda: summary() if summary()["containers"][0]["cpu"]["usageCoreNanoSeconds"] > 10_000_000 else None, 20)
    assert pod["podRef"]["namespace"] == "default" and pod["containers"][0]["name"] == "main" and pod["memory"]["workingSetBytes"] > 0, pod
    remove(cluster, "counted")


def test_config_maps_and_secrets_as_volumes_follow_changes(cluster):
    cluster.kubectl("create", "-f", "-", input=manifests.config_map("settings", color="red"))
    cluster.kubectl("create", "secret", "generic", "password", "--from-literal=word=geheim")
    volumes = [{"name": "c", "configMap": {"name": "settings"}}, {"name": "s", "secret": {"secretName": "password", "defaultMode": 0o400}}]
    mounts = [{"name": "c", "mountPath": "/c"}, {"name": "s", "mountPath": "/s", "readOnly": True}, {"name": "c", "mountPath": "/one", "subPath": "color"}]
    create(cluster, "mounts", main={"volumeMounts": mounts}, volumes=volumes)
    ready(cluster, "mounts")
    assert execute(cluster, "mounts", "cat /c/color /s/word /one; stat -Lc %a /s/word") == "redgeheimred400\n"
    cluster.kubectl("patch", "configmap", "settings", "-p", '{"data":{"color":"blue","shape":"round"}}')
    cluster.kubectl("patch", "secret", "password", "-p", '{"stringData":{"word":"anders"}}')
    until("the pod sees the change", lambda: execute(cluster, "mounts", "cat /c/color /c/shape /s/word") == "blueroundanders", 100)
    assert execute(cluster, "mounts", "cat /one") == "red"
    assert execute(cluster, "mounts", "echo x > /c/color", check=False)[0] != 0
    remove(cluster, "mounts")


def test_a_pod_waits_for_its_config_map(cluster):
    create(cluster, "early", main={"volumeMounts": [{"name": "c", "mountPath": "/c"}]}, volumes=[{"name": "c", "configMap": {"name": "late"}}])
    until("the event tells", lambda: "FailedMount" in reasons(cluster, "early"), 20)
    assert "ContainerCreating" in cluster.kubectl("get", "pod", "early")
    cluster.kubectl("create", "configmap", "late", "--from-literal=a=1")
    ready(cluster, "early", 90)
    remove(cluster, "early")


def test_empty_dirs_downward_api_and_projections(cluster):
    volumes = [
        {"name": "e", "emptyDir": {}}, {"name": "m", "emptyDir": {"medium": "Memory", "sizeLimit": "16Mi"}},
        {"name": "d", "downwardAPI": {"items": [{"path": "labels", "fieldRef": {"fieldPath": "metadata.labels"}},
                                                {"path": "cpu", "resourceFieldRef": {"containerName": "main", "resource": "limits.cpu", "divisor": "1m"}}]}},
        {"name": "p", "projected": {"sources": [{"configMap": {"name": "kube-root-ca.crt"}}, {"serviceAccountToken": {"path": "token", "audience": "x", "expirationSeconds": 600}},
                                                {"downwardAPI": {"items": [{"path": "name", "fieldRef": {"fieldPath": "metadata.name"}}]}}]}}]
    mounts = [{"name": v["name"], "mountPath": f"/{v['name']}"} for v in volumes]
    second = manifests.container(name="second", volumeMounts=mounts[:1])
    first = manifests.container(volumeMounts=mounts, resources={"limits": {"cpu": "250m"}})
    create(cluster, "many", containers=[first, second], volumes=volumes)
    ready(cluster, "many")
    cluster.kubectl("exec", "many", "-c", "main", "--", "sh", "-c", "echo shared > /e/f")
    assert cluster.kubectl("exec", "many", "-c", "second", "--", "cat", "/e/f") == "shared\n"
    assert 'app="many"' in execute(cluster, "many", "cat /d/labels")
    assert execute(cluster, "many", "cat /d/cpu") == "250"
    assert "tmpfs" in execute(cluster, "many", "grep ' /m ' /proc/mounts")
    assert execute(cluster, "many", "cat /p/name") == "many" and execute(cluster, "many", "cat /p/token").count(".") == 2
    assert "BEGIN CERTIFICATE" in execute(cluster, "many", "cat /p/ca.crt")
    cluster.kubectl("label", "pod", "many", "extra=yes")
    until("the new label is seen", lambda: 'extra="yes"' in execute(cluster, "many", "cat /d/labels"), 100)
    remove(cluster, "many")


def test_host_paths(cluster):
    open(f"{cluster.dir}/on-host", "w").write("from the host")
    create(cluster, "host", "cat /h; exec sleep 1000", main={"volumeMounts": [{"name": "h", "mountPath": "/h"}]}, volumes=[{"name": "h", "hostPath": {"path": f"{cluster.dir}/on-host", "type": "File"}}])
    ready(cluster, "host")
    until("it has told", lambda: cluster.kubectl("logs", "host") == "from the host")
    remove(cluster, "host")


def test_environment(cluster):
    cluster.kubectl("create", "configmap", "env", "--from-literal=A=1", "--from-literal=B=2")
    cluster.kubectl("create", "secret", "generic", "env", "--from-literal=S=geheim")
    env = [{"name": "NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}, {"name": "IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
           {"name": "NODE", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}}, {"name": "SECRET", "valueFrom": {"secretKeyRef": {"name": "env", "key": "S"}}},
           {"name": "JOINED", "value": "$(NAME)-$(A)-$$(B)-$(NONE)"}, {"name": "MAYBE", "valueFrom": {"configMapKeyRef": {"name": "none", "key": "x", "optional": True}}}]
    create(cluster, "env", main={"env": env, "envFrom": [{"configMapRef": {"name": "env"}}, {"prefix": "P_", "secretRef": {"name": "env"}}]})
    ready(cluster, "env")
    seen = dict(line.split("=", 1) for line in execute(cluster, "env", "env").splitlines() if "=" in line)
    ip = cluster.json("pod", "env")["status"]["podIP"]
    wanted = {"NAME": "env", "IP": ip, "NODE": "node-a", "SECRET": "geheim", "JOINED": "env-1-$(B)-$(NONE)", "A": "1", "B": "2", "P_S": "geheim", "HOSTNAME": "env"}
    assert {k: seen.get(k) for k in wanted} == wanted, seen
    assert "MAYBE" not in seen and seen["KUBERNETES_SERVICE_PORT"] == "443", seen
    create(cluster, "env-missing", main={"env": [{"name": "X", "valueFrom": {"configMapKeyRef": {"name": "none", "key": "x"}}}]})
    until("it says what is missing", lambda: status(cluster, "env-missing")["state"]["waiting"]["reason"] == "CreateContainerConfigError", 30)
    assert 'configmap "none" not found' in status(cluster, "env-missing")["state"]["waiting"]["message"]
    remove(cluster, "env", "env-missing")


def test_init_containers_run_one_by_one_and_sidecars_stay(cluster):
    mount = [{"name": "e", "mountPath": "/e"}]
    inits = [manifests.container("echo eins >> /e/order", "first", volumeMounts=mount),
             manifests.container("echo seite >> /e/order; exec sleep 1000", "side", volumeMounts=mount, restartPolicy="Always"),
             manifests.container("sleep 0.5; echo zwei >> /e/order", "second", volumeMounts=mount)]
    create(cluster, "inits", "cat /e/order; exec sleep 1000", main={"volumeMounts": mount}, volumes=[{"name": "e", "emptyDir": {}}], initContainers=inits)
    ready(cluster, "inits")
    until("all is logged", lambda: cluster.kubectl("logs", "inits", "-c", "main").split() == ["eins", "seite", "zwei"], 5)
    states = {s["name"]: s for s in cluster.json("pod", "inits")["status"]["initContainerStatuses"]}
    assert states["first"]["state"]["terminated"]["reason"] == "Completed" and "running" in states["side"]["state"], states
    assert cluster.kubectl("get", "pod", "inits", "--no-headers").split()[1] == "2/2"
    create(cluster, "init-fails", restartPolicy="Never", initContainers=[manifests.container("exit 1", "bad")])
    until("the pod failed", lambda: cluster.json("pod", "init-fails")["status"]["phase"] == "Failed", 30)
    assert "Init:Error" in cluster.kubectl("get", "pod", "init-fails")
    remove(cluster, "inits", "init-fails")


def test_host_ports_answer_on_loopback(cluster):
    port = free_port()
    create(cluster, "host-port", main={"image": "todo-app-web:v1", "command": ["todo-app"], "ports": [{"containerPort": 3000, "hostPort": port}]})
    ready(cluster, "host-port")
    for host in ("127.0.0.1", "[::1]"):
        assert until("it answers", lambda: urllib.request.urlopen(f"http://{host}:{port}/whoami", timeout=20).read(), 10) == b"host-port\n"
    create(cluster, "host-port-too", main={"ports": [{"containerPort": 3000, "hostPort": port}]})
    until("the second finds no node", lambda: "FailedScheduling" in reasons(cluster, "host-port-too"), 20)
    remove(cluster, "host-port", "host-port-too")
    def closed():
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=1)
        except OSError:
            return True
    until("the port is closed again", closed, 10)


def test_host_ports_of_udp_answer_on_loopback(cluster):
    port = free_port()
    echo = "socket(S, 2, 2, 17); bind(S, pack('S n N x8', 2, 5300, 0)); while ($peer = recv(S, $m, 9000, 0)) { send(S, uc $m, 0, $peer) }"
    # The host's Perl: not every release's image has one.
    main = {"command": ["chroot", "/host", "perl", "-e", echo], "volumeMounts": [{"name": "host", "mountPath": "/host", "readOnly": True}],
            "ports": [{"containerPort": 5300, "hostPort": port, "protocol": "UDP"}]}
    create(cluster, "udp-port", main=main, volumes=[{"name": "host", "hostPath": {"path": "/"}}])
    ready(cluster, "udp-port")
    for family, host in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
        with socket.socket(family, socket.SOCK_DGRAM) as one, socket.socket(family, socket.SOCK_DGRAM) as two:
            for client, word in ((one, b"eins"), (two, b"zwei"), (one, b"x" * 8000)):
                client.settimeout(5)
                def answered():
                    client.sendto(word, (host, port))
                    while True:  # a late answer to an earlier question may come first
                        answer, source = client.recvfrom(9000)
                        assert source[:2] == (host, port) and answer in (b"EINS", b"ZWEI", b"X" * 8000), (answer, source)
                        if answer == word.upper():
                            return True
                until(f"{host} answers", answered, 10)
    remove(cluster, "udp-port")


def test_a_pod_talks_to_the_api_with_its_token(cluster):
    create(cluster, "api-user")
    ready(cluster, "api-user")
    folder = "/var/run/secrets/kubernetes.io/serviceaccount"
    assert execute(cluster, "api-user", f"cat {folder}/namespace") == "default"
    until("the name is found and the port open", lambda: execute(cluster, "api-user", "nc -w 20 kubernetes.default.svc 443 </dev/null >/dev/null && echo open") == "open\n", 10)
    address = cluster.json("service", "kubernetes")["spec"]["clusterIP"]
    assert address in execute(cluster, "api-user", "nslookup -type=a kubernetes.default.svc.cluster.local")
    # The image has no TLS client of worth; what the pod was given is used from here, at the address the pod sees.
    authority, token = execute(cluster, "api-user", f"cat {folder}/ca.crt"), execute(cluster, "api-user", f"cat {folder}/token")
    context = ssl.create_default_context(cadata=authority)
    request = urllib.request.Request(f"https://{address}/apis/authentication.k8s.io/v1/selfsubjectreviews", method="POST", data=b'{"apiVersion":"authentication.k8s.io/v1","kind":"SelfSubjectReview"}',
                                     headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"})
    user = json.loads(urllib.request.urlopen(request, context=context, timeout=60).read())["status"]["userInfo"]
    assert user["username"] == "system:serviceaccount:default:default", user
    assert user["extra"]["authentication.kubernetes.io/pod-name"] == ["api-user"], user
    remove(cluster, "api-user")


def test_hooks_and_grace(cluster):
    mount = [{"name": "h", "mountPath": "/h"}]
    hooks = {"postStart": {"exec": {"command": ["sh", "-c", "echo start >> /h/out"]}}, "preStop": {"exec": {"command": ["sh", "-c", "echo stop >> /h/out"]}}}
    folder = f"{cluster.dir}/hooks"
    os.makedirs(folder, exist_ok=True)
    create(cluster, "hooked", "trap 'echo term >> /h/out; exit 0' TERM; echo up; while :; do sleep 0.1; done", terminationGracePeriodSeconds=60,
           main={"volumeMounts": mount, "lifecycle": hooks}, volumes=[{"name": "h", "hostPath": {"path": folder}}])
    ready(cluster, "hooked")
    until("it is up", lambda: cluster.kubectl("logs", "hooked") == "up\n")
    remove(cluster, "hooked")
    assert open(f"{folder}/out").read().split() == ["start", "stop", "term"]


def test_security_context(cluster):
    create(cluster, "secure", main={"securityContext": {"runAsUser": 1234, "runAsGroup": 2345, "readOnlyRootFilesystem": True, "allowPrivilegeEscalation": False,
                                                         "capabilities": {"drop": ["ALL"]}, "seccompProfile": {"type": "RuntimeDefault"}}})
    ready(cluster, "secure")
    out = execute(cluster, "secure", "id -u; id -g; grep -E 'CapEff|NoNewPrivs|Seccomp:' /proc/self/status; touch /x 2>&1; true")
    words = out.split()
    assert words[:2] == ["1234", "2345"] and "0000000000000000" in out and "Read-only" in out and "Seccomp:\t2" in out and "NoNewPrivs:\t1" in out, out
    create(cluster, "plain")
    ready(cluster, "plain")
    out = execute(cluster, "plain", "grep -E 'CapEff|Seccomp:' /proc/self/status; wc -c </proc/keys; echo x 2>&1 >/proc/sys/kernel/hostname; ls /sys/firmware | wc -l")
    # Docker's fourteen capabilities; what it hides reads empty or is read-only; no seccomp filter where a pod says nothing.
    assert "CapEff:\t00000000a80425fb" in out and "Seccomp:\t0" in out and "Read-only" in out and out.split()[4] == "0" == out.split()[-1], out
    remove(cluster, "plain")
    create(cluster, "root", main={"securityContext": {"runAsNonRoot": True}})
    until("root is refused", lambda: status(cluster, "root")["state"]["waiting"]["reason"] == "CreateContainerConfigError", 30)
    assert "runAsNonRoot" in status(cluster, "root")["state"]["waiting"]["message"]
    remove(cluster, "secure", "root")


def test_pull_policies_say_what_is_missing(cluster):
    create(cluster, "no-image", main={"image": "not-here:v1", "imagePullPolicy": "Never"})
    until("it says so", lambda: status(cluster, "no-image")["state"]["waiting"]["reason"] == "ErrImageNeverPull", 30)
    create(cluster, "no-registry", main={"image": "127.0.0.1:1/no:v1"})
    until("it backs off", lambda: status(cluster, "no-registry")["state"]["waiting"]["reason"] == "ImagePullBackOff", 40)
    assert {"Failed", "BackOff", "Pulling"} <= reasons(cluster, "no-registry")
    remove(cluster, "no-image", "no-registry")


def test_a_pod_that_fits_nowhere_says_why(cluster):
    create(cluster, "giant", main={"resources": {"requests": {"memory": "100Ti"}}})
    def told():
        return [e["message"] for e in cluster.json("events", "--field-selector", "involvedObject.name=giant,reason=FailedScheduling")["items"]]
    assert "0/1 nodes are available: 1 Insufficient memory." in until("the event is there", told, 20)[0]
    assert "Pending" in cluster.kubectl("get", "pod", "giant")
    remove(cluster, "giant")


def test_a_pod_that_fills_the_disk_is_evicted(cluster):
    fill = "dd if=/dev/zero of=/%s bs=1M count=8; exec sleep 1000"
    mounts = [{"name": "e", "mountPath": "/e"}]
    create(cluster, "full-layer", fill % "file", main={"resources": {"limits": {"ephemeral-storage": "5Mi"}}})
    create(cluster, "full-volume", fill % "e/file", main={"volumeMounts": mounts}, volumes=[{"name": "e", "emptyDir": {"sizeLimit": "5Mi"}}])
    create(cluster, "full-pod", fill % "e/file", containers=[
        manifests.container(fill % "e/file", volumeMounts=mounts, resources={"limits": {"ephemeral-storage": "3Mi"}}),
        manifests.container(name="second", resources={"limits": {"ephemeral-storage": "3Mi"}})], volumes=[{"name": "e", "emptyDir": {}}])
    create(cluster, "modest", fill % "e/file", main={"volumeMounts": mounts, "resources": {"limits": {"ephemeral-storage": "50Mi"}}},
           volumes=[{"name": "e", "emptyDir": {"sizeLimit": "40Mi"}}])
    wanted = {"full-layer": "Pod ephemeral local storage usage exceeds the total limit of containers 5Mi. ",
              "full-volume": 'Usage of EmptyDir volume "e" exceeds the limit "5Mi". ',
              "full-pod": "Pod ephemeral local storage usage exceeds the total limit of containers 6Mi. "}
    for name, message in wanted.items():
        until(f"{name} failed", lambda: cluster.json("pod", name)["status"]["phase"] == "Failed", 40)
        state = cluster.json("pod", name)["status"]
        assert (state["reason"], state["message"]) == ("Evicted", message), state
        until("the event tells", lambda: "Evicted" in reasons(cluster, name), 10)
    told = cluster.kubectl("describe", "pod", "full-layer")
    assert ["Reason:", "Evicted"] in [line.split() for line in told.splitlines()] and wanted["full-layer"] in told, told
    assert cluster.json("pod", "modest")["status"]["phase"] == "Running"
    remove(cluster, *wanted, "modest")


def test_the_hosts_logs_are_served(cluster):
    folder = "/var/log/reigen-e2e"
    os.makedirs(folder, exist_ok=True)
    try:
        with open(f"{folder}/big log.txt", "w") as file:
            file.write("a line\n" * 100_000)
        def get(path):
            return cluster.kubectl("get", "--raw", f"/api/v1/nodes/node-a/proxy/logs/{path}")
        assert '<a href="reigen-e2e/">reigen-e2e/</a>' in get("")
        assert '<a href="big%20log.txt">big log.txt</a>' in get("reigen-e2e/") == get("reigen-e2e")
        assert get("reigen-e2e/big%20log.txt") == "a line\n" * 100_000
        assert "root:" not in cluster.kubectl("get", "--raw", "/api/v1/nodes/node-a:10250/proxy/logs/..%2f..%2fetc/passwd", check=False)[1]
        assert "NotFound" in cluster.kubectl("get", "--raw", "/api/v1/nodes/node-a/proxy/logs/reigen-e2e/none", check=False)[2]
    finally:
        shutil.rmtree(folder)


def test_a_pod_that_its_node_does_not_take_fails(cluster):
    create(cluster, "windows", nodeName="node-a", os={"name": "windows"})
    state = until("it failed", lambda: cluster.json("pod", "windows")["status"] if cluster.json("pod", "windows")["status"]["phase"] == "Failed" else None, 20)
    assert state["reason"] == "PodOSNotSupported" and "OS field doesn't match node OS" in state["message"], state
    assert "containerStatuses" not in state and "PodOSNotSupported" in cluster.kubectl("get", "pod", "windows")
    remove(cluster, "windows")


def test_a_volume_keeps_its_source(cluster):
    spec = {"capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOnce"], "storageClassName": "none", "hostPath": {"path": cluster.dir}}
    volume = {"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": "volume"}, "spec": spec}
    cluster.kubectl("create", "-f", "-", input=json.dumps(volume))
    assert cluster.json("pv", "volume")["status"]["phase"] == "Pending"
    code, _, err = cluster.kubectl("patch", "pv", "volume", "-p", '{"spec":{"hostPath":{"path":"/elsewhere"}}}', check=False)
    assert code == 1 and "spec.persistentvolumesource" in err and "immutable" in err, err
    cluster.kubectl("patch", "pv", "volume", "--subresource=status", "--type=merge", "-p", '{"status":{"phase":"Available","message":"by hand"}}')
    assert "Available" in cluster.kubectl("get", "pv", "volume")
    volume["spec"], volume["metadata"]["name"] = {**spec, "capacity": {}, "nfs": {"server": "s", "path": "p"}}, "bad"
    err = cluster.kubectl("create", "-f", "-", input=json.dumps(volume), check=False)[2]
    assert "spec.capacity: Required value" in err and "spec.nfs: Forbidden: may not specify more than 1 volume type" in err, err
    cluster.kubectl("delete", "pv", "volume", "--timeout=60s")
