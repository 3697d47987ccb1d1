"""Volumes, binds, tmpfs and roots that are read-only, through Docker's own command lines."""
import json, os, subprocess, tempfile

from cluster import until
from docker_engine import CLIENTS, SHELL, each_client


def sh(docker, script, *flags, image="redis"):
    return docker("run", "--rm", *flags, "--entrypoint", "sh", image, "-c", script)


def refused(docker, *words, said, code=125):
    got, _, err = docker(*words, check=False)
    assert got == code and said.lower() in err.lower(), (words, got, err)


def mounted(engine, name, destination):
    return next(mount for mount in engine.inspect(name, "Mounts") if mount["Destination"] == destination)


def seeded(docker):
    """An image that has files at the place of a volume."""
    docker("run", "--name", "seed", *SHELL, "mkdir -p /seed/sub; echo seed > /seed/file; ln -s file /seed/link; chown 12:34 /seed/file /seed; chmod 750 /seed")
    docker("commit", "-c", "VOLUME /seed", "seed", "seeded")
    docker("rm", "-v", "seed")
    return "seeded"


def new(docker):
    """Whether the client speaks a version in which only anonymous volumes are pruned, and so on."""
    return docker.keywords["client"] == CLIENTS[0] and "1.41" != docker("version", "-f", "{{.Client.APIVersion}}").strip()


@each_client
def test_a_volume_takes_what_the_image_has_there(engine, docker):
    image = seeded(docker)
    look = "cat /seed/file; readlink /seed/link; stat -c '%u:%g %a' /seed /seed/file; test -d /seed/sub"
    wanted = ["seed", "file", "12:34", "750", "12:34", "644"]
    for flags in ((), ("-v", "named:/seed"), ("--mount", "type=volume,source=mounted,target=/seed"), ("--mount", "type=volume,dst=/seed")):
        assert sh(docker, look, *flags, image=image).split() == wanted, flags
    assert sorted(docker("volume", "ls", "-q").split()) == ["mounted", "named"]  # --rm took the anonymous ones
    sh(docker, "rm -r /seed/*; echo mine > /seed/own", "-v", "named:/seed", image=image)
    assert sh(docker, "ls /seed", "-v", "named:/seed", image=image) == "own\n"  # only an empty one is filled
    assert sh(docker, "ls /seed", "-v", "bare:/seed:nocopy", image=image) == ""
    assert sh(docker, "ls /seed", "--mount", "type=volume,src=bare2,dst=/seed,volume-nocopy=true", image=image) == ""
    assert sh(docker, "ls /seed", "--mount", "type=tmpfs,dst=/seed", image=image) == ""
    docker("create", "--name", "seeds", image)
    mount = mounted(engine, "seeds", "/seed")
    assert (mount["Type"], mount["Destination"], mount["Driver"], mount["RW"], len(mount["Name"])) == ("volume", "/seed", "local", True, 64), mount
    docker("rm", "-f", "seeds")
    docker("rmi", image)


@each_client
def test_rm_v_takes_anonymous_volumes_only(engine, docker):
    docker("create", "--name", "one", "-v", "/anonymous", "-v", "named:/named", "--mount", "type=volume,dst=/also", "redis")
    docker("create", "--name", "two", "-v", "/kept", "redis")
    assert len(docker("volume", "ls", "-q").split()) >= 4
    docker("create", "--name", "borrower", "--volumes-from", "two", "redis")
    before = set(docker("volume", "ls", "-q").split())
    gone = {mount["Name"] for mount in engine.inspect("one", "Mounts") if mount["Name"] != "named"}
    docker("rm", "-v", "one")
    assert before - set(docker("volume", "ls", "-q").split()) >= gone and "named" in docker("volume", "ls", "-q").split()
    kept = {mount["Name"] for mount in engine.inspect("two", "Mounts") if mount["Destination"] == "/kept"}
    docker("rm", "two")
    assert kept <= set(docker("volume", "ls", "-q").split())
    docker("rm", "-v", "borrower")
    assert kept <= set(docker("volume", "ls", "-q").split())  # another's


@each_client
def test_binds_and_their_errors(engine, docker):
    with tempfile.TemporaryDirectory() as folder:
        with open(f"{folder}/f", "w") as file:
            file.write("bound\n")
        assert sh(docker, "cat /d/f; echo new > /d/g", "-v", f"{folder}:/d") == "bound\n"
        assert open(f"{folder}/g").read() == "new\n"
        assert sh(docker, "cat /etc/mine", "-v", f"{folder}/f:/etc/mine:ro") == "bound\n"
        for flag in (("-v", f"{folder}:/d:ro"), ("--mount", f"type=bind,src={folder},dst=/d,readonly")):
            assert "Read-only" in sh(docker, "touch /d/x 2>&1 || true", *flag), flag
        docker("run", "--rm", "-v", f"{folder}/made/by/engine:/d", "--entrypoint", "true", "redis")
        assert os.path.isdir(f"{folder}/made/by/engine")
        refused(docker, "run", "--rm", "--mount", f"type=bind,src={folder}/absent,dst=/d", "redis", said=f"bind source path does not exist: {folder}/absent")
        refused(docker, "run", "--rm", "-v", f"{folder}:/", "redis", said="destination can't be '/'")
        refused(docker, "run", "--rm", "-v", f"{folder}:relative", "redis", said="mount path must be absolute")
        refused(docker, "run", "--rm", "-v", f"{folder}:/d:wrong", "redis", said="invalid mode: wrong")
        refused(docker, "run", "--rm", "-v", "a/b:/d", "redis", said="includes invalid characters for a local volume name")
        refused(docker, "run", "--rm", "-v", f"{folder}:/d", "-v", "other:/d", "redis", said="Duplicate mount point: /d")
        refused(docker, "run", "--rm", "--mount", "type=bind,src=/tmp", "redis", said="arget")
        refused(docker, "run", "--rm", "--mount", "type=wrong,dst=/d", "redis", said="mount type unknown")
        refused(docker, "run", "--rm", "--mount", "type=tmpfs,src=/tmp,dst=/d", "redis", said="field Source must not be specified")
        refused(docker, "run", "--rm", "--mount", "type=volume,dst=/d,readonly", "redis", said="must not set ReadOnly mode when using anonymous volumes")
        refused(docker, "run", "--rm", "--pull", "never", "--volume-driver", "absent", "-v", "some:/d", "redis", said='plugin "absent" not found')
        refused(docker, "run", "--rm", "--pull", "never", "--volumes-from", "nobody", "redis", said="No such container: nobody")
        refused(docker, "run", "--rm", "--pull", "never", "--volumes-from", "nobody:wrong", "redis", said="invalid mode: wrong")


@each_client
def test_volumes_from(engine, docker):
    docker("create", "--name", "source", "-v", "data:/data", "-v", "/anonymous", "-v", "/tmp:/host:ro", "redis")
    sh(docker, "echo shared > /data/f; echo also > /anonymous/f", "--volumes-from", "source")
    assert sh(docker, "cat /data/f /anonymous/f", "--volumes-from", "source:ro") == "shared\nalso\n"
    said = sh(docker, "touch /data/x /anonymous/x /host/x 2>&1 || true", "--volumes-from", "source:ro")
    assert said.count("Read-only") == 3, said
    assert sh(docker, "ls /data", "--volumes-from", "source", "-v", "own:/data") == ""  # one's own wins


@each_client
def test_tmpfs_shm_and_a_root_that_is_read_only(engine, docker):
    out = sh(docker, "df -k /t | tail -1 | awk '{print $2}'; stat -c %a /t; grep ' /t ' /proc/mounts", "--tmpfs", "/t:size=2m,mode=1770,exec")
    assert out.split()[:2] == ["2048", "1770"] and "noexec" not in out and "nosuid" in out, out
    out = sh(docker, "df -k /t | tail -1 | awk '{print $2}'; stat -c %a /t; grep ' /t ' /proc/mounts", "--mount", "type=tmpfs,dst=/t,tmpfs-size=3m,tmpfs-mode=700")
    assert out.split()[:2] == ["3072", "700"] and "noexec" in out, out
    assert sh(docker, "df -k /dev/shm | tail -1 | awk '{print $1, $2}'").split() == ["shm", str(64 << 10)]
    assert sh(docker, "df -k /dev/shm | tail -1 | awk '{print $2}'", "--shm-size", "10m").strip() == str(10 << 10)
    out = sh(docker, "for p in /etc/x /x /etc/hosts; do touch $p 2>&1 | grep -o Read-only; done; touch /t/x /v/x /dev/shm/x && echo fine", "--read-only", "--tmpfs", "/t", "-v", "/v")
    assert out.split() == ["Read-only", "Read-only", "Read-only", "fine"], out
    refused(docker, "run", "--rm", "--tmpfs", "/t", "-v", "xx:/t", "redis", said="Duplicate mount point: /t")


@each_client
def test_options_of_the_local_driver(engine, docker):
    with tempfile.TemporaryDirectory() as folder:
        with open(f"{folder}/f", "w") as file:
            file.write("behind\n")
        docker("volume", "create", "-o", "type=tmpfs", "-o", "device=tmpfs", "-o", "o=size=4m,uid=1000", "ram")
        assert sh(docker, "df -k /r | tail -1 | awk '{print $2}'; stat -c %u /r", "-v", "ram:/r").split() == ["4096", "1000"]
        docker("volume", "create", "--opt", "type=none", "--opt", "o=bind,ro", "--opt", f"device={folder}", "behind")
        assert "behind" in sh(docker, "cat /b/f; touch /b/x 2>&1 || true", "-v", "behind:/b") and not os.path.exists(f"{folder}/x")
        assert json.loads(docker("volume", "inspect", "behind"))[0]["Options"] == {"type": "none", "o": "bind,ro", "device": folder}
        mount = f"type=volume,src=inline,dst=/b,volume-driver=local,volume-opt=type=none,volume-opt=o=bind,volume-opt=device={folder}"
        assert sh(docker, "cat /b/f", "--mount", mount) == "behind\n"
        docker("volume", "create", "-o", "type=none", "-o", "o=bind", "-o", f"device={folder}/absent", "broken")
        code, _, err = docker("run", "--rm", "-v", "broken:/b", "--entrypoint", "true", "redis", check=False)
        assert code in (125, 127) and "failed to mount local volume" in err and "no such file or directory" in err.lower(), (code, err)
        for words, said in ((("-o", "wrong=1"), "invalid option"), (("-d", "absent"), 'plugin "absent" not found'), (("-o", "type=tmpfs"), "device")):
            refused(docker, "volume", "create", *words, said=said, code=1)
        refused(docker, "volume", "create", "a/b", said="includes invalid characters", code=1)


@each_client
def test_volumes_are_listed_filtered_and_removed(engine, docker):
    for name, label in (("first", "kind=a"), ("second", "kind=b"), ("third", "other")):
        assert docker("volume", "create", "--label", label, name) == name + "\n"
    docker("create", "--name", "user", "-v", "first:/d", "-v", "/anonymous", "redis")
    listed = lambda *filters: sorted(docker("volume", "ls", "-q", *(word for f in filters for word in ("-f", f))).split())
    assert listed("label=kind") == ["first", "second"] and listed("label=kind=b") == ["second"] and listed("name=ir") == ["first", "third"]
    assert listed("dangling=true") == ["second", "third"] and "first" in listed("dangling=false") and listed("driver=absent") == []
    refused(docker, "volume", "ls", "-f", "wrong=1", said="nvalid filter", code=1)
    about = json.loads(docker("volume", "inspect", "first"))[0]
    assert (about["Driver"], about["Labels"], about["Scope"], about["Options"]) == ("local", {"kind": "a"}, "local", {}) or about["Options"] is None, about
    assert about["Mountpoint"].endswith("/_data") and about["CreatedAt"], about
    refused(docker, "volume", "inspect", "absent", said="no such volume", code=1)
    refused(docker, "volume", "rm", "absent", said="no such volume", code=1)
    docker("volume", "rm", "-f", "absent")
    id = docker("ps", "-aq", "--no-trunc").strip()
    refused(docker, "volume", "rm", "first", said=f"volume is in use - [{id}]", code=1)
    assert docker("volume", "create", "first") == "first\n"  # one of the same kind is there already
    assert docker("volume", "create", "-o", "type=tmpfs", "--label", "kind=z", "first") == "first\n"  # whose options and labels stay
    assert json.loads(docker("volume", "inspect", "first"))[0]["Labels"] == {"kind": "a"}
    docker("rm", "user")
    assert len(listed("dangling=true")) > 3
    pruned = docker("volume", "prune", "-f", *(("--filter", "label=kind=b") if not new(docker) else ("-a", "--filter", "label=kind=b")))
    assert "second" in pruned and "third" not in pruned and "reclaimed" in pruned, pruned
    docker("volume", "prune", "-f")
    assert listed() == (["first", "third"] if new(docker) else []), listed()
    if new(docker):
        docker("volume", "prune", "-f", "-a")
        assert listed() == []


class SharedFolder:
    """A tmpfs of the host whose mounts spread."""
    def __enter__(self):
        self.path = tempfile.mkdtemp(prefix="reigen-shared-")
        subprocess.run(["mount", "-t", "tmpfs", "none", self.path], check=True)
        subprocess.run(["mount", "--make-rshared", self.path], check=True)
        return self.path

    def __exit__(self, *_):
        subprocess.run(["umount", "-R", "-l", self.path], check=True)
        os.rmdir(self.path)


@each_client
def test_mounts_spread_as_propagation_says(engine, docker):
    with SharedFolder() as folder:
        for mode in ("rslave", "rshared", "rprivate"):
            docker("run", "-d", "--name", mode, "--privileged", "-v", f"{folder}:/m:{mode}", "--entrypoint", "sleep", "redis", "1000")
        os.mkdir(f"{folder}/later")
        subprocess.run(["mount", "-t", "tmpfs", "none", f"{folder}/later"], check=True)
        open(f"{folder}/later/file", "w").close()
        for mode, seen in (("rslave", "file\n"), ("rshared", "file\n"), ("rprivate", "")):
            assert docker("exec", mode, "ls", "/m/later") == seen, mode
        for mode in ("rslave", "rshared"):
            docker("exec", mode, "sh", "-c", f"mkdir /m/{mode} && mount -t tmpfs none /m/{mode}")
        assert os.path.ismount(f"{folder}/rshared") and not os.path.ismount(f"{folder}/rslave")
        assert mounted(engine, "rslave", "/m")["Propagation"] == "rslave"
        docker("rm", "-f", "rslave", "rshared", "rprivate")
        subprocess.run(["mount", "--make-rprivate", folder], check=True)
        for mode, kind in (("rshared", "shared"), ("rslave", "shared or slave")):
            code, _, err = docker("run", "--rm", "-v", f"{folder}:/m:{mode}", "--entrypoint", "true", "redis", check=False)
            assert code != 0 and f"path {folder} is mounted on {folder} but it is not a {kind} mount" in err, err
        code, _, err = docker("run", "--rm", "--mount", f"type=bind,src={folder},dst=/m,bind-propagation=wrong", "redis", check=False)
        assert code == 125 and "invalid propagation mode: wrong" in err, err


@each_client
def test_read_only_binds_and_the_mounts_below(engine, docker):
    with SharedFolder() as folder:
        os.mkdir(f"{folder}/sub")
        subprocess.run(["mount", "-t", "tmpfs", "none", f"{folder}/sub"], check=True)
        open(f"{folder}/sub/there", "w").close()
        tries = "ls /m/sub; touch /m/x 2>/dev/null && echo root; touch /m/sub/x 2>/dev/null && echo below; true"
        recursive = new(docker)  # since API 1.44
        assert sh(docker, tries, "-v", f"{folder}:/m:ro").split() == (["there"] if recursive else ["there", "below"])
        os.path.exists(f"{folder}/sub/x") and os.remove(f"{folder}/sub/x")
        mount = f"type=bind,src={folder},dst=/m,readonly"
        assert sh(docker, tries, "--mount", mount).split() == (["there"] if recursive else ["there", "below"])
        os.path.exists(f"{folder}/sub/x") and os.remove(f"{folder}/sub/x")
        assert sh(docker, tries, "--mount", mount + ",bind-nonrecursive=true").split() == []
        if recursive:
            assert sh(docker, tries, "--mount", mount + ",bind-recursive=writable").split() == ["there", "below"]
            os.remove(f"{folder}/sub/x")
            assert sh(docker, tries, "--mount", mount + ",bind-recursive=readonly,bind-propagation=rprivate").split() == ["there"]
            assert sh(docker, tries, "--mount", mount + ",bind-recursive=disabled").split() == []
            docker("create", "--name", "ro", "--mount", mount, "redis")  # one that does not run
            code, _, err = docker("cp", "/etc/hostname", "ro:/m/sub/x", check=False)
            assert code == 1 and "read-only" in err, err
