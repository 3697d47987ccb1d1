#include "runtime/oci_config.h"

#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <cstdlib>

#include "base/files.h"
#include "runtime/capabilities.h"
#include "runtime/json_text.h"
#include "runtime/seccomp_cache.h"
#include "runtime/seccomp_profile.h"

namespace reigen::runtime {
namespace {

using Options = std::vector<std::string>;

void write_mount(JsonText& json, const std::string& destination, const std::string& type, const std::string& source, const Options& options) {
  json.begin_object().text("destination", destination).text("type", type).text("source", source).texts("options", options).end_object();
}

// crun mounts a bind anew with these options alone: what else holds at the source (read-only, no suid programs …) would end there.
Options bind_options(const Mount& mount) {
  struct Kind {
    unsigned long flag;
    const char *set, *clear;
  };
  static constexpr Kind kKinds[] = {{ST_RDONLY, "ro", "rw"}, {ST_NOSUID, "nosuid", "suid"}, {ST_NODEV, "nodev", "dev"}, {ST_NOEXEC, "noexec", "exec"}};
  Options out = mount.options;
  struct statvfs source{};
  if (mount.type != "bind" || ::statvfs(mount.source.c_str(), &source) != 0) return out;
  for (const Kind& kind : kKinds) {
    if ((source.f_flag & kind.flag) == 0) continue;
    std::erase_if(out, [&](const std::string& option) { return option == kind.clear || option == kind.set; });
    out.emplace_back(kind.set);
  }
  return out;
}

void write_user(JsonText& json, std::string_view key, const ResolvedUser& user) {
  json.begin_object(key).number("uid", user.uid).number("gid", user.gid);
  json.begin_array("additionalGids");
  for (uint32_t gid : user.groups) json.number_item(gid);
  json.end_array().end_object();
}

Status write_rlimits(JsonText& json, const ContainerSpec& spec, std::vector<std::string>* warnings) {
  json.begin_array("rlimits");
  for (Rlimit limit : spec.rlimits) {
    auto most = highest_limit(limit.name);
    if (!most) return fail(Code::kInvalidArgument, "unknown resource limit " + limit.name);
    if (limit.hard > *most && !may_raise_limits()) {
      if (warnings) warnings->push_back(limit.name + " stays at " + std::to_string(*most) + ": this process may not raise it");
      limit.hard = *most;
      limit.soft = std::min(limit.soft, limit.hard);
    }
    json.begin_object().text("type", limit.name).number("soft", static_cast<int64_t>(limit.soft));
    json.number("hard", static_cast<int64_t>(limit.hard)).end_object();
  }
  json.end_array();
  return {};
}

void write_oom_score(JsonText& json, const ContainerSpec& spec, std::vector<std::string>* warnings) {
  if (!spec.oom_score_adj) return;
  int score = *spec.oom_score_adj;
  if (int own = own_oom_score(); score < own && !may_raise_limits()) {
    if (warnings) warnings->push_back("oom_score_adj " + std::to_string(score) + " becomes " + std::to_string(own) + ": this process lacks CAP_SYS_RESOURCE");
    score = own;
  }
  json.number("oomScoreAdj", score);
}

void write_capabilities(JsonText& json, const std::vector<std::string>& names) {
  json.begin_object("capabilities");
  for (const char* set : {"bounding", "effective", "permitted"}) json.texts(set, names);
  json.end_object();
}

Status write_rights(JsonText& json, const ContainerSpec& spec, const std::vector<std::string>& capabilities, std::vector<std::string>* warnings) {
  write_capabilities(json, capabilities);
  TRY(write_rlimits(json, spec, warnings));
  json.boolean("noNewPrivileges", spec.security.no_new_privileges);
  return {};
}

Status write_process(JsonText& json, const ContainerSpec& spec, const OciContext& context, const std::vector<std::string>& capabilities,
                     std::vector<std::string>* warnings) {
  std::vector<std::string> argv = spec.argv;
  if (argv.empty()) return fail(Code::kInvalidArgument, "no command specified");
  if (spec.init) argv.insert(argv.begin(), {"/dev/docker-init", "--"});
  json.begin_object("process").boolean("terminal", spec.tty);
  if (spec.tty) write_console_size(json, spec.console_width, spec.console_height);
  write_user(json, "user", context.user);
  json.texts("args", argv).texts("env", process_environment(spec, context.user)).text("cwd", spec.cwd.empty() ? "/" : spec.cwd);
  TRY(write_rights(json, spec, capabilities, warnings));
  write_oom_score(json, spec, warnings);
  if (context.apparmor && !spec.security.apparmor_profile.empty()) json.text("apparmorProfile", spec.security.apparmor_profile);
  json.end_object();
  return {};
}

size_t depth(const std::string& path) { return static_cast<size_t>(std::count(path.begin(), path.end(), '/')); }

void write_mounts(JsonText& json, const ContainerSpec& spec, const OciContext& context) {
  bool privileged = spec.security.privileged;
  std::vector<Mount> user = spec.mounts;
  std::stable_sort(user.begin(), user.end(), [](const Mount& a, const Mount& b) { return depth(a.destination) < depth(b.destination); });
  auto overridden = [&](std::string_view path) { return std::any_of(user.begin(), user.end(), [&](const Mount& mount) { return mount.destination == path; }); };
  auto standard = [&](const char* destination, const char* type, const char* source, Options options) {
    if (!overridden(destination)) write_mount(json, destination, type, source, options);
  };
  json.begin_array("mounts");
  standard("/proc", "proc", "proc", {"nosuid", "noexec", "nodev"});
  standard("/dev", "tmpfs", "tmpfs", {"nosuid", "strictatime", "mode=755", "size=65536k"});
  standard("/dev/pts", "devpts", "devpts", {"nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"});
  standard("/dev/mqueue", "mqueue", "mqueue", {"nosuid", "noexec", "nodev"});
  standard("/sys", "sysfs", "sysfs", {"nosuid", "noexec", "nodev", privileged ? "rw" : "ro"});
  standard("/sys/fs/cgroup", "cgroup", "cgroup", {"nosuid", "noexec", "nodev", "relatime", privileged ? "rw" : "ro"});
  if (!overridden("/dev/shm") && !context.shm_path.empty()) write_mount(json, "/dev/shm", "bind", context.shm_path, {"rbind", "nosuid", "noexec", "nodev"});
  if (spec.init) write_mount(json, "/dev/docker-init", "bind", context.init_path, {"bind", "ro"});
  for (const auto& mount : user) write_mount(json, mount.destination, mount.type, mount.source, bind_options(mount));
  json.end_array();
}

void write_namespace(JsonText& json, const char* type, const std::string& path) {
  json.begin_object().text("type", type);
  if (!path.empty()) json.text("path", path);
  json.end_object();
}

void write_namespaces(JsonText& json, const OciContext& context) {
  json.begin_array("namespaces");
  write_namespace(json, "mount", "");
  if (!context.net_namespace.empty() || context.no_network) write_namespace(json, "network", context.net_namespace);
  if (!context.ipc_namespace.empty()) write_namespace(json, "ipc", context.ipc_namespace);
  if (!context.uts_namespace.empty()) write_namespace(json, "uts", context.uts_namespace);
  if (!context.host_pid) write_namespace(json, "pid", context.pid_namespace);
  if (context.cgroup_namespace) write_namespace(json, "cgroup", "");
  json.end_array();
}

// All device nodes below /dev, for a privileged container.
void add_host_devices(const std::string& folder, std::vector<Device>& out) {
  auto names = list_directory(folder);
  if (!names) return;
  for (const auto& name : *names) {
    std::string path = folder + "/" + name;
    struct stat info{};
    if (::lstat(path.c_str(), &info) != 0) continue;
    static const std::vector<std::string> skipped = {"/dev/pts", "/dev/shm", "/dev/fd", "/dev/mqueue", "/dev/console", "/dev/ptmx", "/dev/tty"};
    if (std::find(skipped.begin(), skipped.end(), path) != skipped.end()) continue;
    if (S_ISDIR(info.st_mode)) add_host_devices(path, out);
    if (!S_ISCHR(info.st_mode) && !S_ISBLK(info.st_mode)) continue;
    out.push_back(
        {path, S_ISBLK(info.st_mode) ? 'b' : 'c', ::major(info.st_rdev), ::minor(info.st_rdev), info.st_mode & 07777, info.st_uid, info.st_gid, "rwm"});
  }
}

void write_device_rule(JsonText& json, bool allow, const char* type, int64_t major, int64_t minor, const std::string& access) {
  json.begin_object().boolean("allow", allow);
  if (type) json.text("type", type);
  if (major >= 0) json.number("major", major);
  if (minor >= 0) json.number("minor", minor);
  json.text("access", access).end_object();
}

void write_devices(JsonText& json, const std::vector<Device>& devices) {
  json.begin_array("devices");
  for (const auto& device : devices) {
    json.begin_object().text("path", device.path).text("type", std::string(1, device.type)).number("major", device.major);
    json.number("minor", device.minor).number("fileMode", device.mode).number("uid", device.uid).number("gid", device.gid).end_object();
  }
  json.end_array();
}

void write_resources(JsonText& json, const ContainerSpec& spec, const std::vector<Device>& devices, bool swap_accounting) {
  const Resources& limits = spec.resources;
  json.begin_object("resources").begin_array("devices");
  if (spec.security.privileged) {
    write_device_rule(json, true, nullptr, -1, -1, "rwm");
  } else {
    write_device_rule(json, false, nullptr, -1, -1, "rwm");
    write_device_rule(json, true, "c", -1, -1, "m");
    write_device_rule(json, true, "b", -1, -1, "m");
    for (const auto& device : devices) write_device_rule(json, true, device.type == 'b' ? "b" : "c", device.major, device.minor, device.access);
    for (const auto& rule : spec.device_rules) {
      const char* type = rule.type == 'b' ? "b" : rule.type == 'c' ? "c" : "a";
      write_device_rule(json, rule.allow, type, rule.major, rule.minor, rule.access);
    }
  }
  json.end_array();
  if (limits.cpu_shares || limits.cpu_quota_us || limits.cpu_period_us || !limits.cpuset_cpus.empty() || !limits.cpuset_mems.empty()) {
    json.begin_object("cpu");
    if (limits.cpu_shares) json.number("shares", static_cast<int64_t>(limits.cpu_shares));
    if (limits.cpu_quota_us) json.number("quota", limits.cpu_quota_us);
    if (limits.cpu_quota_us || limits.cpu_period_us) json.number("period", static_cast<int64_t>(limits.cpu_period_us ? limits.cpu_period_us : 100'000));
    if (!limits.cpuset_cpus.empty()) json.text("cpus", limits.cpuset_cpus);
    if (!limits.cpuset_mems.empty()) json.text("mems", limits.cpuset_mems);
    json.end_object();
  }
  if (limits.memory_limit) {
    json.begin_object("memory").number("limit", limits.memory_limit);
    if (limits.memory_swap && swap_accounting) json.number("swap", limits.memory_swap);
    json.end_object();
  }
  if (limits.pids_limit) json.begin_object("pids").number("limit", limits.pids_limit).end_object();
  json.end_object();
}

void write_sysctls(JsonText& json, const std::vector<std::string>& assignments) {
  if (assignments.empty()) return;
  json.begin_object("sysctl");
  for (const auto& assignment : assignments) {
    auto equals = assignment.find('=');
    json.text(assignment.substr(0, equals), assignment.substr(std::min(equals, assignment.size() - 1) + 1));
  }
  json.end_object();
}

void write_annotations(JsonText& json, const std::map<std::string, std::string>& annotations) {
  if (annotations.empty()) return;
  json.begin_object("annotations");
  for (const auto& [name, value] : annotations) json.text(name, value);
  json.end_object();
}

// How far mounts made in the root travel: as far as the farthest mount asks.
const char* root_propagation(const ContainerSpec& spec) {
  const char* wanted = nullptr;
  for (const auto& mount : spec.mounts) {
    for (const auto& option : mount.options) {
      if (option == "rshared" || option == "shared") return "rshared";
      if (option == "rslave" || option == "slave") wanted = "rslave";
    }
  }
  return wanted;
}

// Empty: there is none.
Result<std::string> seccomp_profile(const Security& security, const std::vector<std::string>& capabilities) {
  if (security.privileged || security.seccomp == SeccompKind::kUnconfined) return "";
  if (security.seccomp == SeccompKind::kRuntimeDefault) return default_seccomp_json(capabilities);
  return read_file(security.seccomp_file, 4 << 20);
}

// The profile stands in the configuration too: it has the filter's flags, and what does not know the annotation compiles it.
std::map<std::string, std::string> annotations_of(const ContainerSpec& spec, const OciContext& context, const std::string& profile) {
  auto out = spec.annotations;
  auto own = out.lower_bound("run.oci.seccomp");
  bool decided = own != out.end() && own->first.starts_with("run.oci.seccomp");
  if (profile.empty() || decided || !context.compiled_seccomp) return out;
  if (auto filter = context.compiled_seccomp(profile); !filter.empty()) out[SeccompCache::kAnnotation] = std::move(filter);
  return out;
}

}  // namespace

const std::vector<std::string>& masked_paths() {
  static const std::vector<std::string> paths = {"/proc/acpi",
                                                 "/proc/asound",
                                                 "/proc/interrupts",
                                                 "/proc/kcore",
                                                 "/proc/keys",
                                                 "/proc/latency_stats",
                                                 "/proc/sched_debug",
                                                 "/proc/scsi",
                                                 "/proc/timer_list",
                                                 "/proc/timer_stats",
                                                 "/sys/devices/virtual/powercap",
                                                 "/sys/firmware"};
  return paths;
}

const std::vector<std::string>& readonly_paths() {
  static const std::vector<std::string> paths = {"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"};
  return paths;
}

std::vector<std::string> process_environment(const ContainerSpec& spec, const ResolvedUser& user) {
  std::vector<std::string> env = spec.env;
  auto names = [&](std::string_view name) { return std::any_of(env.begin(), env.end(), [&](const auto& entry) { return entry.starts_with(name); }); };
  if (!names("PATH=")) env.push_back("PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
  if (spec.tty && !names("TERM=")) env.push_back("TERM=xterm");
  if (!names("HOME=")) env.push_back("HOME=" + user.home);
  return env;
}

void write_console_size(JsonText& json, int width, int height) {
  if (width > 0 || height > 0) json.begin_object("consoleSize").number("height", height).number("width", width).end_object();
}

std::string oci_user(const ResolvedUser& user) {
  JsonText json;
  write_user(json, {}, user);
  return json.take();
}

Result<std::string> oci_rights(const ContainerSpec& spec) {
  TRY_ASSIGN(auto capabilities, capabilities_of(spec.security, nullptr));
  JsonText json;
  json.begin_object();
  TRY(write_rights(json, spec, capabilities, nullptr));
  return json.end_object().take();
}

Result<std::string> oci_config(const ContainerSpec& spec, const OciContext& context, std::vector<std::string>* warnings) {
  std::vector<std::string> missing;
  TRY_ASSIGN(auto capabilities, capabilities_of(spec.security, &missing));
  for (const auto& name : missing) {
    if (warnings) warnings->push_back(name + " is not given: this process does not have it itself");
  }
  JsonText json;
  json.begin_object().text("ociVersion", "1.0.2");
  json.begin_object("root").text("path", context.root).boolean("readonly", spec.security.readonly_root).end_object();
  TRY(write_process(json, spec, context, capabilities, warnings));
  write_mounts(json, spec, context);
  TRY_ASSIGN(std::string profile, seccomp_profile(spec.security, capabilities));
  write_annotations(json, annotations_of(spec, context, profile));
  json.begin_object("linux").text("cgroupsPath", context.cgroup_path);
  write_namespaces(json, context);
  std::vector<Device> devices = spec.devices;
  if (spec.security.privileged) add_host_devices("/dev", devices);
  write_devices(json, devices);
  write_resources(json, spec, devices, context.swap_accounting);
  if (spec.resources.memory_swap && !context.swap_accounting && warnings) warnings->push_back("this host does not account swap, so its limit is left out");
  write_sysctls(json, context.sysctls);
  if (const char* propagation = root_propagation(spec)) json.text("rootfsPropagation", propagation);
  bool masked = !spec.security.privileged && !spec.security.unmasked_proc;
  static const std::vector<std::string> none;
  json.texts("maskedPaths", spec.security.masked_paths.value_or(masked ? masked_paths() : none));
  json.texts("readonlyPaths", spec.security.readonly_paths.value_or(masked ? readonly_paths() : none));
  if (!profile.empty()) json.raw("seccomp", profile);
  return json.end_object().end_object().take();
}

}  // namespace reigen::runtime
