"""Manifests the tests share, as JSON text for `kubectl … -f -`."""
import json

IMAGE = "redis"  # of the example; busybox is its shell and its commands


def container(script="sleep 1000", name="main", **fields):
    return {"name": name, "image": IMAGE, "imagePullPolicy": "IfNotPresent", "command": ["sh", "-c", script], **fields}


def pod(name, script="sleep 1000", labels=None, containers=None, main=None, **spec):
    """A pod of one container that runs a shell script; main adds fields to that container, spec to the pod's spec."""
    return json.dumps({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": labels or {"app": name}},
        "spec": {"terminationGracePeriodSeconds": 1, "containers": containers or [container(script, **(main or {}))], **spec}})


def config_map(name, **data):
    return json.dumps({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data})
