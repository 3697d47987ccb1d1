#!/usr/bin/env python3
"""Runs the end-to-end tests with the real clients. usage: run.py [NAME...]    a NAME is a part of a test's name

A test is a function test_* in a file test_*.py of this folder. It gets what its parameters name, shared by the tests of a file: `cluster`
(one server with a node), `control_plane` (one server without a node), `engine` (one with a Docker socket, see docker_engine.py), or nothing.
A test that cannot run raises Skip with a reason; the set of skipped tests must equal skips.txt, or the run fails."""
import faulthandler, importlib, inspect, os, signal, sys, time, traceback

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
from cluster import Cluster
from docker_engine import Engine


class Skip(Exception):
    pass


def make(kind):
    if kind == "engine":
        return Engine()
    cluster = Cluster(agent=kind == "cluster").start()
    if kind == "cluster":
        cluster.import_example()
    return cluster


def run_file(name, wanted, results):
    module, shared = importlib.import_module(name), {}
    tests = [(n, f) for n, f in vars(module).items() if n.startswith("test_") and inspect.isfunction(f)]
    try:
        for test, function in tests:
            full = f"{name}.{test}"
            if wanted and not any(w in full for w in wanted):
                continue
            start = time.time()
            faulthandler.dump_traceback_later(1800, exit=True)  # one that waits for ever says where
            try:
                for kind in inspect.signature(function).parameters:
                    if kind not in shared:
                        shared[kind] = make(kind)
                function(**{kind: shared[kind] for kind in inspect.signature(function).parameters})
                results.append((full, "ok", ""))
            except Skip as skip:
                results.append((full, "skip", str(skip)))
            except Exception:
                results.append((full, "FAILED", traceback.format_exc()))
            faulthandler.cancel_dump_traceback_later()
            print(f"{results[-1][1]:6} {full} ({time.time() - start:.1f} s) {results[-1][2]}", flush=True)
    finally:
        for kind, cluster in shared.items():
            try:
                cluster.remove()
            except Exception:
                results.append((f"{name}: the end of {kind}", "FAILED", traceback.format_exc()))
                print(f"{results[-1][1]:6} {results[-1][0]} {results[-1][2]}", flush=True)


def main():
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it, and what they start does
    wanted, results = sys.argv[1:], []
    for file in sorted(os.listdir(HERE)):
        if file.startswith("test_") and file.endswith(".py"):
            run_file(file[:-3], wanted, results)
    failed = [r for r in results if r[1] == "FAILED"]
    skipped = sorted(r[0] for r in results if r[1] == "skip")
    expected = sorted(line.split()[0] for line in open(f"{HERE}/skips.txt") if line.strip() and not line.startswith("#"))
    print(f"{len(results) - len(failed) - len(skipped)} passed, {len(failed)} failed, {len(skipped)} skipped")
    if not wanted and skipped != expected:
        print(f"the skipped tests differ from skips.txt: {set(skipped) ^ set(expected)}")
        sys.exit(1)
    sys.exit(1 if failed or not results else 0)


main()
