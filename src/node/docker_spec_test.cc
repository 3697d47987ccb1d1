#include "node/docker_spec.h"

#include <gtest/gtest.h>

#include "node/docker_files.h"
#include "node/docker_mounts.h"
#include "node/docker_seccomp.h"

namespace reigen::node {
namespace {

DockerView view_of(const std::string& config, const std::string& host, std::vector<std::string> argv = {"/bin/sh", "-c", "x"}) {
  auto object = std::make_shared<api::dockerv1::Container>();
  object->metadata.name = std::string(64, 'a');
  object->spec.config.raw = config;
  object->spec.host_config.raw = host;
  object->spec.path = argv.empty() ? "" : argv.front();
  if (!argv.empty()) object->spec.args.assign(argv.begin() + 1, argv.end());
  auto view = DockerView::of(object);
  EXPECT_TRUE(view) << (view ? "" : view.error().message());
  return view ? std::move(*view) : DockerView();
}

runtime::ContainerSpec spec_of(const std::string& config, const std::string& host) {
  DockerView view = view_of(config, host);
  auto made = make_docker_spec({view, {"/layer"}, "web", {}});
  EXPECT_TRUE(made) << (made ? "" : made.error().message());
  return made ? made->spec : runtime::ContainerSpec();
}

TEST(DockerSpec, DefaultsAreDockers) {
  auto spec = spec_of("{}", "{}");
  EXPECT_EQ(spec.argv, (std::vector<std::string>{"/bin/sh", "-c", "x"}));
  EXPECT_EQ(spec.cwd, "/");
  EXPECT_EQ(spec.root.retained, std::string(64, 'a'));
  EXPECT_EQ(spec.security.seccomp, runtime::SeccompKind::kRuntimeDefault);
  EXPECT_FALSE(spec.security.masked_paths);
  EXPECT_FALSE(spec.init);
  EXPECT_FALSE(spec.oom_score_adj);
}

TEST(DockerSpec, TheEnvironmentIsTheDefaultsAndTheConfigurationsOverThem) {
  DockerView view = view_of(R"({"Tty":true,"Env":["PATH=/bin","A=1","TERM","HOSTNAME=x","NONE"]})", "{}");
  auto env = docker_environment({view, {}, "web", {"DB_NAME=/a/db"}});
  EXPECT_EQ(env, (std::vector<std::string>{"PATH=/bin", "HOSTNAME=x", "DB_NAME=/a/db", "A=1"}));
}

struct ResourceCase {
  const char* host;
  bool (*right)(const runtime::Resources&);
};
const ResourceCase kResources[] = {
    {R"({"NanoCpus":1500000000})", [](const auto& r) { return r.cpu_quota_us == 150'000 && r.cpu_period_us == 100'000; }},
    {R"({"CpuQuota":50000,"CpuPeriod":20000,"CpuShares":512})",
     [](const auto& r) { return r.cpu_quota_us == 50'000 && r.cpu_period_us == 20'000 && r.cpu_shares == 512; }},
    {R"({"Memory":64,"MemorySwap":-1,"MemoryReservation":32})",
     [](const auto& r) { return r.memory_limit == 64 && r.memory_swap == -1 && r.memory_reservation == 32; }},
    {R"({"MemorySwappiness":0})", [](const auto& r) { return r.memory_swappiness && *r.memory_swappiness == 0; }},
    {R"({"MemorySwappiness":-1})", [](const auto& r) { return !r.memory_swappiness; }},
    {R"({"PidsLimit":50})", [](const auto& r) { return r.pids_limit == 50; }},
    {R"({"PidsLimit":0})", [](const auto& r) { return r.pids_limit == -1; }},
    {R"({"PidsLimit":null})", [](const auto& r) { return r.pids_limit == 0; }},
    {R"({"OomKillDisable":true,"BlkioWeight":300,"CpusetCpus":"0-1","CpusetMems":"0"})",
     [](const auto& r) { return r.oom_kill_disable && r.blkio_weight == 300 && r.cpuset_cpus == "0-1" && r.cpuset_mems == "0"; }},
};

TEST(DockerSpec, Limits) {
  for (const auto& entry : kResources) EXPECT_TRUE(entry.right(spec_of("{}", entry.host).resources)) << entry.host;
}

TEST(DockerSpec, SecurityOptions) {
  auto spec = spec_of("{}", R"({"SecurityOpt":["no-new-privileges","seccomp=unconfined","apparmor=mine","label=disable"],"CapAdd":["NET_ADMIN"],
      "CapDrop":["ALL"],"ReadonlyRootfs":true,"MaskedPaths":[],"ReadonlyPaths":["/x"],"CgroupnsMode":"host"})");
  EXPECT_TRUE(spec.security.no_new_privileges);
  EXPECT_EQ(spec.security.seccomp, runtime::SeccompKind::kUnconfined);
  EXPECT_EQ(spec.security.apparmor_profile, "mine");
  EXPECT_EQ(spec.security.add_capabilities, std::vector<std::string>{"NET_ADMIN"});
  EXPECT_EQ(spec.security.drop_capabilities, std::vector<std::string>{"ALL"});
  EXPECT_TRUE(spec.security.readonly_root);
  EXPECT_EQ(spec.security.masked_paths, std::vector<std::string>());
  EXPECT_EQ(spec.security.readonly_paths, std::vector<std::string>{"/x"});
  EXPECT_EQ(spec.security.host_cgroup_namespace, true);
  DockerView privileged = view_of("{}", R"({"Privileged":true,"SecurityOpt":["seccomp={}"]})");
  auto made = make_docker_spec({privileged, {}, "", {}});
  ASSERT_TRUE(made);
  EXPECT_EQ(made->spec.security.seccomp, runtime::SeccompKind::kUnconfined);
  EXPECT_EQ(made->seccomp_profile, "");
  DockerView wrong = view_of("{}", R"({"SecurityOpt":["what"]})");
  EXPECT_EQ(make_docker_spec({wrong, {}, "", {}}).error().message(), "invalid --security-opt 1: \"what\"");
}

TEST(DockerSpec, TheRest) {
  auto spec = spec_of(R"({"User":"1:2","WorkingDir":"/w","Tty":true,"OpenStdin":true,"StdinOnce":true,"StopSignal":"SIGINT"})",
                      R"({"GroupAdd":["27","video"],"Ulimits":[{"Name":"nofile","Soft":1,"Hard":2}],"OomScoreAdj":100,"Init":true,"ConsoleSize":[40,120],
                          "Annotations":{"a":"b"},"DeviceCgroupRules":["c 1:* rm"]})");
  EXPECT_EQ(spec.user.name, "1:2");
  EXPECT_EQ(spec.user.supplementary, std::vector<int64_t>{27});
  EXPECT_EQ(spec.user.supplementary_names, std::vector<std::string>{"video"});
  EXPECT_EQ(spec.cwd, "/w");
  EXPECT_TRUE(spec.tty && spec.stdin_open && spec.stdin_once && spec.init);
  EXPECT_EQ(spec.stop_signal, "SIGINT");
  ASSERT_EQ(spec.rlimits.size(), 1u);
  EXPECT_EQ(spec.rlimits[0].name, "RLIMIT_NOFILE");
  EXPECT_EQ(spec.oom_score_adj, 100);
  EXPECT_EQ(spec.console_width, 120);
  EXPECT_EQ(spec.annotations.at("a"), "b");
  ASSERT_EQ(spec.device_rules.size(), 1u);
  EXPECT_EQ(spec.device_rules[0].minor, -1);
  EXPECT_FALSE(spec_of("{}", R"({"Init":true,"PidMode":"host"})").init);
}

TEST(DockerSpec, DeviceRules) {
  EXPECT_TRUE(parse_device_rule("a *:* rwm"));
  for (const char* wrong : {"", "c", "c 1:3", "c 1:3 ", "c 1:3 rwmm", "c 1:3 x", "d 1:3 r", "c 1 3 r", "c -1:3 r", "c 1:3  r"}) {
    EXPECT_FALSE(parse_device_rule(wrong)) << wrong;
  }
}

TEST(DockerSpec, ACgroupParentLeadsNowhereElse) {
  api::dockerv1::HostConfig host;
  EXPECT_EQ(docker_cgroup(host, "id"), "docker/id");
  host.cgroup_parent = "/../../a/./b/../c d/";
  EXPECT_EQ(docker_cgroup(host, "id"), "docker/a/b/id");
}

TEST(DockerSpec, Sandboxes) {
  runtime::SandboxSpec spec;
  fill_docker_sandbox(view_of(R"({"Domainname":"d"})", R"({"NetworkMode":"host","IpcMode":"none","PidMode":"host","UTSMode":"host","ShmSize":10})"), spec);
  EXPECT_TRUE(spec.host_network && spec.no_shm && spec.host_pid && spec.host_uts.value_or(false));
  EXPECT_EQ(spec.shm_bytes, 10u);
  EXPECT_TRUE(spec.sysctls.empty());
  runtime::SandboxSpec plain;
  fill_docker_sandbox(view_of("{}", R"({"Sysctls":{"net.ipv4.ip_unprivileged_port_start":"80"}})"), plain);
  ASSERT_EQ(plain.sysctls.size(), 2u);
  EXPECT_EQ(plain.sysctls[0].second, "80");
  EXPECT_FALSE(plain.host_network);
}

TEST(DockerFiles, HostsOnANetwork) {
  DockerFilesInput input;
  input.hostname = "web";
  input.domain = "example.test";
  input.addresses = {"172.17.0.2"};
  input.extra_hosts = {"other:10.1.2.3", "gw:host-gateway", "six:[::2]"};
  input.host_gateway = "172.17.0.1";
  input.links = {{"172.17.0.9", {"db", "srv"}}};
  auto hosts = docker_hosts_file(input);
  ASSERT_TRUE(hosts);
  EXPECT_TRUE(hosts->starts_with("127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost"));
  EXPECT_TRUE(hosts->ends_with("10.1.2.3\tother\n172.17.0.1\tgw\n::2\tsix\n172.17.0.9\tdb srv\n172.17.0.2\tweb.example.test web\n")) << *hosts;
  EXPECT_EQ(docker_hostname_file(input), "web\n");
}

TEST(DockerFiles, HostsKeepWhatTheContainerWrote) {
  std::string before = "127.0.0.1\tlocalhost\n172.17.0.2\tdb srv\n172.17.0.3\tme\n";
  std::string file = before + "1.2.3.4 mine\nno newline";
  EXPECT_EQ(docker_hosts_update(file, before, before), file + "\n");
  EXPECT_EQ(docker_hosts_update(file, before, "127.0.0.1\tlocalhost\n172.17.0.9\tdb srv\n172.17.0.3\tme\n"),
            "127.0.0.1\tlocalhost\n172.17.0.9\tdb srv\n172.17.0.3\tme\n1.2.3.4 mine\nno newline\n");
  EXPECT_EQ(docker_hosts_update(file, before, "127.0.0.1\tlocalhost\n172.17.0.2\tdb srv\n10.0.0.2\tother\n"),
            "127.0.0.1\tlocalhost\n172.17.0.2\tdb srv\n1.2.3.4 mine\nno newline\n10.0.0.2\tother\n");
  EXPECT_EQ(docker_hosts_update("", before, before + "10.0.0.2\tme\n"), "10.0.0.2\tme\n") << "emptied by itself";
}

TEST(DockerFiles, ResolvConf) {
  DockerFilesInput input;
  input.host_resolv_conf = "# x\nnameserver 127.0.0.53\nnameserver 9.9.9.9\nsearch a b\noptions edns0\n";
  EXPECT_EQ(docker_resolv_conf(input), "search a b\nnameserver 9.9.9.9\noptions edns0\n");
  input.embedded_dns = true;
  EXPECT_EQ(docker_resolv_conf(input), "search a b\nnameserver 127.0.0.11\noptions edns0 ndots:0\n");
  input.dns_options = {"ndots:2"};
  input.dns_search = {"."};
  EXPECT_EQ(docker_resolv_conf(input), "nameserver 127.0.0.11\noptions ndots:2\n");
  DockerFilesInput none;
  none.host_resolv_conf = "nameserver 127.0.0.53\n";
  EXPECT_EQ(docker_resolv_conf(none), "nameserver 8.8.8.8\nnameserver 8.8.4.4\n");
  none.host_network = true;
  EXPECT_EQ(docker_resolv_conf(none), "nameserver 127.0.0.53\n");
}

TEST(DockerFiles, LinksGiveVariables) {
  auto env = docker_link_environment({"l", "my-db", "172.17.0.2", {"SECRET=x", "PATH=/bin", "NONE"}, {"80/tcp", "53/udp"}});
  EXPECT_EQ(env, (std::vector<std::string>{"MY_DB_PORT=udp://172.17.0.2:53", "MY_DB_PORT_53_UDP=udp://172.17.0.2:53", "MY_DB_PORT_53_UDP_ADDR=172.17.0.2",
                                           "MY_DB_PORT_53_UDP_PORT=53", "MY_DB_PORT_53_UDP_PROTO=udp", "MY_DB_PORT_80_TCP=tcp://172.17.0.2:80",
                                           "MY_DB_PORT_80_TCP_ADDR=172.17.0.2", "MY_DB_PORT_80_TCP_PORT=80", "MY_DB_PORT_80_TCP_PROTO=tcp",
                                           "MY_DB_NAME=/l/my-db", "MY_DB_ENV_SECRET=x"}));
}

TEST(DockerMounts, TmpfsOptionsAreMerged) {
  EXPECT_EQ(tmpfs_options({"size=64k"}), (std::vector<std::string>{"noexec", "nosuid", "nodev", "rprivate", "size=64k"}));
  EXPECT_EQ(tmpfs_options({"exec", "size=1m", "size=2m"}), (std::vector<std::string>{"nosuid", "nodev", "rprivate", "exec", "size=2m"}));
}

TEST(DockerMounts, LocalDriversOptions) {
  auto options = parse_local_options("size=1m,ro,uid=3,nosuid");
  EXPECT_EQ(options.data, "size=1m,uid=3");
  EXPECT_EQ(options.flags, 1ul | 2ul);
  EXPECT_EQ(parse_local_options("bind").flags, 4096ul);
}

TEST(DockerSeccomp, RulesOfThisMachineStay) {
  SeccompMachine machine{"amd64", 5, 10, {"CAP_SYS_ADMIN"}};
  auto made = convert_seccomp(R"({"defaultAction":"SCMP_ACT_ERRNO","archMap":[{"architecture":"SCMP_ARCH_X86_64","subArchitectures":["SCMP_ARCH_X86"]},
      {"architecture":"SCMP_ARCH_AARCH64"}],"syscalls":[
      {"names":["read"],"action":"SCMP_ACT_ALLOW"},
      {"name":"write","action":"SCMP_ACT_ALLOW","args":[{"index":0,"value":1,"op":"SCMP_CMP_EQ"}]},
      {"names":["mount"],"action":"SCMP_ACT_ALLOW","includes":{"caps":["CAP_SYS_ADMIN"]}},
      {"names":["clone"],"action":"SCMP_ACT_ALLOW","excludes":{"caps":["CAP_SYS_ADMIN"]}},
      {"names":["arm"],"action":"SCMP_ACT_ALLOW","includes":{"arches":["arm64"]}},
      {"names":["new"],"action":"SCMP_ACT_ALLOW","includes":{"minKernel":"5.11"}},
      {"names":["old"],"action":"SCMP_ACT_ALLOW","includes":{"minKernel":"4.8"}}]})",
                              machine);
  ASSERT_TRUE(made) << made.error().message();
  EXPECT_EQ(
      *made,
      R"({"defaultAction":"SCMP_ACT_ERRNO","architectures":["SCMP_ARCH_X86_64","SCMP_ARCH_X86"],"syscalls":[{"names":["read"],"action":"SCMP_ACT_ALLOW"},)"
      R"({"names":["write"],"action":"SCMP_ACT_ALLOW","args":[{"index":0,"value":1,"op":"SCMP_CMP_EQ"}]},{"names":["mount"],"action":"SCMP_ACT_ALLOW"},)"
      R"({"names":["old"],"action":"SCMP_ACT_ALLOW"}]})");
  EXPECT_FALSE(convert_seccomp("[]", machine));
  EXPECT_FALSE(convert_seccomp("{", machine));
}

}  // namespace
}  // namespace reigen::node
