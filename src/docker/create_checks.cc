#include "docker/create_checks.h"

#include <fmt/core.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <climits>
#include <csignal>
#include <set>

#include "apiserver/docker_error.h"
#include "base/ip.h"
#include "docker/mount_points.h"
#include "docker/port_bindings.h"
#include "node/docker_log_options.h"
#include "runtime/capabilities.h"

namespace reigen::docker {

namespace {

using api::Value;
using api::dockerv1::Config;
using api::dockerv1::HostConfig;

constexpr int64_t kMinMemory = 6 << 20;
constexpr int64_t kMinDuration = 1'000'000;  // ns

Fail wrong(std::string message) { return fail(Code::kInvalidArgument, std::move(message)); }

bool shares_network(const HostConfig& host) { return host.network_mode.starts_with("container:"); }

// runconfig/hostconfig.go
Status check_network_mode(const Config& config, const HostConfig& host) {
  const std::string& mode = host.network_mode;
  if (mode == "container" || mode == "container:") return wrong("Invalid network mode: invalid container format container:<name|id>");
  bool shared = shares_network(host);
  if (shared && !config.hostname.empty()) return wrong("conflicting options: hostname and the network mode");
  if (shared && !host.links.empty())
    return wrong("conflicting options: container type network can't be used with links. This would result in undefined behavior");
  if (shared && !host.dns.empty()) return wrong("conflicting options: dns and the network mode");
  if (shared && !host.extra_hosts.empty()) return wrong("conflicting options: custom host-to-IP mapping and the network mode");
  if ((shared || mode == "host") && !config.mac_address.empty()) return wrong("conflicting options: mac-address and the network mode");
  if (shared && (!host.port_bindings.empty() || host.publish_all_ports))
    return wrong("conflicting options: port publishing and the container type network mode");
  if (shared && !config.exposed_ports.empty()) return wrong("conflicting options: port exposing and the container type network mode");
  if (host.uts_mode == "host" && !config.hostname.empty()) return wrong("conflicting options: hostname and the UTS mode");
  if (mode == "host" && !host.links.empty())
    return wrong("conflicting options: host type networking can't be used with links. This would result in undefined behavior");
  return {};
}

Status check_windows_only(const HostConfig& host) {
  if (!host.isolation.empty() && host.isolation != "default") return wrong(fmt::format("invalid isolation '{}' on linux", host.isolation));
  if (host.io_maximum_bandwidth != 0) return wrong("Invalid QoS settings: linux does not support configuration of maximum bandwidth");
  if (host.io_maximum_iops != 0) return wrong("Invalid QoS settings: linux does not support configuration of maximum IOPs");
  return {};
}

Status check_realtime(const HostConfig& host, const HostFacts& facts) {
  if ((host.cpu_realtime_period != 0 || host.cpu_realtime_runtime != 0) && !facts.cpu_realtime)
    return wrong("Your kernel does not support CPU real-time scheduler");
  if (host.cpu_realtime_period != 0 && host.cpu_realtime_runtime > host.cpu_realtime_period)
    return wrong("cpu real-time runtime cannot be higher than cpu real-time period");
  return {};
}

// What the kernel takes and a line of /etc/hosts can hold.
bool is_hostname(std::string_view name) {
  return name.size() <= HOST_NAME_MAX && std::ranges::all_of(name, [](unsigned char c) { return c >= ' ' && c != 0x7f; });
}

Status check_health(const api::dockerv1::HealthConfig& check) {
  struct Field {
    const char* name;
    int64_t value;
  };
  for (auto [name, value] :
       {Field{"Interval", check.interval}, {"Timeout", check.timeout}, {"StartPeriod", check.start_period}, {"StartInterval", check.start_interval}}) {
    if (value != 0 && value < kMinDuration) return wrong(fmt::format("{} in Healthcheck cannot be less than 1ms", name));
  }
  if (check.retries < 0) return wrong("Retries in Healthcheck cannot be negative");
  if (!check.test.empty() && check.test[0] != "NONE" && check.test[0] != "CMD" && check.test[0] != "CMD-SHELL")
    return wrong(fmt::format("unknown type \"{}\" in Healthcheck", check.test[0]));
  return {};
}

Status check_config(const Config& config) {
  if (!config.hostname.empty() && !is_hostname(config.hostname)) return wrong(fmt::format("invalid hostname format: {}", config.hostname));
  if (!config.working_dir.empty() && config.working_dir[0] != '/')
    return wrong(fmt::format("the working directory '{}' is invalid, it needs to be an absolute path", config.working_dir));
  if (!config.stop_signal.empty() && !parse_signal(config.stop_signal)) return wrong(fmt::format("Invalid signal: {}", config.stop_signal));
  for (const auto& env : config.env) {
    if (env.empty() || env[0] == '=') return wrong(fmt::format("invalid environment variable: {}", env));
  }
  if (config.healthcheck) TRY(check_health(*config.healthcheck));
  for (const auto& [port, empty] : config.exposed_ports) TRY(check_port(port));
  return {};
}

constexpr std::string_view kCapabilities[] = {"ALL",
                                              "AUDIT_CONTROL",
                                              "AUDIT_READ",
                                              "AUDIT_WRITE",
                                              "BLOCK_SUSPEND",
                                              "BPF",
                                              "CHECKPOINT_RESTORE",
                                              "CHOWN",
                                              "DAC_OVERRIDE",
                                              "DAC_READ_SEARCH",
                                              "FOWNER",
                                              "FSETID",
                                              "IPC_LOCK",
                                              "IPC_OWNER",
                                              "KILL",
                                              "LEASE",
                                              "LINUX_IMMUTABLE",
                                              "MAC_ADMIN",
                                              "MAC_OVERRIDE",
                                              "MKNOD",
                                              "NET_ADMIN",
                                              "NET_BIND_SERVICE",
                                              "NET_BROADCAST",
                                              "NET_RAW",
                                              "PERFMON",
                                              "SETFCAP",
                                              "SETGID",
                                              "SETPCAP",
                                              "SETUID",
                                              "SYSLOG",
                                              "SYS_ADMIN",
                                              "SYS_BOOT",
                                              "SYS_CHROOT",
                                              "SYS_MODULE",
                                              "SYS_NICE",
                                              "SYS_PACCT",
                                              "SYS_PTRACE",
                                              "SYS_RAWIO",
                                              "SYS_RESOURCE",
                                              "SYS_TIME",
                                              "SYS_TTY_CONFIG",
                                              "WAKE_ALARM"};

Status check_capabilities(const char* field, const std::vector<std::string>& names) {
  for (const auto& name : names) {
    std::string upper = name;
    std::ranges::transform(upper, upper.begin(), [](unsigned char c) { return static_cast<char>(c >= 'a' && c <= 'z' ? c - 32 : c); });
    std::string_view bare = upper;
    if (bare.starts_with("CAP_")) bare.remove_prefix(4);
    if (std::ranges::find(kCapabilities, bare) == std::end(kCapabilities)) return wrong(fmt::format("invalid {}: unknown capability: \"CAP_{}\"", field, bare));
  }
  return {};
}

Status check_extra_hosts(const HostConfig& host) {
  for (const auto& entry : host.extra_hosts) {
    size_t colon = entry.find(':');
    if (colon == std::string::npos || colon == 0) return wrong(fmt::format("bad format for add-host: \"{}\"", entry));
    std::string address = entry.substr(colon + 1);
    if (address.size() > 2 && address.front() == '[' && address.back() == ']') address = address.substr(1, address.size() - 2);
    if (address != "host-gateway" && !IpAddress::parse(address)) return wrong(fmt::format("invalid IP address in add-host: \"{}\"", address));
  }
  for (const auto& server : host.dns) {
    if (!IpAddress::parse(server)) return wrong(fmt::format("{} is not an ip address", server));
  }
  return {};
}

Status check_log(const HostConfig& host) {
  static const std::set<std::string_view> kJsonOptions{"max-file", "max-size", "compress", "labels", "labels-regex", "env", "env-regex", "tag"};
  static const std::set<std::string_view> kLocalOptions{"max-file", "max-size", "compress"};
  static const std::set<std::string_view> kCommon{"mode", "max-buffer-size"};
  static const std::set<std::string_view> kElsewhere{"awslogs", "etwlogs", "fluentd", "gcplogs", "gelf", "journald", "logentries", "splunk", "syslog"};
  const auto& log = host.log_config;
  if (log.type == "none") return {};
  if (log.type != "json-file" && log.type != "local" && !log.type.empty()) {
    if (kElsewhere.contains(log.type)) return wrong(fmt::format("logger: no log driver named '{}' is registered", log.type));
    return wrong(fmt::format("error looking up logging plugin {0}: plugin \"{0}\" not found", log.type));
  }
  const auto& known = log.type == "local" ? kLocalOptions : kJsonOptions;
  for (const auto& [name, value] : log.config) {
    if (kCommon.contains(name)) {
      if (name == "mode" && value != "blocking" && value != "non-blocking" && !value.empty())
        return wrong(fmt::format("logger: logging mode not supported: {}", value));
      if (name == "max-buffer-size" && log.config.value_or("mode", "") != "non-blocking")
        return wrong("logger: max-buffer-size option is only supported with 'mode=non-blocking'");
      if (name == "max-buffer-size" && !node::parse_docker_size(value, 1024))
        return wrong(fmt::format("error parsing option max-buffer-size: invalid size: '{}'", value));
      continue;
    }
    if (known.contains(name)) continue;
    if (log.type == "local") return wrong(fmt::format("unknown log opt '{}' for log driver local", name));
    return wrong(fmt::format("unknown log opt '{}' for json-file log driver", name));
  }
  return {};
}

Status check_security_options(const HostConfig& host) {
  for (const auto& option : host.security_opt) {
    if (option == "no-new-privileges" || option == "disable") continue;
    size_t at = option.find('=');
    if (at == std::string::npos) at = option.find(':');
    if (at == std::string::npos) return wrong(fmt::format("invalid --security-opt 1: \"{}\"", option));
    std::string name = option.substr(0, at);
    std::string value = option.substr(at + 1);
    if (name == "no-new-privileges") {
      static const std::set<std::string_view> kBooleans{"1", "t", "T", "true", "TRUE", "True", "0", "f", "F", "false", "FALSE", "False"};
      if (!kBooleans.contains(value)) return wrong(fmt::format("invalid --security-opt 2: \"{}\"", option));
    } else if (name != "label" && name != "apparmor" && name != "seccomp" && option != "systempaths=unconfined") {
      return wrong(fmt::format("invalid --security-opt 2: \"{}\"", option));
    }
  }
  return {};
}

Status check_namespaces(const HostConfig& host) {
  auto one_of = [](const std::string& mode, std::initializer_list<std::string_view> names) {
    return mode.starts_with("container:") ? mode.size() > 10 : std::ranges::find(names, std::string_view(mode)) != names.end();
  };
  if (!one_of(host.ipc_mode, {"", "none", "host", "private", "shareable"})) return wrong(fmt::format("invalid IPC mode: {}", host.ipc_mode));
  if (!one_of(host.pid_mode, {"", "host"})) return wrong(fmt::format("invalid PID mode: {}", host.pid_mode));
  if (!host.uts_mode.empty() && host.uts_mode != "host") return wrong(fmt::format("invalid UTS mode: {}", host.uts_mode));
  if (!host.userns_mode.empty() && host.userns_mode != "host") return wrong(fmt::format("invalid userns mode: {}", host.userns_mode));
  const auto& cgroup = host.cgroupns_mode;
  if (!cgroup.empty() && cgroup != "host" && cgroup != "private") return wrong(fmt::format("invalid cgroup namespace mode: {}", cgroup));
  return {};
}

// There is none that gives devices. Docker says so at the start.
Status check_device_requests(const HostConfig& host) {
  for (const auto& request : host.device_requests) {
    std::string all;
    for (const auto& capabilities : request.capabilities) all += fmt::format("{}[{}]", all.empty() ? "" : " ", fmt::join(capabilities, " "));
    return fail(apiserver::docker_error(500, fmt::format("could not select device driver \"{}\" with capabilities: [{}]", request.driver, all)));
  }
  return {};
}

Status check_host(const HostConfig& host) {
  if (host.auto_remove && !host.restart_policy.name.empty() && host.restart_policy.name != "no")
    return wrong("can't create 'AutoRemove' container with restart policy");
  TRY(check_extra_hosts(host));
  TRY(check_port_bindings(host));
  TRY(check_restart_policy(host.restart_policy));
  TRY(check_capabilities("CapAdd", host.cap_add));
  TRY(check_capabilities("CapDrop", host.cap_drop));
  for (const auto& [name, value] : host.annotations) {
    if (name.empty()) return wrong("invalid Annotations: the empty string is not permitted as an annotation key");
  }
  if (host.shm_size < 0) return wrong("SHM size can not be less than 0");
  if (host.oom_score_adj < -1000 || host.oom_score_adj > 1000)
    return wrong(fmt::format("Invalid value {}, range for oom score adj is [-1000, 1000]", host.oom_score_adj));
  static const std::set<std::string_view> kRuntimes{"", "runc", "crun", "io.containerd.runc.v2"};
  if (!kRuntimes.contains(host.runtime)) return wrong(fmt::format("unknown or invalid runtime name: {}", host.runtime));
  for (const auto& [target, options] : host.tmpfs) {
    if (target.empty() || target[0] != '/') return wrong(fmt::format("invalid mount path: '{}' mount path must be absolute", target));
    if (clean_path(target) == "/") return wrong("invalid specification: destination can't be '/'");
  }
  if (host.storage_opt.contains("size")) return wrong("--storage-opt is supported only for overlay over xfs with 'pquota' mount option");
  if (!host.storage_opt.empty()) return wrong(fmt::format("Unknown option {}", host.storage_opt.begin()->first));
  TRY(check_namespaces(host));
  TRY(check_device_requests(host));
  TRY(check_log(host));
  return check_security_options(host);
}

// What the engine itself lacks, no container gets.
void warn_bounds(const HostConfig& host, std::vector<std::string>& warnings) {
  runtime::Security security;
  security.privileged = host.privileged;
  security.add_capabilities = host.cap_add;
  security.drop_capabilities = host.cap_drop;
  std::vector<std::string> missing;
  (void)runtime::capabilities_of(security, &missing);
  for (const auto& name : missing) warnings.push_back(fmt::format("This host does not have {} to give. Capability discarded.", name));
  if (runtime::may_raise_limits()) return;
  for (const auto& limit : host.ulimits) {
    auto most = runtime::highest_limit("RLIMIT_" + limit.name);
    if (most && static_cast<uint64_t>(limit.hard) > *most)
      warnings.push_back(fmt::format("This host does not allow to raise ulimit {} above {}. Limit lowered.", limit.name, *most));
  }
  if (int own = runtime::own_oom_score(); host.oom_score_adj != 0 && host.oom_score_adj < own)
    warnings.push_back(fmt::format("This host does not allow to lower the OOM score below {}. Score raised.", own));
}

void warn_log(const api::dockerv1::LogConfig& log, std::vector<std::string>& warnings) {
  if (log.type == "none") return;
  if (auto mode = log.config.get("mode"); mode && *mode == "non-blocking")
    warnings.emplace_back("log-opt mode=non-blocking is taken, but logs are written as with mode=blocking");
  for (const char* name : {"labels-regex", "env-regex", "tag"}) {
    if (log.config.contains(name)) warnings.push_back(fmt::format("log-opt {} is taken, but docker logs --details does not show it", name));
  }
  if (auto compress = log.config.get("compress"); compress && (compress->starts_with('t') || compress->starts_with('T') || *compress == "1"))
    warnings.emplace_back("log-opt compress is taken, but older log files are not compressed");
}

// Discards what the kernel cannot limit.
class ResourceCheck {
 public:
  ResourceCheck(Value& host, const HostFacts& facts, bool update, std::vector<std::string>& warnings)
      : host_(host), facts_(facts), update_(update), warnings_(warnings) {}

  Status run() {
    TRY(memory());
    TRY(cpu());
    TRY(cpu_sets());
    return block_io();
  }

 private:
  int64_t number(std::string_view name) const {
    const Value* value = host_.find(name);
    return value ? value->int_or(0) : 0;
  }
  std::string text(std::string_view name) const { return std::string(host_.text_at({name})); }
  bool given(std::string_view name) const {
    const Value* value = host_.find(name);
    return value && !value->is_null();
  }
  void discard(std::string_view name, Value zero, std::string warning) {
    host_.set(name, std::move(zero));
    warnings_.push_back(std::move(warning));
  }

  Status memory() {
    int64_t limit = number("Memory");
    if (limit != 0 && limit < kMinMemory) return wrong("Minimum memory limit allowed is 6MB");
    if (limit > 0 && !facts_.memory_limit) {
      discard("Memory", 0, "Your kernel does not support memory limit capabilities or the cgroup is not mounted. Limitation discarded.");
      host_.set("MemorySwap", -1);
      limit = 0;
    }
    if (limit > 0 && number("MemorySwap") != -1 && !facts_.swap_limit)
      discard("MemorySwap", -1, "Your kernel does not support swap limit capabilities or the cgroup is not mounted. Memory limited without swap.");
    if (limit > 0 && number("MemorySwap") > 0 && number("MemorySwap") < limit)
      return wrong("Minimum memoryswap limit should be larger than memory limit, see usage");
    if (limit == 0 && number("MemorySwap") > 0 && !update_) return wrong("You should always set the Memory limit when using Memoryswap limit, see usage");
    if (number("MemorySwappiness") == -1) host_.set("MemorySwappiness", Value());
    if (given("MemorySwappiness") && !facts_.memory_swappiness)
      discard("MemorySwappiness", Value(),
              "Your kernel does not support memory swappiness capabilities or the cgroup is not mounted. Memory swappiness discarded.");
    if (int64_t swappiness = number("MemorySwappiness"); swappiness < 0 || swappiness > 100)
      return wrong(fmt::format("Invalid value: {}, valid memory swappiness range is 0-100", swappiness));
    if (number("MemoryReservation") > 0 && !facts_.memory_reservation)
      discard("MemoryReservation", 0, "Your kernel does not support memory soft limit capabilities or the cgroup is not mounted. Limitation discarded.");
    int64_t reservation = number("MemoryReservation");
    if (reservation > 0 && reservation < kMinMemory) return wrong("Minimum memory reservation allowed is 6MB");
    if (limit > 0 && reservation > 0 && limit < reservation) return wrong("Minimum memory limit can not be less than memory reservation limit, see usage");
    oom_and_pids(limit);
    return {};
  }

  void oom_and_pids(int64_t limit) {
    const Value* oom = host_.find("OomKillDisable");
    bool disabled = oom && oom->bool_or(false);
    if (given("OomKillDisable") && !facts_.oom_kill_disable) {
      if (disabled) warnings_.emplace_back("Your kernel does not support OomKillDisable. OomKillDisable discarded.");
      host_.set("OomKillDisable", Value());
      disabled = false;
    }
    if (disabled && limit == 0) {
      warnings_.emplace_back("OOM killer is disabled for the container, but no memory limit is set, this can result in the system running out of resources.");
    }
    if (number("PidsLimit") > 0 && !facts_.pids_limit)
      discard("PidsLimit", Value(), "Your kernel does not support PIDs limit capabilities or the cgroup is not mounted. PIDs limit discarded.");
  }

  Status cpu() {
    int64_t nano = number("NanoCpus");
    if (nano > 0 && number("CpuPeriod") > 0) return wrong("Conflicting options: Nano CPUs and CPU Period cannot both be set");
    if (nano > 0 && number("CpuQuota") > 0) return wrong("Conflicting options: Nano CPUs and CPU Quota cannot both be set");
    if (nano > 0 && !facts_.cpu_quota) return wrong("NanoCPUs can not be set, as your kernel does not support CPU CFS scheduler or the cgroup is not mounted");
    if (nano < 0 || nano > int64_t{facts_.cpus} * 1'000'000'000)
      return wrong(fmt::format("range of CPUs is from 0.01 to {}.00, as there are only {} CPUs available", facts_.cpus, facts_.cpus));
    if (number("CpuShares") > 0 && !facts_.cpu_shares)
      discard("CpuShares", 0, "Your kernel does not support CPU shares or the cgroup is not mounted. Shares discarded.");
    if ((number("CpuPeriod") != 0 || number("CpuQuota") != 0) && !facts_.cpu_quota) {
      discard("CpuPeriod", 0, "Your kernel does not support CPU CFS scheduler. CPU period/quota discarded.");
      host_.set("CpuQuota", 0);
    }
    int64_t period = number("CpuPeriod");
    if (period != 0 && (period < 1000 || period > 1'000'000))
      return wrong("CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)");
    if (int64_t quota = number("CpuQuota"); quota > 0 && quota < 1000) return wrong("CPU cfs quota can not be less than 1ms (i.e. 1000)");
    if (number("CpuPercent") > 0) discard("CpuPercent", 0, "linux does not support CPU percent. Percent discarded.");
    return {};
  }

  Status cpu_set(std::string_view field, const char* what, const char* things, const std::vector<int>& available) {
    std::string wanted = text(field);
    if (wanted.empty()) return {};
    auto list = parse_cpu_list(wanted);
    if (list.empty()) return wrong(fmt::format("Invalid value {} for cpuset {}: failed to parse list", wanted, what));
    bool all = std::ranges::all_of(list, [&](int each) { return std::ranges::find(available, each) != available.end(); });
    if (all) return {};
    std::string shown = available.size() > 1 ? fmt::format("{}-{}", available.front(), available.back()) : std::to_string(available.front());
    return wrong(fmt::format("Requested {} are not available - requested {}, available: {}", things, wanted, shown));
  }

  Status cpu_sets() {
    if ((!text("CpusetCpus").empty() || !text("CpusetMems").empty()) && !facts_.cpu_set) {
      discard("CpusetCpus", "", "Your kernel does not support cpuset or the cgroup is not mounted. Cpuset discarded.");
      host_.set("CpusetMems", "");
    }
    TRY(cpu_set("CpusetCpus", "cpus", "CPUs", facts_.online_cpus));
    return cpu_set("CpusetMems", "mems", "memory nodes", facts_.memory_nodes);
  }

  Status block_io() {
    if (number("BlkioWeight") > 0 && !facts_.blkio_weight)
      discard("BlkioWeight", 0, "Your kernel does not support Block I/O weight or the cgroup is not mounted. Weight discarded.");
    if (int64_t weight = number("BlkioWeight"); weight > 0 && (weight < 10 || weight > 1000)) return wrong("Range of blkio weight is from 10 to 1000");
    struct Field {
      const char* name;
      const char* warning;
      bool supported;
    };
    const Field fields[] = {
        {"BlkioWeightDevice", "Your kernel does not support Block I/O weight_device or the cgroup is not mounted. Weight-device discarded.",
         facts_.blkio_weight},
        {"BlkioDeviceReadBps", "Your kernel does not support BPS Block I/O read limit or the cgroup is not mounted. Block I/O BPS read limit discarded.",
         facts_.blkio_throttle},
        {"BlkioDeviceWriteBps", "Your kernel does not support BPS Block I/O write limit or the cgroup is not mounted. Block I/O BPS write limit discarded.",
         facts_.blkio_throttle},
        {"BlkioDeviceReadIOps", "Your kernel does not support IOPS Block read limit or the cgroup is not mounted. Block I/O IOPS read limit discarded.",
         facts_.blkio_throttle},
        {"BlkioDeviceWriteIOps", "Your kernel does not support IOPS Block write limit or the cgroup is not mounted. Block I/O IOPS write limit discarded.",
         facts_.blkio_throttle},
    };
    for (const auto& field : fields) {
      const Value* devices = host_.find(field.name);
      if (devices && devices->size() > 0 && !field.supported) discard(field.name, Value::array(), field.warning);
    }
    return {};
  }

  Value& host_;
  const HostFacts& facts_;
  const bool update_;
  std::vector<std::string>& warnings_;
};

}  // namespace

std::optional<int> parse_signal(std::string_view text) {
  int number = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error == std::errc() && end == text.data() + text.size()) return number >= 1 && number <= 64 ? std::optional(number) : std::nullopt;
  std::string name(text);
  std::ranges::transform(name, name.begin(), [](unsigned char c) { return static_cast<char>(c >= 'a' && c <= 'z' ? c - 32 : c); });
  if (name.starts_with("SIG")) name.erase(0, 3);
  static const std::pair<std::string_view, int> kSignals[] = {
      {"ABRT", SIGABRT}, {"ALRM", SIGALRM}, {"BUS", SIGBUS},       {"CHLD", SIGCHLD},   {"CLD", SIGCHLD},  {"CONT", SIGCONT}, {"FPE", SIGFPE},
      {"HUP", SIGHUP},   {"ILL", SIGILL},   {"INT", SIGINT},       {"IO", SIGIO},       {"IOT", SIGIOT},   {"KILL", SIGKILL}, {"PIPE", SIGPIPE},
      {"POLL", SIGPOLL}, {"PROF", SIGPROF}, {"PWR", SIGPWR},       {"QUIT", SIGQUIT},   {"SEGV", SIGSEGV}, {"STKFLT", 16},    {"STOP", SIGSTOP},
      {"SYS", SIGSYS},   {"TERM", SIGTERM}, {"TRAP", SIGTRAP},     {"TSTP", SIGTSTP},   {"TTIN", SIGTTIN}, {"TTOU", SIGTTOU}, {"URG", SIGURG},
      {"USR1", SIGUSR1}, {"USR2", SIGUSR2}, {"VTALRM", SIGVTALRM}, {"WINCH", SIGWINCH}, {"XCPU", SIGXCPU}, {"XFSZ", SIGXFSZ}};
  for (const auto& [known, value] : kSignals) {
    if (name == known) return value;
  }
  // RTMIN, RTMIN+3, RTMAX-2.
  int base = name.starts_with("RTMIN") ? 34 : name.starts_with("RTMAX") ? 64 : 0;
  if (base == 0) return std::nullopt;
  if (name.size() == 5) return base;
  int offset = 0;
  auto [stop, bad] = std::from_chars(name.data() + 6, name.data() + name.size(), offset);
  if (bad != std::errc() || stop != name.data() + name.size() || offset > 15 || name[5] != (base == 34 ? '+' : '-')) return std::nullopt;
  return base == 34 ? base + offset : base - offset;
}

Status check_restart_policy(const api::dockerv1::RestartPolicy& policy) {
  if (policy.name == "always" || policy.name == "unless-stopped" || policy.name == "no") {
    if (policy.maximum_retry_count != 0) return wrong(fmt::format("maximum retry count cannot be used with restart policy '{}'", policy.name));
  } else if (policy.name == "on-failure") {
    if (policy.maximum_retry_count < 0) return wrong("maximum retry count cannot be negative");
  } else if (!policy.name.empty()) {
    return wrong(fmt::format("invalid restart policy '{}'", policy.name));
  }
  return {};
}

Status check_resources(Value& host, const HostFacts& facts, bool update, std::vector<std::string>& warnings) {
  return ResourceCheck(host, facts, update, warnings).run();
}

Status check_create(CreateRequest& request, const HostFacts& facts) {
  Config config = request.typed_config();
  HostConfig host = request.typed_host();
  TRY(check_network_mode(config, host));
  TRY(check_windows_only(host));
  TRY(check_realtime(host, facts));
  TRY(check_config(config));
  TRY(check_host(host));
  TRY(check_resources(request.host, facts, false, request.warnings));
  if (host.network_mode == "host" && !host.port_bindings.empty()) request.warnings.emplace_back("Published ports are discarded when using host network mode");
  warn_bounds(host, request.warnings);
  warn_log(host.log_config, request.warnings);
  return {};
}

}  // namespace reigen::docker
