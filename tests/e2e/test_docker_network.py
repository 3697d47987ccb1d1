"""Docker networks, published ports and names, with Docker's own command lines of both ages."""
import concurrent.futures, contextlib, http.client, ipaddress, json, os, re, select, socket, subprocess, time

from cluster import free_port, run, until
from docker_engine import SHELL, Engine, each_client

# Answers every request with its own host name and the address it sees the client at.
WEB = ("mkdir -p /w/cgi-bin; printf '#!/bin/sh\\necho Content-type: text/plain; echo; echo $(hostname) $REMOTE_ADDR\\n' > /w/cgi-bin/who; "
       "chmod +x /w/cgi-bin/who; exec busybox httpd -f -p 80 -h /w")
SLEEP = ("--entrypoint", "sleep", "redis", "1000")
ALONE = ("--dns", "127.0.0.1")  # of the host, where nobody listens: a name nobody has is refused at once
IP = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}"


def who(host, port, timeout=20):
    """[host name, address of the client] as WEB says them."""
    connection = http.client.HTTPConnection(host, port, timeout=timeout)
    try:
        connection.request("GET", "/cgi-bin/who")
        return connection.getresponse().read().decode().split()
    finally:
        connection.close()


def links_of(*words):
    """The names of the host's links; /sys may be of another namespace."""
    return [line.split(":")[1].split("@")[0].strip() for line in run(["ip", "-o", "link", "show", *words])[1].splitlines()]


def plain(address):
    return address.strip("[]").removeprefix("::ffff:")


def asks(docker, container, host, port):
    """What a client inside a container is told by WEB; [] when nothing answers."""
    script = f"printf 'GET /cgi-bin/who HTTP/1.0\\r\\n\\r\\n' | busybox nc -w 20 {host} {port} | tail -n 1"
    return docker("exec", container, "sh", "-c", script, check=False)[1].split()


def address(docker, name, network=None, field="IPAddress"):
    path = f'{{{{(index .NetworkSettings.Networks "{network}").{field}}}}}' if network else IP
    return docker("inspect", "-f", path, name).strip()


def pings(docker, container, target, wait=20):
    return docker("exec", container, "busybox", "ping", "-c", "1", "-W", str(wait), target, check=False)[0] == 0


def pings_not(docker, container, target):
    """Waits a second alone: what is on this host answers in less than one of a thousand parts of it."""
    return not pings(docker, container, target, wait=1)


def at_once(ask, of):
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        return list(pool.map(ask, of))


def names(docker, container, name):
    """The addresses 127.0.0.11 has for a name, in the order of the answer."""
    out = docker("exec", container, "busybox", "nslookup", "-type=a", name, check=False)[1]
    return re.findall(r"^Address: ([0-9.]+)$", out, re.M)


def refused(docker, *words):
    code, _, err = docker(*words, check=False)
    assert code != 0, words
    return err


class Outside:
    """A machine beside the host: a namespace with a link to it."""

    def __init__(self):
        self.name = f"rg-e2e-{os.getpid()}"
        self.link = f"rgo{os.getpid() % 100000}"
        self.host, self.host6, self.own, self.own6 = "198.18.77.1", "fd00:1877::1", "198.18.77.2", "fd00:1877::2"

    def __enter__(self):
        for command in (f"ip netns add {self.name}", f"ip link add {self.link} type veth peer name out0 netns {self.name}", f"ip addr add {self.host}/24 dev {self.link}",
                        f"ip -6 addr add {self.host6}/64 dev {self.link} nodad", f"ip link set {self.link} up", f"ip -n {self.name} link set lo up",
                        f"ip -n {self.name} addr add {self.own}/24 dev out0", f"ip -n {self.name} -6 addr add {self.own6}/64 dev out0 nodad",
                        f"ip -n {self.name} link set out0 up"):
            run(command.split())
        return self

    def __exit__(self, *_):
        run(["ip", "link", "del", self.link], check=False)
        run(["ip", "netns", "del", self.name], check=False)

    def run(self, *command):
        return run(["nsenter", f"--net=/run/netns/{self.name}", *command], check=False)

    def asks(self, host, port):
        out = self.run("curl", "-s", "-m", "20", f"http://{host if ':' not in host else f'[{host}]'}:{port}/cgi-bin/who")[1]
        return out.split()

    def pings(self, target):
        return self.run("busybox", "ping", "-c", "1", "-W", "1", target)[0] == 0


@each_client
def test_networks_made_at_once_have_their_own_pools(engine, docker):
    names = [f"made{i}" for i in range(6)]
    at_once(lambda name: docker("network", "create", name), names)
    pools = {pool["Subnet"] for name in names for pool in json.loads(docker("network", "inspect", name))[0]["IPAM"]["Config"]}
    assert len(pools) == len(names), pools


@each_client
def test_networks_are_as_asked(engine, docker):
    docker("network", "create", "--subnet", "10.44.0.0/16", "--gateway", "10.44.0.9", "--ip-range", "10.44.5.0/24", "--aux-address", "a=10.44.5.0", "--label", "x=y",
           "--label", "z", "--attachable", "-o", "com.docker.network.bridge.name=rge2e44", "-o", "com.docker.network.driver.mtu=1400", "asked")
    seen = json.loads(docker("network", "inspect", "asked"))[0]
    assert seen["IPAM"]["Config"] == [{"Subnet": "10.44.0.0/16", "IPRange": "10.44.5.0/24", "Gateway": "10.44.0.9", "AuxiliaryAddresses": {"a": "10.44.5.0"}}], seen["IPAM"]
    assert seen["Labels"] == {"x": "y", "z": ""} and seen["Attachable"] and not seen["Internal"] and not seen["EnableIPv6"] and seen["Scope"] == "local", seen
    docker("run", "-d", "--name", "one", "--network", "asked", *SLEEP)
    assert address(docker, "one") == "10.44.5.1", "the range's first that is not reserved"
    shown = docker("exec", "one", "sh", "-c", "busybox ip -o -4 addr show eth0; busybox ip route; cat /sys/class/net/eth0/mtu /sys/class/net/eth0/address")
    assert "inet 10.44.5.1/16 brd 10.44.255.255" in shown and "default via 10.44.0.9" in shown and shown.endswith("1400\n02:42:0a:2c:05:01\n"), shown
    assert "rge2e44" in links_of("type", "bridge")
    containers = json.loads(docker("network", "inspect", "-f", "{{json .Containers}}", "asked"))
    assert [(c["Name"], c["IPv4Address"], c["MacAddress"]) for c in containers.values()] == [("one", "10.44.5.1/16", "02:42:0a:2c:05:01")], containers
    assert "has active endpoints" in refused(docker, "network", "rm", "asked")
    # A range without a gateway: its first address is the gateway.
    docker("network", "create", "--subnet", "10.46.0.0/24", "--ip-range", "10.46.0.128/25", "ranged")
    assert "default via 10.46.0.128 " in docker("run", "--rm", "--network", "ranged", "--entrypoint", "busybox", "redis", "ip", "route")
    # What is refused, in Docker's words.
    for words, text in ((("asked",), "network with name asked already exists"),
                        (("--subnet", "10.44.3.0/24", "n"), "Pool overlaps with other one on this address space"),
                        (("--subnet", "10.45.0.0/16", "--gateway", "10.46.0.1", "n"), "no matching subnet for gateway 10.46.0.1"),
                        (("--subnet", "10.45.0.0/16", "--subnet", "10.47.0.0/16", "n"), "bridge driver doesn't support multiple subnets"),
                        (("--subnet", "10.45.0.0/16", "--gateway", "10.45.0.0", "n"), "failed to allocate gateway (10.45.0.0): Address already in use"),
                        (("--subnet", "10.45.0.0/16", "--aux-address", "a=10.45.0.1", "n"), "failed to allocate secondary ip address (a:10.45.0.1): Address already in use"),
                        (("-o", "com.docker.network.bridge.name=rge2e44", "n"), "networks have same bridge name"),
                        (("-o", "com.docker.network.bridge.name=lo", "n"), "existing interface lo is not a bridge"),
                        (("-o", "com.docker.network.bridge.name=a/b", "n"), "a/b"),
                        (("-o", "com.docker.network.driver.mtu=x", "n"), "failed to parse com.docker.network.driver.mtu value: x"),
                        (("-o", "com.docker.network.bridge.enable_icc=x", "n"), "failed to parse com.docker.network.bridge.enable_icc value: x"),
                        (("bridge",), "operation is not permitted on predefined bridge network"), (("-d", "host", "n"), 'only one instance of "host" network is allowed'),
                        (("-d", "nope", "n"), 'plugin "nope" not found'), (("-d", "overlay", "n"), "This node is not a swarm manager")):
        err = refused(docker, "network", "create", *words)
        assert text in err, (words, err)
    assert "pre-defined network and cannot be removed" in refused(docker, "network", "rm", "host")
    err = refused(docker, "network", "rm", "nope")
    assert "network nope not found" in err or "No such network: nope" in err, err  # the latter is an old client's own
    # Lists.
    ls = lambda *words: sorted(docker("network", "ls", "--format", "{{.Name}}", *words).split())
    assert ls() == ["asked", "bridge", "host", "none", "ranged"], ls()
    assert ls("-f", "type=builtin") == ["bridge", "host", "none"] and ls("-f", "label=x=y") == ["asked"] and ls("-f", "name=rang") == ["ranged"]
    assert ls("-f", "dangling=true") == ["ranged"] and ls("-f", "driver=null") == ["none"] and ls("-f", "scope=swarm") == []
    assert "invalid filter" in refused(docker, "network", "ls", "-f", "nope=1").lower()
    assert docker("network", "prune", "-f").split() == ["Deleted", "Networks:", "ranged"]
    docker("rm", "-f", "one")
    docker("network", "rm", "asked")
    until("the bridge is gone", lambda: "rge2e44" not in links_of(), 5)


@each_client
def test_networks_are_apart(engine, docker):
    docker("network", "create", "red")
    docker("network", "create", "blue")
    docker("network", "create", "--internal", "inside")
    docker("network", "create", "-o", "com.docker.network.bridge.enable_icc=false", "quiet")
    for name, network in (("r1", "red"), ("r2", "red"), ("b1", "blue"), ("d1", "bridge"), ("i1", "inside"), ("i2", "inside"), ("q1", "quiet"), ("q2", "quiet")):
        docker("run", "-d", "--name", name, "--network", network, *SLEEP)
    at = {name: address(docker, name) for name in ("r1", "r2", "b1", "d1", "i1", "i2", "q1", "q2")}
    assert pings(docker, "r1", at["r2"]) and pings(docker, "i1", at["i2"])
    assert pings_not(docker, "q1", at["q2"]), "enable_icc=false"
    apart = (("r1", "b1"), ("b1", "r2"), ("r1", "d1"), ("d1", "r1"), ("r1", "i1"), ("i1", "r1"))
    kept = at_once(lambda pair: pings_not(docker, pair[0], at[pair[1]]), apart)
    assert all(kept), list(zip(apart, kept))
    ping = lambda target: run(["busybox", "ping", "-c", "1", "-W", "20", target], check=False)[0] == 0
    assert all(ping(at[name]) for name in at), "the host reaches them all"
    # A broadcast reaches the neighbours of the network alone.
    everyone = re.search(r"brd ([0-9.]+)", docker("exec", "r1", "busybox", "ip", "-o", "-4", "addr", "show", "eth0")).group(1)
    in_net = lambda name: (f"--target={pid_of(docker, name)}", "--net")
    with receiver(999, *in_net("r2")) as near, receiver(999, *in_net("b1")) as far:
        send(docker, "r1", everyone, 999)
        assert near.stdout.readline().strip() == at["r1"]
        send(docker, "b1", at["b1"], 999)
        assert far.stdout.readline().strip() == at["b1"], "only its own came"
    with Outside() as outside:
        assert pings(docker, "r1", outside.own) and pings(docker, "d1", outside.own) and pings(docker, "q1", outside.own)
        assert pings_not(docker, "i1", outside.own), "--internal"
        for network in ("172.16.0.0/12", "192.168.0.0/16"):
            outside.run("ip", "route", "add", network, "via", outside.host)
        assert not any(at_once(lambda name: outside.pings(at[name]), at)), "nobody comes in past the published ports"
        # What leaves is the host's, unless the network says otherwise.
        assert seen_outside(docker, outside, "r1") == outside.host
        docker("network", "create", "-o", "com.docker.network.bridge.enable_ip_masquerade=false", "bare")
        docker("run", "-d", "--name", "n1", "--network", "bare", *SLEEP)
        assert seen_outside(docker, outside, "n1") == address(docker, "n1")
    # A pod is no neighbour either.
    engine.cluster.kubectl("run", "pod", "--image=redis", "--image-pull-policy=Never")
    until("the pod runs", lambda: engine.cluster.kubectl("get", "pod", "pod", "-o", "jsonpath={.status.phase}") == "Running", 30)
    assert engine.cluster.kubectl("exec", "pod", "--", "busybox", "ping", "-c", "1", "-W", "1", at["r1"], check=False)[0] != 0
    engine.cluster.kubectl("delete", "pod", "pod", "--now")


RECEIVE = """import socket
u = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
u.bind(("::", PORT))
u.settimeout(120)
print("ready", flush=True)
while True:
    data, client = u.recvfrom(100)
    sender = client[0].removeprefix("::ffff:")
    print(sender, flush=True)
    u.sendto(b"pong to " + sender.encode(), client)
"""
# Asks until an answer comes: a datagram may be lost.
ASK = """import socket
u = socket.socket(socket.FAMILY, socket.SOCK_DGRAM)
u.settimeout(2)
u.connect(("HOST", PORT))
for _ in range(45):
    try:
        u.send(b"ping")
        print(u.recv(100).decode())
        break
    except OSError:
        pass
"""


@contextlib.contextmanager
def receiver(port, *where):
    """A program in another namespace that answers datagrams with who sent them, and prints it."""
    with subprocess.Popen(["nsenter", *where, "python3", "-c", RECEIVE.replace("PORT", str(port))], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server:
        try:
            assert server.stdout.readline() == "ready\n"
            yield server
        finally:
            server.kill()


def pid_of(docker, name):
    return docker("inspect", "-f", "{{.State.Pid}}", name).strip()


def send(docker, container, to, port):
    script = (f"import socket; u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); u.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1); u.sendto(b'x', ('{to}', {port}))")
    run(["nsenter", f"--target={pid_of(docker, container)}", "--net", "python3", "-c", script])


def seen_outside(docker, outside, container):
    """The address a machine outside sees a container's packets come from."""
    with receiver(7777, f"--net=/run/netns/{outside.name}") as server:
        until("a packet arrives", lambda: send(docker, container, outside.own, 7777) is None and select.select([server.stdout], [], [], 2)[0])
        return server.stdout.readline().strip()


@each_client
def test_configurations_of_networks(engine, docker):
    create = lambda *words: docker("network", "create", *words)
    create("--config-only", "--subnet", "10.47.0.0/24", "--gateway", "10.47.0.9", "-o", "com.docker.network.driver.mtu=1300", "--label", "x=y", "--ipam-opt", "a=b", "form")
    seen = json.loads(docker("network", "inspect", "form"))[0]
    assert (seen["Driver"], seen["ConfigOnly"], seen["ConfigFrom"], seen["Options"]) == ("null", True, {"Network": ""}, {"com.docker.network.driver.mtu": "1300"}), seen
    create("--subnet", "10.47.0.0/25", "in-its-place")  # a configuration holds no addresses
    assert "Pool overlaps" in refused(docker, "network", "create", "--config-from", "form", "made")
    docker("network", "rm", "in-its-place")
    create("--config-from", "form", "--internal", "made")
    made = json.loads(docker("network", "inspect", "made"))[0]
    assert (made["Driver"], made["ConfigOnly"], made["ConfigFrom"], made["Internal"]) == ("bridge", False, {"Network": "form"}, True), made
    assert all(made[field] == seen[field] for field in ("IPAM", "Options", "Labels", "EnableIPv6")), made
    docker("run", "-d", "--name", "one", "--network", "made", "--ip", "10.47.0.77", *SLEEP)
    assert docker("exec", "one", "cat", "/sys/class/net/eth0/mtu") == "1300\n" and address(docker, "one") == "10.47.0.77"
    assert "cannot create endpoint on configuration-only network" in refused(docker, "network", "connect", "form", "one")
    assert "cannot create endpoint on configuration-only network" in refused(docker, "run", "--rm", "--network", "form", *SLEEP)
    for words, text in ((("--config-from", "nope", "n"), 'configuration network "nope" does not exist'),
                        (("--config-from", "made", "n"), 'configuration network "made" does not exist'),
                        (("--config-from", "form", "--subnet", "10.48.0.0/24", "n"), "user specified configurations are not supported"),
                        (("--config-from", "form", "--label", "a=b", "n"), "user specified configurations are not supported"),
                        (("--config-from", "form", "--ipam-opt", "a=b", "n"), "user specified configurations are not supported"),
                        (("--config-from", "form", "-o", "a=b", "n"), "network driver options are not supported"),
                        (("--config-only", "--config-from", "form", "n"), "a configuration network cannot depend on another configuration network"),
                        (("--config-only", "--internal", "n"), "configuration network can only contain network specific fields"),
                        (("--config-only", "--scope", "local", "n"), "configuration network can only contain network specific fields"),
                        (("--config-only", "form"), "network with name form already exists")):
        err = refused(docker, "network", "create", *words)
        assert text in err, (words, err)
    assert 'configuration network "form" is in use' in refused(docker, "network", "rm", "form")
    # What is wrong in a configuration is found by the network that is made from it.
    create("--config-only", "-d", "nope", "-o", "com.docker.network.driver.mtu=x", "bad")
    assert "failed to parse com.docker.network.driver.mtu value: x" in refused(docker, "network", "create", "--config-from", "bad", "n")
    docker("rm", "-f", "one")
    assert docker("network", "prune", "-f").split() == ["Deleted", "Networks:", "made"], "configurations stay"
    docker("network", "rm", "form", "bad")
    assert "does not exist" in refused(docker, "network", "create", "--config-from", "form", "n")


@each_client
def test_names_of_networks(engine, docker):
    for name in ("a b", " x", "a/b", ".x", "a:b", "\u00e4"):
        docker("network", "create", name)
        assert docker("network", "inspect", "-f", "{{.Name}}", name) == name + "\n"
        docker("run", "--rm", "--network", name, "--entrypoint", "true", "redis")
        assert name in docker("network", "ls", "--format", "{{.Name}}").split("\n")
        assert f"network with name {name} already exists" in refused(docker, "network", "create", name)
        assert docker("network", "rm", name) == name + "\n"
    assert "invalid name" in refused(docker, "network", "create", " ")


@each_client
def test_networks_that_are_written_otherwise(engine, docker):
    code, out, err = docker("network", "create", "--subnet", "10.47.1.5/24", "n", check=False)
    if "it should be 10.47.1.0/24" in err:  # a client of 1.44 and on
        return
    assert code == 0, err
    assert docker("network", "inspect", "-f", "{{(index .IPAM.Config 0).Subnet}}", "n") == "10.47.1.5/24\n"
    assert docker("run", "--rm", "--network", "n", "--entrypoint", "busybox", "redis", "ip", "route").split()[:3] == ["default", "via", "10.47.1.1"]


@each_client
def test_modes_host_none_and_container(engine, docker):
    shell = lambda *flags: docker("run", "--rm", *flags[:-1], *SHELL, flags[-1])
    assert shell("--network", "host", "readlink /proc/self/ns/net").strip() == os.readlink("/proc/self/ns/net")
    assert shell("--network", "host", "hostname").strip() == socket.gethostname()
    assert [line.split()[1] for line in shell("--network", "none", "busybox ip -o link").splitlines()] == ["lo:"]
    docker("run", "-d", "--name", "base", *SHELL, WEB)
    docker("run", "-d", "--name", "guest", "--network", "container:base", *SLEEP)
    until("127.0.0.1 is shared", lambda: asks(docker, "guest", "127.0.0.1", 80)[1:] and True, 5)
    assert docker("exec", "guest", "hostname") == docker("exec", "base", "hostname")
    assert docker("exec", "guest", "cat", "/etc/hosts") == docker("exec", "base", "cat", "/etc/hosts")
    for flag in (("-p", "80:80"), ("--hostname", "x"), ("--dns", "1.1.1.1"), ("--add-host", "a:1.1.1.1")):
        assert "conflicting options" in refused(docker, "run", "--rm", "--network", "container:base", *flag, *SLEEP), flag
    assert "No such container: nobody" in refused(docker, "run", "--rm", "--network", "container:nobody", *SLEEP)
    docker("network", "create", "other")
    assert "cannot be connected to any other network" in refused(docker, "network", "connect", "other", "guest")
    docker("restart", "-t", "0", "guest")
    until("it is shared again", lambda: asks(docker, "guest", "127.0.0.1", 80), 5)
    docker("stop", "-t", "0", "base")
    assert docker("inspect", "-f", "{{.State.Running}}", "guest") == "true\n", "who shares goes on"
    docker("stop", "-t", "0", "guest")
    assert "cannot join network of a non running container" in refused(docker, "start", "guest")
    docker("start", "base", "guest")
    until("it is shared after a start of both", lambda: asks(docker, "guest", "127.0.0.1", 80), 5)
    # The host and none are no networks to connect to.
    assert "host network" in refused(docker, "network", "connect", "host", "base")
    assert "private (none) mode" in refused(docker, "network", "connect", "none", "base")
    # Who left `none` is free to connect, and keeps it.
    links = lambda name: [line.split(":")[1].split("@")[0].strip() for line in docker("exec", name, "busybox", "ip", "-o", "link").splitlines()]
    docker("run", "-d", "--name", "alone", "--network", "none", *SLEEP)
    assert "private (none) mode" in refused(docker, "network", "connect", "other", "alone")
    docker("network", "disconnect", "none", "alone")
    docker("network", "connect", "other", "alone")
    assert links("alone") == ["lo", "eth0"]
    docker("restart", "-t", "0", "alone")
    assert links("alone") == ["lo", "eth0"]
    assert "private (none) mode" in refused(docker, "network", "connect", "none", "alone")
    docker("network", "disconnect", "other", "alone")
    docker("network", "connect", "none", "alone")
    docker("create", "--name", "late", "--network", "not-yet", *SLEEP)
    assert "network not-yet not found" in refused(docker, "start", "late")
    assert docker("inspect", "-f", "{{.State.Status}} {{.State.ExitCode}} {{.State.Error}}", "late") == "created 128 network not-yet not found\n"
    docker("network", "create", "not-yet")
    docker("start", "late")


@each_client
def test_addresses_and_connections(engine, docker):
    docker("network", "create", "--subnet", "10.60.0.0/24", "n1")
    docker("network", "create", "--ipv6", "--subnet", "10.61.0.0/24", "--subnet", "fd00:61::/64", "n2")
    docker("run", "-d", "--name", "fixed", "--network", "n1", "--ip", "10.60.0.50", "--mac-address", "02:42:00:00:00:99", *SLEEP)
    assert address(docker, "fixed") == "10.60.0.50" and docker("exec", "fixed", "cat", "/sys/class/net/eth0/address") == "02:42:00:00:00:99\n"
    for ip, text in (("10.60.0.50", "Address already in use"), ("10.60.0.1", "Address already in use"), ("10.60.0.255", "Address already in use"),
                     ("10.62.0.5", "10.62.0.5"), ("nope", "nope")):
        err = refused(docker, "run", "--rm", "--network", "n1", "--ip", ip, *SLEEP)
        assert text in err, (ip, err)
    assert "user configured subnets" in refused(docker, "run", "--rm", "--network", "n1", "--ip6", "fd00:61::9", *SLEEP)
    assert "user defined networks only" in refused(engine.docker, "run", "--rm", "--ip", "172.17.0.99", *SLEEP), "the older client does not say it"
    docker("run", "-d", "--name", "box", "--hostname", "inbox", *SLEEP)
    route = lambda: docker("exec", "box", "sh", "-c", "busybox ip route | head -n 1").split()[:5]
    hosts = lambda: [line.split() for line in docker("exec", "box", "cat", "/etc/hosts").splitlines() if "inbox" in line]
    docker("exec", "box", "sh", "-c", "echo 1.2.3.4 mine >> /etc/hosts")
    first = address(docker, "box", "bridge")
    assert route()[2] == address(docker, "box", "bridge", "Gateway") and hosts() == [[first, "inbox"]]
    docker("network", "connect", "n1", "box")
    assert route()[2:] == [address(docker, "box", "bridge", "Gateway"), "dev", "eth0"], "the lower name keeps the way out"
    docker("network", "connect", "--ip", "10.61.0.77", "--ip6", "fd00:61::77", "--alias", "seven", "n2", "box")
    assert address(docker, "box", "n2") == "10.61.0.77" and address(docker, "box", "n2", "GlobalIPv6Address") == "fd00:61::77"
    assert hosts() == [[first, "inbox"], [address(docker, "box", "n1"), "inbox"], ["10.61.0.77", "inbox"], ["fd00:61::77", "inbox"]], hosts()
    assert route()[2] == "10.61.0.1", "of both families, so it is the way out"
    assert "already exists in network n1" in refused(docker, "network", "connect", "n1", "box")
    assert pings(docker, "box", "10.60.0.50") and pings(docker, "box", "fd00:61::1")
    docker("network", "disconnect", "n2", "box")
    docker("network", "disconnect", "bridge", "box")
    assert route()[2] == "10.60.0.1" and hosts() == [[address(docker, "box", "n1"), "inbox"]], hosts()
    assert "1.2.3.4 mine" in docker("exec", "box", "cat", "/etc/hosts"), "what it wrote itself stays"
    assert "is not connected to" in refused(docker, "network", "disconnect", "bridge", "box")
    docker("network", "disconnect", "-f", "n1", "box")
    assert docker("exec", "box", "busybox", "ip", "-o", "link").count("eth") == 0
    docker("network", "connect", "n1", "box")
    assert pings(docker, "box", "10.60.0.50")
    # On a stopped one it counts at the next start.
    docker("stop", "-t", "0", "box")
    docker("network", "connect", "--ip", "10.61.0.88", "n2", "box")
    docker("network", "disconnect", "n1", "box")
    docker("network", "connect", "later", "box")
    assert "network later not found" in refused(docker, "start", "box")
    docker("network", "disconnect", "later", "box")
    assert "is not connected to the network never" in refused(docker, "network", "disconnect", "never", "box")
    docker("start", "box")
    assert "endpoint nobody not found" in refused(docker, "network", "disconnect", "-f", "n1", "nobody")
    assert json.loads(docker("inspect", "-f", "{{json .NetworkSettings.Networks}}", "box")).keys() == {"n2"} and address(docker, "box") == "10.61.0.88"
    assert "default via 10.61.0.1" in docker("exec", "box", "busybox", "ip", "route")


@each_client
def test_names(engine, docker):
    docker("network", "create", "app")
    docker("network", "create", "side")
    # Its own name is there before its program begins.
    own = docker("run", "--rm", *ALONE, "--network", "app", "--name", "first", "--network-alias", "alias1", *SHELL, "busybox nslookup -type=a first; busybox nslookup -type=a alias1")
    assert own.count("Address: ") == 2, own
    ids = {name: docker("run", "-d", "--name", name, *ALONE, "--network", "app", "--network-alias", "all", "--hostname", f"host-{name}", *SLEEP).strip() for name in ("a1", "a2", "a3")}
    at = {name: address(docker, name) for name in ids}
    for asked in ("a2", "A2", ids["a2"][:12], "host-a2", "a2.app"):
        assert names(docker, "a1", asked) == [at["a2"]], asked
    answers = [tuple(names(docker, "a1", "all")) for _ in range(12)]
    assert all(sorted(answer) == sorted(at.values()) for answer in answers) and len(set(answer[0] for answer in answers)) > 1, answers
    assert f"name = a2.app" in docker("exec", "a1", "busybox", "nslookup", at["a2"], check=False)[1]
    # Nobody else's, and none on the default network.
    docker("run", "-d", "--name", "apart", *ALONE, "--network", "side", *SLEEP)
    docker("run", "-d", "--name", "plain", *ALONE, *SLEEP)
    assert names(docker, "apart", "a1") == []
    assert "127.0.0.11" not in docker("exec", "plain", "cat", "/etc/resolv.conf") and "nameserver 127.0.0.11" in docker("exec", "apart", "cat", "/etc/resolv.conf")
    docker("network", "connect", "--alias", "extra", "app", "apart")
    assert names(docker, "apart", "a1") == [at["a1"]] and names(docker, "a1", "extra") == [address(docker, "apart", "app")]
    docker("network", "disconnect", "app", "apart")
    assert names(docker, "a1", "extra") == []
    # They leave the answers with the container, at once.
    docker("stop", "-t", "0", "a3")
    assert names(docker, "a1", "a3") == [] and sorted(names(docker, "a1", "all")) == sorted([at["a1"], at["a2"]])
    docker("start", "a3")
    assert names(docker, "a1", "a3") == [address(docker, "a3")]
    docker("rename", "a2", "b2")
    until("the new name is known", lambda: names(docker, "a1", "b2") == [at["a2"]] and names(docker, "a1", "a2") == [], 5)
    docker("kill", "a3")
    until("a killed one is unknown", lambda: names(docker, "a1", "a3") == [], 2, 0)


@each_client
def test_other_names_are_asked_elsewhere(engine, docker):
    docker("network", "create", "app")
    docker("run", "-d", "--name", "mate", "--network", "app", *SLEEP)
    words = ("--dns", "127.77.0.1", "--dns-search", "example.test", "--dns-opt", "timeout:20", "--dns-opt", "attempts:1", "--add-host", "one:9.9.9.9", "--add-host", "gate:host-gateway")
    # A name server of the host's, which a container asks through 127.0.0.11.
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.77.0.1", 53))
        server.settimeout(120)
        asking = engine.popen("run", "--rm", "--network", "app", *words, *SHELL, "cat /etc/resolv.conf; tail -n +7 /etc/hosts; busybox nslookup -type=a outer.test",
                              stdout=subprocess.PIPE, text=True)
        query, client = server.recvfrom(512)
        assert b"\x05outer\x04test\x00" in query, query
        server.sendto(query[:2] + b"\x81\x80\x00\x01\x00\x01\x00\x00\x00\x00" + query[12:12 + 16] + b"\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x05\x00\x04\x05\x06\x07\x08", client)
        out = asking.communicate(timeout=120)[0]
    assert "Address: 5.6.7.8" in out and "search example.test\nnameserver 127.0.0.11\noptions timeout:20 attempts:1 ndots:0\n" in out, out
    assert "9.9.9.9\tone\n172.17.0.1\tgate\n" in out or re.search(r"9.9.9.9\tone\n[0-9.]+\tgate\n", out), out
    out = docker("run", "--rm", *words, *SHELL, "cat /etc/resolv.conf")
    assert out == "search example.test\nnameserver 127.77.0.1\noptions timeout:20 attempts:1\n", out
    assert "invalid" in refused(docker, "run", "--rm", "--dns", "x", *SLEEP)
    # Behind --internal nothing is asked of others.
    docker("network", "create", "--internal", "inside")
    code = docker("run", "--rm", "--network", "inside", *words, *SHELL, "busybox nslookup -type=a outer.test", check=False)[0]
    assert code != 0


def takes_address(docker, wanted):
    """A stopped container's address is free when its pod is gone, a moment after the stop was answered."""
    docker("run", "-d", "--name", "taker", *SLEEP)
    if address(docker, "taker") == wanted:
        return True
    docker("rm", "-f", "taker")
    return False


@each_client
def test_links(engine, docker):
    docker("run", "-d", "--name", "db", "--hostname", "dbhost", "-e", "KEY=value", "--expose", "5432", *SLEEP)
    docker("run", "-d", "--name", "web", "--link", "db", "--link", "db:base", *SLEEP)
    hosts = lambda: [line.split() for line in docker("exec", "web", "cat", "/etc/hosts").splitlines() if "dbhost" in line]
    old = address(docker, "db")
    assert hosts() == [[old, "db", "dbhost"], [old, "base", "dbhost", "db"]], hosts()
    environment = docker("exec", "web", "env")
    for line in (f"BASE_PORT=tcp://{old}:5432", f"BASE_PORT_5432_TCP_ADDR={old}", "BASE_NAME=/web/base", "BASE_ENV_KEY=value", "DB_NAME=/web/db"):
        assert line in environment.splitlines(), (line, environment)
    assert pings(docker, "web", "base")
    # It comes back with another address: the hosts follow, and keep what the container wrote.
    docker("exec", "web", "sh", "-c", "echo 1.2.3.4 mine >> /etc/hosts")
    docker("stop", "-t", "0", "db")
    until("another has its address", lambda: takes_address(docker, old), 20)
    docker("start", "db")
    new = address(docker, "db")
    assert new != old
    until("the hosts follow", lambda: hosts() == [[new, "db", "dbhost"], [new, "base", "dbhost", "db"]], 3)
    assert "1.2.3.4 mine" in docker("exec", "web", "cat", "/etc/hosts") and pings(docker, "web", "base")
    docker("stop", "-t", "0", "db", "web")
    assert "Cannot link to a non running container: /db AS /web/" in refused(docker, "start", "web")
    # On a network of its own a link is a name for one alone.
    docker("network", "create", "app")
    docker("run", "-d", "--name", "udb", *ALONE, "--network", "app", *SLEEP)
    docker("run", "-d", "--name", "uweb", *ALONE, "--network", "app", "--link", "udb:base", *SLEEP)
    assert names(docker, "uweb", "base") == [address(docker, "udb")] and names(docker, "udb", "base") == []


def published(docker, name):
    # An old client prints no brackets.
    return sorted(re.sub(r"-> ([^\[].*:.*):(\d+)$", r"-> [\1]:\2", line) for line in docker("port", name).splitlines())


@each_client
def test_published_ports(engine, docker):
    docker("network", "create", "app")
    docker("network", "create", "side")
    docker("network", "create", "--ipv6", "--subnet", "fd00:66::/64", "six")
    docker("run", "-d", "--name", "other", "--network", "side", *SLEEP)
    with Outside() as outside:
        for network in ("bridge", "app", "six"):
            p = [free_port() for _ in range(6)]
            docker("run", "-d", "--name", "web", "--hostname", "web", "--network", network, "-p", f"{p[0]}:80", "-p", f"127.0.0.1:{p[1]}:80", "-p", f"[::1]:{p[2]}:80",
                   "-p", f"{outside.host}:{p[3]}:80", "-p", f"[{outside.host6}]:{p[4]}:80", "-p", "80", *SHELL, WEB)
            for host in ("127.0.0.1", "::1"):
                until(f"{host} answers", lambda: who(host, p[0]), 5)
            chosen = int(next(line for line in published(docker, "web") if int(line.rsplit(":", 1)[1]) not in p).rsplit(":", 1)[1])
            assert 32768 <= chosen <= 60999
            wanted = sorted(f"80/tcp -> {at}" for at in (f"0.0.0.0:{p[0]}", f"[::]:{p[0]}", f"127.0.0.1:{p[1]}", f"[::1]:{p[2]}", f"{outside.host}:{p[3]}",
                                                                                  f"[{outside.host6}]:{p[4]}", f"0.0.0.0:{chosen}", f"[::]:{chosen}"))
            assert published(docker, "web") == wanted, (published(docker, "web"), wanted)
            own = address(docker, "web", network)
            opens = {(host, port) for host in ("127.0.0.1", "::1", outside.host, outside.host6) for port in (p[0], chosen)}
            opens |= {("127.0.0.1", p[1]), ("::1", p[2]), (outside.host, p[3]), (outside.host6, p[4]), (own, 80)}
            for host in ("127.0.0.1", "::1", outside.host, outside.host6):
                for port in (*p[:5], chosen):
                    try:
                        answers = who(host, port)[0] == "web"
                    except OSError:
                        answers = False
                    assert answers == ((host, port) in opens), (network, host, port, answers)
            # From outside the source address stays.
            assert outside.asks(outside.host, p[0]) == ["web", f"[::ffff:{outside.own}]"], outside.asks(outside.host, p[0])
            six = outside.asks(outside.host6, p[0])
            assert six[:1] == ["web"] and (network != "six" or plain(six[1]) == outside.own6), six
            assert outside.asks(outside.host, p[1]) == [] and outside.asks(outside.host, p[3])[:1] == ["web"]
            # Hairpin: from a container elsewhere, from its own, over the host's address and its gateway's.
            gateway = address(docker, "web", network, "Gateway")
            for client in ("other", "web"):
                for host in (outside.host, gateway):
                    assert asks(docker, client, host, p[0])[:1] == ["web"], (network, client, host)
            docker("rm", "-f", "web")
    # All that an image or --expose names; a range; the networks' own address.
    docker("run", "-d", "--name", "many", "-P", "--expose", "80-81", "--expose", "90/udp", *SLEEP)
    assert {line.split()[0] for line in published(docker, "many")} >= {"80/tcp", "81/tcp", "90/udp"}
    first = free_port()
    docker("network", "create", "-o", "com.docker.network.bridge.host_binding_ipv4=127.0.0.1", "local")
    docker("run", "-d", "--name", "bound", "--network", "local", "-p", f"{first}:80", *SLEEP)
    assert published(docker, "bound") == [f"80/tcp -> 127.0.0.1:{first}"]


@each_client
def test_udp_ports(engine, docker):
    port = free_port()
    docker("network", "create", "app")
    docker("run", "-d", "--name", "echo", "--network", "app", "-p", f"{port}:53/udp", *SLEEP)
    docker("run", "-d", "--name", "mate", *SLEEP)
    assert published(docker, "echo") == [f"53/udp -> 0.0.0.0:{port}", f"53/udp -> [::]:{port}"]
    def ask(host, *where):
        script = ASK.replace("FAMILY", "AF_INET6" if ":" in host else "AF_INET").replace("HOST", host).replace("PORT", str(port))
        return run([*where, "python3", "-c", script])[1].strip()
    with receiver(53, f"--target={pid_of(docker, 'echo')}", "--net"), Outside() as outside:
        for host in ("127.0.0.1", "::1", outside.host, outside.host6):
            assert ask(host).startswith("pong to "), host
        assert ask(outside.host, "nsenter", f"--net=/run/netns/{outside.name}") == f"pong to {outside.own}", "the source address stays"
        assert ask(outside.host, "nsenter", f"--target={pid_of(docker, 'mate')}", "--net").startswith("pong to "), "hairpin"


def test_ports_answer_when_start_does_and_are_free_when_stop_does(engine):
    """No race between the helper that serves [::1] and a start, nor between a stop and the next who wants the port."""
    docker = engine.docker
    docker("network", "create", "app")
    port = free_port()
    for network in ("app", "bridge"):
        docker("run", "-d", "--name", f"web-{network}", "--network", network, "-p", f"{port}:80", *SHELL, WEB)
        for turn in range(15):
            if turn:
                docker("start", f"web-{network}")
            for host in ("127.0.0.1", "::1"):
                with socket.create_connection((host, port), 60) if host == "::1" else contextlib.nullcontext():
                    pass  # the helper listens: also before the program does
                until(f"turn {turn}: {host} answers", lambda: who(host, port), 3, 0.02)
            docker("stop", "-t", "0", f"web-{network}")
            for family, host in ((socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::")):
                with socket.socket(family) as own:
                    own.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                    if family == socket.AF_INET6:
                        own.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                    own.bind((host, port))
                    own.listen()
    engine.empty()


@each_client
def test_port_conflicts(engine, docker):
    port = free_port()
    docker("run", "-d", "--name", "one", "-p", f"{port}:80", *SLEEP)
    err = refused(docker, "run", "-d", "--name", "two", "-p", f"{port}:80", *SLEEP)
    assert re.search(rf"driver failed programming external connectivity on endpoint two \([0-9a-f]{{64}}\): Bind for 0.0.0.0:{port} failed: port is already allocated", err), err
    state = json.loads(docker("inspect", "-f", "{{json .State}}", "two"))
    assert (state["Status"], state["ExitCode"]) == ("created", 128) and "port is already allocated" in state["Error"], state
    docker("stop", "-t", "0", "one")
    docker("start", "two")
    assert "port is already allocated" in refused(docker, "start", "one")
    docker("rm", "-f", "two")
    docker("start", "one")
    docker("rm", "-f", "one")
    # Another program's.
    for family, host in ((socket.AF_INET, "0.0.0.0"), (socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
        with socket.socket(family) as taken:
            taken.bind((host, 0))
            taken.listen()
            mine = taken.getsockname()[1]
            err = refused(docker, "run", "--rm", "-p", f"{mine}:80", *SLEEP)
            assert "address already in use" in err and f":{mine}" in err, err
            docker("run", "--rm", "-p", f"{mine}:80/udp", "--entrypoint", "true", "redis")
    # The same twice in one container, and a range with one place left.
    assert "port is already allocated" in refused(docker, "run", "--rm", "-p", f"{port}:80", "-p", f"{port}:81", *SLEEP)
    first = free_port()
    docker("run", "-d", "--name", "r1", "-p", f"{first}-{first + 1}:80", *SLEEP)
    docker("run", "-d", "--name", "r2", "-p", f"{first}-{first + 1}:80", *SLEEP)
    assert {published(docker, name)[0].rsplit(":", 1)[1] for name in ("r1", "r2")} == {str(first), str(first + 1)}
    assert "all ports are allocated" in refused(docker, "run", "--rm", "-p", f"{first}-{first + 1}:80", *SLEEP)


def test_bridged_packets_past_the_rules_or_not(engine):
    docker = engine.docker
    switches = ["/proc/sys/net/bridge/bridge-nf-call-iptables", "/proc/sys/net/bridge/bridge-nf-call-ip6tables"]
    before = {path: open(path).read() for path in switches if os.path.exists(path)}
    try:
        for value in ("0", "1"):
            for path in before:
                with open(path, "w") as file:
                    file.write(value)
            port = free_port()
            docker("network", "create", "app")
            docker("run", "-d", "--name", "web", "--hostname", "web", "--network", "app", "-p", f"{port}:80", *SHELL, WEB)
            docker("run", "-d", "--name", "mate", "--network", "app", *SLEEP)
            until("it answers", lambda: who("127.0.0.1", port), 5)
            assert asks(docker, "mate", "web", 80) == ["web", f"[::ffff:{address(docker, 'mate')}]"], value
            for client in ("mate", "web"):
                assert asks(docker, client, address(docker, "web", "app", "Gateway"), port)[:1] == ["web"], (value, client)
            engine.empty()
    finally:
        for path, value in before.items():
            with open(path, "w") as file:
                file.write(value)


def test_all_goes_on_without_the_server(engine):
    docker = engine.docker
    docker("network", "create", "app")
    port = free_port()
    docker("run", "-d", "--name", "web", "--hostname", "web", *ALONE, "--network", "app", "-p", f"{port}:80", "--restart", "always", *SHELL, WEB)
    docker("run", "-d", "--name", "mate", *ALONE, "--network", "app", "--network-alias", "friend", *SLEEP)
    docker("run", "-d", "--name", "linked", "--link", docker("run", "-d", "--name", "db", "--hostname", "dbhost", *SLEEP).strip() + ":base", *SLEEP)
    until("it answers", lambda: who("127.0.0.1", port), 5)
    pid = docker("inspect", "-f", "{{.State.Pid}}", "mate").strip()
    inside = lambda *words: run(["nsenter", f"--target={pid}", "--net", "--mount", *words], check=False)[1]
    engine.cluster.kill()
    for host in ("127.0.0.1", "::1"):
        assert who(host, port)[0] == "web"
    assert "Address: " in inside("busybox", "nslookup", "-type=a", "web"), "names are answered"
    engine.cluster.start()
    until("the engine is back", lambda: docker("ps", "-q"), 20)
    for host in ("127.0.0.1", "::1"):
        assert who(host, port)[0] == "web"
    assert names(docker, "mate", "web") == [address(docker, "web")] and names(docker, "web", "friend") == [address(docker, "mate")]
    # What is asked of the new server is as ever.
    docker("network", "create", "more")
    docker("network", "connect", "--alias", "again", "more", "mate")
    docker("network", "connect", "more", "web")
    assert names(docker, "web", "again") == [address(docker, "mate", "more")]
    docker("stop", "-t", "0", "mate")
    assert names(docker, "web", "friend") == []
    docker("stop", "-t", "0", "db")
    docker("run", "-d", "--name", "taker", *SLEEP)
    docker("start", "db")
    until("links are followed", lambda: f"{address(docker, 'db')}\tbase" in docker("exec", "linked", "cat", "/etc/hosts"), 3)
    docker("rm", "-f", "web")
    with socket.socket(socket.AF_INET6) as own:
        own.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        own.bind(("::", port))
    engine.empty()


@each_client
def test_containers_take_no_address_of_pods(engine, docker):
    pods = ipaddress.ip_network(engine.cluster.cidrs[0])
    for i in range(4):
        docker("run", "-d", "--name", f"c{i}", *SLEEP)
        assert ipaddress.ip_address(address(docker, f"c{i}")) not in pods
    names = {f"c{i}-{engine.inspect(f'c{i}', 'Id')[:12]}" for i in range(4)}
    owned = until("each has its pod", lambda: (lambda found: found if len(found) == 4 else None)(
        [pod["status"] for pod in engine.cluster.json("pods")["items"] if pod["metadata"]["name"] in names]))
    assert not any(ipaddress.ip_address(status["podIP"]) in pods for status in owned if "podIP" in status), owned


def descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def memory(pid):
    return int(re.search(r"VmRSS:\s+(\d+)", open(f"/proc/{pid}/status").read()).group(1)) // 1024


def test_half_open_connections_cost_nothing_lasting(engine):
    docker = engine.docker
    port = free_port()
    docker("run", "-d", "--name", "web", "--hostname", "web", "-p", f"{port}:80", *SHELL, WEB)
    until("it answers", lambda: who("::1", port), 5)
    server, helper = engine.cluster.process.pid, int(open(f"/run/reigen/{engine.cluster.instance}/helper.pid").read().split()[0])
    before = {pid: (descriptors(pid), memory(pid)) for pid in (server, helper)}

    def connect(n):
        if n % 2:
            made = socket.socket(socket.AF_UNIX)
            made.settimeout(120)
            made.connect(engine.socket)
            made.send(b"POST /v1.41/containers/create HTTP/1.1\r\nHost: d\r\nContent-Length: 1000\r\n\r\n{" if n % 4 == 1 else b"GET /v1.41/ev")
        else:
            made = socket.create_connection(("::1", port), 120)
            made.send(b"GET /")
        return made

    for _ in range(2):
        made = [connect(n) for n in range(2000)]
        assert docker("ps", "-q").strip() and who("127.0.0.1", port, 120)[0] == "web", "others are served meanwhile"
        for n, one in enumerate(made):
            if n % 3 == 0:
                one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # a reset
            one.close()
    for pid, (files, megabytes) in before.items():
        until("descriptors are given back", lambda: descriptors(pid) <= files + 5, 20)
        until("memory is given back", lambda: memory(pid) <= megabytes + 30, 20)
    spent = lambda: sum(int(word) for word in open(f"/proc/{helper}/stat").read().rsplit(")", 1)[1].split()[11:13])
    def rests():
        start = spent()
        time.sleep(1)
        return spent() - start <= 20
    until("the helper rests", rests)
    engine.empty()


def test_nothing_is_left():
    engine = Engine()
    docker = engine.docker
    try:
        docker("network", "create", "--ipv6", "--subnet", "fd00:77::/64", "app")
        docker("network", "create", "-o", "com.docker.network.bridge.name=rge2e77", "named")
        docker("run", "-d", "--name", "web", "--network", "app", "-p", "80", *SLEEP)
        docker("run", "-d", "--name", "mate", "--network", "named", "-p", "81/udp", *SLEEP)
        docker("network", "connect", "app", "mate")
        instance = engine.cluster.instance
        docker("rm", "-f", "web", "mate")
        docker("network", "prune", "-f")
        until("only the links of the default network are left", lambda: not [name for name in links_of() if name == "rge2e77" or name.startswith("rc")], 10)
        docker("run", "-d", "--name", "left", "-p", "80", *SLEEP)
        docker("network", "create", "again")
        docker("run", "-d", "--name", "behind", "--network", "again", *SLEEP)
    finally:
        engine.remove()
    assert instance not in run(["nft", "list", "tables"], check=False)[1]
    links = run(["ip", "-d", "link"])[1]
    assert f"reigen:{instance}" not in links, links
    assert instance not in open("/proc/self/mountinfo").read() and not os.path.exists(f"/run/reigen/{instance}")
