"""What is `reigen compose`'s own, and where it is held against Compose v2's words: the printed configuration, what cannot be honoured, progress, smaller commands."""
import difflib, re, shutil

from cluster import ROOT, until
from compose_clients import SLEEP, TWO, each_compose, with_compose
from terminal import Terminal


@with_compose("reigen", "v2")
def test_config_prints_the_same(project, seen={}):
    shutil.copy(f"{ROOT}/tests/e2e/compose_keys.yaml", f"{project.folder}/compose.yaml")
    for name in ("app.env", "b.env", "tok.txt", "ctx/Dockerfile", "sub/x"):
        project.file(name, "")
    project.environment.update({"TOKENV": "1", "HOME": "/root"})
    for words in ((), ("--services",), ("--volumes",), ("--profiles",), ("--no-path-resolution",), ("web",)):
        shown = project("config", *words).replace(project.folder, "FOLDER")
        other = seen.setdefault(words, shown)
        assert other == shown, (words, *difflib.unified_diff(other.splitlines(), shown.splitlines(), n=1))
    code, _, err = project("-f", "missing.yaml", "config", check=False)
    assert code == 14 and "missing.yaml" in err, (code, err)


@with_compose("reigen")
def test_what_cannot_be_honoured_is_named(project):
    def up(text):
        project.write(f"services:\n  one:\n    image: redis\n    {SLEEP}\n{text}")
        code, _, err = project("up", "-d", check=False)
        return code, err

    for key, text in (("services.one.develop", "    develop: {watch: [{path: ., action: rebuild}]}\n"), ("services.one.deploy.placement", "    deploy: {placement: {constraints: [a==b]}}\n"),
                      ("services.one.deploy.update_config", "    deploy: {update_config: {parallelism: 1}}\n")):
        code, err = up(text)
        assert code == 0 and f"{key} has no effect" in err and "compose.yaml:" in err, (code, err)
    for key, text in (("credential_spec", "    credential_spec: {file: x.json}\n"), ("provider", "    provider: {type: x}\n"), ("external secret s", "    secrets: [s]\nsecrets:\n  s: {external: true}\n"),
                      ("cluster", "    volumes: [{type: cluster, source: a, target: /b}]\n")):
        project("down", "-t", "0")
        code, err = up(text)
        assert code != 0 and key in err, (key, code, err)
        assert project.running() == [], key
    project("down", "-t", "0")
    code, err = up("    enviroment: {A: b}\n")
    assert code == 15 and re.search(r'compose.yaml:\d+: services.one: additional property "enviroment" is not allowed \(did you mean "environment"\?\)', err), (code, err)
    # An engine's own refusal is told, with the container's name.
    code, err = up("    logging: {driver: nosuch}\n")
    assert code == 1 and "nosuch" in err, (code, err)


@with_compose("reigen", "v2")
def test_progress_is_shown_for_each_service(project):
    project.write(TWO)
    code, out, err = project("up", "-d", "--scale", "two=2", check=False)
    assert code == 0 and out == "", (code, out)
    for name in (project.name("one"), project.name("two"), project.name("two", 2)):
        for action in ("Creating", "Created", "Starting", "Started"):
            assert re.search(rf"Container {name} +{action}", err), (name, action, err)
    assert re.search(r"Network shop_default +Created", err) and re.search(r'Volume "?shop_data"? +Created', err), err
    assert project("--progress", "quiet", "stop", "-t", "0", check=False) == (0, "", "")
    terminal = Terminal([*project.command, "-f", f"{project.folder}/compose.yaml", "up", "-d"], env={**project.env(), "TERM": "xterm"})
    code = terminal.end()
    assert code == 0 and "\x1b[" in terminal.text and "Started" in terminal.text, terminal.text
    project("down", "-v")


@each_compose
def test_create_pause_and_scale_down(project):
    project.write(TWO)
    project("create")
    assert project.inspect("one", "State.Status") == project.inspect("two", "State.Status") == "created"
    project("up", "-d", "--scale", "two=3", "--no-recreate")
    assert project.running() == ["one", "two", "two", "two"]
    project("up", "-d", "--scale", "two=1")
    assert project.running() == ["one", "two"] and project.id("two")


@with_compose("v2", "reigen")
def test_smaller_commands(project):
    project.write(TWO + "\n")
    project("up", "-d", "--wait")
    assert re.search(r"^shop +running\(2\) +\S*/shop/compose.yaml$", project("ls"), re.M), project("ls")
    project.file("sent", "content\n")
    project("cp", "sent", "one:/tmp/there")
    project("cp", "one:/tmp/there", "back")
    assert open(f"{project.folder}/back").read() == "content\n"
    waiting = project.popen("wait", "two")
    until("it waits", lambda: waiting.poll() is None, 1)
    project.engine.docker("exec", project.name("two"), "kill", "-9", "1", check=False)
    project("kill", "two")
    out, _ = waiting.communicate(timeout=90)
    assert "137" in out and waiting.returncode == 137, (out, waiting.returncode)
    assert project("ps", "-a", "--format", "{{.Service}} {{.State}} {{.ExitCode}}", "--status", "exited").strip() == "two exited 137"
    assert project("ps", "--format", "json").count('"Service":"one"') == 1
    assert project("version", "--short").strip()
