"""Every flag of `docker run`, seen from inside the container or in the kernel, or refused by name."""
import json, os, re, subprocess, tempfile

from cluster import run, until
from docker_engine import CLIENTS, SHELL, each_client

SLEEP = ("--entrypoint", "sleep", "redis", "1000")
CGROUP = "/sys/fs/cgroup"
V1 = os.path.exists(f"{CGROUP}/memory")  # else one tree (v2)


def limit(controller, v1, v2):
    """A shell word that prints a limit of the container's own control group, from inside."""
    return f"cat {CGROUP}/{controller}/{v1}" if V1 else f"cat {CGROUP}/{v2}"


def host(path):
    return os.readlink(path)


def block_device():
    """A block device's name and numbers: only disks that have a size can be limited."""
    names = sorted(name for name in os.listdir("/sys/block") if os.path.exists(f"/dev/{name}") and open(f"/sys/block/{name}/size").read().strip() != "0")
    return next((f"/dev/{name}", open(f"/sys/block/{name}/dev").read().strip()) for name in names)


DEVICE, NUMBERS = block_device()
RESTRICTED = subprocess.run(["capsh", "--has-p=cap_sys_resource"], capture_output=True).returncode != 0 if os.path.exists("/usr/sbin/capsh") \
    else not int(re.search(r"CapEff:\s*(\w+)", open("/proc/self/status").read())[1], 16) >> 24 & 1

# Rows that fit into one container: words of the command line, a script, what it prints: a text, one of several, or a function that says
# whether it is right; None: not on this kind of host. Client 26.1 never sends the rates of devices.
TOGETHER = [
    (["-m", "100m", "--memory-swap", "150m"], f"{limit('memory', 'memory.limit_in_bytes', 'memory.max')}", "104857600"),
    ([], limit("memory", "memory.memsw.limit_in_bytes", "memory.swap.max"), "157286400" if V1 else "52428800"),
    (["--memory-reservation", "50m"], limit("memory", "memory.soft_limit_in_bytes", "memory.low"), "52428800"),
    (["--memory-swappiness", "7"], limit("memory", "memory.swappiness", "memory.max"), "7" if V1 else None),
    (["--oom-kill-disable"], limit("memory", "memory.oom_control", "memory.max") + " | head -1", "oom_kill_disable 1" if V1 else None),
    (["--cpu-shares", "512"], limit("cpu", "cpu.shares", "cpu.weight"), "512" if V1 else "20"),
    (["--cpus", "0.5"], limit("cpu", "cpu.cfs_quota_us", "cpu.max"), "50000" if V1 else "50000 100000"),
    (["--cpuset-cpus", "0"], "grep Cpus_allowed_list /proc/self/status", "Cpus_allowed_list:\t0"),
    (["--cpuset-mems", "0"], "grep Mems_allowed_list /proc/self/status", "Mems_allowed_list:\t0"),
    (["--pids-limit", "77"], limit("pids", "pids.max", "pids.max"), "77"),
    (["--device-read-bps", f"{DEVICE}:100mb"], limit("blkio", "blkio.throttle.read_bps_device", "io.max"), ("", f"{NUMBERS} 104857600") if V1 else None),
    (["--device-write-bps", f"{DEVICE}:200mb"], limit("blkio", "blkio.throttle.write_bps_device", "io.max"), ("", f"{NUMBERS} 209715200") if V1 else None),
    (["--device-read-iops", f"{DEVICE}:100"], limit("blkio", "blkio.throttle.read_iops_device", "io.max"), ("", f"{NUMBERS} 100") if V1 else None),
    (["--device-write-iops", f"{DEVICE}:200"], limit("blkio", "blkio.throttle.write_iops_device", "io.max"), ("", f"{NUMBERS} 200") if V1 else None),
    (["--device", f"{DEVICE}:/dev/mine:r"], "stat -c %F /dev/mine; (: > /dev/mine) 2>/dev/null || echo refused", "block special file\nrefused"),
    (["--device-cgroup-rule", "c 42:* rwm"], "mknod /dev/made c 42 1 && ls /dev/made", "/dev/made"),
    (["--ulimit", "nofile=100:200"], "ulimit -Sn; ulimit -Hn", "100\n200"),
    (["--oom-score-adj", "300"], "cat /proc/self/oom_score_adj", "300"),
    (["--cgroup-parent", "/my/parent"], "cat /proc/self/cgroup", lambda out: "docker/my/parent/" in out),
    (["--cap-add", "NET_ADMIN", "--cap-drop", "KILL", "--cap-drop", "CHOWN"], "grep CapEff /proc/self/status", lambda out: rights(out) == DEFAULT_RIGHTS ^ {0, 5, 12}),
    (["--security-opt", "no-new-privileges"], "grep NoNewPrivs /proc/self/status", "NoNewPrivs:\t1"),
    (["--security-opt", "seccomp=unconfined"], "grep Seccomp: /proc/self/status", "Seccomp:\t0"),
    (["--security-opt", "label=disable"], "true", ""),
    # Where the kernel has no AppArmor, a profile means nothing.
    (["--security-opt", "apparmor=unconfined" if os.path.exists("/sys/module/apparmor") else "apparmor=absent"], "true", ""),
    (["--sysctl", "net.ipv4.ip_forward=0", "--sysctl", "kernel.msgmax=4096"], "cat /proc/sys/net/ipv4/ip_forward /proc/sys/kernel/msgmax", "0\n4096"),
    (["--hostname", "box", "--domainname", "example.org"], "hostname; cat /proc/sys/kernel/domainname /etc/hostname; grep -c 'box.example.org box' /etc/hosts",
     "box\nexample.org\nbox\n1"),
    (["--env", "A=1", "-e", "FROM_CLIENT", "-e", "UNKNOWN_THERE"], "echo $A $FROM_CLIENT ${UNKNOWN_THERE-none}", "1 here none"),
    (["--env-file", "{dir}/env"], "echo $F1 $F2", "file with blanks"),
    (["--workdir", "/a/b"], "pwd", "/a/b"),
    (["--user", "0:65534", "--group-add", "777", "--group-add", "daemon"], "id -G | tr ' ' '\\n' | sort -n", lambda out: {"65534", "777", "1"} <= set(out.split())),
    (["--init"], "cat /proc/1/comm", "docker-init"),
    (["--shm-size", "10m"], "df -k /dev/shm | tail -1 | awk '{print $2}'", "10240"),
    (["--tmpfs", "/t:size=1m,mode=700"], "grep ' /t ' /proc/mounts", lambda out: all(word in out for word in ("tmpfs", "size=1024k", "mode=700", "noexec"))),
    (["--read-only"], "touch /x 2>/dev/null || echo refused; touch /t/x /dev/shm/x && echo taken", "refused\ntaken"),
    (["--volume", "{dir}:/bound:ro", "-v", "named:/named"], "cat /bound/env | head -1; echo x > /named/x; touch /bound/y 2>/dev/null || echo refused", "# a comment\nrefused"),
    (["--mount", "type=bind,src={dir},dst=/again,readonly"], "ls /again/env", "/again/env"),
    (["--mount", "type=tmpfs,dst=/t2,tmpfs-size=1m"], "grep ' /t2 ' /proc/mounts", lambda out: "size=1024k" in out),
    (["--volumes-from", "donor:ro"], "cat /donated/file; touch /donated/x 2>/dev/null || echo refused", "given\nrefused"),
    (["--add-host", "some:1.2.3.4"], "grep some /etc/hosts", "1.2.3.4\tsome"),
    (["--dns", "192.0.2.53", "--dns-search", "example.org", "--dns-option", "timeout:3"], "cat /etc/resolv.conf",
     lambda out: "search example.org" in out and "timeout:3" in out and ("192.0.2.53" in out or "127.0.0.11" in out)),
    (["--network", "flags", "--network-alias", "other", "--ip", "10.213.7.77"], "grep -c 10.213.7.77 /etc/hosts", "1"),
    (["--link", "donor:giver"], "ping -c 1 -W 2 giver >/dev/null && echo found", "found"),
    (["--cgroupns", "host"], "readlink /proc/self/ns/cgroup", lambda out: out == host("/proc/self/ns/cgroup")),
    (["--userns", "host"], "readlink /proc/self/ns/user", lambda out: out == host("/proc/self/ns/user")),
    (["--ipc", "shareable"], "test -d /dev/shm && echo there", "there"),
    (["--pid", "", "--uts", ""], "readlink /proc/self/ns/uts", lambda out: out != host("/proc/self/ns/uts")),
    (["--runtime", "runc", "--isolation", "default", "--platform", "linux/amd64" if os.uname().machine == "x86_64" else "linux", "--pull", "never",
      "--disable-content-trust", "--sig-proxy=false", "--detach-keys", "ctrl-a,d"], "true", ""),
]
DEFAULT_RIGHTS = {0, 1, 3, 4, 5, 6, 7, 8, 10, 13, 18, 27, 29, 31}


def rights(text):
    value = int(text.split()[-1], 16)
    return {bit for bit in range(64) if value >> bit & 1}


# What inspect shows is what was asked for.
INSPECTED = [
    (["--label", "a=b"], "Config.Labels.a", "b"),
    (["--label-file", "{dir}/labels"], "Config.Labels.c", "d"),
    (["--name", "inspected"], "Name", "/inspected"),
    (["--expose", "80", "--expose", "90-91/udp"], "Config.ExposedPorts", {"6379/tcp": {}, "80/tcp": {}, "90/udp": {}, "91/udp": {}}),
    (["--stop-signal", "SIGUSR1"], "Config.StopSignal", "SIGUSR1"),
    (["--stop-timeout", "7"], "Config.StopTimeout", 7),
    (["--restart", "on-failure:3"], "HostConfig.RestartPolicy", {"Name": "on-failure", "MaximumRetryCount": 3}),
    (["--health-cmd", "true", "--health-interval", "2s", "--health-timeout", "3s", "--health-retries", "4", "--health-start-period", "5s"], "Config.Healthcheck",
     {"Test": ["CMD-SHELL", "true"], "Interval": 2 * 10**9, "Timeout": 3 * 10**9, "Retries": 4, "StartPeriod": 5 * 10**9}),
    (["--interactive"], "Config.OpenStdin", True),
    (["--tty"], "Config.Tty", True),
    (["--volume-driver", "local"], "HostConfig.VolumeDriver", "local"),
    (["--log-driver", "json-file", "--log-opt", "max-size=1m"], "HostConfig.LogConfig", {"Type": "json-file", "Config": {"max-size": "1m"}}),
    (["--attach", "stdout"], "Config.AttachStderr", False),
    (["--publish-all"], "HostConfig.PublishAllPorts", True),
    (["--publish", "127.0.0.1:0:80"], "HostConfig.PortBindings", {"80/tcp": [{"HostIp": "127.0.0.1", "HostPort": "0"}]}),
    (["--entrypoint", "top"], "Config.Entrypoint", ["top"]),
]
# Flags that only clients of a certain age have.
NEWER = [
    (["--annotation", "a=b"], "HostConfig.Annotations", {"a": "b"}),
    (["--health-cmd", "true", "--health-start-interval", "1s"], "Config.Healthcheck.StartInterval", 10**9),
]

# What is refused, and the word its error names it by. Windows' flags are among them.
REFUSED = [
    (["--gpus", "all"], 'could not select device driver "" with capabilities: [[gpu]]'),
    (["--isolation", "hyperv"], "hyperv"),
    (["--runtime", "kata"], "kata"),
    (["--storage-opt", "size=10G"], "--storage-opt is supported only for overlay over xfs"),
    (["--io-maxbandwidth", "1m"], "maximum bandwidth"),
    (["--io-maxiops", "1"], "maximum IOPs"),
    (["--volume-driver", "nfs-plugin", "-v", "data:/x"], None),  # the client takes the 404 for the image's
    (["--log-driver", "syslog"], "syslog"),
    (["--log-driver", "nonsense"], 'error looking up logging plugin nonsense: plugin "nonsense" not found'),
    (["--log-opt", "nonsense=1"], "unknown log opt 'nonsense' for json-file log driver"),
    (["--log-opt", "max-size=much"], "failed to initialize logging driver: invalid size: 'much'"),
    (["--log-opt", "max-file=0"], "max-file cannot be less than 1"),
    (["--log-opt", "compress=true"], "compress cannot be true"),
    (["--log-opt", "max-buffer-size=1m"], "max-buffer-size option is only supported with 'mode=non-blocking'"),
    (["--security-opt", "nonsense=1"], 'invalid --security-opt 2: "nonsense=1"'),
    (["--security-opt", "systempaths=some"], 'invalid --security-opt 2: "systempaths=some"'),
    (["--security-opt", "seccomp={dir}/bad-seccomp"], "SCMP_ACT_NONSENSE"),
    (["--cap-add", "NONSENSE"], 'invalid CapAdd: unknown capability: "CAP_NONSENSE"'),
    (["--device", "/dev/not-there"], 'error gathering device information while adding custom device "/dev/not-there"'),
    (["--tmpfs", "/t:foo=bar"], 'invalid tmpfs option ["foo" "bar"]'),
    (["--oom-score-adj", "2000"], "range for oom score adj is [-1000, 1000]"),
    (["--memory", "1m"], "Minimum memory limit allowed is 6MB"),
    (["--memory-swap", "100m"], "You should always set the Memory limit when using Memoryswap limit"),
    (["--memory-swappiness", "107"], "alid memory swappiness range is 0-100"),
    (["--cpus", "5000"], "ange of CPUs is from 0.01 to"),
    (["--cpu-period", "500"], "CPU cfs period can not be less than 1ms"),
    (["--cpu-quota", "500"], "CPU cfs quota can not be less than 1ms"),
    (["--cpu-shares", "1"], "the minimum allowed cpu-shares is 2"),
    (["--cpuset-cpus", "4000"], "Requested CPUs are not available"),
    (["--cpuset-mems", "4000"], "Requested memory nodes are not available"),
    (["--cpu-rt-period", "1000", "--cpu-rt-runtime", "2000"], ("cpu real-time runtime cannot be higher than cpu real-time period", "real-time scheduler")),
    (["--blkio-weight", "5"], ("Range of blkio weight is from 10 to 1000", None)),
    (["--blkio-weight-device", "/dev/nonsense:5"], "nvalid weight for device"),
    (["--cpu-shares", "300000"], "the maximum allowed cpu-shares is 262144"),
    (["--tmpfs", "/"], "invalid specification: destination can't be '/'"),
    (["--sysctl", "net.nonsense=1"], "error during container init: open /proc/sys/net/nonsense: no such file or directory: unknown"),
    (["--workdir", "/etc/passwd"], "Cannot mkdir: /etc/passwd is not a directory"),
    (["--volume", "/tmp:/x:nocopy"], 'invalid mount config for type "bind": field VolumeOptions must not be specified'),
    (["--sysctl", "kernel.hostname=x"], "kernel.hostname"),
    (["--sysctl", "net.ipv4.ip_forward=1", "--network", "host"], "net.ipv4.ip_forward"),
    (["--ipc", "nonsense"], "nvalid IPC mode: nonsense"),
    (["--pid", "nonsense"], "PID mode"),
    (["--uts", "nonsense"], "UTS mode"),
    (["--userns", "nonsense"], ("invalid USER mode", "invalid userns mode")),
    (["--cgroupns", "nonsense"], "cgroup"),
    (["--network", "nonsense"], "network nonsense not found"),
    (["--network", "container:nobody"], "No such container: nobody"),
    (["--volumes-from", "nobody"], None),
    (["--ip", "172.17.0.200"], ("user specified IP address is supported on user defined networks only", None)),  # an old client does not send it
    (["--ip6", "fd00::1"], ("user specified IP address is supported on user defined networks only", None)),
    (["--restart", "nonsense"], ("nonsense", "Conflicting options: --restart and --rm")),
    (["--stop-signal", "NONSENSE"], "Invalid signal: NONSENSE"),
    (["--user", "nobody-here"], "unable to find user nobody-here: no matching entries in passwd file"),
    (["--user", "-1"], "uids and gids must be in range 0-2147483647"),
    (["--group-add", "none-here"], "Unable to find group none-here"),
    (["--link", "nobody:x"], ("could not get container for nobody", "No such container: nobody")),
    (["--mac-address", "nonsense"], ("nonsense is not a valid mac address", "invalid MAC address", "address nonsense")),
    (["--pull", "nonsense"], ("invalid pull option", None)),
    (["--platform", "a/b/c/d"], "a/b/c/d"),
    (["--health-cmd", "true", "--health-interval", "1us"], "Interval in Healthcheck cannot be less than 1ms"),
    (["--detach-keys", "ctrl-nonsense"], ("nonsense", "received 400")),
    (["--add-host", "nonsense"], "add-host"),
    (["--dns", "nonsense"], "nonsense"),
    (["--workdir", "relative"], "it needs to be an absolute path"),
    (["--shm-size", "-1"], ("SHM size", "invalid size")),
    (["--name", "bad name"], "Invalid container name (bad name)"),
]

# Taken with a warning that names what is not done.
WARNED = [
    (["--blkio-weight", "300"], None if os.path.exists(f"{CGROUP}/blkio/blkio.bfq.weight") or not V1 else "Block I/O weight"),
    (["--log-opt", "mode=non-blocking"], "mode=non-blocking"),
    (["--log-opt", "max-size=1m", "--log-opt", "max-file=2", "--log-opt", "compress=true"], "compress"),
    (["--log-opt", "tag={{.Name}}"], "tag"),
    (["--privileged"], "does not have CAP_SYS_RESOURCE" if RESTRICTED else None),
    (["--cap-add", "SYS_RESOURCE"], "does not have CAP_SYS_RESOURCE" if RESTRICTED else None),
    (["--ulimit", "nofile=100:9999999"], "does not allow to raise ulimit nofile" if RESTRICTED else None),
    (["--oom-score-adj", "-500"], "does not allow to lower the OOM score" if RESTRICTED else None),
    (["--cpu-percent", "5"], "CPU percent"),
]

# Flags with a test of their own below, and those that say nothing to an engine.
ELSEWHERE = {"--detach", "--rm", "--cidfile", "--quiet", "--help", "--cpu-period", "--cpu-quota", "--cpu-rt-period", "--cpu-rt-runtime", "--ip6", "--link-local-ip",
             "--mac-address", "--no-healthcheck", "--cpu-count", "--kernel-memory", "--use-api-socket"}


def flags_of(words):
    return {word.split("=")[0] for word in words if word.startswith("--")}


def folder_of_files(folder):
    for name, text in {"env": "# a comment\nF1=file\n\nF2=with blanks\n", "labels": "c=d\n# none\n", "seccomp": json.dumps(
            {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO"}]}),
            "bad-seccomp": '{"defaultAction": "SCMP_ACT_NONSENSE"}'}.items():
        with open(f"{folder}/{name}", "w") as file:
            file.write(text)


def placed(words, folder):
    return [word.replace("{dir}", folder) for word in words]


def test_no_flag_of_run_is_unknown_here():
    known = set(ELSEWHERE)
    for table in (TOGETHER, INSPECTED, NEWER, REFUSED, WARNED):
        for row in table:
            known |= flags_of(row[0])
    for client in {*CLIENTS, *(path for path in ("/usr/local/bin/docker",) if os.path.exists(path))}:
        text = run([client, "run", "--help"])[1]
        flags = set(re.findall(r"^\s+(?:-\w, )?(--[a-z0-9-]+)", text, re.MULTILINE))
        assert len(flags) > 90, flags
        assert not flags - known, f"{client}: no row here for {sorted(flags - known)}"


@each_client
def test_flags_are_seen_from_inside(engine, docker):
    os.environ["FROM_CLIENT"] = "here"
    docker("network", "create", "--subnet", "10.213.7.0/24", "flags")
    docker("run", "-d", "--name", "donor", "--network", "flags", "-v", "/donated", *SHELL, "echo given > /donated/file; exec sleep 1000")
    until("the donor gave", lambda: docker("exec", "donor", "cat", "/donated/file") == "given\n", 10)
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        folder_of_files(folder)
        rows = [row for row in TOGETHER if row[2] is not None]
        words = placed([word for row in rows for word in row[0]], folder)
        script = "\n".join(f"echo '@@ {i}'; {{ {row[1]}; }} 2>&1" for i, row in enumerate(rows))
        out = docker("run", "--rm", *words, *SHELL, script)
    parts = dict(re.findall(r"@@ (\d+)\n(.*?)(?=@@ |\Z)", out, re.DOTALL))
    wrong = []
    for i, (row_words, row_script, wanted) in enumerate(rows):
        got = parts.get(str(i), "").rstrip("\n")
        if not (wanted(got) if callable(wanted) else got in wanted if isinstance(wanted, tuple) else got == wanted):
            wrong.append(f"{' '.join(row_words)}: {row_script}\n   printed {got!r}, not {wanted!r}")
    assert not wrong, "\n".join(wrong)


@each_client
def test_flags_are_seen_by_inspect(engine, docker):
    help_text = docker("run", "--help")
    rows = INSPECTED + [row for row in NEWER if all(flag in help_text for flag in flags_of(row[0]))]
    with tempfile.TemporaryDirectory() as folder:
        folder_of_files(folder)
        words = []
        for row in rows:
            words += [word for word in placed(row[0], folder) if not (word == "--health-cmd" and "--health-cmd" in words) and not (word == "true" and "true" in words)]
        docker("create", *words, "redis")
    for row_words, path, wanted in rows:
        got = engine.inspect("inspected", path)
        if path == "Config.Healthcheck":
            got.pop("StartInterval", None)
        assert got == wanted, (row_words, got)


@each_client
def test_what_is_refused_is_named(engine, docker):
    help_text, wrong = docker("run", "--help"), []
    with tempfile.TemporaryDirectory() as folder:
        folder_of_files(folder)
        for words, text in REFUSED:
            if not all(flag in help_text for flag in flags_of(words)):
                continue
            code, out, err = docker("run", "--rm", "--pull", "never", *placed(words, folder), "--entrypoint", "true", "redis", check=False)
            texts = text if isinstance(text, tuple) else (text,)
            if None in texts and code == 0:
                continue
            if "--detach-keys" in words:
                engine.empty()  # the client leaves what it could not attach to
            if code not in (125, 127) and "received 400" not in err or not any(each is None or each in err for each in texts):
                wrong.append(f"{' '.join(words)}: exit code {code}, {err!r}")
    assert not wrong, "\n".join(wrong)
    assert docker("ps", "-a") == docker("ps", "-af", "name=nobody"), "a refused one stayed"


@each_client
def test_what_this_host_cannot_do_is_a_warning(engine, docker):
    help_text, wrong = docker("run", "--help"), []
    for words, text in WARNED:
        if not all(flag in help_text for flag in flags_of(words)):
            continue
        code, _, err = docker("run", "--rm", *words, "--entrypoint", "true", "redis", check=False)
        if code != 0 or (text is None) != (err == "") or (text or "") not in err:
            wrong.append(f"{' '.join(words)}: exit code {code}, {err!r}")
    assert not wrong, "\n".join(wrong)


@each_client
def test_rights_and_seccomp(engine, docker):
    def status(*words):
        return docker("run", "--rm", *words, *SHELL, "grep -E 'CapEff|CapBnd|Seccomp:' /proc/self/status")
    def of(text, key):
        return text.split(key + ":")[1].split()[0]
    assert of(status(), "Seccomp") == "2"
    whole = status("--privileged")
    own = int(re.search(r"CapBnd:\s*(\w+)", open("/proc/self/status").read())[1], 16)
    assert int(of(whole, "CapEff"), 16) == own and of(whole, "Seccomp") == "0", whole
    assert int(of(status("--cap-drop", "ALL"), "CapEff"), 16) == 0
    assert int(of(status("--cap-drop", "ALL", "--cap-add", "net_admin"), "CapEff"), 16) == 1 << 12
    assert int(of(status("--cap-add", "NET_ADMIN", "-u", "1000"), "CapEff"), 16) == 0, "another user has them in the bounding set only"
    with tempfile.TemporaryDirectory() as folder:
        folder_of_files(folder)
        code, _, err = docker("run", "--rm", "--security-opt", f"seccomp={folder}/seccomp", "--entrypoint", "mkdir", "redis", "/x", check=False)
        assert code == 1 and "Operation not permitted" in err, err
    masked = docker("run", "--rm", *SHELL, "grep -c 'tmpfs /proc\\|proc /proc/' /proc/mounts")
    assert int(masked) >= 5, masked
    bare = docker("run", "--rm", "--security-opt", "systempaths=unconfined", *SHELL, "grep -c ' /proc' /proc/mounts")
    assert int(bare) == 1, bare
    assert docker("run", "--rm", "--privileged", *SHELL, "test -w /proc/sys/kernel/domainname && ls /dev/null").strip() == "/dev/null"


@each_client
def test_namespaces_of_others(engine, docker):
    def inside(kind, *words):
        return docker("run", "--rm", *words, "--entrypoint", "readlink", "redis", f"/proc/self/ns/{kind}").strip()
    for kind in ("ipc", "pid", "uts", "cgroup"):
        flag = "--cgroupns" if kind == "cgroup" else f"--{kind}"
        assert inside(kind, flag, "host") == host(f"/proc/self/ns/{kind}"), kind
    assert inside("cgroup", "--cgroupns", "private") != host("/proc/self/ns/cgroup")
    assert inside("net", "--network", "host") == host("/proc/self/ns/net")
    assert docker("run", "--rm", "--network", "none", "--entrypoint", "ls", "redis", "/sys/class/net").split() == ["lo"]
    docker("run", "-d", "--name", "mate", "--ipc", "shareable", *SLEEP)
    for kind, flag in (("ipc", "--ipc"), ("pid", "--pid"), ("net", "--network")):
        assert inside(kind, flag, "container:mate") == docker("exec", "mate", "readlink", f"/proc/self/ns/{kind}").strip(), kind
    assert "sleep" in docker("run", "--rm", "--pid", "container:mate", "--entrypoint", "cat", "redis", "/proc/1/comm")
    docker("run", "-d", "--name", "alone", *SLEEP)
    code, _, err = docker("run", "--rm", "--ipc", "container:alone", "--entrypoint", "true", "redis", check=False)
    assert code == 125 and "non-shareable IPC (hint: use IpcMode:shareable for the donor container)" in err, err
    docker("kill", "mate")
    for flag, text in (("--ipc", "can't join IPC of container"), ("--pid", "is not running"), ("--network", "cannot join network of a non running container")):
        code, _, err = docker("run", "--rm", flag, "container:mate", "--entrypoint", "true", "redis", check=False)
        assert code == 125 and text in err, err
    assert docker("run", "--rm", "--ipc", "none", *SHELL, "ls -d /dev/shm 2>/dev/null || echo none") in ("none\n", "/dev/shm\n")


@each_client
def test_quota_and_address_in_their_plain_forms(engine, docker):
    period = docker("run", "--rm", "--cpu-period", "50000", "--cpu-quota", "25000", *SHELL, f"{limit('cpu', 'cpu.cfs_quota_us', 'cpu.max')}; "
                    f"{limit('cpu', 'cpu.cfs_period_us', 'cpu.max')}")
    assert period.split()[:2] == ["25000", "50000"], period
    assert docker("run", "--rm", "--mac-address", "02:42:ac:11:00:99", "--entrypoint", "cat", "redis", "/sys/class/net/eth0/address") == "02:42:ac:11:00:99\n"
    docker("network", "create", "--ipv6", "--subnet", "10.213.8.0/24", "--subnet", "fd00:213:8::/64", "six")
    out = docker("run", "--rm", "--network", "six", "--ip6", "fd00:213:8::77", *SHELL, "grep fd00:213:8::77 /etc/hosts | wc -l")
    assert out == "1\n", out
    code, _, err = docker("run", "--rm", "--network", "six", "--link-local-ip", "169.254.1.77", *SHELL, "ip addr show dev eth0 2>/dev/null || true", check=False)
    assert code == 0 or "link-local" in err.lower(), err


@each_client
def test_the_clients_own_flags(engine, docker):
    with tempfile.TemporaryDirectory() as folder:
        id = docker("run", "-d", "--cidfile", f"{folder}/cid", "--no-healthcheck", *SLEEP).strip()
        assert open(f"{folder}/cid").read() == id and engine.inspect(id, "Config.Healthcheck.Test") == ["NONE"]
        code, _, err = docker("run", "-d", "--cidfile", f"{folder}/cid", *SLEEP, check=False)
        assert code == 125 and "ID file found" in err, err
    code, _, err = docker("run", "--rm", "--pull", "never", "not-there:x", check=False)
    assert code == 125 and "No such image: not-there:x" in err, err
    assert docker("run", "--rm", "--entrypoint", "", "redis", "echo", "hello") == "hello\n"
    code, _, err = docker("run", "--rm", "--kernel-memory", "50m", "--entrypoint", "true", "redis", check=False)
    assert code == 0 and (err == "" or "kernel memory" in err), err  # a new client does not even send it
    engine.empty()
    docker("run", "--rm", "--name", "gone", "-v", "/anonymous", "--entrypoint", "true", "redis")
    until("its volume went with it", lambda: docker("volume", "ls", "-q") == "" and docker("ps", "-aq") == "", 10)
