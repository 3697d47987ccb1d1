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

Status check_id(const std::string& id) {
  bool good = !id.empty() && id.size() <= 64 && id[0] != '-' &&
              std::all_of(id.begin(), id.end(), [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'; });
  if (!good) return fail(Code::kInvalidArgument, "bad id \"" + id + "\"");
  return {};
}

namespace {

std::vector<linux::DeviceLimit> device_limits(const std::vector<DeviceRate>& rates) {
  std::vector<linux::DeviceLimit> out;
  for (const auto& rate : rates) out.push_back({rate.major, rate.minor, rate.value});
  return out;
}

}  // namespace

linux::CgroupLimits limits_of(const Resources& r) {
  linux::CgroupLimits out;
  out.cpu_shares = r.cpu_shares;
  out.cpu_quota_us = r.cpu_quota_us;
  out.cpu_period_us = r.cpu_period_us;
  out.cpu_realtime_period_us = r.cpu_realtime_period_us;
  out.cpu_realtime_runtime_us = r.cpu_realtime_runtime_us;
  out.memory = r.memory_limit;
  out.memory_swap = r.memory_swap;
  out.memory_reservation = r.memory_reservation;
  out.memory_swappiness = r.memory_swappiness;
  out.oom_kill_disable = r.oom_kill_disable;
  out.pids = r.pids_limit;
  out.cpuset_cpus = r.cpuset_cpus;
  out.cpuset_mems = r.cpuset_mems;
  out.blkio_weight = r.blkio_weight;
  out.blkio_weight_devices = device_limits(r.blkio_weight_devices);
  out.blkio_read_bps = device_limits(r.blkio_read_bps);
  out.blkio_write_bps = device_limits(r.blkio_write_bps);
  out.blkio_read_iops = device_limits(r.blkio_read_iops);
  out.blkio_write_iops = device_limits(r.blkio_write_iops);
  return out;
}

ContainerStats stats_of(linux::CgroupUsage usage, WallTime at) {
  ContainerStats out;
  out.at = at;
  out.cpu_ns = usage.cpu_ns;
  out.cpu_user_ns = usage.cpu_user_ns;
  out.cpu_system_ns = usage.cpu_system_ns;
  out.per_cpu_ns = std::move(usage.per_cpu_ns);
  out.periods = usage.periods;
  out.throttled_periods = usage.throttled_periods;
  out.throttled_ns = usage.throttled_ns;
  out.memory_usage = usage.memory;
  out.memory_working_set = usage.working_set;
  out.memory_rss = usage.rss;
  out.memory_limit = usage.memory_limit;
  out.memory_max = usage.memory_max;
  out.memory_counters = std::move(usage.memory_counters);
  out.page_faults = usage.page_faults;
  out.major_page_faults = usage.major_page_faults;
  out.pids = usage.pids;
  out.pids_limit = usage.pids_limit;
  for (auto& block : usage.block_bytes) out.block_bytes.push_back({block.major, block.minor, std::move(block.op), block.value});
  for (auto& block : usage.block_operations) out.block_operations.push_back({block.major, block.minor, std::move(block.op), block.value});
  return out;
}

namespace {

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
  for (const char* name : {"", "/c", "/s", "/exits", "/crun", "/a", "/l", "/v"}) TRY(make_directories(state->options.run_dir + name, 0711));
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
  std::vector<std::string> argv = {wrapper(), "run", crun_copy.path(crun_path), "--root=" + options.run_dir + "/crun", "--cgroup-manager=cgroupfs"};
  argv.insert(argv.end(), std::make_move_iterator(arguments.begin()), std::make_move_iterator(arguments.end()));
  return argv;
}

void CrunRuntime::State::expect_moves() {
  if (expecting_moves.exchange(true)) return;
  executor.post(tasks.wrap([this] {
    cgroups.make_ready_for_moves();
    expecting_moves = false;
  }));
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

Status CrunRuntime::update_container(const std::string& id, const Resources& resources) {
  TRY_ASSIGN(auto container, state_->find_container(id));
  return state_->cgroups.apply(container->cgroup, limits_of(resources));
}

Result<ContainerStats> CrunRuntime::container_stats(const std::string& id, bool with_layer) {
  TRY_ASSIGN(auto container, state_->find_container(id));
  TRY_ASSIGN(auto usage, state_->cgroups.usage(container->cgroup));
  ContainerStats stats = stats_of(std::move(usage), state_->executor.clock().wall());
  if (with_layer) {
    Command command;
    command.argv = {"du", "-sx", "--block-size=1", "--", state_->layer_dir(*container)};
    if (auto out = run_checked(command)) stats.layer_bytes = std::strtoull(out->c_str(), nullptr, 10);
  }
  return stats;
}

Result<std::string> CrunRuntime::root_path(const std::string& id) {
  TRY_ASSIGN(auto container, state_->find_container(id));
  return state_->root_of(*container);
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

Status CrunRuntime::pause_container(const std::string& id, bool paused) {
  TRY_ASSIGN(auto container, state_->find_container(id));
  {
    std::lock_guard lock(state_->mutex);
    if (container->status.state != ContainerState::kRunning) return fail(Code::kUnavailable, "container " + id + " is not running");
  }
  return state_->cgroups.freeze(container->cgroup, paused);
}

Result<std::vector<int>> CrunRuntime::processes(const std::string& id) {
  TRY_ASSIGN(auto container, state_->find_container(id));
  {
    std::lock_guard lock(state_->mutex);
    if (container->status.state != ContainerState::kRunning) return fail(Code::kUnavailable, "container " + id + " is not running");
  }
  auto pids = state_->cgroups.processes(container->cgroup);
  std::sort(pids.begin(), pids.end());
  pids.erase(std::unique(pids.begin(), pids.end()), pids.end());
  return pids;
}

}  // namespace reigen::runtime
