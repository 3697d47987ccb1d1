#include "compose/project.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "base/files.h"
#include "compose/config_view.h"
#include "compose/container_request.h"
#include "compose/labels.h"

namespace reigen::compose {
namespace {

class Files : public ::testing::Test {
 protected:
  void SetUp() override { root_ = make_temporary_directory("/tmp", "compose-test-").value() + "/app"; }
  void TearDown() override { (void)remove_tree(root_.substr(0, root_.rfind('/'))); }
  void write(const std::string& name, std::string_view text) {
    std::string path = root_ + "/" + name;
    (void)make_directories(path.substr(0, path.rfind('/')));
    ASSERT_TRUE(write_file(path, text));
  }
  ProjectOptions options(std::vector<std::string> files = {"compose.yaml"}) const {
    ProjectOptions options;
    for (const auto& file : files) options.files.push_back(root_ + "/" + file);
    return options;
  }
  std::string replace(std::string text) const {
    for (size_t at; (at = text.find(root_)) != std::string::npos;) text.replace(at, root_.size(), "@");
    return text;
  }
  std::string config(ProjectOptions given, const Environment& environment = {}) const {
    auto project = open_project(given, environment);
    if (!project) return replace(project.error().message());
    Value tree = project->tree;
    for (const auto& [name, service] : project->disabled) tree.find("services")->erase(name);
    return replace(write_yaml(config_tree(tree, true)));
  }
  std::string config(std::string_view text, const Environment& environment = {}) {
    write("compose.yaml", text);
    return config(options(), environment);
  }
  using Value = api::Value;
  std::string root_;
};

constexpr std::string_view kLongFormsPrinted = R"(name: app
services:
  db:
    image: redis
    networks:
      default: null
  web:
    build:
      context: @
      dockerfile: Dockerfile
    cpus: 0.5
    command:
      - echo
      - a b
      - $$HOME
    depends_on:
      db:
        condition: service_started
        required: true
    environment:
      A: "1"
      B: "yes"
      C: ""
    extra_hosts:
      - a=1.2.3.4
    healthcheck:
      test:
        - CMD-SHELL
        - curl -f x
      interval: 10s
    image: nginx
    labels:
      x: "true"
    mem_limit: "104857600"
    networks:
      default: null
    ports:
      - mode: ingress
        target: 80
        protocol: tcp
      - mode: ingress
        host_ip: 127.0.0.1
        target: 90
        published: "9000"
        protocol: tcp
      - mode: ingress
        host_ip: 127.0.0.1
        target: 91
        published: "9001"
        protocol: tcp
    secrets:
      - source: s1
        target: /run/secrets/s1
    stop_grace_period: 1m30s
    tmpfs:
      - /run
    ulimits:
      nofile:
        soft: 1
        hard: 2
      nproc: 65535
    volumes:
      - type: volume
        source: data
        target: /data
        volume: {}
      - type: bind
        source: @/x
        target: /x
        read_only: true
        bind:
          create_host_path: true
      - type: volume
        target: /anon
        volume: {}
networks:
  default:
    name: app_default
volumes:
  data:
    name: app_data
secrets:
  s1:
    name: app_s1
    file: @/s1
)";

constexpr std::string_view kLongFormsWritten = R"(
services:
  web:
    image: nginx
    build: .
    command: echo "a b" $$HOME
    environment: [A=1, B, C=]
    ports: ["80", "127.0.0.1:9000-9001:90-91"]
    volumes: [data:/data, ./x:/x:ro, /anon]
    depends_on: [db]
    mem_limit: 100m
    cpus: "0.5"
    stop_grace_period: 90s
    ulimits: {nproc: 65535, nofile: {soft: 1, hard: 2}}
    secrets: [s1]
    healthcheck: {test: curl -f x, interval: 10s}
    extra_hosts: ["a:1.2.3.4"]
    labels: {x: true}
    tmpfs: /run
  db: {image: redis}
volumes: {data: }
secrets: {s1: {file: ./s1}}
)";

TEST_F(Files, LongFormsAsComposeV2PrintsThem) { EXPECT_EQ(config(kLongFormsWritten, {{"B", "yes"}}), kLongFormsPrinted); }

TEST_F(Files, UnknownKeysAndWrongShapesHaveFileAndLine) {
  EXPECT_EQ(config("services:\n  web:\n    image: x\n    enviroment: {}\n"),
            "@/compose.yaml:4: services.web: additional property \"enviroment\" is not allowed (did you mean \"environment\"?)");
  EXPECT_EQ(config("services:\n  web:\n    image: x\n    ports: 80\n"), "@/compose.yaml:4: services.web.ports must be a list");
  EXPECT_EQ(config("services:\n  web:\n    image: [x]\n"), "@/compose.yaml:3: services.web.image must be a string");
  EXPECT_EQ(config("services:\n  web:\n    image: x\n    privileged: maybe\n"), "@/compose.yaml:4: services.web.privileged \"maybe\" is no boolean");
  EXPECT_EQ(config("services:\n  web:\n    image: x\n    image: y\n"), "parsing @/compose.yaml: line 4: key \"image\" already set in map");
  EXPECT_EQ(config("services:\n  web:\n    image: ${X?need it}\n"), "@/compose.yaml:3: services.web.image: required variable X is missing a value: need it");
  EXPECT_EQ(config("services:\n  web: {}\n"), "service \"web\" has neither an image nor a build context specified: invalid compose project");
  EXPECT_EQ(config("services:\n  a: {image: x, depends_on: [b]}\n  b: {image: x, depends_on: [a]}\n"), "dependency cycle detected: a -> b -> a");
  EXPECT_EQ(config("services:\n  a: {image: x, networks: [n]}\n"), "service \"a\" refers to undefined network n: invalid compose project");
}

TEST_F(Files, TellsWhatIsNotHonoured) {
  write("compose.yaml", "services:\n  web:\n    image: x\n    deploy:\n      placement: {constraints: [a==b]}\n    credential_spec: {file: x}\n");
  auto project = open_project(options(), {});
  ASSERT_TRUE(project) << project.error().message();
  ASSERT_EQ(project->findings.size(), 2u);
  EXPECT_EQ(replace(project->findings[0].text), "@/compose.yaml:5: services.web.deploy.placement has no effect: it is for a swarm");
  EXPECT_EQ(project->findings[1].treatment, Treatment::kRefused);
  EXPECT_EQ(project->findings[1].service, "web");
}

constexpr std::string_view kLaidOver = R"(name: app
services:
  web:
    command:
      - two
      - three
    environment:
      A: "1"
      B: "3"
      C: "4"
    expose:
      - "1"
      - "2"
    healthcheck:
      test:
        - CMD
        - "y"
      retries: 3
    image: b
    logging:
      driver: local
    networks:
      default: null
    ports:
      - mode: ingress
        target: 82
        published: "82"
        protocol: tcp
    volumes:
      - type: bind
        source: @/z
        target: /x
        bind:
          create_host_path: true
      - type: bind
        source: @/y
        target: /y
        bind:
          create_host_path: true
networks:
  default:
    name: app_default
)";

TEST_F(Files, SeveralFilesAreLaidOverOneAnother) {
  write("compose.yaml", R"(
services:
  web:
    image: a
    command: [one]
    environment: {A: 1, B: 2}
    ports: ["80:80", "81:81"]
    volumes: [./x:/x, ./y:/y]
    dns: [1.1.1.1]
    expose: ["1"]
    logging: {driver: json-file, options: {max-size: 1m}}
    healthcheck: {test: [CMD, x], retries: 3}
  gone: {image: g}
)");
  write("over.yaml", R"(
services:
  web:
    image: b
    command: [two, three]
    environment: [B=3, C=4]
    ports: !override ["82:82"]
    volumes: [./z:/x]
    dns: !reset null
    expose: ["2", "1"]
    logging: {driver: local}
    healthcheck: {test: [CMD, y]}
  gone: !reset
)");
  EXPECT_EQ(config(options({"compose.yaml", "over.yaml"})), kLaidOver);
}

TEST_F(Files, ExtendsAndIncludes) {
  write("base/common.yaml",
        "services:\n  base:\n    image: base\n    environment: {A: 1}\n    volumes: [./data:/data]\n    env_file: e.env\n  deeper:\n    extends: base\n    "
        "labels: {l: m}\n");
  write("base/e.env", "FROM=file\nA=file\n");
  write("inc/compose.yaml", "services:\n  cache:\n    image: ${CACHE}\n    volumes: [./c:/c]\nvolumes: {v: {}}\n");
  write("inc/.env", "CACHE=redis\n");
  write("compose.yaml",
        "include: [inc/compose.yaml]\nservices:\n  web:\n    extends: {file: base/common.yaml, service: deeper}\n    environment: {B: 2}\n    depends_on: "
        "[cache]\n");
  EXPECT_EQ(config(options()), R"(name: app
services:
  cache:
    image: redis
    networks:
      default: null
    volumes:
      - type: bind
        source: @/inc/c
        target: /c
        bind:
          create_host_path: true
  web:
    depends_on:
      cache:
        condition: service_started
        required: true
    environment:
      A: "1"
      B: "2"
      FROM: file
    image: base
    labels:
      l: m
    networks:
      default: null
    volumes:
      - type: bind
        source: @/base/data
        target: /data
        bind:
          create_host_path: true
networks:
  default:
    name: app_default
volumes:
  v:
    name: app_v
)");
  write("compose.yaml", "services:\n  a: {extends: b, image: x}\n  b: {extends: a}\n");
  EXPECT_EQ(config(options()), "circular reference: @/compose.yaml:a extends itself");
  write("compose.yaml", "include: [compose.yaml]\nservices: {}\n");
  EXPECT_EQ(config(options()), "include cycle detected: @/compose.yaml");
}

TEST_F(Files, NamesAndProfiles) {
  write("compose.yaml", "name: Named\nservices: {a: {image: x, profiles: [p]}, b: {image: x}}\n");
  EXPECT_TRUE(config(options()).starts_with("name: named\n"));
  write("compose.yaml", "name: named\nservices: {a: {image: x, profiles: [p]}, b: {image: x, container_name: \"${COMPOSE_PROJECT_NAME}\"}}\n");
  auto project = open_project(options(), {});
  ASSERT_TRUE(project);
  EXPECT_EQ(project->name, "named");
  EXPECT_EQ(project->services.size(), 1u);
  EXPECT_EQ(project->services.at("b").container_name, "named");
  auto given = options();
  given.profiles = {"p"};
  given.name = "other";
  project = open_project(given, {{"COMPOSE_PROJECT_NAME", "third"}});
  EXPECT_EQ(project->name, "other");
  EXPECT_EQ(project->services.size(), 2u);
  EXPECT_EQ(open_project(options(), {{"COMPOSE_PROFILES", "p"}})->services.size(), 2u);
  given = options();
  given.services = {"a"};
  EXPECT_EQ(open_project(given, {})->services.size(), 2u);
  EXPECT_EQ(normal_name("My_App.1-x"), "my_app1-x");
}

TEST_F(Files, TheFirstVersionToo) {
  EXPECT_EQ(config("web:\n  build: ./w\n  dockerfile: D\n  links: [db]\n  log_driver: syslog\n  volumes: [data:/d]\ndb:\n  image: x\n  net: host\n"),
            R"(name: app
services:
  db:
    image: x
    network_mode: host
  web:
    build:
      context: @/w
      dockerfile: D
    depends_on:
      db:
        condition: service_started
        restart: true
        required: true
    links:
      - db
    logging:
      driver: syslog
    network_mode: bridge
    volumes:
      - type: volume
        source: data
        target: /d
        volume: {}
volumes:
  data:
    name: data
)");
}

TEST_F(Files, PortsAreBounded) {
  EXPECT_EQ(config("services:\n  a: {image: x, ports: ['1-20000', '1-20000/udp']}\n"),
            "@/compose.yaml:2: services.a: ports: more than 32768 ports in one file");
  EXPECT_EQ(config("services:\n  a: {image: x, ports: [1-20000]}\n  b: {image: x, ports: [1-20000]}\n"),
            "@/compose.yaml:3: services.b: ports: more than 32768 ports in one file");
  std::string text = "services:\n  a: {image: x, ports: [1-20000]}\n";
  for (char name : {'b', 'c'}) text += fmt::format("  {}: {{extends: {{service: a}}}}\n", name);
  EXPECT_EQ(config(text), "@/compose.yaml:4: services that extend others have more than 32768 ports");
  write("compose.yaml", "services:\n  a: {image: x, expose: ['1-20000', '1-20000/udp']}\n");
  auto project = open_project(options(), {});
  ASSERT_TRUE(project) << project.error().message();
  auto request = make_container_request(*project, project->services.at("a"), {});
  ASSERT_FALSE(request);
  EXPECT_EQ(request.error().message(), "services.a.expose: more than 32768 ports");
}

TEST_F(Files, HashesChangeWithWhatMatters) {
  auto hash = [&](std::string_view text, const Environment& environment = {}) {
    write("compose.yaml", text);
    auto project = open_project(options(), environment);
    return project ? service_hash(*project, project->services.at("w")) : project.error().message();
  };
  std::string base = hash("services: {w: {image: a, environment: {A: 1}}}");
  EXPECT_EQ(base, hash("services: {w: {environment: [A=1], image: a, scale: 3, pull_policy: always}}"));
  EXPECT_NE(base, hash("services: {w: {image: a, environment: {A: 2}}}"));
  EXPECT_NE(base, hash("services: {w: {image: b, environment: {A: 1}}}"));
  std::string_view with_config = "services: {w: {image: a, configs: [c]}}\nconfigs: {c: {environment: C}}";
  EXPECT_NE(hash(with_config, {{"C", "1"}}), hash(with_config, {{"C", "2"}}));
}

TEST_F(Files, RequestsHaveWhatTheServiceSays) {
  write("s1", "x");
  write("compose.yaml", R"(
services:
  web:
    image: nginx
    command: [a]
    hostname: h
    ports: ["127.0.0.1:8080:80", "53/udp"]
    expose: [90-91]
    volumes: [data:/data:ro, ./x:/x, /anon, {type: tmpfs, target: /t, tmpfs: {size: 10m}}, {type: bind, source: ./y, target: /y, bind: {propagation: rslave}}]
    networks: {front: {aliases: [w], ipv4_address: 10.5.0.3}, back: {priority: 10}}
    restart: on-failure:3
    healthcheck: {test: [NONE]}
    deploy: {resources: {limits: {cpus: '0.5', memory: 50M, pids: 7}}}
    ulimits: {nofile: 10}
    secrets: [s1]
    configs: [{source: c1, target: /etc/c, mode: 0440, uid: "5"}]
    stop_grace_period: 3s
    pid: "service:db"
    links: ["db:base"]
    extra_hosts: {a: 1.2.3.4}
    devices: [/dev/null:/dev/x]
    mac_address: 02:42:ac:11:65:43
  db: {image: redis}
networks: {front: {ipam: {config: [{subnet: 10.5.0.0/16}]}}, back: {internal: true}}
volumes: {data: {driver_opts: {type: tmpfs}}}
secrets: {s1: {file: ./s1}}
configs: {c1: {content: "hello"}}
)");
  auto project = open_project(options(), {});
  ASSERT_TRUE(project) << project.error().message();
  RequestFacts facts{.name = "app-web-1", .containers = {{"db", "id-db"}}, .link_names = {{"db", {"app-db-1"}}}, .api_minor = 41};
  auto request = make_container_request(*project, project->services.at("web"), facts);
  ASSERT_TRUE(request) << request.error().message();
  request->body.erase("Labels");
  EXPECT_EQ(
      replace(api::to_json(request->body, {.sorted = true, .escape_html = false})),
      R"({"AttachStderr":true,"AttachStdout":true,"Cmd":["a"],"Env":[],"ExposedPorts":{"53/udp":{},"80/tcp":{},"90/tcp":{},"91/tcp":{}},)"
      R"("Healthcheck":{"Test":["NONE"]},"HostConfig":{"Binds":["app_data:/data:ro","@/x:/x:rw"],)"
      R"("Devices":[{"CgroupPermissions":"rwm","PathInContainer":"/dev/x","PathOnHost":"/dev/null"}],"ExtraHosts":["a:1.2.3.4"],"Memory":52428800,)"
      R"("Mounts":[{"Target":"/anon","Type":"volume"},{"Target":"/t","TmpfsOptions":{"SizeBytes":10485760},"Type":"tmpfs"},)"
      R"({"BindOptions":{"CreateMountpoint":true,"Propagation":"rslave"},"Source":"@/y","Target":"/y","Type":"bind"},)"
      R"({"ReadOnly":true,"Source":"@/s1","Target":"/run/secrets/s1","Type":"bind"}],"NanoCpus":500000000,"NetworkMode":"app_back","PidMode":"container:id-db",)"
      R"("PidsLimit":7,"PortBindings":{"53/udp":[{"HostIp":"","HostPort":""}],"80/tcp":[{"HostIp":"127.0.0.1","HostPort":"8080"}]},)"
      R"("RestartPolicy":{"MaximumRetryCount":3,"Name":"on-failure"},"Ulimits":[{"Hard":10,"Name":"nofile","Soft":10}]},"Hostname":"h","Image":"nginx",)"
      R"("MacAddress":"02:42:ac:11:65:43","NetworkingConfig":{"EndpointsConfig":{"app_back":{"Aliases":["app-web-1","web"],"Links":["app-db-1:base","app-db-1:app-db-1","app-db-1:db-1"]}}},)"
      R"("StopTimeout":3})");
  ASSERT_EQ(request->further_networks.size(), 1u);
  EXPECT_EQ(request->further_networks[0].first, "app_front");
  EXPECT_EQ(api::to_json(*request->further_networks[0].second.find("IPAMConfig")), R"({"IPv4Address":"10.5.0.3"})");
  auto files = inline_files(*project, project->services.at("web"));
  ASSERT_TRUE(files);
  ASSERT_EQ(files->size(), 1u);
  EXPECT_EQ((*files)[0].path + " " + (*files)[0].content, "/etc/c hello");
  EXPECT_EQ((*files)[0].mode, 0440u);
  EXPECT_EQ((*files)[0].uid, 5u);
  Value network = network_body(*project, project->networks.at("front"));
  EXPECT_EQ(api::to_json(*network.find("IPAM")), R"({"Driver":"default","Config":[{"Subnet":"10.5.0.0/16"}]})");
}

}  // namespace
}  // namespace reigen::compose
