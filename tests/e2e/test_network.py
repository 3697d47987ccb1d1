"""Services and names: headless, SRV and PTR records, affinity, external addresses, what the host's nft can read."""
import socket, urllib.request

from cluster import Failed, free_port, run, until
import manifests

WEB = {"image": "todo-app-web:v1", "command": ["todo-app"], "ports": [{"name": "http", "containerPort": 3000}]}


def dig(cluster, *words):
    return sorted(run(["dig", f"@{cluster.cidrs[2]}", "+short", "+time=20", "+tries=1", *words])[1].split("\n")[:-1])


def backends(cluster):
    if cluster.kubectl("get", "pod", "web-0", check=False)[0] != 0:
        for i in range(3):
            cluster.kubectl("create", "-f", "-", input=manifests.pod(f"web-{i}", labels={"app": "web"}, main=WEB, hostname=f"h{i}", subdomain="crowd"))
    return {p["metadata"]["name"]: p["status"]["podIP"] for p in cluster.wait_pods("app=web", 3)}


def answer(url):
    return urllib.request.urlopen(f"{url}/whoami", timeout=20).read().decode().strip()


def test_headless_services_name_their_pods(cluster):
    pods = backends(cluster)
    cluster.kubectl("create", "-f", "-", input='{"apiVersion":"v1","kind":"Service","metadata":{"name":"crowd"},"spec":{"clusterIP":"None","selector":{"app":"web"},"ports":[{"name":"http","port":3000}]}}')
    name = "crowd.default.svc.cluster.local"
    until("all are named", lambda: dig(cluster, name) == sorted(pods.values()), 10)
    assert dig(cluster, f"h1.{name}") == [pods["web-1"]]
    assert dig(cluster, "-x", pods["web-1"]) == [f"h1.{name}."]
    services = dig(cluster, "SRV", f"_http._tcp.{name}")
    assert [line.split()[2:] for line in services] == [["3000", f"h{i}.{name}."] for i in range(3)], services
    assert dig(cluster, "+tcp", "+bufsize=1232", name) == sorted(pods.values())
    assert "NXDOMAIN" in run(["dig", f"@{cluster.cidrs[2]}", "nobody.default.svc.cluster.local"])[1]
    inside = cluster.kubectl("exec", "web-0", "--", "cat", "/etc/resolv.conf")
    assert "search default.svc.cluster.local svc.cluster.local cluster.local" in inside and "ndots:5" in inside and cluster.cidrs[2] in inside, inside
    assert cluster.kubectl("exec", "web-0", "--", "hostname").strip() == "h0"
    cluster.kubectl("exec", "web-0", "--", "wget", "-qO-", "http://h2.crowd:3000/whoami")
    cluster.kubectl("create", "service", "externalname", "elsewhere", "--external-name=example.org")
    until("the other name is given", lambda: "example.org." in dig(cluster, "CNAME", "elsewhere.default.svc.cluster.local"), 10)


def test_affinity_external_addresses_and_what_nft_reads(cluster):
    backends(cluster)
    service = '{"apiVersion":"v1","kind":"Service","metadata":{"name":"%s"},"spec":{"selector":{"app":"web"},"ports":[{"port":80,"targetPort":"http"}],%s}}'
    cluster.kubectl("create", "-f", "-", input=service % ("faithful", '"sessionAffinity":"ClientIP"'))
    cluster.kubectl("create", "-f", "-", input=service % ("outside", f'"externalIPs":["10.{cluster.cidrs[1].split(".")[1]}.250.1"]'))
    address = cluster.json("service", "faithful")["spec"]["clusterIP"]
    until("it answers", lambda: answer(f"http://{address}"), 10)
    assert len({answer(f"http://{address}") for _ in range(12)}) == 1
    seen = set()
    until("all answer at the external address", lambda: seen.add(answer(f"http://10.{cluster.cidrs[1].split('.')[1]}.250.1")) or seen == {"h0", "h1", "h2"}, 20)
    # nft aborts where a key is made of the result of a look-up; see src/proxy/proxy_table.cc.
    assert f"table ip reigen-{cluster.instance}" in run(["nft", "list", "ruleset"])[1]


def test_a_service_without_endpoints_refuses_at_once(cluster):
    cluster.kubectl("create", "service", "clusterip", "nobody", "--tcp=80:80")
    address = cluster.json("service", "nobody")["spec"]["clusterIP"]
    def refused():
        try:
            socket.create_connection((address, 80), timeout=20).close()
        except ConnectionRefusedError:
            return True
    until("it is refused", refused, 10)
    code, _, err = cluster.kubectl("get", "--raw", "/api/v1/namespaces/default/services/nobody/proxy/", check=False)
    assert code == 1 and 'no endpoints available for service "nobody"' in err, err


def test_addresses_and_ports_are_given_once(cluster):
    taken = cluster.json("service", "kubernetes")["spec"]["clusterIP"]
    code, _, err = cluster.kubectl("create", "service", "clusterip", "thief", f"--clusterip={taken}", "--tcp=80:80", check=False)
    assert code == 1 and "spec.clusterIPs: Invalid value" in err and "provided IP is already allocated" in err, err
    code, _, err = cluster.kubectl("create", "service", "clusterip", "stranger", "--clusterip=8.8.8.8", "--tcp=80:80", check=False)
    assert code == 1 and "not in the valid range" in err or "valid IPs is" in err, err
    port = str(cluster.json("service", "-A")["items"] and 31999)
    cluster.kubectl("create", "service", "nodeport", "first", "--tcp=80:80", f"--node-port={port}")
    code, _, err = cluster.kubectl("create", "service", "nodeport", "second", "--tcp=80:80", f"--node-port={port}", check=False)
    assert code == 1 and "provided port is already allocated" in err, err
    cluster.kubectl("delete", "service", "first")
