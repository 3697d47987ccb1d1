#include "node/docker_spec.h"

#include <fmt/core.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <charconv>
#include <map>

#include "apiserver/docker_error.h"
#include "base/files.h"

namespace reigen::node {
namespace {

using api::dockerv1::HostConfig;

constexpr const char* kPath = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
constexpr int64_t kDefaultShm = 64 << 20;

std::string key_of(std::string_view entry) { return std::string(entry.substr(0, entry.find('='))); }

std::string upper(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  return text;
}

Status set_security(const DockerView& view, DockerSpec& out) {
  auto& security = out.spec.security;
  const auto& host = view.host;
  security.privileged = host.privileged;
  security.add_capabilities = host.cap_add;
  security.drop_capabilities = host.cap_drop;
  security.readonly_root = host.readonly_rootfs;
  security.seccomp = host.privileged ? runtime::SeccompKind::kUnconfined : runtime::SeccompKind::kRuntimeDefault;
  if (view.masked_given && !host.privileged) security.masked_paths = host.masked_paths;
  if (view.readonly_given && !host.privileged) security.readonly_paths = host.readonly_paths;
  if (host.cgroupns_mode == "host") security.host_cgroup_namespace = true;
  if (host.cgroupns_mode == "private") security.host_cgroup_namespace = false;
  for (const auto& option : host.security_opt) {
    if (option == "no-new-privileges") {
      security.no_new_privileges = true;
      continue;
    }
    // Both "key=value" and, from old clients, "key:value".
    size_t at = option.find_first_of("=:");
    if (at == std::string::npos) return fail(Code::kInvalidArgument, "invalid --security-opt 1: \"" + option + "\"");
    std::string key = option.substr(0, at), value = option.substr(at + 1);
    if (key == "no-new-privileges") {
      if (value != "true" && value != "false") return fail(Code::kInvalidArgument, "invalid --security-opt 2: \"" + option + "\"");
      security.no_new_privileges = value == "true";
    } else if (key == "seccomp") {
      if (value == "unconfined") security.seccomp = runtime::SeccompKind::kUnconfined;
      else if (value != "builtin" && !host.privileged) out.seccomp_profile = value;
    } else if (key == "apparmor") {
      if (value != "unconfined") security.apparmor_profile = value;
    } else if (key != "label" && key != "systempaths") {
      return fail(Code::kInvalidArgument, "invalid --security-opt 2: \"" + option + "\"");
    }
  }
  return {};
}

void set_rlimits(const HostConfig& host, runtime::ContainerSpec& spec) {
  for (const auto& limit : host.ulimits) {
    spec.rlimits.push_back({"RLIMIT_" + upper(limit.name), static_cast<uint64_t>(limit.soft), static_cast<uint64_t>(limit.hard)});
  }
}

void set_user(const DockerView& view, runtime::User& user) {
  user.name = view.config.user;
  // As Docker: who names a group gets that one only.
  auto colon = user.name.find(':');
  user.groups_of_image = colon == std::string::npos || colon + 1 == user.name.size();
  for (const auto& group : view.host.group_add) {
    int64_t number = 0;
    auto [end, error] = std::from_chars(group.data(), group.data() + group.size(), number);
    if (error == std::errc() && end == group.data() + group.size()) user.supplementary.push_back(number);
    else user.supplementary_names.push_back(group);
  }
}

std::optional<int64_t> whole_number(std::string_view text) {
  int64_t value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < 0) return std::nullopt;
  return value;
}

// There is no driver for devices: who asks for one is told as by a Docker that has none.
Status check_device_requests(const HostConfig& host) {
  for (const auto& request : host.device_requests) {
    std::string all;
    for (const auto& group : request.capabilities) {
      std::string one;
      for (const auto& name : group) one += (one.empty() ? "" : " ") + name;
      all += (all.empty() ? "[" : " [") + one + "]";
    }
    return fail(apiserver::docker_error(500, "could not select device driver \"" + request.driver + "\" with capabilities: [" + all + "]"));
  }
  return {};
}

constexpr int64_t kMaxShares = 262144;  // of cgroups v1

Status check_shares(const HostConfig& host) {
  if (host.cpu_shares < 0) return fail(Code::kInvalidArgument, "shares: invalid argument");
  if (host.cpu_shares == 1) return fail(apiserver::docker_error(500, "the minimum allowed cpu-shares is 2"));
  if (host.cpu_shares > kMaxShares) return fail(apiserver::docker_error(500, fmt::format("the maximum allowed cpu-shares is {}", kMaxShares)));
  return {};
}

Result<runtime::Device> device_at(const std::string& source, const std::string& destination, const std::string& access) {
  struct stat info{};
  if (::stat(source.c_str(), &info) != 0)
    return fail(Code::kInvalidArgument, "error gathering device information while adding custom device \"" + source + "\": no such file or directory");
  if (!S_ISCHR(info.st_mode) && !S_ISBLK(info.st_mode)) {
    return fail(Code::kInvalidArgument, "error gathering device information while adding custom device \"" + source + "\": not a device node");
  }
  runtime::Device device;
  device.path = destination;
  device.type = S_ISBLK(info.st_mode) ? 'b' : 'c';
  device.major = ::major(info.st_rdev);
  device.minor = ::minor(info.st_rdev);
  device.mode = info.st_mode & 07777;
  device.uid = info.st_uid;
  device.gid = info.st_gid;
  device.access = access;
  return device;
}

// The devices below a folder; links to devices and everything else in it are left out.
void devices_below(const std::string& source, const std::string& destination, const std::string& access, int depth, std::vector<runtime::Device>& out) {
  auto names = list_directory(source);
  if (!names || depth > 8) return;
  for (const auto& name : *names) {
    struct stat info{};
    std::string path = fmt::format("{}/{}", source, name), inside = fmt::format("{}/{}", destination, name);
    if (::lstat(path.c_str(), &info) != 0) continue;
    if (S_ISDIR(info.st_mode)) devices_below(path, inside, access, depth + 1, out);
    if (auto device = S_ISLNK(info.st_mode) ? fail(Code::kNotFound, "") : device_at(path, inside, access)) out.push_back(std::move(*device));
  }
}

template <class List, class Value>
Status add_rates(const List& list, Value value, std::vector<runtime::DeviceRate>& out) {
  for (const auto& entry : list) {
    struct stat info{};
    if (::stat(entry.path.c_str(), &info) != 0) return fail_errno("stat " + entry.path);
    if (!S_ISBLK(info.st_mode)) return fail(Code::kInvalidArgument, "invalid device path: " + entry.path + " is no block device");
    out.push_back({::major(info.st_rdev), ::minor(info.st_rdev), static_cast<uint64_t>(value(entry))});
  }
  return {};
}

}  // namespace

std::vector<std::string> docker_environment(const DockerSpecInput& input) {
  std::vector<std::string> env = {kPath, "HOSTNAME=" + input.hostname};
  if (input.view.config.tty) env.emplace_back("TERM=xterm");
  env.insert(env.end(), input.link_env.begin(), input.link_env.end());
  std::map<std::string, size_t> places;
  for (size_t i = 0; i < env.size(); ++i) places[key_of(env[i])] = i;
  for (const auto& entry : input.view.config.env) {
    auto found = places.find(key_of(entry));
    bool removes = entry.find('=') == std::string::npos;
    if (found != places.end()) env[found->second] = removes ? "" : entry;
    else if (!removes) {
      places[key_of(entry)] = env.size();
      env.push_back(entry);
    }
  }
  std::erase(env, "");
  return env;
}

runtime::Resources docker_resources(const HostConfig& host) {
  runtime::Resources out;
  out.cpu_shares = static_cast<uint64_t>(std::max<int64_t>(host.cpu_shares, 0));
  out.cpu_quota_us = host.cpu_quota;
  out.cpu_period_us = static_cast<uint64_t>(std::max<int64_t>(host.cpu_period, 0));
  if (host.nano_cpus > 0) {
    out.cpu_period_us = 100'000;
    out.cpu_quota_us = host.nano_cpus / 10'000;
  }
  out.cpuset_cpus = host.cpuset_cpus;
  out.cpuset_mems = host.cpuset_mems;
  out.cpu_realtime_period_us = host.cpu_realtime_period;
  out.cpu_realtime_runtime_us = host.cpu_realtime_runtime;
  out.memory_limit = host.memory;
  out.memory_swap = host.memory_swap;
  out.memory_reservation = host.memory_reservation;
  if (host.memory_swappiness && *host.memory_swappiness >= 0) out.memory_swappiness = static_cast<uint64_t>(*host.memory_swappiness);
  out.oom_kill_disable = host.oom_kill_disable.value_or(false);
  if (host.pids_limit) out.pids_limit = *host.pids_limit > 0 ? *host.pids_limit : -1;
  out.blkio_weight = static_cast<uint16_t>(std::clamp<int64_t>(host.blkio_weight, 0, 1000));
  return out;
}

Result<DockerSpec> make_docker_spec(const DockerSpecInput& input) {
  DockerSpec out;
  const auto& view = input.view;
  const auto& object = view.object->spec;
  auto& spec = out.spec;
  spec.root.layers = input.layers;
  spec.root.retained = view.id();
  if (object.path.empty() && view.config.cmd.empty() && view.config.entrypoint.empty()) return fail(Code::kInvalidArgument, "no command specified");
  spec.argv.push_back(object.path);  // may be the empty word, which no program has
  spec.argv.insert(spec.argv.end(), object.args.begin(), object.args.end());
  TRY(check_device_requests(view.host));
  TRY(check_shares(view.host));
  spec.env = docker_environment(input);
  spec.cwd = view.config.working_dir.empty() ? "/" : view.config.working_dir;
  set_user(view, spec.user);
  TRY(set_security(view, out));
  spec.resources = docker_resources(view.host);
  set_rlimits(view.host, spec);
  if (view.host.oom_score_adj != 0) spec.oom_score_adj = static_cast<int>(view.host.oom_score_adj);
  spec.tty = view.config.tty;
  spec.stdin_open = view.config.open_stdin;
  spec.stdin_once = view.config.stdin_once;
  // An init of ours makes no sense where another one is.
  spec.init = view.host.init.value_or(false) && view.host.pid_mode.empty();
  spec.stop_signal = view.config.stop_signal;
  for (const auto& [key, value] : view.host.annotations) spec.annotations[key] = value;
  if (view.host.console_size.size() == 2) {
    spec.console_height = static_cast<int>(view.host.console_size[0]);
    spec.console_width = static_cast<int>(view.host.console_size[1]);
  }
  for (const auto& text : view.host.device_cgroup_rules) {
    TRY_ASSIGN(auto rule, parse_device_rule(text));
    spec.device_rules.push_back(std::move(rule));
  }
  return out;
}

void fill_docker_sandbox(const DockerView& view, runtime::SandboxSpec& spec) {
  const auto& host = view.host;
  std::string mode = network_mode_of(host);
  spec.domain = view.config.domainname;
  spec.cgroup_parent = docker_cgroup(host, view.id());
  spec.host_network = mode == "host";
  spec.host_ipc = host.ipc_mode == "host";
  spec.host_pid = host.pid_mode == "host";
  spec.host_uts = host.uts_mode == "host";
  spec.no_shm = host.ipc_mode == "none";
  spec.shm_bytes = static_cast<uint64_t>(host.shm_size > 0 ? host.shm_size : kDefaultShm);
  // As Docker: a namespace of its own lets everyone ping and listen below 1024.
  std::map<std::string, std::string> sysctls;
  if (mode != "host" && !container_of_mode(mode)) {
    sysctls["net.ipv4.ping_group_range"] = "0 2147483647";
    sysctls["net.ipv4.ip_unprivileged_port_start"] = "0";
  }
  for (const auto& [name, value] : host.sysctls) sysctls[name] = value;
  spec.sysctls.assign(sysctls.begin(), sysctls.end());
}

Result<runtime::DeviceRule> parse_device_rule(const std::string& text) {
  auto wrong = [&] { return fail(Code::kInvalidArgument, "invalid device cgroup rule format: '" + text + "'"); };
  // [acb] (number|*):(number|*) [rwm]{1,3}
  if (text.size() < 7 || (text[0] != 'a' && text[0] != 'b' && text[0] != 'c') || text[1] != ' ') return wrong();
  size_t colon = text.find(':'), blank = text.find(' ', 2);
  if (colon == std::string::npos || blank == std::string::npos || colon > blank) return wrong();
  runtime::DeviceRule rule;
  rule.type = text[0];
  auto number = [&](std::string_view part, int64_t& value) {
    if (part == "*") return true;
    auto parsed = whole_number(part);
    if (parsed) value = *parsed;
    return parsed.has_value();
  };
  std::string_view whole = text;
  if (!number(whole.substr(2, colon - 2), rule.major) || !number(whole.substr(colon + 1, blank - colon - 1), rule.minor)) return wrong();
  rule.access = text.substr(blank + 1);
  if (rule.access.empty() || rule.access.size() > 3 || rule.access.find_first_not_of("rwm") != std::string::npos) return wrong();
  return rule;
}

std::string docker_cgroup(const HostConfig& host, const std::string& id) {
  std::string out = "docker";
  for (size_t at = 0; at < host.cgroup_parent.size();) {
    size_t end = std::min(host.cgroup_parent.find('/', at), host.cgroup_parent.size());
    std::string part = host.cgroup_parent.substr(at, end - at);
    at = end + 1;
    bool plain = part.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-:@") == std::string::npos;
    if (!part.empty() && part != "." && part != ".." && plain) out += "/" + part;
  }
  return out + "/" + id;
}

Status add_docker_devices(const HostConfig& host, runtime::ContainerSpec& spec) {
  for (const auto& mapping : host.devices) {
    std::string destination = mapping.path_in_container.empty() ? mapping.path_on_host : mapping.path_in_container;
    std::string access = host.privileged || mapping.cgroup_permissions.empty() ? "rwm" : mapping.cgroup_permissions;
    if (host.privileged && destination == mapping.path_on_host) continue;
    struct stat info{};
    if (::stat(mapping.path_on_host.c_str(), &info) == 0 && S_ISDIR(info.st_mode)) {
      devices_below(mapping.path_on_host, destination, access, 0, spec.devices);
      continue;
    }
    TRY_ASSIGN(auto device, device_at(mapping.path_on_host, destination, access));
    spec.devices.push_back(std::move(device));
  }
  return add_device_rates(host, spec.resources);
}

Status add_device_rates(const HostConfig& host, runtime::Resources& resources) {
  auto rate = [](const auto& entry) { return entry.rate; };
  TRY(add_rates(host.blkio_weight_device, [](const auto& entry) { return entry.weight; }, resources.blkio_weight_devices));
  TRY(add_rates(host.blkio_device_read_bps, rate, resources.blkio_read_bps));
  TRY(add_rates(host.blkio_device_write_bps, rate, resources.blkio_write_bps));
  TRY(add_rates(host.blkio_device_read_iops, rate, resources.blkio_read_iops));
  return add_rates(host.blkio_device_write_iops, rate, resources.blkio_write_iops);
}

}  // namespace reigen::node
