"""Bad input: each gets one clear error that names what and where, a code, and leaves nothing behind."""
import json, os, shutil, signal, socket, subprocess, tempfile, urllib.error, urllib.request, ssl

from cluster import IMAGES, KUBECTL, REIGEN, Cluster, Failed, free_port, run, until
import manifests


def refused(cluster, *words, input=None):
    code, out, err = cluster.kubectl(*words, input=input, check=False)
    assert code != 0, out
    return err


def one_line(command, *parts, code=None, **keywords):
    """The command fails with one line on stderr that has all parts."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=180, **keywords)
    lines = done.stderr.strip().splitlines()
    assert done.returncode != 0 and len(lines) == 1, (done.returncode, done.stdout, done.stderr)
    for part in parts:
        assert part in lines[0], (part, lines[0])
    assert code is None or done.returncode == code, done.returncode
    return lines[0]


def server(folder, *flags):
    return [REIGEN, "server", "--data-dir", folder, "--https-port", str(free_port()), "--disable-agent", *flags]


def raw(cluster, path, body=None, method=None, headers=None):
    context = ssl._create_unverified_context()
    request = urllib.request.Request(cluster.url + path, data=body, method=method, headers=headers or {})
    try:
        with urllib.request.urlopen(request, context=context, timeout=120) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read())


def admin_token(cluster):
    cluster.kubectl("create", "serviceaccount", "admin", check=False)
    cluster.kubectl("create", "clusterrolebinding", "e2e-admin", "--clusterrole=cluster-admin", "--serviceaccount=default:admin", check=False)
    return {"Authorization": f"Bearer {cluster.kubectl('create', 'token', 'admin').strip()}", "Content-Type": "application/json"}


def test_broken_manifests(control_plane):
    assert "error parsing" in refused(control_plane, "create", "-f", "-", input="a: [1, 2\n")
    err = refused(control_plane, "create", "-f", "-", input="apiVersion: v1\nmetadata: {name: x}\n")
    assert "Kind" in err or "kind" in err, err
    assert 'no matches for kind "Pot" in version "v1"' in refused(control_plane, "create", "-f", "-", input="apiVersion: v1\nkind: Pot\nmetadata: {name: x}\n")
    err = refused(control_plane, "create", "-f", "-", input=manifests.pod("Upper_Case"))
    assert 'The Pod "Upper_Case" is invalid: metadata.name: Invalid value: "Upper_Case": a lowercase RFC 1123 subdomain' in err, err
    err = refused(control_plane, "create", "-f", "-", input=manifests.pod("bad", main={"ports": [{"containerPort": 70000}], "image": ""}))
    assert "spec.containers[0].image: Required value" in err and "spec.containers[0].ports[0].containerPort: Invalid value: 70000: must be between 1 and 65535, inclusive" in err, err
    err = refused(control_plane, "create", "-f", "-", input=manifests.pod("bad", main={"ports": "viele"}))
    assert "BadRequest" in err and "ports" in err, err


def test_unknown_fields_are_refused(control_plane):
    err = refused(control_plane, "create", "-f", "-", input=manifests.pod("odd", main={"imagge": "x"}))
    assert 'strict decoding error: unknown field "spec.containers[0].imagge"' in err, err
    code, out, err = control_plane.kubectl("create", "--validate=warn", "-f", "-", input=manifests.config_map("odd").replace('"data"', '"datta"'), check=False)
    assert code == 0 and 'Warning: unknown field "datta"' in err, err


def test_oversized_and_deep_documents(control_plane):
    err = refused(control_plane, "create", "-f", "-", input=manifests.config_map("huge", a="x" * 1_100_000))
    assert "Too long: may not be more than 1048576 bytes" in err, err
    headers = admin_token(control_plane)
    code, status = raw(control_plane, "/api/v1/namespaces/default/configmaps", b'{"data":"' + b"x" * 4_000_000 + b'"}', "POST", headers)
    assert code == 413 and status["reason"] == "RequestEntityTooLarge" and "limit is 3145728" in status["message"], (code, status)
    code, status = raw(control_plane, "/api/v1/namespaces/default/configmaps", b'{"a":' * 20000 + b"1" + b"}" * 20000, "POST", headers)
    assert code == 400 and status["reason"] == "BadRequest", (code, status)
    assert control_plane.kubectl("get", "--raw", "/readyz") == "ok"


def test_wrong_credentials(control_plane):
    code, status = raw(control_plane, "/api/v1/pods", headers={"Authorization": "Bearer wrong"})
    assert code == 401 and status["reason"] == "Unauthorized" and status["message"] == "Unauthorized", (code, status)
    code, status = raw(control_plane, "/api/v1/pods")
    assert code == 403 and 'User "system:anonymous" cannot list resource "pods" in API group "" at the cluster scope' in status["message"], (code, status)
    code, _, err = run([KUBECTL, "--kubeconfig", "/dev/null", "--server", control_plane.url, "--insecure-skip-tls-verify", "--token", "wrong", "get", "pods"], check=False)
    assert code == 1 and "You must be logged in to the server" in err, err


def test_a_token_bound_to_a_pod_ends_with_the_pod(control_plane):
    control_plane.kubectl("create", "-f", "-", input=manifests.pod("bound", main={"image": "none"}))
    token = control_plane.kubectl("create", "token", "default", "--bound-object-kind=Pod", "--bound-object-name=bound").strip()
    bearer = {"Authorization": f"Bearer {token}"}
    assert raw(control_plane, "/api", headers=bearer)[0] == 200
    control_plane.kubectl("delete", "pod", "bound", "--now")
    assert raw(control_plane, "/api", headers=bearer)[0] == 401


def test_nothing_of_the_refused_is_stored(control_plane):
    assert not control_plane.json("pods", "-A")["items"]


def test_tokens_and_passwords_from_files():
    folder = tempfile.mkdtemp(prefix="reigen-e2e-")
    open(f"{folder}/tokens.csv", "w").write('sesam,alice,1,"system:masters"\n')
    open(f"{folder}/passwords.csv", "w").write("geheim,bob,2\n")
    cluster = Cluster("--token-auth-file", f"{folder}/tokens.csv", "--basic-auth-file", f"{folder}/passwords.csv", agent=False).start()
    try:
        assert raw(cluster, "/api/v1/pods", headers={"Authorization": "Bearer sesam"})[0] == 200
        import base64
        code, status = raw(cluster, "/api/v1/pods", headers={"Authorization": "Basic " + base64.b64encode(b"bob:geheim").decode()})
        assert code == 403 and 'User "bob" cannot list' in status["message"], (code, status)
        assert raw(cluster, "/api/v1/pods", headers={"Authorization": "Basic " + base64.b64encode(b"bob:falsch").decode()})[0] == 401
    finally:
        cluster.remove()
        shutil.rmtree(folder)


def test_wrong_flags_and_files():
    folder = tempfile.mkdtemp(prefix="reigen-e2e-")
    try:
        one_line([REIGEN, "server", "--no-such-flag"], "--no-such-flag")
        one_line([REIGEN, "sever"], "sever")
        one_line(server(folder, "--service-cidr", "10.43.0.0/99"), "10.43.0.0/99")
        one_line(server(folder, "--token-auth-file", "/no/such/file"), "/no/such/file")
        one_line(server(folder, "--config", "/no/such/config"), "/no/such/config")
        open(f"{folder}/config.yaml", "w").write("data-dirr: x\n")
        one_line(server(folder, "--config", f"{folder}/config.yaml"), "data-dirr", "config.yaml")
        open(f"{folder}/config.yaml", "w").write("https-port: 1\nhttps-port: 2\n")
        one_line(server(folder, "--config", f"{folder}/config.yaml"), "config.yaml:2", "https-port")
        one_line(server(folder, "--node-name", "Bad_Name"), "--node-name", "Bad_Name", "RFC 1123")
        one_line([REIGEN, "server", "--https-port", "70000", "--data-dir", folder], "70000")
        one_line([REIGEN, "image", "import", f"{folder}/missing.tar", "--data-dir", folder], "missing.tar")
    finally:
        shutil.rmtree(folder)


def test_a_taken_port():
    folder = tempfile.mkdtemp(prefix="reigen-e2e-")
    try:
        with socket.socket() as taken:
            taken.bind(("0.0.0.0", 0))
            taken.listen()
            port = taken.getsockname()[1]
            one_line([REIGEN, "server", "--data-dir", folder, "--disable-agent", "--log-level", "error", "--https-port", str(port)], str(port), "in use")
    finally:
        shutil.rmtree(folder)


def test_a_second_server_on_the_same_data(control_plane):
    line = one_line(server(control_plane.dir, "--log-level", "error"), control_plane.dir)
    assert "another" in line or "runs" in line or "in use" in line or "lock" in line, line
    assert control_plane.kubectl("get", "--raw", "/readyz") == "ok"
    one_line([REIGEN, "clean", "--data-dir", control_plane.dir], control_plane.dir)
    assert control_plane.kubectl("get", "--raw", "/readyz") == "ok"


def as_nobody():
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)


def test_no_root_with_an_agent_is_said_and_without_one_is_fine():
    folder = tempfile.mkdtemp(prefix="reigen-e2e-")
    os.chmod(folder, 0o777)
    try:
        # The binary may stand in a folder only root can enter.
        binary = shutil.copy(REIGEN, f"{folder}/reigen")
        command = server(f"{folder}/data")
        command[0] = binary
        command.remove("--disable-agent")
        line = one_line(command, "root", preexec_fn=as_nobody)
        assert "--disable-agent" in line, line
        port = free_port()
        alone = subprocess.Popen([binary, "server", "--data-dir", f"{folder}/alone", "--disable-agent", "--https-port", str(port)], preexec_fn=as_nobody, stderr=subprocess.DEVNULL)
        try:
            until("it serves", lambda: run([KUBECTL, "--kubeconfig", f"{folder}/alone/kubeconfig", "get", "--raw", "/readyz"])[1] == "ok", 30)
            assert os.stat(f"{folder}/alone/kubeconfig").st_mode & 0o777 == 0o600
        finally:
            alone.terminate()
            assert alone.wait(90) == 0
    finally:
        shutil.rmtree(folder)


def test_a_corrupt_database_is_refused_and_kept():
    cluster = Cluster(agent=False).start()
    try:
        cluster.kubectl("create", "configmap", "kept")
        cluster.stop()
        path = f"{cluster.dir}/store/store.db"
        whole = open(path, "rb").read()
        open(path, "wb").write(b"no database at all" * 500)
        for extra in ("-wal", "-shm"):
            if os.path.exists(path + extra):
                os.rename(path + extra, path + extra + ".kept")
        one_line(server(cluster.dir, "--log-level", "error"), "store.db")
        assert open(path, "rb").read() == b"no database at all" * 500
        open(path, "wb").write(whole)
        for extra in ("-wal", "-shm"):
            if os.path.exists(path + extra + ".kept"):
                os.rename(path + extra + ".kept", path + extra)
        cluster.start()
        assert "kept" in cluster.kubectl("get", "configmaps")
    finally:
        cluster.remove()


def test_a_truncated_image_is_refused_whole():
    folder = tempfile.mkdtemp(prefix="reigen-e2e-")
    try:
        with open(f"{IMAGES}/redis.tar", "rb") as whole, open(f"{folder}/cut.tar", "wb") as cut:
            cut.write(whole.read(5_000_000))
        one_line([REIGEN, "image", "import", f"{folder}/cut.tar", "--data-dir", f"{folder}/data"], "cut.tar")
        open(f"{folder}/not.tar", "w").write("no archive\n" * 1000)
        one_line([REIGEN, "image", "import", f"{folder}/not.tar", "--data-dir", f"{folder}/data"], "not.tar")
        assert len(run([REIGEN, "image", "ls", "-q", "--data-dir", f"{folder}/data"])[1].split()) == 0
    finally:
        shutil.rmtree(folder)
