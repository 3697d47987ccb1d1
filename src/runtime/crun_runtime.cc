#include "runtime/crun_runtime.h"

#include <signal.h>
#include <sys/mount.h>
#include <unistd.h>

#include <algorithm>

#include "base/files.h"
#include "base/log.h"
#include "linux/mount.h"
#include "linux/pidfd.h"
#include "linux/wrapper/wrapper.h"
#include "runtime/crun_state.h"

namespace reigen::runtime {
namespace {

Status check_id(const std::string& id) {
  bool good = !id.empty() && id.size() <= 64 && id[0] != '-' &&
              std::all_of(id.begin(), id.end(), [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'; });
  if (!good) return fail(Code::kInvalidArgument, "bad id \"" + id + "\"");
  return {};
}

linux::CgroupLimits limits_of(const Resources& r) {
  linux::CgroupLimits out;
  out.cpu_shares = r.cpu_shares;
  out.cpu_quota_us = r.cpu_quota_us;
  out.cpu_period_us = r.cpu_period_us;
  out.memory = r.memory_limit;
  out.memory_swap = r.memory_swap;
  out.pids = r.pids_limit;
  out.cpuset_cpus = r.cpuset_cpus;
  out.cpuset_mems = r.cpuset_mems;
  return out;
}

ContainerStats stats_of(const linux::CgroupUsage& usage, WallTime at) {
  ContainerStats out;
  out.at = at;
  out.cpu_ns = usage.cpu_ns;
  out.memory_usage = usage.memory;
  out.memory_working_set = usage.working_set;
  out.memory_rss = usage.rss;
  out.memory_limit = usage.memory_limit;
  out.page_faults = usage.page_faults;
  out.major_page_faults = usage.major_page_faults;
  out.pids = usage.pids;
  return out;
}

Result<std::string> program(const std::string& name) {
  auto found = find_program(name);
  if (!found) return fail(Code::kNotFound, found.error().message() + "; install it with: apt-get install " + name);
  return found;
}

std::string version_of(const std::string& crun) {
  Command command;
  command.argv = {crun, "--version"};
  command.timeout = std::chrono::seconds(5);
  auto out = run_checked(command);
  if (!out) return "unknown";
  auto from = out->rfind(' ', out->find('\n'));
  return from == std::string::npos ? "unknown" : out->substr(from + 1, out->find('\n') - from - 1);
}

}  // namespace

CrunRuntime::CrunRuntime(std::unique_ptr<State> state) : state_(std::move(state)) {}

CrunRuntime::~CrunRuntime() {
  state_->tasks.stop();
  std::map<std::string, std::shared_ptr<Container>> containers;
  {
    std::lock_guard lock(state_->mutex);
    containers = state_->containers;
  }
  for (auto& [id, container] : containers) state_->unwatch(*container);
}

Result<std::unique_ptr<CrunRuntime>> CrunRuntime::open(CrunOptions options, Executor& executor, Poller& poller) {
  if (::geteuid() != 0) return fail(Code::kPermissionDenied, "containers need root; run as root");
  TRY_ASSIGN(auto cgroups, linux::Cgroups::open(options.cgroup_root));
  auto state = std::make_unique<State>(std::move(options), executor, poller, std::move(cgroups));
  TRY_ASSIGN(state->crun_path, program(state->options.crun));
  TRY_ASSIGN(state->conmon_path, program(state->options.conmon));
  state->version = version_of(state->crun_path);
  if (state->options.run_dir.size() > 64) return fail(Code::kInvalidArgument, "the run folder's path is too long for sockets: " + state->options.run_dir);
  for (const char* name : {"/containers", "/sandboxes", "/layers"}) TRY(make_directories(state->options.data_dir + name, 0711));
  for (const char* name : {"", "/c", "/s", "/exits", "/crun", "/a"}) TRY(make_directories(state->options.run_dir + name, 0711));
  TRY(linux::install_wrapper(state->wrapper()));
  state->adopt();
  return std::unique_ptr<CrunRuntime>(new CrunRuntime(std::move(state)));
}

std::string CrunRuntime::version() const { return state_->version; }
const std::string& CrunRuntime::wrapper_path() const {
  static thread_local std::string path;
  return path = state_->wrapper();
}

void CrunRuntime::on_exit(std::function<void(const std::string&)> handler) {
  std::lock_guard lock(state_->mutex);
  state_->exit_handler = std::move(handler);
}

std::vector<std::string> CrunRuntime::State::crun_argv(std::vector<std::string> arguments) const {
  std::vector<std::string> argv = {wrapper(), "run", crun_path, "--root=" + options.run_dir + "/crun", "--cgroup-manager=cgroupfs"};
  argv.insert(argv.end(), std::make_move_iterator(arguments.begin()), std::make_move_iterator(arguments.end()));
  return argv;
}

Result<std::shared_ptr<CrunRuntime::Container>> CrunRuntime::State::find_container(const std::string& id) {
  std::lock_guard lock(mutex);
  auto it = containers.find(id);
  if (it == containers.end()) return fail(Code::kNotFound, "no container " + id);
  return it->second;
}

Result<std::shared_ptr<CrunRuntime::Sandbox>> CrunRuntime::State::find_sandbox(const std::string& id) {
  std::lock_guard lock(mutex);
  auto it = sandboxes.find(id);
  if (it == sandboxes.end()) return fail(Code::kNotFound, "no sandbox " + id);
  return it->second;
}

namespace {

// Runs the wrapper that makes and pins the namespaces. Returns the init's pid, 0 without one.
Result<int> make_namespaces(const std::string& wrapper, const std::string& folder, const SandboxSpec& spec) {
  std::string kinds;
  if (!spec.host_network) kinds += 'n';
  if (!spec.host_ipc) kinds += 'i';
  if (!spec.host_network) kinds += 'u';
  if (spec.shared_pid && !spec.host_pid) kinds += 'p';
  if (kinds.empty()) return 0;
  Command command;
  command.argv = {wrapper, "sandbox", folder, kinds, spec.hostname, spec.domain};
  for (const auto& [name, value] : spec.sysctls) command.argv.push_back(name + "=" + value);
  command.timeout = std::chrono::seconds(10);
  TRY_ASSIGN(std::string out, run_checked(command));
  return std::atoi(out.c_str());
}

}  // namespace

Result<SandboxStatus> CrunRuntime::create_sandbox(const SandboxSpec& spec) {
  TRY(check_id(spec.id));
  {
    std::lock_guard lock(state_->mutex);
    if (state_->sandboxes.contains(spec.id)) return fail(Code::kAlreadyExists, "sandbox " + spec.id + " exists");
  }
  auto sandbox = std::make_shared<Sandbox>();
  sandbox->status.id = spec.id;
  sandbox->status.labels = spec.labels;
  sandbox->status.created_at = state_->executor.clock().wall();
  sandbox->cgroup = "/reigen-" + state_->options.instance + "/" + (spec.cgroup_parent.empty() ? spec.id : spec.cgroup_parent);
  sandbox->host_network = spec.host_network;
  sandbox->host_ipc = spec.host_ipc;
  sandbox->host_pid = spec.host_pid;
  Record record;
  record.set_labels(spec.labels);
  record.set("cgroup", sandbox->cgroup);
  record.set_number("created", sandbox->status.created_at.time_since_epoch().count());
  record.set_number("host_network", spec.host_network);
  record.set_number("host_ipc", spec.host_ipc);
  record.set_number("host_pid", spec.host_pid);
  // The record comes first: whatever is made from here on has an owner, also after a crash.
  TRY(make_directories(state_->sandbox_data(spec.id), 0700));
  TRY(record.save(state_->sandbox_data(spec.id) + "/record"));
  {
    std::lock_guard lock(state_->mutex);
    state_->sandboxes[spec.id] = sandbox;
  }
  auto make = [&]() -> Status {
    std::string folder = state_->sandbox_dir(spec.id);
    TRY(make_directories(folder + "/shm", 0711));
    TRY(state_->cgroups.make(sandbox->cgroup));
    if (auto done = state_->cgroups.apply(sandbox->cgroup, limits_of(spec.resources)); !done) LOG(kWarning, "runtime", "{}", done.error().message());
    if (!spec.host_ipc) TRY(linux::mount_tmpfs(folder + "/shm", "mode=1777,size=65536k"));
    TRY_ASSIGN(int init_pid, make_namespaces(state_->wrapper(), folder, spec));
    {
      std::lock_guard lock(state_->mutex);  // list_sandboxes() knows it already
      sandbox->status.init_pid = init_pid;
      sandbox->init_start = init_pid ? process_start_time(init_pid).value_or(0) : 0;
      if (!spec.host_network) sandbox->status.netns_path = folder + "/net";
      sandbox->status.ready = true;
    }
    if (init_pid) {
      record.set_number("init_pid", init_pid);
      record.set_number("init_start", static_cast<int64_t>(sandbox->init_start));
      TRY(record.save(state_->sandbox_data(spec.id) + "/record"));
    }
    return {};
  };
  if (auto made = make(); !made) {
    (void)remove_sandbox(spec.id);
    return fail(made.error().context("sandbox " + spec.id));
  }
  return sandbox->status;
}

Result<SandboxStatus> CrunRuntime::sandbox_status(const std::string& id) {
  TRY_ASSIGN(auto sandbox, state_->find_sandbox(id));
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
  state_->cgroups.kill_all(sandbox->cgroup);
  TRY(state_->cgroups.remove(sandbox->cgroup));
  TRY(remove_tree(state_->sandbox_data(id)));
  std::lock_guard lock(state_->mutex);
  state_->sandboxes.erase(id);
  return {};
}

Status CrunRuntime::update_sandbox(const std::string& id, const Resources& resources) {
  TRY_ASSIGN(auto sandbox, state_->find_sandbox(id));
  return state_->cgroups.apply(sandbox->cgroup, limits_of(resources));
}

Result<ContainerStats> CrunRuntime::sandbox_stats(const std::string& id) {
  TRY_ASSIGN(auto sandbox, state_->find_sandbox(id));
  TRY_ASSIGN(auto usage, state_->cgroups.usage(sandbox->cgroup));
  return stats_of(usage, state_->executor.clock().wall());
}

Status CrunRuntime::update_container(const std::string& id, const Resources& resources) {
  TRY_ASSIGN(auto container, state_->find_container(id));
  return state_->cgroups.apply(container->cgroup, limits_of(resources));
}

Result<ContainerStats> CrunRuntime::container_stats(const std::string& id, bool with_layer) {
  TRY_ASSIGN(auto container, state_->find_container(id));
  TRY_ASSIGN(auto usage, state_->cgroups.usage(container->cgroup));
  ContainerStats stats = stats_of(usage, state_->executor.clock().wall());
  if (with_layer) {
    Command command;
    command.argv = {"du", "-sx", "--block-size=1", "--", state_->layer_dir(*container)};
    if (auto out = run_checked(command)) stats.layer_bytes = std::strtoull(out->c_str(), nullptr, 10);
  }
  return stats;
}

Result<std::string> CrunRuntime::root_path(const std::string& id) {
  TRY(state_->find_container(id));
  return state_->bundle(id) + "/root";
}

Result<ContainerStatus> CrunRuntime::container_status(const std::string& id) {
  TRY_ASSIGN(auto container, state_->find_container(id));
  std::lock_guard lock(state_->mutex);
  return container->status;
}

std::vector<ContainerStatus> CrunRuntime::list_containers() {
  std::lock_guard lock(state_->mutex);
  std::vector<ContainerStatus> out;
  for (const auto& [id, container] : state_->containers) out.push_back(container->status);
  return out;
}

Status CrunRuntime::remove_layer(const std::string& retained) {
  TRY(check_id(retained));
  return remove_tree(state_->options.data_dir + "/layers/" + retained);
}

Status CrunRuntime::pause_container(const std::string& id, bool paused) {
  TRY_ASSIGN(auto container, state_->find_container(id));
  return state_->cgroups.freeze(container->cgroup, paused);
}

}  // namespace reigen::runtime
