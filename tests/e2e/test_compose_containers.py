"""A Compose project's containers against a node's Docker endpoint: their life, output, programs run beside, what they wait for."""
import json, signal, threading

from cluster import PATIENCE, until
from compose_clients import SLEEP, TWO, each_compose


@each_compose
def test_the_life_of_containers(project):
    project.write(TWO)
    project("up", "--no-start")
    assert project.inspect("one", "State.Status") == "created"
    project("start")
    assert project.running() == ["one", "two"]
    project("stop", "-t", "0", "two")
    assert project.running() == ["one"] and project.inspect("two", "State.Status") == "exited"
    project("start", "two")
    started = project.inspect("one", "State.StartedAt")
    project("restart", "-t", "0", "one")
    assert project.inspect("one", "State.StartedAt") != started and project.running() == ["one", "two"]
    project("pause", "one")
    assert project.inspect("one", "State.Status") == "paused"
    project("unpause", "one")
    project("kill", "-s", "SIGKILL", "one")
    until("the killed one has ended", lambda: project.inspect("one", "State.Status") == "exited", 5)
    assert project.inspect("one", "State.ExitCode") == 137
    project("rm", "-f", "-v", "one")
    code, _, _ = project.engine.docker("inspect", project.name("one"), check=False)
    assert code == 1 and project.running() == ["two"]
    project("rm", "-f", "-s", "-v", "two")
    assert project.engine.docker("ps", "-aq") == ""


@each_compose
def test_what_is_shown(project):
    project.write(TWO)
    project("up", "-d")
    for words in (("ps",), ("top",), ("images",)):
        shown = project(*words)
        assert project.name("one") in shown and project.name("two") in shown, (words, shown)
    assert project("ps", "-q", "one").split() == [project.id("one")]
    assert project("ps", "--services").split() == ["one", "two"]
    assert "sleep 1000" in project("top", "one")
    project("stop", "-t", "0", "two")
    listed = project("ps", *([] if project.old else ["-a"]))
    assert "Exit 137" in listed or "Exited (137)" in listed, listed
    code, _, err = project("port", "one", "80", check=False)
    assert (code != 0 and "80" in err) or project.old, (code, err)
    code, _, err = project("ps", "nobody", check=False)
    assert code == 1 and "no such service: nobody" in err.lower(), err


@each_compose
def test_logs_are_followed(project):
    project.write("""
services:
  one: {image: redis, stop_grace_period: 0s, entrypoint: [sh, -c, 'echo first; while [ ! -e /go ]; do sleep 0.1; done; echo second >&2; exec sleep 1000']}
  two: {image: redis, stop_grace_period: 0s, entrypoint: [sh, -c, 'echo other; exec sleep 1000']}
""")
    project("up", "-d")
    until("both have spoken", lambda: len(project("logs").splitlines()) >= 2, 5)
    shown = project("logs", "--no-color")
    assert any(line.startswith("one") and line.endswith("| first") for line in shown.splitlines()), shown
    assert "other" in shown and "other" not in project("logs", "one")
    follow = project.popen("logs", "-f", "--no-color", "one")
    project.engine.docker("exec", project.name("one"), "touch", "/go")
    until("the second line is there", lambda: "second" in project("logs", "--tail", "1", "one"), 5)
    project("kill", "one")
    out, _ = follow.communicate(timeout=PATIENCE)
    assert "first" in out and "second" in out and "other" not in out, out
    assert "T" in project("logs", "-t", "two") and project("logs", "--tail=0", "two").strip() in ("", "Attaching to shop_two_1")


@each_compose
def test_attached_up_ends_with_its_containers(project):
    project.write("""
services:
  test: {image: redis, entrypoint: [sh, -c, 'sleep 0.3; echo tested; exit 5'], depends_on: [base]}
  base: {image: redis, stop_grace_period: 0s, entrypoint: [sleep, "1000"]}
""")
    code, out, err = project("up", "--abort-on-container-exit", check=False)
    assert "tested" in out and project.running() == [], (out, err)
    code, out, err = project("up", "--exit-code-from", "test", check=False)
    assert code == 5 and "tested" in out and project.running() == [], (code, out, err)
    attached = project.popen("up")
    until("it runs", lambda: "base" in project.running(), 10)
    assert any("tested" in line for line in attached.stdout), "it is attached"
    attached.send_signal(signal.SIGINT)
    attached.communicate(timeout=PATIENCE)
    assert project.running() == []


@each_compose
def test_exec_and_run(project):
    project.write(TWO)
    project("up", "-d", "two")
    assert project("exec", "-T", "one", "sh", "-c", "echo $COLOUR") == "red\n"
    if project.old:  # by itself, without `docker`
        project.environment["COMPOSE_INTERACTIVE_NO_CLI"] = "1"
        assert project("exec", "-T", "one", "sh", "-c", "echo $COLOUR") == "red\n"
        del project.environment["COMPOSE_INTERACTIVE_NO_CLI"]
    assert project("exec", "-T", "-e", "COLOUR=green", "-w", "/tmp", "-u", "1000", "one", "sh", "-c", "echo $COLOUR $(pwd) $(id -u)") == "green /tmp 1000\n"
    if not project.old:  # it has an input only with a terminal
        assert project("exec", "-T", "one", "cat", input="through\n") == "through\n"
    code, out, _ = project("exec", "-T", "one", "sh", "-c", "echo out; exit 3", check=False)
    assert (code, out) == (3, "out\n"), (code, out)
    assert project("run", "--rm", "-T", "--entrypoint", "echo", "one", "hello") == "hello\n"
    code, out, _ = project("run", "--rm", "-T", "-e", "COLOUR=white", "--entrypoint", "sh", "one", "-c", "echo $COLOUR; exit 4", check=False)
    assert (code, out) == (4, "white\n"), (code, out)
    if not project.old:
        assert project("run", "--rm", "-T", "--entrypoint", "cat", "one", input="in\n") == "in\n"
    project("run", "-d", "--name", "aside", "two")
    assert project.engine.inspect("aside", "State.Status") == "running"
    assert project.engine.inspect("aside", "Config.Labels")["com.docker.compose.oneoff"] == "True"
    assert project.running().count("two") == 2 and len(project("ps", "-q").split()) == (3 if project.old else 2)  # 1.29 shows it
    project("down", "--remove-orphans", "-t", "0")
    project.engine.docker("ps", "-aq")


@each_compose
def test_events_are_told(project):
    project.write(TWO)
    events, lines = project.popen("events", "--json"), []
    threading.Thread(target=lambda: lines.extend(events.stdout), daemon=True).start()
    told = lambda service: [event["action"] for event in map(json.loads, (line for line in list(lines) if line.startswith("{"))) if event["service"] == service]
    # It listens when it tells of what is done with another service.
    project("up", "-d", "--no-deps", "two")
    until("it listens", lambda: project("restart", "-t", "0", "two") is not None and told("two"))
    project("up", "-d", "one")
    project("stop", "-t", "0", "one")
    until("the end is told", lambda: {"die", "stop"} <= set(told("one")))
    events.send_signal(signal.SIGINT)
    events.wait(PATIENCE)
    actions = told("one")
    assert [a for a in actions if a in ("create", "start", "die", "stop")] in (["create", "start", "die", "stop"], ["create", "start", "stop", "die"]), actions


@each_compose
def test_dependencies_are_waited_for(project):
    project.write(f"""
services:
  slow:
    image: redis
    entrypoint: [sh, -c, 'sleep 0.6; touch /ok; exec sleep 1000']
    stop_grace_period: 0s
    healthcheck: {{test: ["CMD", "test", "-e", "/ok"], interval: 200ms, timeout: 60s, retries: 30}}
  job: {{image: redis, entrypoint: [sh, -c, 'sleep 0.3']}}
  last:
    image: redis
    {SLEEP}
    depends_on: {{slow: {{condition: service_healthy}}, job: {{condition: service_completed_successfully}}}}
""")
    project("up", "-d")
    assert project.inspect("slow", "State.Health.Status") == "healthy"
    assert project.inspect("last", "State.StartedAt") > project.inspect("job", "State.FinishedAt")
    project.write("""
services:
  bad:
    image: redis
    entrypoint: [sleep, "1000"]
    stop_grace_period: 0s
    healthcheck: {test: ["CMD", "false"], interval: 100ms, retries: 2}
  after: {image: redis, entrypoint: [sleep, "1000"], depends_on: {bad: {condition: service_healthy}}}
""")
    code, _, err = project("up", "-d", "--remove-orphans", check=False)
    assert code == 1 and "unhealthy" in err, (code, err)
    assert project.running() == ["bad"]
