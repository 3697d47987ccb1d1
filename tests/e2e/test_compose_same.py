"""`reigen compose` answers as Compose v2 does: the same lines with both, on the same engine; exit codes, what is printed, what is left."""
import re, shutil

from cluster import ROOT, free_port, until
from compose_clients import SLEEP, TWO, with_compose

both = with_compose("v2", "reigen")


def same(project, seen, lines):
    """Each line's exit code, output and errors are those of the client before."""
    for i, line in enumerate(lines):
        code, out, err = project(*line.split(" "), check=False)
        err = re.sub(r'time="[^"]*"', "", "\n".join(line for line in err.splitlines() if "has no effect" not in line))
        told = [re.sub(r"\b[0-9a-f]{64}\b", "ID", text.replace(project.folder, "FOLDER")).strip() for text in (out, err)]
        other = seen.setdefault((lines[0], i), (code, *told))
        assert other == (code, *told), (line, other, (code, *told))


@both
def test_config_with_its_options(project, seen={}):
    shutil.copy(f"{ROOT}/tests/e2e/compose_keys.yaml", f"{project.folder}/compose.yaml")
    for name in ("app.env", "b.env", "tok.txt", "ctx/Dockerfile", "sub/x"):
        project.file(name, "")
    project.environment.update({"TOKENV": "1", "HOME": "/root"})
    same(project, seen, ["config", "config --no-path-resolution", "config db", "config job", "config --format nope", "config --hash nosuch", "config --quiet"])
    project.write("""
name: ${PROJ}
services:
  a:
    image: ${IMG:-redis}:${TAG-latest}
    environment: {A: "${REQ:?needed}", B: $PLAIN, C: "$$LIT", D: "a <b> & c", E: 5}
    ports: ["${PORT:-8080}:80"]
    mem_limit: ${MEM:-64m}
    scale: ${N:-2}
    volumes: ["data:/data"]
    secrets: [s]
    networks: [n]
networks: {n: {internal: true, labels: {x: "y"}}, unused: }
volumes: {data: }
secrets: {s: {file: ./tok.txt}}
""")
    project.environment.update({"PROJ": "Pro J", "PLAIN": "p"})
    same(project, seen, ["config --no-interpolate", "config --no-interpolate --format json", "config --no-interpolate --no-normalize"])
    for line, name in ((["config", "--variables"], "variables"), (["config", "--images"], "images")):  # in any order
        if name == "images":
            project.environment["REQ"] = "r"
        shown = sorted(line for line in project(*line).splitlines() if not line.startswith("PROJ "))
        assert seen.setdefault(name, shown) == shown, (seen[name], shown)
    same(project, seen, ["config -q", "config --volumes", "config --no-normalize", "config --format json", "config --no-normalize --format json"])


@both
def test_mistakes_on_the_command_line(project, seen={}):
    project.write(TWO)
    same(project, seen, ["up -d --scale two", "up -d --scale two=x", "up -d --scale nosuch=2", "scale two=x", "scale nosuch=1", "up -d --pull sometimes", "up -d -t x", "stop --timeout=x",
                         "up --exit-code-from nosuch", "up -d --abort-on-container-exit", "up -d --wait --attach one", "up -d --always-recreate-deps --no-recreate", "run -P -p 1:1 two",
                         "ps --filter x", "ps --filter a=b", "images --format nope", "ls --format nope", "ls --filter x", "ls --filter a=b", "logs --index 2 one", "exec -T nosuch true",
                         "cp nosuch:/x .", "cp --index 2 one:/x .", "-p UPPER ps", "-p other down", "-p other ps -q"])
    assert project.engine.docker("ps", "-aq") == ""


@both
def test_tables_and_templates(project, seen={}):
    port = seen.setdefault("port", free_port())
    project.write(TWO.replace("  two:", f'    ports: ["{port}:80", "{port + 1}:81/udp"]\n    expose: ["90", "91"]\n  two:'))
    project("up", "-d")
    same(project, seen, ["ps --format {{.Name}}|{{.Ports}}|{{.LocalVolumes}}|{{.Networks}}", "ps --services",
                         "ps --services --status exited", "port one 80", "port --protocol udp one 81", "ls --format json", "pause two", "pause two", "unpause two", "unpause two"])
    code, out, err = project("ps", "--format", "table {{.Service}}\t{{.Ports}}", check=False)
    assert code == 0 and seen.setdefault("table", out) == out, (seen["table"], out, err)
    publishers = re.search(r'"Ports":"[^"]*".*"Publishers":(null|\[.*?\])', project("ps", "--format", "json", "one")).group(0)
    assert seen.setdefault("json", publishers) == publishers, (seen["json"], publishers)


@both
def test_what_run_leaves_is_an_orphan(project):
    project.write(TWO)
    docker = project.engine.docker
    made = project("run", "-d", "two").strip()
    assert project.engine.inspect(made, "Id") == made, "run -d prints the id"
    project("kill", "one")
    docker("stop", "-t", "0", made)
    assert project("rm", "-f").strip() == f"Going to remove {project.name('one')}"
    assert made in docker("ps", "-aq", "--no-trunc").split()
    project("down")
    assert docker("ps", "-aq", "--no-trunc").split() == [made]
    project("down", "--remove-orphans")
    assert docker("ps", "-aq") == ""


@both
def test_start_and_down_of_one_service(project):
    project.write(TWO)
    project("create")
    project("start", "two")
    assert project.running() == ["one", "two"], "what it depends on is started, too"
    project("down", "-v", "two")
    assert project.running() == ["one"] and "shop_data" in project.engine.docker("volume", "ls", "-q").split()
    project("down", "-v", "one")
    left = project.engine.docker("network", "ls", "--format", "{{.Name}}").split()
    assert "shop_default" not in left and "shop_data" not in project.engine.docker("volume", "ls", "-q").split(), left


@both
def test_attached_up_shows_this_run(project):
    project.write('services:\n  one: {image: redis, entrypoint: [sh, -c, "echo run of $$(cat /count 2>/dev/null); echo again >> /count"]}\n')
    first = project("up", "--no-color", "--no-log-prefix")
    assert first.count("run of") == 1 and "again" not in first and "Attaching to one-1" in first, first
    second = project("up", "--no-color", "--no-log-prefix")
    assert second.count("run of") == 1 and "run of again" in second, second


@both
def test_up_waits_and_sees_what_ends(project):
    project.write(f"services:\n  fine:\n    image: redis\n    {SLEEP}\n  ends: {{image: redis, entrypoint: [sh, -c, 'exit 3']}}\n")
    project("up", "-d", "--wait", "fine")
    # Who looks before it has ended has seen it run.
    until("it is told", lambda: re.search(r"container shop-ends-1 exited \(3\)", project("up", "-d", "--wait", "ends", check=False)[2]))
    until("it has failed", lambda: project("up", "-d", "--wait", "ends", check=False)[0] == 1)


@both
def test_a_project_by_its_name_alone(project):
    project.write(TWO)
    project("up", "-d")
    named = ("-p", "shop")
    assert project(*named, "ps", "--services", folder="/").split() == ["one", "two"]
    project.file("other/compose.yaml", "services: {else: {image: redis}}\n")
    elsewhere = f"{project.folder}/other"
    assert project(*named, "ps", "-q", "one", folder=elsewhere).split() == [project.id("one")]
    project(*named, "stop", "-t", "0", folder=elsewhere)
    assert project.running() == []
    project(*named, "start", folder=elsewhere)
    assert project.running() == ["one", "two"]
    project(*named, "down", "-v", "-t", "0", folder=elsewhere)
    assert project.engine.docker("ps", "-aq") == "" and "shop_data" not in project.engine.docker("volume", "ls", "-q").split()
    assert "shop_default" not in project.engine.docker("network", "ls")


@both
def test_owners_of_mounted_files_are_warned_of(project):
    project.file("tok.txt", "t\n")
    project.write(f"services:\n  one:\n    image: redis\n    {SLEEP}\n    secrets: [{{source: s, mode: 0400}}]\nsecrets: {{s: {{file: ./tok.txt}}}}\n")
    code, _, err = project("up", "-d", check=False)
    assert code == 0 and re.search(r'level=warning msg=".*(uid|gid).*mode', err), (code, err)


@both
def test_profiles_not_asked_for_are_left_alone(project):
    project.write(f"services:\n  always:\n    image: redis\n    {SLEEP}\n  tool:\n    image: redis\n    {SLEEP}\n    profiles: [tools]\n")
    project("--profile", "tools", "up", "-d")
    project("pause")
    assert project.inspect("always", "State.Status") == "paused" and project.inspect("tool", "State.Status") == "running"
    project("unpause")
    project("kill", "tool")
    until("it has ended", lambda: project.running() == ["always"])
    project("start", "tool")
    assert project.running() == ["always", "tool"], "a service that is named is enabled"
    project("down", "--remove-orphans")
    assert project.running() == ["tool"]
    project("--profile", "tools", "down")
    assert project.running() == [] and "shop_default" not in project.engine.docker("network", "ls")


@both
def test_builds_with_memory_and_more_names(project):
    project.file("Dockerfile", "FROM redis\nRUN echo made > /made\n")
    project.write('services:\n  made: {build: {context: ., tags: ["extra:1"]}}\n')
    project("build", "-q", "--memory", "100m", "made")
    names = lambda: project.engine.docker("images", "--format", "{{.Repository}}:{{.Tag}}").split()
    assert {"shop-made:latest", "extra:1"} <= set(names()), names()
    project("down", "--rmi", "local")
    assert "shop-made:latest" not in names() and "extra:1" in names(), names()
    project.engine.docker("rmi", "extra:1")


@both
def test_logs_leave_out_what_is_not_attached(project):
    project.write('services:\n  loud: {image: redis, entrypoint: [echo, loud]}\n  quiet: {image: redis, attach: false, entrypoint: [echo, hush]}\n')
    project("up", "-d")
    until("both have spoken", lambda: "loud" in project("logs", "loud") and "hush" in project("logs", "quiet"))
    assert "hush" not in project("logs") and "loud" in project("logs")


@with_compose("reigen")
def test_dry_run_says_so(project):
    project.write(TWO)
    code, out, err = project("--dry-run", "up", "-d", check=False)
    assert code == 0 and err and all(line.strip().startswith("DRY-RUN MODE - ") for line in err.splitlines()), err
    assert project.engine.docker("ps", "-aq") == ""
