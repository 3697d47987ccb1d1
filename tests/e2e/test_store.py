"""What a server finds in its store at a start: addresses and ports taken wrongly, events whose time is over."""
import json, subprocess, threading, time

from cluster import Failed, until
from log_database import LogDatabase

ADDRESSES, PORTS = "/registry/ranges/serviceips", "/registry/ranges/servicenodeports"


def restart_with(cluster, change):
    cluster.stop()
    with LogDatabase(cluster.dir) as log:
        change(log)
    cluster.start()


def create_service(cluster, name, **spec):
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": {"ports": [{"port": 80}], **spec}}
    return cluster.kubectl("create", "-f", "-", input=json.dumps(service), check=False)


def test_numbers_that_services_use_but_the_ranges_lost_are_taken_again(control_plane):
    assert create_service(control_plane, "before", type="NodePort")[0] == 0
    spec = control_plane.json("service", "before")["spec"]
    address, port = spec["clusterIP"], spec["ports"][0]["nodePort"]
    restart_with(control_plane, lambda log: [log.set_bitmap(key, b"") for key in (ADDRESSES, PORTS)])
    code, _, err = create_service(control_plane, "same-address", clusterIP=address)
    assert code == 1 and "provided IP is already allocated" in err, err
    code, _, err = create_service(control_plane, "same-port", type="NodePort", ports=[{"port": 80, "nodePort": port}])
    assert code == 1 and "provided port is already allocated" in err, err
    assert create_service(control_plane, "after", type="NodePort")[0] == 0


def test_numbers_without_a_service_are_given_back(control_plane):
    full = {ADDRESSES: b"\xff" * (1 << 13), PORTS: b"\xff" * (2768 // 8)}
    restart_with(control_plane, lambda log: [log.set_bitmap(key, bitmap) for key, bitmap in full.items()])
    def fits():
        code, _, err = create_service(control_plane, "fits", type="NodePort")
        return code == 0 or err
    assert until("a service finds an address and a port", fits, 10) is True, fits()
    assert create_service(control_plane, "asks", type="NodePort", clusterIP=control_plane.cidrs[1].replace(".0.0/16", ".77.7"),
                          ports=[{"port": 80, "nodePort": 31234}])[0] == 0
    control_plane.kubectl("delete", "service", "before", "after", "fits", "asks", "--ignore-not-found")


def create_event(cluster, name):
    event = {"apiVersion": "v1", "kind": "Event", "metadata": {"name": name, "namespace": "default"}, "reason": "Tested", "message": name, "type": "Normal",
             "involvedObject": {"kind": "Namespace", "name": "default", "namespace": "default"}}
    cluster.kubectl("create", "-f", "-", input=json.dumps(event))


def the_end_is_seen(control_plane, life):
    """Whether a watch saw an event that has `life` seconds at the server's start, and saw it go."""
    create_event(control_plane, "old")
    made = time.time()
    def nearly_over(log):
        left = log.newest("/registry/events/default/old")[3] / 1e9 - made
        assert 3500 < left <= 3600, f"an event is kept for {left} s"
        log.change("/registry/events/default/old", expires=int((time.time() + life) * 1e9))
    restart_with(control_plane, nearly_over)
    lines = []
    with control_plane.popen("get", "events", "--watch", "--output-watch-events", stdout=subprocess.PIPE) as watch:
        try:
            threading.Thread(target=lambda: lines.extend(watch.stdout), daemon=True).start()
            seen = lambda kind, name: any(line.startswith(kind) and line.split()[-1] == name for line in list(lines))
            until("the watch has begun", lambda: seen("ADDED", "new"))
            until("the old one is gone", lambda: "NotFound" in control_plane.kubectl("get", "event", "old", check=False)[2])
            if not seen("ADDED", "old"):
                return False
            until("the watch tells of its end", lambda: seen("DELETED", "old"))
            assert not seen("DELETED", "new"), lines
            return True
        finally:
            watch.kill()


def test_events_expire(control_plane):
    create_event(control_plane, "new")
    for life in (5, 20, 80):  # seconds; a slow server starts in more than few
        if the_end_is_seen(control_plane, life):
            break
    else:
        raise Failed("an event that ended was not there before")
    assert "NotFound" in control_plane.kubectl("get", "event", "old", check=False)[2]
    assert control_plane.kubectl("get", "event", "new", "-o", "name") == "event/new\n"
