"""The command on its host: settings from flags, variables and the file; check, completion; clusters side by side; hollow agents; a full disk."""
import json, os, shutil, socket, sqlite3, ssl, subprocess, tempfile, time, urllib.request

from cluster import KUBECTL, REIGEN, Cluster, Failed, free_port, run, until
import manifests


def test_settings_come_from_the_file_the_variable_and_the_flag():
    folder = tempfile.mkdtemp(prefix="reigen-e2e-")
    port, process = free_port(), None
    try:
        # One flag each: what stands further left wins over what stands further right: flag, variable, file.
        open(f"{folder}/config.yaml", "w").write(f"data-dir: {folder}/data\nhttps-port: 1\nservice-cidr: 10.97.0.0/16\ncluster-dns: 10.97.0.10\ndisable-agent: true\nwrite-kubeconfig: {folder}/no\n")
        process = subprocess.Popen([REIGEN, "server", "--config", f"{folder}/config.yaml", "--write-kubeconfig", f"{folder}/flag"], stderr=subprocess.DEVNULL,
                                   env={**os.environ, "REIGEN_HTTPS_PORT": str(port), "REIGEN_WRITE_KUBECONFIG": f"{folder}/variable"})
        def service():
            return json.loads(run([KUBECTL, "--kubeconfig", f"{folder}/flag", "get", "service", "kubernetes", "-o", "json"])[1])
        assert until("it serves", service, 20)["spec"]["clusterIP"] == "10.97.0.1"
        assert f":{port}" in open(f"{folder}/flag").read() and not os.path.exists(f"{folder}/variable") and not os.path.exists(f"{folder}/no")
        assert os.stat(f"{folder}/flag").st_mode & 0o777 == 0o600
    finally:
        if process:
            process.terminate()
            process.wait(90)
        shutil.rmtree(folder)


def test_the_kubeconfig_is_merged_only_when_asked():
    home = tempfile.mkdtemp(prefix="reigen-e2e-")
    old = "apiVersion: v1\nkind: Config\nclusters: [{name: other, cluster: {server: 'https://example.org'}}]\ncontexts: [{name: other, context: {cluster: other, user: other}}]\nusers: [{name: other, user: {token: abc}}]\ncurrent-context: other\n"
    os.makedirs(f"{home}/.kube")
    open(f"{home}/.kube/config", "w").write(old)
    try:
        for flags in ([], ["--merge-kubeconfig"]):
            process = subprocess.Popen([REIGEN, "server", "--data-dir", f"{home}/data", "--https-port", str(free_port()), "--disable-agent", *flags], stderr=subprocess.DEVNULL, env={**os.environ, "HOME": home})
            try:
                kubectl = [KUBECTL, "--kubeconfig", f"{home}/.kube/config" if flags else f"{home}/data/kubeconfig"]
                until("it has an id", lambda: open(f"{home}/data/instance").read().strip(), 20)
                context = "reigen-" + open(f"{home}/data/instance").read().strip()
                until("it serves", lambda: run([*kubectl, *(["--context", context] if flags else []), "get", "--raw", "/readyz"])[1] == "ok", 20)
            finally:
                process.terminate()
                process.wait(90)
            if not flags:
                assert open(f"{home}/.kube/config").read() == old
        assert run([*kubectl, "config", "get-contexts", "-o", "name"])[1].split() == ["other", context]
        assert run([*kubectl, "config", "current-context"])[1].strip() in ("other", context)
        assert run([*kubectl, "config", "view", "--raw", "-o", "jsonpath={.users[?(@.name=='other')].user.token}"])[1] == "abc"
    finally:
        shutil.rmtree(home)


def test_check_says_what_is_missing_and_how_to_mend_it():
    code, out, _ = run([REIGEN, "check"])
    assert not any(line.startswith("missing") for line in out.splitlines()), out
    table = f"e2e-firewall-{os.getpid()}"
    run(["nft", f"add table ip {table}; add chain ip {table} fw {{ type filter hook forward priority 0; policy drop; }}; insert rule ip {table} fw accept"])
    try:
        code, out, _ = run([REIGEN, "check"])
        assert f"note     firewall: table {table}, chain fw drops forwarded packets" in out, out
    finally:
        run(["nft", f"delete table ip {table}"])
    with tempfile.TemporaryDirectory() as folder:
        for program in ("conmon", "nft"):
            os.symlink(shutil.which(program), f"{folder}/{program}")
        code, out, _ = run([REIGEN, "check"], check=False, env={**os.environ, "PATH": folder})
        assert code == 1 and "missing  crun" in out and "apt-get install crun" in out and "ok       conmon" in out, out
        done = subprocess.run([REIGEN, "server", "--data-dir", f"{folder}/data", "--https-port", str(free_port()), "--log-level", "error"], env={**os.environ, "PATH": folder}, capture_output=True, text=True, timeout=180)
        lines = done.stderr.strip().splitlines()
        assert done.returncode != 0 and len(lines) == 1 and "crun" in lines[0], (done.returncode, done.stderr)
        run([REIGEN, "clean", "--data-dir", f"{folder}/data"])


def test_help_has_examples_and_completion_is_a_script():
    for command in ([], ["server"], ["agent"], ["clean"], ["check"], ["image"], ["completion"]):
        out = run([REIGEN, *command, "--help"])[1]
        assert "Example" in out, (command, out)
    script = run([REIGEN, "completion", "bash"])[1] + "\ncomplete -p reigen\nCOMP_WORDS=(reigen server --https) COMP_CWORD=2\n_reigen reigen --https server\necho \"${COMPREPLY[@]}\"\n"
    assert run(["bash", "-c", script])[1].splitlines()[-1] == "--https-port"
    for shell in ("zsh", "fish"):
        assert "--https-port" in run([REIGEN, "completion", shell])[1] or "https-port" in run([REIGEN, "completion", shell])[1]


def dig(server, *words, seconds=20):
    """The answers; none where nobody answers, which dig remarks among them."""
    out = run(["dig", f"@{server}", "+short", f"+time={seconds}", "+tries=1", *words], check=False)[1]
    return [line for line in out.splitlines() if not line.startswith(";")]


def test_two_clusters_live_side_by_side_and_names_outlive_their_server():
    first, second = Cluster(), Cluster("--seccomp-default")
    try:
        for cluster in (first, second):
            cluster.start()
            cluster.import_example()
        port = free_port()
        for cluster in (first, second):
            main = {"image": "todo-app-web:v1", "command": ["todo-app"], "ports": [{"containerPort": 3000, **({"hostPort": port} if cluster is first else {})}]}
            cluster.kubectl("create", "-f", "-", input=manifests.pod("web", main=main))
            cluster.kubectl("expose", "pod", "web", "--port=80", "--target-port=3000")
        for cluster in (first, second):
            cluster.wait_pods("app=web", 1)
            address = cluster.json("service", "web")["spec"]["clusterIP"]
            until("the name is known", lambda: dig(cluster.cidrs[2], "web.default.svc.cluster.local") == [address], 10)
            until("the service answers", lambda: urllib.request.urlopen(f"http://{address}/whoami", timeout=20).read() == b"web\n", 10)
        # The default of the second is the runtime's profile, Kubernetes' own default is none.
        for cluster, mode in ((first, "0"), (second, "2")):
            assert cluster.kubectl("exec", "web", "--", "sed", "-n", "s/^Seccomp:\t//p", "/proc/1/status").strip() == mode
        name, (down, other) = "web.default.svc.cluster.local", (first.cidrs[2], second.cidrs[2])
        before = dig(down, name)
        first.kill()
        assert dig(down, name) == before and dig(down, "+tcp", name) == before
        assert dig(down, "-x", before[0]) == [f"{name}."]
        for host in ("127.0.0.1", "[::1]"):
            assert urllib.request.urlopen(f"http://{host}:{port}/whoami", timeout=30).read() == b"web\n", host
        run([REIGEN, "clean", "--data-dir", first.dir])
        assert dig(down, name, seconds=2) == [] and len(dig(other, name)) == 1
        assert urllib.request.urlopen(f"http://{dig(other, name)[0]}/whoami", timeout=30).read() == b"web\n"
        assert second.kubectl("exec", "web", "--", "echo", "lives") == "lives\n"
    finally:
        first.remove()
        second.remove()


def test_hollow_nodes_join_and_pretend():
    folder = tempfile.mkdtemp(prefix="reigen-e2e-")
    open(f"{folder}/tokens.csv", "w").write('sesam,root,1,"system:masters"\n')
    cluster = Cluster("--token-auth-file", f"{folder}/tokens.csv", agent=False).start()
    agent = None
    try:
        done = subprocess.run([REIGEN, "agent", "--hollow", "2", "--server", cluster.url, "--token", "falsch"], capture_output=True, text=True, timeout=180)
        lines = done.stderr.strip().splitlines()
        assert done.returncode == 1 and len(lines) == 1 and cluster.url in lines[0] and "Unauthorized" in lines[0], (done.returncode, done.stderr)
        agent = subprocess.Popen([REIGEN, "agent", "--hollow", "3", "--server", cluster.url, "--token", "sesam"], stderr=subprocess.DEVNULL)
        def ready():
            return [line.split()[:2] for line in cluster.kubectl("get", "nodes", "--no-headers").splitlines()] == [[f"hollow-{i}", "Ready"] for i in range(3)]
        until("three nodes are ready", ready, 20)
        cluster.kubectl("create", "deployment", "many", "--image=anything", "--replicas=12")
        pods = cluster.wait_pods("app=many", 12)
        assert {p["spec"]["nodeName"] for p in pods} == {"hollow-0", "hollow-1", "hollow-2"}
    finally:
        if agent:
            agent.terminate()
            agent.wait(90)
        cluster.remove()
        shutil.rmtree(folder)


def test_a_full_disk_refuses_writes_and_loses_nothing():
    folder = tempfile.mkdtemp(prefix="reigen-e2e-")
    run(["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", folder])
    cluster = Cluster(agent=False, data_dir=folder)
    try:
        cluster.start()
        stored, err = [], ""
        for i in range(40):
            code, _, err = cluster.kubectl("create", "-f", "-", input=manifests.config_map(f"big-{i}", a="x" * 500_000), check=False)
            if code != 0:
                break
            stored.append(f"configmap/big-{i}")
        assert stored and "full" in err and "Error from server" in err, (len(stored), err)
        assert sorted(cluster.kubectl("get", "configmaps", "-o", "name").split()) == sorted([*stored, "configmap/kube-root-ca.crt"])
        run(["mount", "-o", "remount,size=64m", folder])
        until("there is room again", lambda: cluster.kubectl("create", "configmap", "again"), 10)
        cluster.kill()
        cluster.start()
        names = cluster.kubectl("get", "configmaps", "-o", "name").split()
        assert set(stored) < set(names) and "configmap/again" in names, names
    finally:
        cluster.stop()
        run(["umount", "-l", folder])
        os.rmdir(folder)


def test_a_newer_database_is_refused_and_kept():
    cluster = Cluster(agent=False).start()
    try:
        cluster.stop()
        path = f"{cluster.dir}/store/store.db"
        with sqlite3.connect(path) as database:
            known = database.execute("PRAGMA user_version").fetchone()[0]
            database.execute(f"PRAGMA user_version={known + 1}")
        database.close()
        done = subprocess.run([REIGEN, "server", "--data-dir", cluster.dir, "--disable-agent", "--https-port", "0", "--log-level", "error"], capture_output=True, text=True, timeout=180)
        lines = done.stderr.strip().splitlines()
        assert done.returncode != 0 and len(lines) == 1 and "newer version" in lines[0] and "store.db" in lines[0], done.stderr
        with sqlite3.connect(path) as database:
            database.execute(f"PRAGMA user_version={known}")
        database.close()
        cluster.start()
    finally:
        cluster.remove()
