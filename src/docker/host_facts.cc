#include "docker/host_facts.h"

#include <sys/statfs.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <charconv>
#include <string>

#include "base/files.h"

namespace reigen::docker {

namespace {

constexpr long kCgroup2Magic = 0x63677270;

// The value of a key in os-release, without quotes.
std::string release_value(std::string_view text, std::string_view key) {
  while (!text.empty()) {
    std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    if (!line.starts_with(key) || line.size() <= key.size() || line[key.size()] != '=') continue;
    line.remove_prefix(key.size() + 1);
    if (line.size() >= 2 && (line.front() == '"' || line.front() == '\'')) line = line.substr(1, line.size() - 2);
    return std::string(line);
  }
  return {};
}

std::string go_name(std::string_view machine) {
  if (machine == "x86_64") return "amd64";
  if (machine == "aarch64") return "arm64";
  if (machine == "armv7l" || machine == "armv6l") return "arm";
  if (machine == "i686" || machine == "i386") return "386";
  return std::string(machine);
}

void find_limits_v1(HostFacts& out) {
  auto has = [](const char* path) { return path_exists(std::string("/sys/fs/cgroup/") + path); };
  out.memory_limit = has("memory/memory.limit_in_bytes");
  out.swap_limit = has("memory/memory.memsw.limit_in_bytes");
  out.oom_kill_disable = has("memory/memory.oom_control");
  out.memory_reservation = has("memory/memory.soft_limit_in_bytes");
  out.memory_swappiness = has("memory/memory.swappiness");
  out.cpu_quota = has("cpu/cpu.cfs_quota_us");
  out.cpu_shares = has("cpu/cpu.shares");
  out.cpu_set = has("cpuset/cpuset.cpus");
  out.cpu_realtime = has("cpu/cpu.rt_runtime_us");
  out.pids_limit = has("pids");
  out.blkio_weight = has("blkio/blkio.weight") || has("blkio/blkio.bfq.weight");
  out.blkio_throttle = has("blkio/blkio.throttle.read_bps_device");
}

void find_limits_v2(HostFacts& out) {
  std::string controllers = " " + read_file("/sys/fs/cgroup/cgroup.controllers").value_or("") + " ";
  for (char& c : controllers) {
    if (c == '\n') c = ' ';
  }
  auto has = [&](std::string_view name) { return controllers.find(" " + std::string(name) + " ") != std::string::npos; };
  out.memory_limit = out.memory_reservation = has("memory");
  out.swap_limit = has("memory");
  out.cpu_quota = out.cpu_shares = has("cpu");
  out.cpu_set = has("cpuset");
  out.pids_limit = has("pids");
  out.blkio_weight = out.blkio_throttle = has("io");
}

std::vector<int> read_list(const char* path) {
  auto text = read_file(path, 4096).value_or("");
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return parse_cpu_list(text);
}

HostFacts find_facts() {
  HostFacts out;
  utsname system{};
  ::uname(&system);
  out.kernel = system.release;
  out.architecture = system.machine;
  out.go_architecture = go_name(system.machine);
  out.host_name = system.nodename;
  std::string release = read_file("/etc/os-release").value_or(read_file("/usr/lib/os-release").value_or(""));
  out.operating_system = release_value(release, "PRETTY_NAME");
  if (out.operating_system.empty()) out.operating_system = "Linux";
  out.os_version = release_value(release, "VERSION_ID");
  struct sysinfo info{};
  ::sysinfo(&info);
  out.memory = static_cast<int64_t>(info.totalram) * info.mem_unit;
  out.cpus = static_cast<int>(::sysconf(_SC_NPROCESSORS_ONLN));
  struct statfs fs{};
  out.cgroup_version = ::statfs("/sys/fs/cgroup", &fs) == 0 && fs.f_type == kCgroup2Magic ? 2 : 1;
  if (out.cgroup_version == 2) {
    find_limits_v2(out);
  } else {
    find_limits_v1(out);
  }
  out.online_cpus = read_list("/sys/devices/system/cpu/online");
  out.memory_nodes = read_list("/sys/devices/system/node/online");
  if (out.online_cpus.empty()) {
    for (int i = 0; i < out.cpus; ++i) out.online_cpus.push_back(i);
  }
  if (out.memory_nodes.empty()) out.memory_nodes = {0};
  out.apparmor = read_file("/sys/module/apparmor/parameters/enabled").value_or("").starts_with("Y");
  out.seccomp = path_exists("/proc/sys/kernel/seccomp");
  return out;
}

}  // namespace

std::vector<int> parse_cpu_list(std::string_view text) {
  std::vector<int> out;
  while (!text.empty()) {
    std::string_view part = text.substr(0, text.find(','));
    text.remove_prefix(std::min(text.size(), part.size() + 1));
    int first = 0;
    auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), first);
    if (error != std::errc() || first < 0) return {};
    int last = first;
    if (end != part.data() + part.size()) {
      if (*end != '-') return {};
      auto [stop, wrong] = std::from_chars(end + 1, part.data() + part.size(), last);
      if (wrong != std::errc() || stop != part.data() + part.size() || last < first) return {};
    }
    for (int i = first; i <= last; ++i) {
      if (out.size() >= 1024) return {};
      out.push_back(i);
    }
  }
  return out;
}

const HostFacts& host_facts() {
  static const HostFacts facts = find_facts();
  return facts;
}

}  // namespace reigen::docker
