"""`reigen clean` leaves nothing: the host before and after is the same."""
import json, os, shutil, tempfile

from cluster import IMAGES, REIGEN, Cluster, free_port, run
import manifests


def lines(command):
    return set(line.strip() for line in run(command, check=False)[1].splitlines() if line.strip())


def host(cluster, instance):
    """What of the host is the instance's, by kind; other instances may live beside it."""
    marks = (cluster.dir, instance, *(f"10.{cidr.split('.')[1]}." for cidr in cluster.cidrs[:2]))
    def mine(items, marks=marks):
        return {item for item in items if any(mark in item for mark in marks)}
    processes = set()
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            processes.add(open(f"/proc/{pid}/cmdline").read().replace("\0", " "))
        except OSError:
            pass
    tables = lines(["nft", "list", "tables"])
    return {
        "mounts": mine(open("/proc/self/mountinfo").read().splitlines()),
        "namespaces": mine(os.listdir("/run/netns") if os.path.isdir("/run/netns") else []),
        "cgroups": mine(folder for folder, _, _ in os.walk("/sys/fs/cgroup")),
        "tables": mine(tables),
        "routes": mine(line.split(" proto")[0] for line in lines(["ip", "route", "show", "table", "all"])),
        "processes": mine(processes, marks[:2]),  # they all name it; an address range may be another instance's too
        "run": mine(os.listdir("/run/reigen") if os.path.isdir("/run/reigen") else []),
    }


def pod_links(cluster):
    """Links of the host towards this cluster's pods."""
    return {route["dev"] for route in json.loads(run(["ip", "-j", "route"])[1]) if route["dst"].startswith(f"10.{cluster.cidrs[0].split('.')[1]}.")}


def assert_clean(cluster, instance, links):
    left = {what: items for what, items in host(cluster, instance).items() if items}
    assert not left, left
    still = links & {link["ifname"] for link in json.loads(run(["ip", "-j", "link"])[1])}
    assert not still, still
    assert not os.path.exists(cluster.dir) or not os.listdir(cluster.dir), os.listdir(cluster.dir)


def test_clean_leaves_nothing():
    cluster = Cluster().start()
    try:
        cluster.import_example()
        port = free_port()
        cluster.kubectl("create", "-f", "-", input=manifests.pod("stays", main={"ports": [{"containerPort": 80, "hostPort": port}]}, volumes=[{"name": "m", "emptyDir": {"medium": "Memory"}}]))
        cluster.kubectl("create", "deployment", "web", "--image=todo-app-web:v1", "--replicas=2")
        cluster.kubectl("expose", "deployment", "web", "--port=80", "--target-port=3000", "--type=NodePort")
        cluster.wait_pods("app=stays", 1)
        cluster.wait_pods("app=web", 2)
        instance, links = cluster.instance, pod_links(cluster)
        during = host(cluster, instance)
        for what in ("mounts", "cgroups", "tables", "routes", "processes", "run"):
            assert during[what], f"a running instance shows no {what}: the comparison is worth nothing"
        assert len(links) >= 3, links
        cluster.stop()
        run([REIGEN, "clean", "--data-dir", cluster.dir])
        assert_clean(cluster, instance, links)
        run([REIGEN, "clean", "--data-dir", cluster.dir])
    finally:
        cluster.remove()


def test_clean_after_a_killed_server():
    cluster = Cluster().start()
    try:
        cluster.import_example()
        cluster.kubectl("create", "-f", "-", input=manifests.pod("stays"))
        cluster.wait_pods("app=stays", 1)
        instance, links = cluster.instance, pod_links(cluster)
        cluster.kill()
        run([REIGEN, "clean", "--data-dir", cluster.dir])
        assert_clean(cluster, instance, links)
    finally:
        cluster.remove()


def test_keep_images_keeps_them():
    cluster = Cluster(agent=False).start()
    try:
        cluster.import_example()
        cluster.stop()
        run([REIGEN, "clean", "--data-dir", cluster.dir, "--keep-images"])
        assert "redis" in cluster.image("ls")
        assert not os.path.exists(f"{cluster.dir}/store")
    finally:
        cluster.remove()


def test_a_folder_with_only_images_is_cleaned_and_what_is_not_ours_stays():
    folder = tempfile.mkdtemp(prefix="reigen-e2e-")
    try:
        run([REIGEN, "image", "import", f"{IMAGES}/redis.tar", "--data-dir", f"{folder}/data"])
        open(f"{folder}/data/notes", "w").write("mine")
        run([REIGEN, "clean", "--data-dir", f"{folder}/data"])
        assert os.listdir(f"{folder}/data") == ["notes"], os.listdir(f"{folder}/data")
        code, _, err = run([REIGEN, "clean", "--data-dir", f"{folder}/data"], check=False)
        assert code == 1 and "is no data folder of a server" in err, err
        assert open(f"{folder}/data/notes").read() == "mine"
    finally:
        shutil.rmtree(folder)
