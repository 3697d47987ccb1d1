"""Compose against a node's Docker endpoint: what is brought up, changed, looked at and taken down, with docker-compose 1.29, Compose v2 and `reigen compose`."""
import json, os, signal, urllib.request

from cluster import TODO, until
from compose_clients import SLEEP, TWO, each_compose, with_compose


def answer(url):
    with urllib.request.urlopen(url, timeout=20) as page:
        return page.read().decode()


def walk(project, *files):
    """The example's way through Compose, of its two files."""
    def compose(*words, **keywords):
        return project(*files, *words, folder=TODO, **keywords)

    def url(*words):
        return f"http://127.0.0.1:{compose('port', *words, 'todoApp', '3000').strip().split(':')[-1]}"

    def addresses():
        words = ("exec", f"todo{dash}todoApp{dash}1", "nslookup", "-type=a", "redis-slave")
        return {line.split()[-1] for line in engine.docker(*words).split("Non-authoritative")[-1].splitlines()[1:] if line.startswith("Address")} - {"127.0.0.11:53"}

    engine, dash = project.engine, "_" if project.old else "-"
    engine.docker("network", "create", "todoapp_network")
    compose("up", "-d")
    shown = compose("ps")
    assert "redis-master" in shown and f"todo{dash}todoApp{dash}1" in shown and "->3000/tcp" in shown, shown
    until("the page answers", lambda: "<html" in answer(url() + "/"), 10)
    until("an entry is kept", lambda: "milk" in answer(url() + "/insert/list/milk"), 10)
    until("the replica has it", lambda: "milk" in answer(url() + "/read/list"), 10)
    until("each has logged", lambda: all(text in compose("logs") for text in ("Ready to accept", "MASTER <-> REPLICA", "listens on port 3000")), 10)
    compose("scale", "todoApp=3")
    assert len({url(), url("--index=2"), url("--index=3")}) == 3
    until("the second answers", lambda: "milk" in answer(url("--index=2") + "/read/list"), 10)
    compose("up", "-d", "--scale", "redis-slave=2", "--scale", "todoApp=3")
    until("the name has two addresses", lambda: len(addresses()) == 2, 10)
    engine.docker("stop", "-t", "0", f"todo{dash}redis-slave{dash}1")
    until("a stopped one has left the name", lambda: len(addresses()) == 1, 10)
    until("the other one serves", lambda: "milk" in answer(url() + "/read/list"), 10)
    # `restart: always`: a container that dies comes back, with its port.
    before = engine.inspect(f"todo{dash}todoApp{dash}2", "State.Pid")
    os.kill(before, signal.SIGKILL)
    until("it is back", lambda: engine.inspect(f"todo{dash}todoApp{dash}2", "State.Pid") not in (0, before), 10)
    until("it serves again", lambda: "milk" in answer(url("--index=2") + "/read/list"), 10)
    assert engine.inspect(f"todo{dash}todoApp{dash}2", "RestartCount") == 1
    compose("down")
    assert engine.docker("ps", "-aq") == "" and "todoapp_network" in engine.docker("network", "ls")


@each_compose
def test_the_walk_with_the_file_of_version_2(project):
    walk(project, "-f", "docker-compose.yml")


@with_compose("v2", "reigen")
def test_the_walk_with_the_file_of_today(project):
    walk(project, "-f", "compose.yaml")


@each_compose
def test_up_makes_only_what_has_changed_anew(project):
    project.write(TWO)
    project("up", "-d")
    one, two = project.id("one"), project.id("two")
    network, = project.engine.docker("network", "ls", "-q", "--filter", "name=shop_default").split()
    scratch = [m["Name"] for m in project.inspect("one", "Mounts") if m["Destination"] == "/scratch"]
    project.engine.docker("exec", project.name("one"), "touch", "/kept/file", "/scratch/file")
    project("up", "-d")
    assert (project.id("one"), project.id("two")) == (one, two)
    project.write(TWO.replace("red}", "blue}"))
    project("up", "-d")
    assert project.id("one") != one
    assert "COLOUR=blue" in project.inspect("one", "Config.Env")
    assert project.engine.docker("exec", project.name("one"), "ls", "/kept", "/scratch").split() == ["/kept:", "file", "/scratch:", "file"]
    assert [m["Name"] for m in project.inspect("one", "Mounts") if m["Destination"] == "/scratch"] == scratch
    assert project.engine.docker("network", "ls", "-q", "--filter", "name=shop_default").split() == [network]
    if project.kind == "reigen":  # Docker's make what depends on it anew, too
        assert project.id("two") == two
    one, two = project.id("one"), project.id("two")
    project.write(TWO.replace("red}", "blue}").replace("depends_on", "labels: [changed=1]\n    depends_on"))
    project("up", "-d")
    assert project.id("two") != two and project.id("one") == one
    two = project.id("two")
    project("up", "-d", "--force-recreate", "--no-deps", "two")
    assert project.id("two") != two
    assert project.running() == ["one", "two"]
    # A service that is gone from the file is an orphan.
    project.write(TWO.split("  two:")[0] + "volumes:\n  data:\n")
    code, _, err = project("up", "-d", check=False)
    assert code == 0 and "orphan" in err, err
    project("up", "-d", "--remove-orphans")
    assert project.running() == ["one"]


@each_compose
def test_down_takes_what_it_is_told(project):
    project.write(TWO)
    project("up", "-d")
    project("down")
    docker = project.engine.docker
    assert docker("ps", "-aq") == "" and "shop_default" not in docker("network", "ls") and "shop_data" in docker("volume", "ls", "-q").split()
    project("up", "-d")
    project("down", "-v")
    assert "shop_data" not in docker("volume", "ls", "-q").split()


@each_compose
def test_images_are_built_and_go_with_down(project):
    project.write(f"""
services:
  made:
    build: {{context: ctx, args: {{WHO: reigen}}}}
    {SLEEP}
  named:
    image: named:v3
    build: {{context: ctx, dockerfile: other.Dockerfile, target: first, labels: {{x: "y"}}}}
    {SLEEP}
""")
    project.file("ctx/Dockerfile", "FROM redis\nARG WHO=nobody\nRUN echo $WHO > /who\nCOPY file /file\n")
    project.file("ctx/other.Dockerfile", "FROM redis AS first\nRUN echo first > /which\nFROM redis\nRUN echo second > /which\n")
    project.file("ctx/file", "content\n")
    project("build")
    project("up", "-d")
    docker = project.engine.docker
    assert docker("exec", project.name("made"), "cat", "/who", "/file") == "reigen\ncontent\n"
    assert docker("exec", project.name("named"), "cat", "/which") == "first\n"
    assert json.loads(docker("image", "inspect", "named:v3"))[0]["Config"]["Labels"]["x"] == "y"
    assert "named" in project("images") and len(project("images", "-q").split()) == 2
    image = project.inspect("made", "Image")
    project.file("ctx/file", "changed\n")
    project("up", "-d", "--build")
    assert project.inspect("made", "Image") != image and docker("exec", project.name("made"), "cat", "/file") == "changed\n"
    project("down", "--rmi", "local")
    left = docker("images", "--format", "{{.Repository}}:{{.Tag}}").split()
    assert "named:v3" in left and not any(name.startswith("shop") for name in left), left
    project("up", "-d")
    project("down", "--rmi", "all")
    assert "named:v3" not in docker("images", "--format", "{{.Repository}}:{{.Tag}}").split()


@each_compose
def test_pull_and_push_with_a_login(project):
    from test_images import PASSWORD, USER, the_registry
    registry = the_registry()
    project.engine.docker("login", "-u", USER, "--password-stdin", registry.host, input=PASSWORD)
    project.write(f"services:\n  one: {{image: '{registry.host}/tiny:v1', stop_grace_period: 0s}}\n  new: {{image: '{registry.host}/mine-{project.kind.lower()}:v1', build: .}}\n")
    project.file("Dockerfile", f"FROM {registry.host}/tiny:v1\nLABEL made=here\n")
    project("pull", "one")
    assert f"{registry.host}/tiny" in project.engine.docker("images", "--format", "{{.Repository}}").split()
    project("up", "-d", "one")
    until("it has spoken", lambda: "amd64" in project("logs", "one"), 5)
    project("down", "--rmi", "all")
    project("up", "-d", "one")  # a missing image is pulled
    assert project.running() == ["one"]
    project("down", "--rmi", "all")
    project("build", "new")
    project("push", "new")
    project.engine.docker("rmi", f"{registry.host}/mine-{project.kind.lower()}:v1")
    project("pull", "new")
    code, _, err = project("run", "--rm", "absent", check=False)
    assert code == 1 and "no such service: absent" in err.lower(), err
