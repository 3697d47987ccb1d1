"""What Compose files may hold, and where they come from, with docker-compose 1.29, Compose v2 and `reigen compose`."""
import json, os

from cluster import until
from compose_clients import SLEEP, each_compose

REDIS = f"image: redis\n    {SLEEP}"


def env_of(project, service):
    return dict(line.split("=", 1) for line in project.inspect(service, "Config.Env"))


@each_compose
def test_several_files_and_extends(project):
    project.file("docker-compose.yml", f"""
services:
  web:
    extends: {{file: base/common.yml, service: base}}
    environment: {{WHERE: first, ONLY: here}}
    labels: [one=1]
""")
    project.file("base/common.yml", f"services:\n  base:\n    {REDIS}\n    env_file: [common.env]\n    environment: {{FROM: base, WHERE: base}}\n    volumes: ['./data:/data:ro']\n")
    project.file("base/common.env", "FILE=common\nFROM=file\n")
    project.file("base/data/file", "content\n")
    project.file("docker-compose.override.yml", "services:\n  web:\n    environment: {WHERE: override}\n    labels: [two=2]\n")
    project.file("third.yml", f"services:\n  web:\n    environment: [WHERE=third]\n  more:\n    {REDIS}\n")
    project("up", "-d")
    env = env_of(project, "web")
    assert {key: env[key] for key in ("WHERE", "ONLY", "FROM", "FILE")} == {"WHERE": "override", "ONLY": "here", "FROM": "base", "FILE": "common"}, env
    labels = project.inspect("web", "Config.Labels")
    assert labels["one"] == "1" and labels["two"] == "2"
    assert project.engine.docker("exec", project.name("web"), "cat", "/data/file") == "content\n"
    assert project.running() == ["web"]
    project("-f", "docker-compose.yml", "-f", "third.yml", "up", "-d")
    assert env_of(project, "web")["WHERE"] == "third" and project.running() == ["more", "web"]
    assert sorted(project("-f", "docker-compose.yml", "-f", "third.yml", "config", "--services").split()) == ["more", "web"]
    project.environment["COMPOSE_FILE"] = "docker-compose.yml:third.yml"
    project("stop", "-t", "0", "more")
    assert project.running() == ["web"]


@each_compose
def test_variables_and_env_files(project):
    project.write(f"""
services:
  one:
    image: ${{IMAGE:-redis}}
    entrypoint: ["sleep", "1000"]
    stop_grace_period: 0s
    env_file: [a.env, b.env]
    environment:
      SHELL_WINS: "${{FROM_SHELL}}"
      FILE: "${{FROM_FILE}}"
      DEFAULT: "${{EMPTY:-default}}"
      UNSET: "${{EMPTY-unset}}"
      DOLLAR: "$$HOME"
      PASSED:
      GIVEN: plain
""")
    project.file(".env", "FROM_FILE=dotenv\nFROM_SHELL=dotenv\nEMPTY=\n")
    project.file("a.env", "# a comment\nA=1\nBOTH=a\nGIVEN=file\n")
    project.file("b.env", "BOTH=b\nQUOTED='with space'\n")
    project.environment.update({"FROM_SHELL": "shell", "PASSED": "through"})
    project("up", "-d")
    env = env_of(project, "one")
    expected = {"SHELL_WINS": "shell", "FILE": "dotenv", "DEFAULT": "default", "UNSET": "", "DOLLAR": "$HOME", "PASSED": "through", "GIVEN": "plain", "A": "1", "BOTH": "b",
                "QUOTED": "with space"}
    assert {key: env.get(key) for key in expected} == expected, env
    project.file("other.env", "FROM_FILE=other\n")
    project("--env-file", "other.env", "up", "-d")
    assert env_of(project, "one")["FILE"] == "other"
    project.write("services:\n  one: {image: '${MISSING:?give it}'}\n")
    code, _, err = project("config", check=False)
    assert code != 0 and "give it" in err, (code, err)


@each_compose
def test_profiles(project):
    project.write(f"""
services:
  always:
    {REDIS}
  debug:
    {REDIS}
    profiles: [debug]
  tool:
    {REDIS}
    profiles: [tools]
""")
    project("up", "-d")
    assert project.running() == ["always"]
    project("--profile", "debug", "up", "-d")
    assert project.running() == ["always", "debug"]
    assert project("run", "--rm", "-T", "--entrypoint", "echo", "tool", "ran") == "ran\n"
    project.environment["COMPOSE_PROFILES"] = "debug,tools"
    project("up", "-d")
    assert project.running() == ["always", "debug", "tool"]
    project("down")
    assert project.running() == []


@each_compose
def test_secrets_and_configs_from_files(project):
    configs = "" if project.old else "\n    configs: [{source: conf, target: /etc/app.conf}]"  # 1.29 has them for a swarm only
    project.write(f"""
services:
  one:
    {REDIS}
    secrets: [token, {{source: token, target: other}}]{configs}
secrets:
  token: {{file: ./token.txt}}
""" + ("" if project.old else "configs:\n  conf: {file: ./app.conf}\n"))
    project.file("token.txt", "geheim\n")
    project.file("app.conf", "x = 1\n")
    project("up", "-d")
    cat = project.engine.docker("exec", project.name("one"), "cat", "/run/secrets/token", "/run/secrets/other", *([] if project.old else ["/etc/app.conf"]))
    assert cat == "geheim\ngeheim\n" + ("" if project.old else "x = 1\n"), cat
    code, _, err = project.engine.docker("exec", project.name("one"), "sh", "-c", "echo > /run/secrets/token", check=False)
    assert code != 0 and "ead-only" in err, (code, err)


@each_compose
def test_config_and_mistakes(project):
    project.write(f"services:\n  one:\n    {REDIS}\n    ports: ['8080:80']\n    environment: [A=1]\n")
    shown = project("config")
    assert "sleep" in shown and "80" in shown and "A: '1'" in shown.replace('"', "'"), shown
    assert project("config", "--quiet") == "" and project("config", "--services") == "one\n"
    for text, said in (("services:\n  one: {image: redis, enviroment: {A: 1}}\n", "enviroment"),
                       ("services:\n  one: {image: redis, depends_on: [two]}\n", "two"),
                       ("services:\n  one: {image: redis, ports: {a: 1}}\n", "ports"),
                       ("services:\n  one: {image: redis, volumes: ['data:/d']}\n", "data"),
                       ("services:\n  one: {image: redis, networks: [nowhere]}\n", "nowhere"),
                       ("services: [\n", "line"),
                       ("services:\n  a: {image: redis, depends_on: [b]}\n  b: {image: redis, depends_on: [a]}\n", "a")):
        project.write(text)
        code, _, err = project("up", "-d", check=False)
        assert code != 0 and said in err, (text, code, err)
    assert project.engine.docker("ps", "-aq") == ""
    os.remove(f"{project.folder}/compose.yaml")
    code, _, err = project("up", check=False)
    assert code != 0 and ("no configuration file provided" in err or "find a suitable configuration file" in err), err


@each_compose
def test_networks_volumes_and_names(project):
    project.engine.docker("network", "create", "outer")
    project.engine.docker("volume", "create", "kept")
    project.write(f"""
services:
  web:
    {REDIS}
    networks: {{front: {{aliases: [www], ipv4_address: 10.211.7.9}}, back: }}
    hostname: web-host
    extra_hosts: ["known:10.9.8.7"]
  db:
    {REDIS}
    networks: [back]
    volumes: ["kept:/kept", "own:/own", "./here:/here", {{type: tmpfs, target: /scratch}}]
  lone:
    {REDIS}
    network_mode: none
  shared:
    {REDIS}
    network_mode: "service:web"
  out:
    {REDIS}
    networks: [outer]
networks:
  front: {{ipam: {{config: [{{subnet: 10.211.7.0/24}}]}}}}
  back: {{internal: true, labels: {{tier: back}}}}
  outer: {{external: true}}
volumes:
  kept: {{external: true}}
  own: {{labels: {{mine: "yes"}}}}
""")
    docker = project.engine.docker
    project("up", "-d")
    web = project.inspect("web", "NetworkSettings.Networks")
    assert web["shop_front"]["IPAddress"] == "10.211.7.9" and {"shop_front", "shop_back"} == set(web), web
    assert json.loads(docker("network", "inspect", "shop_back"))[0]["Internal"] is True
    until("a service's name is known", lambda: docker("exec", project.name("db"), "ping", "-c", "1", "-w", "5", "web", check=False)[0] == 0, 10)
    code, _, _ = docker("exec", project.name("out"), "nslookup", "web", check=False)
    assert code != 0
    assert "10.9.8.7" in docker("exec", project.name("web"), "cat", "/etc/hosts") and docker("exec", project.name("web"), "hostname") == "web-host\n"
    assert docker("exec", project.name("shared"), "hostname") == "web-host\n"
    assert docker("exec", project.name("lone"), "ls", "/sys/class/net").split() == ["lo"]
    docker("exec", project.name("db"), "touch", "/kept/f", "/own/f", "/here/f", "/scratch/f")
    assert os.path.exists(f"{project.folder}/here/f")
    project("down", "-v")
    assert "kept" in docker("volume", "ls", "-q").split() and "shop_own" not in docker("volume", "ls", "-q").split()
    left = docker("network", "ls", "--format", "{{.Name}}").split()
    assert "outer" in left and not any(name.startswith("shop") for name in left), left
    docker("network", "rm", "outer")


@each_compose
def test_limits_and_the_rest_reach_the_container(project):
    project.write(f"""
services:
  one:
    {REDIS}
    cap_add: [NET_ADMIN]
    cap_drop: [MKNOD]
    user: "1000:1000"
    working_dir: /tmp
    read_only: true
    tmpfs: [/run]
    init: true
    mem_limit: 64m
    cpus: 0.5
    pids_limit: 50
    shm_size: 16m
    ulimits: {{nofile: {{soft: 1000, hard: 2000}}}}
    sysctls: {{net.core.somaxconn: 99}}
    stop_signal: SIGINT
    dns: [9.9.9.9]
    dns_search: [example.org]
    group_add: ["2000"]
    privileged: false
    security_opt: [no-new-privileges]
    logging: {{driver: json-file, options: {{max-size: 1m}}}}
    restart: on-failure:3
    oom_score_adj: 100
    expose: ["9000"]
    healthcheck: {{test: "true", interval: 1s}}
    tty: true
    stdin_open: true
    domainname: example.org
    labels: {{org.example.x: "1"}}
""")
    project("up", "-d")
    all_of = json.loads(project.engine.docker("inspect", project.name("one")))[0]
    host, config = all_of["HostConfig"], all_of["Config"]
    expected = {"CapAdd": ["NET_ADMIN"], "CapDrop": ["MKNOD"], "ReadonlyRootfs": True, "Init": True, "Memory": 64 << 20, "NanoCpus": 500_000_000, "PidsLimit": 50,
                "ShmSize": 16 << 20, "Dns": ["9.9.9.9"], "DnsSearch": ["example.org"], "GroupAdd": ["2000"], "OomScoreAdj": 100,
                "LogConfig": {"Type": "json-file", "Config": {"max-size": "1m"}}, "RestartPolicy": {"Name": "on-failure", "MaximumRetryCount": 3},
                "Sysctls": {"net.core.somaxconn": "99"}, "Ulimits": [{"Name": "nofile", "Hard": 2000, "Soft": 1000}]}
    shown = {key: [c.removeprefix("CAP_") for c in host[key]] if key.startswith("Cap") else host[key] for key in expected}
    assert shown == expected, shown
    assert (config["User"], config["WorkingDir"], config["StopSignal"], config["Tty"], config["OpenStdin"], config["Domainname"]) == ("1000:1000", "/tmp", "SIGINT", True, True, "example.org")
    assert "9000/tcp" in all_of["NetworkSettings"]["Ports"] and config["Labels"]["org.example.x"] == "1", all_of
    assert config["Healthcheck"]["Test"] == ["CMD-SHELL", "true"], config
    docker = project.engine.docker
    assert docker("exec", project.name("one"), "sh", "-c", "id -u; ulimit -n; cat /proc/sys/net/core/somaxconn").split() == ["1000", "1000", "99"]
    until("it is healthy", lambda: project.inspect("one", "State.Health.Status") == "healthy", 10)
