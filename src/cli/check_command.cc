#include <fmt/core.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <functional>

#include "base/files.h"
#include "base/process.h"
#include "cli/commands.h"
#include "linux/cgroup.h"
#include "linux/nftables.h"
#include "network/firewall.h"

namespace reigen::cli {
namespace {

struct Check {
  const char* name;
  std::function<Status()> run;
  const char* remedy;
};

Status need_program(const char* program) {
  auto found = find_program(program);
  if (!found) return Fail(std::move(found).error());
  return {};
}

Status need_root() {
  if (::geteuid() == 0) return {};
  return fail(Code::kPermissionDenied, "this user is not root");
}

Status need_kernel() {
  utsname name{};
  ::uname(&name);
  int major = 0, minor = 0;
  if (std::sscanf(name.release, "%d.%d", &major, &minor) == 2 && (major > 5 || (major == 5 && minor >= 10))) return {};
  return fail(Code::kUnimplemented, fmt::format("kernel {} is older than 5.10", name.release));
}

Status need_overlay() {
  TRY_ASSIGN(std::string systems, read_file("/proc/filesystems"));
  if (systems.find("\toverlay\n") != std::string::npos) return {};
  return fail(Code::kUnimplemented, "the kernel has no overlayfs, or its module is not loaded");
}

Status need_cgroups() {
  TRY_ASSIGN(auto cgroups, linux::Cgroups::open());
  std::string missing;
  for (const char* controller : {"cpu", "memory", "pids"}) {
    if (!cgroups.has(controller)) missing += (missing.empty() ? "" : ", ") + std::string(controller);
  }
  if (missing.empty()) return {};
  return fail(Code::kUnimplemented, "cgroup controllers are missing: " + missing);
}

Status need_nftables() {
  auto listed = run_command(Command{.argv = {"nft", "list", "tables"}});
  if (!listed) return Fail(std::move(listed).error());
  if (listed->exit_code == 0) return {};
  return fail(Code::kUnimplemented, "nft list tables: " + listed->err.substr(0, listed->err.find('\n')));
}

// Somebody else's service on port 53 of all addresses keeps the cluster's name server from its own.
Status need_name_port() {
  TRY_ASSIGN(std::string sockets, read_file("/proc/net/udp"));
  if (sockets.find(" 00000000:0035 ") == std::string::npos) return {};
  return fail(Code::kAlreadyExists, "another program listens on port 53 of all addresses");
}

const Check kChecks[] = {
    {"root", need_root, "run it with sudo"},
    {"kernel", need_kernel, "use Debian 12 or newer"},
    {"overlayfs", need_overlay, "modprobe overlay"},
    {"cgroups", need_cgroups, "mount the cgroup file system with these controllers (systemd does)"},
    {"crun", [] { return need_program("crun"); }, "apt-get install crun"},
    {"conmon", [] { return need_program("conmon"); }, "apt-get install conmon"},
    {"nft", [] { return need_program("nft"); }, "apt-get install nftables"},
    {"nftables", need_nftables, "load the module nf_tables, or use a kernel that has it"},
    {"name server", need_name_port, "let that program listen on certain addresses only"},
};

// No obstacle: the server lets the pods' packets pass by a marked rule. Someone who looks for lost packets should know.
void note_firewalls() {
  auto nft = linux::NftSocket::open();
  if (!nft) return;  // told by "nftables"
  auto found = network::find_firewalls(*nft);
  for (const auto& text : found ? *found : std::vector<std::string>()) {
    fmt::print(
        "note     firewall: {}\n         the server puts a rule there at its start that accepts those of pods; start it again when the firewall was loaded "
        "anew\n",
        text);
  }
}

}  // namespace

int run_check() {
  int missing = 0;
  for (const auto& check : kChecks) {
    auto done = check.run();
    if (done) {
      fmt::print("ok       {}\n", check.name);
      continue;
    }
    ++missing;
    fmt::print("missing  {}: {}\n         to mend it: {}\n", check.name, done.error().message(), check.remedy);
  }
  note_firewalls();
  return missing == 0 ? 0 : 1;
}

}  // namespace reigen::cli
