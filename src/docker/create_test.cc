#include <fmt/core.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "api/json.h"

#include "docker/address_pools.h"
#include "docker/create_checks.h"
#include "docker/create_request.h"
#include "docker/mount_points.h"
#include "docker/network_requests.h"
#include "docker/port_bindings.h"

namespace reigen::docker {
namespace {

using api::Value;

Value json(std::string_view text) { return api::parse_json(text).value(); }

HostFacts able() {
  HostFacts out;
  out.cgroup_version = 1;
  out.cpus = 2;
  out.online_cpus = {0, 1};
  out.memory_nodes = {0};
  out.memory_limit = out.swap_limit = out.oom_kill_disable = out.cpu_quota = out.cpu_shares = out.cpu_set = out.pids_limit = true;
  out.memory_reservation = out.memory_swappiness = out.blkio_weight = out.blkio_throttle = true;
  return out;
}

image::ImageConfig busybox() {
  image::ImageConfig out;
  out.cmd = {"/bin/sleep", "infinity"};
  out.cmd_set = true;
  out.env = {"PATH=/bin"};
  out.labels = {{"from", "image"}};
  return out;
}

Result<CreateRequest> made(std::string_view body, ApiVersion version = {1, 41}, const image::ImageConfig& image = busybox()) {
  TRY_ASSIGN(auto request, read_create_request(json(body), version, able()));
  TRY(check_create(request, able()));
  TRY(merge_image(request, image));
  fill_defaults(request, able());
  return request;
}

std::string fault(std::string_view body, ApiVersion version = {1, 41}) {
  auto request = made(body, version);
  return request ? "" : request.error().message();
}

TEST(CreateRequest, TakesWhatIsMissingFromTheImage) {
  auto request = made(R"({"Image":"busybox:1"})").value();
  EXPECT_EQ(api::to_json(*request.config.find("Cmd")), R"(["/bin/sleep","infinity"])");
  EXPECT_EQ(api::to_json(*request.config.find("Env")), R"(["PATH=/bin"])");
  EXPECT_TRUE(request.config.find("Entrypoint")->is_null());
  EXPECT_EQ(request.config.text_at({"Labels", "from"}), "image");
  std::string path;
  std::vector<std::string> arguments;
  resolve_command(request, path, arguments);
  EXPECT_EQ(path, "/bin/sleep");
  EXPECT_EQ(arguments, std::vector<std::string>{"infinity"});
}

TEST(CreateRequest, OwnEntrypointDropsTheImagesCommand) {
  auto request = made(R"({"Image":"a","Entrypoint":["/bin/sh"],"Env":["A=1","PATH=/x"],"Labels":{"from":"me"}})").value();
  EXPECT_TRUE(request.config.find("Cmd")->is_null());
  EXPECT_EQ(api::to_json(*request.config.find("Env")), R"(["A=1","PATH=/x"])");
  EXPECT_EQ(request.config.text_at({"Labels", "from"}), "me");
  EXPECT_EQ(fault(R"({"Image":"a","Entrypoint":[""],"Cmd":["x"]})"), "") << "resets the image's";
  image::ImageConfig empty;
  EXPECT_EQ(made(R"({"Image":"a"})", {1, 41}, empty).error().message(), "no command specified");
}

TEST(CreateRequest, FillsDockersDefaults) {
  auto request = made(R"({"Image":"a"})").value();
  EXPECT_EQ(request.host.text_at({"NetworkMode"}), "default");
  EXPECT_EQ(request.host.text_at({"IpcMode"}), "private");
  EXPECT_EQ(request.host.text_at({"LogConfig", "Type"}), "json-file");
  EXPECT_EQ(request.host.find("ShmSize")->int_or(0), 67108864);
  EXPECT_FALSE(request.host.has("Runtime")) << "only when a HostConfig was sent";
  EXPECT_TRUE(request.config.find("Volumes")->is_null());
  auto host = made(R"({"Image":"a","HostConfig":{"Memory":67108864,"PidsLimit":-1}})", {1, 46}).value();
  EXPECT_EQ(host.host.text_at({"Runtime"}), "runc");
  EXPECT_EQ(host.host.text_at({"NetworkMode"}), "bridge");
  EXPECT_EQ(host.host.find("MemorySwap")->int_or(0), 134217728);
  EXPECT_TRUE(host.host.find("PidsLimit")->is_null());
  EXPECT_EQ(api::to_json(*host.config.find("Volumes")), "null");
}

TEST(CreateRequest, IsReadAsItsVersionMeantIt) {
  EXPECT_EQ(made(R"({"Image":"a","HostConfig":{}})", {1, 39})->host.text_at({"IpcMode"}), "shareable");
  EXPECT_FALSE(made(R"({"Image":"a","HostConfig":{"AutoRemove":true}})", {1, 24})->host.find("AutoRemove")->bool_or(true));
  EXPECT_EQ(fault(R"({"Image":"a","NetworkingConfig":{"EndpointsConfig":{"a":{},"b":{}}}})"), "Container cannot be connected to network endpoints: a, b");
  EXPECT_EQ(fault(R"({"Image":"a","NetworkingConfig":{"EndpointsConfig":{"a":{},"b":{}}}})", {1, 44}), "");
  EXPECT_EQ(fault(R"({"Image":"a","HostConfig":{"Mounts":[{"Type":"image","Source":"x","Target":"/y"}]}})"), "Mount type \"Image\" needs API v1.48 or newer");
}

TEST(CreateChecks, RefuseInDockersWords) {
  struct Case {
    const char* body;
    const char* fault;
  };
  constexpr Case kCases[] = {
      {R"({"HostConfig":{"AutoRemove":true,"RestartPolicy":{"Name":"always"}}})", "can't create 'AutoRemove' container with restart policy"},
      {R"({"HostConfig":{"RestartPolicy":{"Name":"sometimes"}}})", "invalid restart policy 'sometimes'"},
      {R"({"HostConfig":{"RestartPolicy":{"Name":"always","MaximumRetryCount":3}}})", "maximum retry count cannot be used with restart policy 'always'"},
      {R"({"HostConfig":{"Memory":1000}})", "Minimum memory limit allowed is 6MB"},
      {R"({"HostConfig":{"MemorySwap":100000000}})", "You should always set the Memory limit when using Memoryswap limit, see usage"},
      {R"({"HostConfig":{"NanoCpus":500000000,"CpuPeriod":1000}})", "Conflicting options: Nano CPUs and CPU Period cannot both be set"},
      {R"({"HostConfig":{"NanoCpus":9000000000}})", "range of CPUs is from 0.01 to 2.00, as there are only 2 CPUs available"},
      {R"({"HostConfig":{"CpusetCpus":"7"}})", "Requested CPUs are not available - requested 7, available: 0-1"},
      {R"({"HostConfig":{"BlkioWeight":5}})", "Range of blkio weight is from 10 to 1000"},
      {R"({"HostConfig":{"OomScoreAdj":2000}})", "Invalid value 2000, range for oom score adj is [-1000, 1000]"},
      {R"({"HostConfig":{"CapAdd":["NET_ADMIN","NOSUCH"]}})", "invalid CapAdd: unknown capability: \"CAP_NOSUCH\""},
      {R"({"HostConfig":{"LogConfig":{"Type":"syslog"}}})", "logger: no log driver named 'syslog' is registered"},
      {R"({"HostConfig":{"LogConfig":{"Type":"nosuch"}}})", "error looking up logging plugin nosuch: plugin \"nosuch\" not found"},
      {R"({"HostConfig":{"Tmpfs":{"/a/..":""}}})", "invalid specification: destination can't be '/'"},
      {R"({"HostConfig":{"LogConfig":{"Type":"json-file","Config":{"x":"1"}}}})", "unknown log opt 'x' for json-file log driver"},
      {R"({"HostConfig":{"ExtraHosts":["x"]}})", "bad format for add-host: \"x\""},
      {R"({"HostConfig":{"ExtraHosts":["x:y"]}})", "invalid IP address in add-host: \"y\""},
      {R"({"HostConfig":{"PortBindings":{"x/tcp":[]}}})", "invalid port specification: \"x\""},
      {R"({"HostConfig":{"PortBindings":{"80/tcp":[{"HostPort":"z"}]}}})", "invalid port specification: \"z\""},
      {R"({"HostConfig":{"Runtime":"kata"}})", "unknown or invalid runtime name: kata"},
      {R"({"HostConfig":{"Isolation":"hyperv"}})", "invalid isolation 'hyperv' on linux"},
      {R"({"HostConfig":{"UsernsMode":"private"}})", "invalid userns mode: private"},
      {R"({"HostConfig":{"SecurityOpt":["nosuch=1"]}})", "invalid --security-opt 2: \"nosuch=1\""},
      {R"({"HostConfig":{"StorageOpt":{"size":"1G"}}})", "--storage-opt is supported only for overlay over xfs with 'pquota' mount option"},
      {R"({"HostConfig":{"NetworkMode":"container:x"},"Hostname":"h"})", "conflicting options: hostname and the network mode"},
      {R"({"HostConfig":{"NetworkMode":"host","Links":["a:b"]}})",
       "conflicting options: host type networking can't be used with links. This would result in undefined behavior"},
      {R"({"WorkingDir":"a/b"})", "the working directory 'a/b' is invalid, it needs to be an absolute path"},
      {R"({"StopSignal":"SIGNOSUCH"})", "Invalid signal: SIGNOSUCH"},
      {R"({"Env":["=x"]})", "invalid environment variable: =x"},
      {R"({"Hostname":"a\nb"})", "invalid hostname format: a\nb"},
      {R"({"Healthcheck":{"Test":["CMD","x"],"Interval":5}})", "Interval in Healthcheck cannot be less than 1ms"},
      {R"({"Healthcheck":{"Test":["CMD","x"],"Retries":-1}})", "Retries in Healthcheck cannot be negative"},
  };
  for (const auto& each : kCases) EXPECT_EQ(fault(each.body), each.fault) << each.body;
}

TEST(CreateChecks, DiscardsWithAWarningWhatTheKernelHasNot) {
  auto request = read_create_request(json(R"({"HostConfig":{"Memory":67108864,"CpuShares":5,"OomKillDisable":true}})"), {1, 41}, {}).value();
  HostFacts weak;
  ASSERT_TRUE(check_create(request, weak));
  EXPECT_EQ(request.host.find("Memory")->int_or(-1), 0);
  EXPECT_EQ(request.warnings.size(), 3u);
}

TEST(Signals, AreReadByNameAndNumber) {
  EXPECT_EQ(parse_signal("SIGTERM"), 15);
  EXPECT_EQ(parse_signal("kill"), 9);
  EXPECT_EQ(parse_signal("2"), 2);
  EXPECT_EQ(parse_signal("RTMIN+3"), 37);
  EXPECT_EQ(parse_signal("SIGRTMAX-1"), 63);
  for (const char* bad : {"", "0", "65", "SIG", "NOSUCH", "RTMIN+99", "RTMIN-1", "9x"}) EXPECT_FALSE(parse_signal(bad)) << bad;
}

TEST(Ports, AreReadWithRangesAndProtocols) {
  EXPECT_EQ(parse_port("80/UDP")->protocol, "udp");
  EXPECT_EQ(parse_port("8000-8010")->ports.last, 8010);
  EXPECT_EQ(parse_port("80/x").error().message(), "Invalid proto: x");
  for (const char* bad : {"", "/tcp", "99999", "9-1", "a-b", "1-", "-1"}) EXPECT_FALSE(parse_port(bad)) << bad;
}

ResolvedMounts mounts(std::string_view config, std::string_view host, const std::vector<api::dockerv1::MountPoint>& theirs = {}) {
  SeededRandom random(1);
  MountContext context{.random = random,
                       .mounts_of = [&](std::string_view) -> Result<std::vector<api::dockerv1::MountPoint>> { return theirs; },
                       .path_exists = [](const std::string& path) { return path == "/there"; }};
  auto request = read_create_request(json(fmt::format(R"({{"HostConfig":{}}})", host)), {1, 41}, able()).value();
  auto typed = api::decode_json_as<api::dockerv1::Config>(config).value();
  auto out = resolve_mounts(typed, request.typed_host(), context);
  if (!out) {
    ResolvedMounts failed;
    failed.points.emplace_back().source = out.error().message();
    return failed;
  }
  return std::move(*out);
}

TEST(Mounts, AreResolvedFromAllFourPlaces) {
  api::dockerv1::MountPoint shared;
  shared.type = "volume";
  shared.name = "old";
  shared.destination = "/shared";
  shared.mode = "z";
  shared.rw = true;
  auto out = mounts(
      R"({"Volumes":{"/anon":{},"/data":{}}})",
      R"({"Binds":["vol:/data:ro,nocopy","/etc/../etc/x:/x"],"VolumesFrom":["a:ro"],"Mounts":[{"Type":"tmpfs","Target":"/ram","TmpfsOptions":{"SizeBytes":65536,"Mode":448}}]})",
      {shared});
  ASSERT_EQ(out.points.size(), 5u);
  EXPECT_EQ(out.points[0].destination, "/anon");
  EXPECT_TRUE(out.points[0].anonymous);
  EXPECT_EQ(out.points[0].name.size(), 64u);
  EXPECT_EQ(out.points[1].name, "vol");
  EXPECT_FALSE(out.points[1].rw);
  EXPECT_TRUE(out.points[1].no_copy);
  EXPECT_EQ(out.points[2].options, (std::vector<std::string>{"mode=700", "size=64k"}));
  EXPECT_EQ(out.points[3].name, "old");
  EXPECT_FALSE(out.points[3].rw);
  EXPECT_EQ(out.points[3].mode, "");
  EXPECT_EQ(out.points[4].source, "/etc/x");
  EXPECT_TRUE(out.points[4].create_source);
  EXPECT_EQ(out.points[4].propagation, "rprivate");
  EXPECT_EQ(out.volumes.size(), 2u);
}

TEST(Mounts, AreRefusedInDockersWords) {
  auto fault = [](std::string_view host) { return mounts("{}", host).points.at(0).source; };
  EXPECT_EQ(fault(R"({"Binds":["a:b:c:d"]})"), "invalid volume specification: 'a:b:c:d'");
  EXPECT_EQ(fault(R"({"Binds":["vol:/x:ru"]})"), "invalid mode: ru");
  EXPECT_EQ(fault(R"({"Binds":["vol:/"]})"),
            "invalid volume specification: 'vol:/': invalid mount config for type \"volume\": invalid specification: destination can't be '/'");
  EXPECT_EQ(
      fault(R"({"Binds":["a/b:/x"]})"),
      "create a/b: \"a/b\" includes invalid characters for a local volume name, only \"[a-zA-Z0-9][a-zA-Z0-9_.-]\" are allowed. If you intended to pass a host "
      "directory, use absolute path");
  EXPECT_EQ(fault(R"({"Binds":["aa:/x","bb:/x"]})"), "Duplicate mount point: /x");
  EXPECT_EQ(fault(R"({"Mounts":[{"Type":"bind","Source":"/not","Target":"/x"}]})"),
            "invalid mount config for type \"bind\": bind source path does not exist: /not");
  EXPECT_EQ(fault(R"({"Mounts":[{"Type":"volume","Source":"v"}]})"), "invalid mount config for type \"volume\": field Target must not be empty");
  EXPECT_EQ(fault(R"({"Mounts":[{"Type":"npipe","Source":"v","Target":"/x"}]})"), "invalid mount config for type \"npipe\": mount type unknown");
  EXPECT_EQ(fault(R"({"VolumeDriver":"nfs","Binds":["vol:/x"]})"), "error looking up volume plugin nfs: plugin \"nfs\" not found");
}

TEST(Mounts, PathsAreCleanedAsByGo) {
  EXPECT_EQ(clean_path("/a/../../b//./c/"), "/b/c");
  EXPECT_EQ(clean_path("../a"), "../a");
  EXPECT_EQ(clean_path(""), ".");
  EXPECT_EQ(clean_path("/.."), "/");
}

Result<std::vector<api::dockerv1::NetworkRequest>> networks(std::string_view body, const std::vector<std::string>& known = {"net"}) {
  auto request = read_create_request(json(body), {1, 48}, able()).value();
  NetworkContext context{.find_network = [&](std::string_view name) -> std::shared_ptr<const api::dockerv1::Network> {
                           if (std::ranges::find(known, name) == known.end()) return nullptr;
                           auto out = std::make_shared<api::dockerv1::Network>();
                           out->spec.docker_name = name;
                           out->metadata.name = std::string(64, 'a');
                           return out;
                         },
                         .find_container = [](std::string_view name) -> Result<std::string> {
                           if (name == "db") return std::string(64, 'd');
                           return fail(Code::kNotFound, "No such container: " + std::string(name));
                         }};
  return resolve_networks(request, context);
}

TEST(Networks, ComeFromModeAndEndpoints) {
  auto plain = networks("{}").value();
  ASSERT_EQ(plain.size(), 1u);
  EXPECT_EQ(plain[0].network, "bridge");
  auto own =
      networks(
          R"({"HostConfig":{"NetworkMode":"net","Links":["db:sql"]},"NetworkingConfig":{"EndpointsConfig":{"net":{"Aliases":["a"]},"other":{"GwPriority":3}}}})")
          .value();
  ASSERT_EQ(own.size(), 2u);
  EXPECT_EQ(own[0].aliases, std::vector<std::string>{"a"});
  EXPECT_EQ(own[0].links, std::vector<std::string>{fmt::format("{}:sql", std::string(64, 'd'))});
  EXPECT_EQ(own[1].network, "other");
  EXPECT_EQ(own[1].gateway_priority, 3);
  EXPECT_TRUE(networks(R"({"HostConfig":{"NetworkMode":"container:db"}})")->empty());
}

TEST(Networks, AreRefusedInDockersWords) {
  auto fault = [](std::string_view body) { return networks(body).error().message(); };
  EXPECT_EQ(fault(R"({"NetworkingConfig":{"EndpointsConfig":{"bridge":{"Aliases":["a"]}}}})"),
            "network-scoped alias is supported only for containers in user defined networks");
  EXPECT_EQ(fault(R"({"NetworkingConfig":{"EndpointsConfig":{"bridge":{"IPAMConfig":{"IPv4Address":"172.17.0.9"}}}}})"),
            "user specified IP address is supported on user defined networks only");
  EXPECT_EQ(fault(R"({"HostConfig":{"NetworkMode":"net"},"NetworkingConfig":{"EndpointsConfig":{"net":{"IPAMConfig":{"IPv4Address":"10.0.0.9"}}}}})"),
            "user specified IP address is supported only when connecting to networks with user configured subnets");
  EXPECT_EQ(fault(R"({"HostConfig":{"Links":["nosuch:x"]}})"), "could not get container for nosuch: No such container: nosuch");
}

TEST(AddressPools, AreTheFirstThatNothingUses) {
  auto net = [](const char* text) { return *IpNetwork::parse(text); };
  EXPECT_EQ(free_v4_pool({})->subnet, "172.17.0.0/16");
  EXPECT_EQ(free_v4_pool({net("172.17.0.0/16"), net("172.18.5.0/24"), net("0.0.0.0/0")})->subnet, "172.19.0.0/16");
  EXPECT_EQ(free_v4_pool({net("172.16.0.0/12")})->subnet, "192.168.0.0/20");
  EXPECT_EQ(free_v4_pool({net("172.16.0.0/12")})->gateway, "192.168.0.1");
  EXPECT_EQ(free_v4_pool({net("172.16.0.0/12"), net("192.168.0.0/16")}).error().message(), "all predefined address pools have been fully subnetted");
  SeededRandom random(1);
  EXPECT_TRUE(random_v6_pool(random).subnet.starts_with("fd"));
}

}  // namespace
}  // namespace reigen::docker
