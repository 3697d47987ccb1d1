// Sandboxes: pinned namespaces, /dev/shm and a cgroup.
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "base/files.h"
#include "base/log.h"
#include "linux/mount.h"
#include "linux/pidfd.h"
#include "runtime/crun_state.h"

namespace reigen::runtime {
namespace {

// The namespace a setting of the kernel belongs to: 'n', 'i', 'u'; 0: the host's own.
char namespace_of_sysctl(std::string name) {
  std::replace(name.begin(), name.end(), '/', '.');
  if (name.starts_with("net.")) return 'n';
  if (name == "kernel.sem" || name.starts_with("kernel.shm") || name.starts_with("kernel.msg") || name.starts_with("fs.mqueue.")) return 'i';
  if (name == "kernel.hostname" || name == "kernel.domainname") return 'u';
  return 0;
}

const char* why_host(char kind) {
  if (kind == 'n') return "not allowed in host network namespace";
  if (kind == 'i') return "is not allowed in the hosts ipc namespace";
  return "is not in a separate kernel namespace";
}

bool host_uts(const SandboxSpec& spec) { return spec.host_uts.value_or(spec.host_network); }
bool shares_network(const SandboxSpec& spec) { return !spec.host_network && !spec.net_namespace_of.empty(); }
bool shares_ipc(const SandboxSpec& spec) { return !spec.host_ipc && !spec.ipc_namespace_of.empty(); }

struct Sysctls {
  std::vector<std::string> own;   // set when the namespaces are made
  std::vector<std::string> late;  // of a namespace of another sandbox
};

// Setting one of a namespace that is the host's would change the host.
Result<Sysctls> sort_sysctls(const SandboxSpec& spec) {
  Sysctls out;
  for (const auto& [name, value] : spec.sysctls) {
    char kind = namespace_of_sysctl(name);
    bool host = kind == 'n' ? spec.host_network : kind == 'i' ? spec.host_ipc : kind == 'u' ? host_uts(spec) : true;
    if (host) return fail(Code::kInvalidArgument, "sysctl \"" + name + "\" " + why_host(kind));
    bool shared = kind == 'n' ? shares_network(spec) : kind == 'i' && shares_ipc(spec);
    auto& entry = (shared ? out.late : out.own).emplace_back(name);
    entry.append("=").append(value);
  }
  return out;
}

// Runs the wrapper that makes and pins the namespaces. Returns the init's pid, 0 without one.
Result<int> make_namespaces(const std::string& wrapper, const std::string& folder, const SandboxSpec& spec, const std::vector<std::string>& sysctls) {
  std::string kinds;
  if (!spec.host_network && !shares_network(spec)) kinds += 'n';
  if (!spec.host_ipc && !shares_ipc(spec)) kinds += 'i';
  if (!host_uts(spec)) kinds += 'u';
  if (spec.shared_pid && !spec.host_pid) kinds += 'p';
  if (kinds.empty()) return 0;
  Command command;
  command.argv = {wrapper, "sandbox", folder, kinds, spec.hostname, spec.domain};
  command.argv.insert(command.argv.end(), sysctls.begin(), sysctls.end());
  command.timeout = std::chrono::seconds(10);
  TRY_ASSIGN(std::string out, run_checked(command));
  return std::atoi(out.c_str());
}

}  // namespace

// Binds another sandbox's file `name` into `folder`: the namespace lives as long as either has it.
Result<std::string> CrunRuntime::State::share_namespace(const std::string& owner, const char* name, const std::string& folder) {
  TRY_ASSIGN(auto sandbox, find_sandbox(owner));
  {
    std::lock_guard lock(mutex);
    if (!sandbox->status.ready) return fail(Code::kUnavailable, "sandbox " + owner + " is not ready");
  }
  bool host = name == std::string_view("net") ? sandbox->host_network : sandbox->host_ipc;
  std::string source = sandbox_dir(owner) + "/" + name;
  if (host) source = name == std::string_view("shm") ? "/dev/shm" : std::string("/proc/self/ns/") + name;
  std::string target = folder + "/" + name;
  if (name != std::string_view("shm")) {
    Fd made(::open(target.c_str(), O_RDONLY | O_CREAT | O_CLOEXEC, 0600));
    if (!made) return fail_errno("create " + target);
  }
  TRY(linux::bind_mount(source, target, false));
  return target;
}

Status CrunRuntime::State::make_sandbox(const SandboxSpec& spec, Sandbox& sandbox, Record& record) {
  std::string folder = sandbox_dir(spec.id);
  TRY(make_directories(folder + "/shm", 0711));
  TRY(cgroups.make(sandbox.cgroup));
  expect_moves();
  if (auto done = cgroups.apply(sandbox.cgroup, limits_of(spec.resources)); !done) LOG(kWarning, "runtime", "{}", done.error().message());
  TRY_ASSIGN(auto sysctls, sort_sysctls(spec));
  if (shares_network(spec)) TRY(share_namespace(spec.net_namespace_of, "net", folder));
  if (shares_ipc(spec)) {
    TRY(share_namespace(spec.ipc_namespace_of, "ipc", folder));
    TRY_ASSIGN(auto owner, find_sandbox(spec.ipc_namespace_of));
    if (owner->no_shm) sandbox.no_shm = true;
    else TRY(share_namespace(spec.ipc_namespace_of, "shm", folder));
  } else if (!spec.host_ipc && !spec.no_shm) {
    TRY(linux::mount_tmpfs(folder + "/shm", "mode=1777,size=" + std::to_string(spec.shm_bytes), "shm"));
  }
  TRY_ASSIGN(int init_pid, make_namespaces(wrapper(), folder, spec, sysctls.own));
  {
    std::lock_guard lock(mutex);  // list_sandboxes() knows it already
    sandbox.late_sysctls = sysctls.late;
    sandbox.status.init_pid = init_pid;
    sandbox.init_start = init_pid ? process_start_time(init_pid).value_or(0) : 0;
    if (!spec.host_network) sandbox.status.netns_path = folder + "/net";
    sandbox.status.ready = true;
  }
  if (!init_pid && sysctls.late.empty() && sandbox.no_shm == spec.no_shm) return {};
  record.set_number("init_pid", init_pid);
  record.set_number("init_start", static_cast<int64_t>(sandbox.init_start));
  record.set_number("no_shm", sandbox.no_shm);
  record.set_all("sysctls", sysctls.late);
  return record.save(sandbox_data(spec.id) + "/record");
}

Result<SandboxStatus> CrunRuntime::create_sandbox(const SandboxSpec& spec) {
  TRY(check_id(spec.id));
  auto sandbox = std::make_shared<Sandbox>();
  sandbox->status.id = spec.id;
  sandbox->status.labels = spec.labels;
  sandbox->status.created_at = state_->executor.clock().wall();
  sandbox->cgroup = "/reigen-" + state_->options.instance + "/" + (spec.cgroup_parent.empty() ? spec.id : spec.cgroup_parent);
  sandbox->host_network = spec.host_network;
  sandbox->host_ipc = spec.host_ipc;
  sandbox->host_pid = spec.host_pid;
  sandbox->host_uts = host_uts(spec);
  sandbox->no_shm = spec.no_shm;
  Record record;
  record.set_labels(spec.labels);
  record.set("cgroup", sandbox->cgroup);
  record.set_number("created", sandbox->status.created_at.time_since_epoch().count());
  record.set_number("host_network", spec.host_network);
  record.set_number("host_ipc", spec.host_ipc);
  record.set_number("host_pid", spec.host_pid);
  record.set_number("host_uts", sandbox->host_uts);
  record.set_number("no_shm", spec.no_shm);
  {
    std::unique_lock lock(state_->mutex);
    state_->changed.wait(lock, [&] { return !state_->leaving_cgroups.contains(sandbox->cgroup); });
    if (!state_->sandboxes.emplace(spec.id, sandbox).second) return fail(Code::kAlreadyExists, "sandbox " + spec.id + " exists");
  }
  auto make = [&]() -> Status {
    // The record comes first: whatever is made from here on has an owner, also after a crash.
    TRY(make_directories(state_->sandbox_data(spec.id), 0700));
    TRY(record.save(state_->sandbox_data(spec.id) + "/record"));
    return state_->make_sandbox(spec, *sandbox, record);
  };
  if (auto made = make(); !made) {
    (void)remove_sandbox(spec.id);
    return fail(made.error().context("sandbox " + spec.id));
  }
  std::lock_guard lock(state_->mutex);
  return sandbox->status;
}

Result<SandboxStatus> CrunRuntime::sandbox_status(const std::string& id) {
  TRY_ASSIGN(auto sandbox, state_->find_sandbox(id));
  std::lock_guard lock(state_->mutex);
  return sandbox->status;
}

std::vector<SandboxStatus> CrunRuntime::list_sandboxes() {
  std::lock_guard lock(state_->mutex);
  std::vector<SandboxStatus> out;
  for (const auto& [id, sandbox] : state_->sandboxes) out.push_back(sandbox->status);
  return out;
}

Status CrunRuntime::remove_sandbox(const std::string& id) {
  auto found = state_->find_sandbox(id);
  if (!found) return {};
  auto sandbox = *found;
  if (sandbox->status.init_pid) {
    if (auto init = linux::open_process(sandbox->status.init_pid, sandbox->init_start)) (void)linux::signal_process(init->get(), SIGKILL);
  }
  std::string folder = state_->sandbox_dir(id);
  for (const char* name : {"/net", "/ipc", "/uts", "/shm"}) TRY(linux::unmount(folder + name));
  TRY(remove_tree(folder));
  // Runs of one Docker container follow each other in one cgroup: the next sandbox may have it already.
  bool last = true;
  {
    std::lock_guard lock(state_->mutex);
    sandbox->leaving = true;
    for (const auto& [other, one] : state_->sandboxes) last = last && (one->leaving || one->cgroup != sandbox->cgroup);
    if (last) state_->leaving_cgroups.insert(sandbox->cgroup);
  }
  auto rest = [&]() -> Status {
    if (last) {
      state_->cgroups.kill_all(sandbox->cgroup);
      TRY(state_->cgroups.remove(sandbox->cgroup));
      // Between these two stand the parents that a Docker user has named.
      state_->cgroups.remove_empty_parents(sandbox->cgroup, "/reigen-" + state_->options.instance + "/docker");
    }
    return remove_tree(state_->sandbox_data(id));
  };
  Status done = rest();
  std::lock_guard lock(state_->mutex);
  if (last) state_->leaving_cgroups.erase(sandbox->cgroup);
  if (done) state_->sandboxes.erase(id);
  state_->changed.notify_all();
  return done;
}

Status CrunRuntime::update_sandbox(const std::string& id, const Resources& resources) {
  TRY_ASSIGN(auto sandbox, state_->find_sandbox(id));
  return state_->cgroups.apply(sandbox->cgroup, limits_of(resources));
}

Result<ContainerStats> CrunRuntime::sandbox_stats(const std::string& id) {
  TRY_ASSIGN(auto sandbox, state_->find_sandbox(id));
  TRY_ASSIGN(auto usage, state_->cgroups.usage(sandbox->cgroup));
  return stats_of(std::move(usage), state_->executor.clock().wall());
}

}  // namespace reigen::runtime
