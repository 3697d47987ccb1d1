#include "runtime/capabilities.h"

#include <sys/prctl.h>
#include <sys/resource.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdlib>
#include <set>

#include "base/files.h"

namespace reigen::runtime {
namespace {

// The index is the kernel's number (linux/capability.h).
constexpr std::array<std::string_view, 41> kNames = {"CHOWN",
                                                     "DAC_OVERRIDE",
                                                     "DAC_READ_SEARCH",
                                                     "FOWNER",
                                                     "FSETID",
                                                     "KILL",
                                                     "SETGID",
                                                     "SETUID",
                                                     "SETPCAP",
                                                     "LINUX_IMMUTABLE",
                                                     "NET_BIND_SERVICE",
                                                     "NET_BROADCAST",
                                                     "NET_ADMIN",
                                                     "NET_RAW",
                                                     "IPC_LOCK",
                                                     "IPC_OWNER",
                                                     "SYS_MODULE",
                                                     "SYS_RAWIO",
                                                     "SYS_CHROOT",
                                                     "SYS_PTRACE",
                                                     "SYS_PACCT",
                                                     "SYS_ADMIN",
                                                     "SYS_BOOT",
                                                     "SYS_NICE",
                                                     "SYS_RESOURCE",
                                                     "SYS_TIME",
                                                     "SYS_TTY_CONFIG",
                                                     "MKNOD",
                                                     "LEASE",
                                                     "AUDIT_WRITE",
                                                     "AUDIT_CONTROL",
                                                     "SETFCAP",
                                                     "MAC_OVERRIDE",
                                                     "MAC_ADMIN",
                                                     "SYSLOG",
                                                     "WAKE_ALARM",
                                                     "BLOCK_SUSPEND",
                                                     "AUDIT_READ",
                                                     "PERFMON",
                                                     "BPF",
                                                     "CHECKPOINT_RESTORE"};
constexpr size_t kSysResource = 24;

Result<size_t> number_of(std::string name) {
  std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  if (name.starts_with("CAP_")) name.erase(0, 4);
  auto it = std::find(kNames.begin(), kNames.end(), name);
  if (it == kNames.end()) return fail(Code::kInvalidArgument, "unknown capability \"CAP_" + name + "\"");
  return static_cast<size_t>(it - kNames.begin());
}

struct RlimitName {
  const char* name;
  int resource;
};
constexpr RlimitName kRlimits[] = {{"RLIMIT_AS", RLIMIT_AS},         {"RLIMIT_CORE", RLIMIT_CORE},         {"RLIMIT_CPU", RLIMIT_CPU},
                                   {"RLIMIT_DATA", RLIMIT_DATA},     {"RLIMIT_FSIZE", RLIMIT_FSIZE},       {"RLIMIT_MEMLOCK", RLIMIT_MEMLOCK},
                                   {"RLIMIT_NOFILE", RLIMIT_NOFILE}, {"RLIMIT_NPROC", RLIMIT_NPROC},       {"RLIMIT_RSS", RLIMIT_RSS},
                                   {"RLIMIT_STACK", RLIMIT_STACK},   {"RLIMIT_NICE", RLIMIT_NICE},         {"RLIMIT_RTPRIO", RLIMIT_RTPRIO},
                                   {"RLIMIT_LOCKS", RLIMIT_LOCKS},   {"RLIMIT_MSGQUEUE", RLIMIT_MSGQUEUE}, {"RLIMIT_SIGPENDING", RLIMIT_SIGPENDING},
                                   {"RLIMIT_RTTIME", RLIMIT_RTTIME}};

bool is_all(const std::string& name) { return name == "ALL" || name == "all" || name == "CAP_ALL"; }

}  // namespace

const std::vector<std::string>& default_capabilities() {
  static const std::vector<std::string> set = {
      "CAP_CHOWN",  "CAP_DAC_OVERRIDE", "CAP_FSETID",  "CAP_FOWNER",           "CAP_MKNOD",      "CAP_NET_RAW", "CAP_SETGID",
      "CAP_SETUID", "CAP_SETFCAP",      "CAP_SETPCAP", "CAP_NET_BIND_SERVICE", "CAP_SYS_CHROOT", "CAP_KILL",    "CAP_AUDIT_WRITE"};
  return set;
}

Result<std::vector<std::string>> capabilities_of(const Security& security, std::vector<std::string>* missing) {
  std::set<size_t> wanted;
  auto add_all = [&] {
    for (size_t i = 0; i < kNames.size(); ++i) wanted.insert(i);
  };
  bool drop_all = std::any_of(security.drop_capabilities.begin(), security.drop_capabilities.end(), is_all);
  if (security.privileged) {
    add_all();
  } else if (!drop_all) {
    for (const auto& name : default_capabilities()) wanted.insert(*number_of(name));
  }
  for (const auto& name : security.add_capabilities) {
    if (is_all(name)) {
      add_all();
      continue;
    }
    TRY_ASSIGN(size_t number, number_of(name));
    wanted.insert(number);
  }
  for (const auto& name : security.drop_capabilities) {
    if (is_all(name)) continue;
    TRY_ASSIGN(size_t number, number_of(name));
    if (!security.privileged) wanted.erase(number);
  }
  std::vector<std::string> out;
  for (size_t number : wanted) {
    std::string name = "CAP_" + std::string(kNames[number]);
    if (::prctl(PR_CAPBSET_READ, number, 0, 0, 0) == 1) {
      out.push_back(std::move(name));
    } else if (missing) {
      missing->push_back(std::move(name));
    }
  }
  return out;
}

std::optional<uint64_t> highest_limit(std::string name) {
  std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  auto known = std::find_if(std::begin(kRlimits), std::end(kRlimits), [&](const auto& entry) { return name == entry.name; });
  if (known == std::end(kRlimits)) return std::nullopt;
  rlimit own{};
  if (::getrlimit(static_cast<__rlimit_resource>(known->resource), &own) != 0) return std::nullopt;
  return own.rlim_max;
}

int own_oom_score() { return std::atoi(read_file("/proc/self/oom_score_adj", 64).value_or("0").c_str()); }

bool may_raise_limits() {
  auto status = read_file("/proc/self/status", 1 << 16);
  if (!status) return false;
  auto at = status->find("CapEff:");
  if (at == std::string::npos) return false;
  return (std::strtoull(status->c_str() + at + 7, nullptr, 16) >> kSysResource) & 1;
}

}  // namespace reigen::runtime
