// The life of a container: create, start through conmon and crun, its end, removal.
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/descriptors.h"
#include "base/files.h"
#include "base/log.h"
#include "linux/mount.h"
#include "linux/pidfd.h"
#include "runtime/crun_state.h"
#include "runtime/oci_config.h"

namespace reigen::runtime {
namespace {

constexpr auto kLaunchTimeout = std::chrono::seconds(60);
constexpr auto kKillTimeout = std::chrono::seconds(20);
constexpr int kStartFailed = 128;  // what containerd reports for a program that could not be started
constexpr int kUnknownExit = 255;

std::string namespace_path(const std::string& folder, const char* name, bool host) { return host ? "" : folder + "/" + name; }

Status prepare_layer(const std::string& layer) {
  TRY(make_directories(layer + "/upper", 0755));
  return make_directories(layer + "/work", 0700);
}

// The first line conmon writes: {"data": PID} or {"data": -1, "message": "…"}.
Result<std::string> read_sync_line(int fd, Clock& clock) {
  std::string line;
  TimePoint deadline = clock.now() + kLaunchTimeout;
  while (line.find('\n') == std::string::npos && line.size() < 65536) {
    auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - clock.now()).count();
    if (left <= 0) return fail(Code::kDeadlineExceeded, "conmon did not start the container in time");
    pollfd poll_fd{fd, POLLIN, 0};
    if (::poll(&poll_fd, 1, static_cast<int>(left)) <= 0) continue;
    char buffer[4096];
    ssize_t count = ::read(fd, buffer, sizeof buffer);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) break;
    line.append(buffer, static_cast<size_t>(count));
  }
  return line;
}

// What crun wrote to stderr, taken out of conmon's JSON line.
std::string message_in(const std::string& line) {
  auto at = line.find("\"message\":");
  if (at == std::string::npos) return "conmon ended without a message";
  at = line.find('"', at + 10);
  std::string out;
  for (size_t i = at + 1; i < line.size() && line[i] != '"'; ++i) {
    if (line[i] != '\\' || i + 1 == line.size()) {
      out += line[i];
      continue;
    }
    char next = line[++i];
    out += next == 'n' ? '\n' : next == 't' ? '\t' : next;
  }
  while (!out.empty() && (out.back() == '\n' || out.back() == ' ')) out.pop_back();
  return out;
}

int pid_in(const std::string& line) {
  auto colon = line.find(':');
  return colon == std::string::npos ? -1 : std::atoi(line.c_str() + colon + 1);
}

WallTime file_time(const std::string& path) {
  struct stat info{};
  if (::stat(path.c_str(), &info) != 0) return {};
  return WallTime(std::chrono::seconds(info.st_mtim.tv_sec) + std::chrono::nanoseconds(info.st_mtim.tv_nsec));
}

// Limits that crun is not asked to set: written by us they work alike on all kinds of hosts, and an error names them.
linux::CgroupLimits late_limits_of(const Resources& resources) {
  Resources late = resources;
  late.cpu_shares = late.cpu_period_us = 0;
  late.cpu_quota_us = 0;
  late.memory_limit = late.memory_swap = late.pids_limit = 0;
  late.cpuset_cpus.clear();
  late.cpuset_mems.clear();
  return limits_of(late);
}

// What a later process must know of the container.
Record record_of(const ContainerSpec& spec, const CrunRuntime::Container& container) {
  Record record;
  record.set_labels(spec.labels);
  record.set("sandbox", spec.sandbox_id);
  record.set("cgroup", container.cgroup);
  record.set("retained", spec.root.retained);
  record.set("stop_signal", spec.stop_signal);
  record.set("log_path", spec.log_path);
  record.set("cwd", spec.cwd);
  record.set_all("env", spec.env);
  record.set_number("created", container.status.created_at.time_since_epoch().count());
  record.set_number("tty", spec.tty);
  record.set_number("stdin_open", spec.stdin_open);
  record.set_number("stdin_once", spec.stdin_once);
  record.set_number("own_pid_namespace", container.own_pid_namespace);
  return record;
}

}  // namespace

// "" when the container gets what its sandbox has.
Result<std::string> CrunRuntime::State::target_namespace(const std::string& target) {
  if (target.empty()) return "";
  TRY_ASSIGN(auto container, find_container(target));
  std::lock_guard lock(mutex);
  if (container->status.state != ContainerState::kRunning) return fail(Code::kUnavailable, "target container " + target + " is not running");
  return "/proc/" + std::to_string(container->status.pid) + "/ns/pid";
}

Status CrunRuntime::create_container(const ContainerSpec& spec) {
  TRY_ASSIGN(std::string target_namespace, state_->target_namespace(spec.pid_namespace_of));
  TRY_ASSIGN(auto sandbox, state_->find_sandbox(spec.sandbox_id));
  if (sandbox->stale) return fail(Code::kUnavailable, "the namespaces of sandbox " + spec.sandbox_id + " are gone");
  auto container = std::make_shared<Container>();
  container->status.id = spec.id;
  container->status.sandbox_id = spec.sandbox_id;
  container->status.labels = spec.labels;
  container->status.state = ContainerState::kCreated;
  container->status.created_at = state_->executor.clock().wall();
  container->status.log_path = spec.log_path;
  container->cgroup = sandbox->cgroup + "/" + (spec.cgroup_name.empty() ? spec.id : spec.cgroup_name);
  container->retained = spec.root.retained;
  container->late_limits = late_limits_of(spec.resources);
  container->stop_signal = spec.stop_signal;
  container->cwd = spec.cwd;
  container->env = spec.env;
  container->tty = spec.tty;
  container->stdin_open = spec.stdin_open;
  container->stdin_once = spec.stdin_once;
  container->own_pid_namespace = !sandbox->host_pid && sandbox->status.init_pid == 0 && target_namespace.empty();
  {
    std::lock_guard lock(state_->mutex);
    if (!state_->containers.emplace(spec.id, container).second) return fail(Code::kAlreadyExists, "container " + spec.id + " exists");
  }
  auto make = [&]() -> Status {
    auto record = record_of(spec, *container);
    TRY(make_directories(state_->container_dir(spec.id), 0711));
    TRY(record.save(state_->container_dir(spec.id) + "/record"));
    TRY(make_directories(state_->bundle(spec.id), 0711));
    if (spec.root.retained.empty()) {
      TRY(state_->mount_fresh_root(spec, *container));
    } else {
      TRY(state_->acquire_layer(spec.root));
      std::lock_guard lock(state_->mutex);
      container->holds_layer = true;
    }
    return state_->write_bundle(spec, *container, *sandbox, target_namespace);
  };
  if (auto made = make(); !made) {
    (void)remove_container(spec.id);
    return made;
  }
  std::lock_guard lock(state_->mutex);
  state_->save_state(*container);
  return {};
}

Status CrunRuntime::State::mount_fresh_root(const ContainerSpec& spec, const Container& container) {
  std::string root = root_of(container), layer = layer_dir(container);
  TRY(prepare_layer(layer));
  TRY(make_directories(root, 0711));
  return linux::mount_overlay(root, spec.root.layers, layer + "/upper", layer + "/work");
}

Status CrunRuntime::State::write_bundle(const ContainerSpec& spec, Container& container, const Sandbox& sandbox, const std::string& target_namespace) {
  OciContext context;
  context.root = root_of(container);
  context.cgroup_path = container.cgroup;
  std::string folder = sandbox_dir(spec.sandbox_id);
  context.net_namespace = namespace_path(folder, "net", sandbox.host_network);
  context.uts_namespace = namespace_path(folder, "uts", sandbox.host_uts);
  context.ipc_namespace = namespace_path(folder, "ipc", sandbox.host_ipc);
  context.host_pid = sandbox.host_pid;
  if (sandbox.status.init_pid) context.pid_namespace = "/proc/" + std::to_string(sandbox.status.init_pid) + "/ns/pid";
  if (!target_namespace.empty()) {
    context.host_pid = false;
    context.pid_namespace = target_namespace;
  }
  bool v2 = cgroups.mode() == linux::Cgroups::Mode::kV2;
  context.cgroup_namespace = !spec.security.host_cgroup_namespace.value_or(!v2);
  context.swap_accounting = spec.resources.memory_swap && cgroups.abilities(sandbox.cgroup).swap;
  context.apparmor = read_file("/sys/module/apparmor/parameters/enabled").value_or("").starts_with("Y");
  context.shm_path = sandbox.no_shm ? "" : sandbox.host_ipc ? "/dev/shm" : folder + "/shm";
  context.sysctls = sandbox.late_sysctls;
  context.init_path = wrapper();
  context.compiled_seccomp = [&](const std::string& profile) {
    std::string known = seccomp_filters.find(profile);
    if (known.empty()) container.new_profile = profile;
    return known;
  };
  TRY_ASSIGN(context.user, resolve_user_in(spec.user, context.root));
  std::vector<std::string> warnings;
  TRY_ASSIGN(std::string config, oci_config(spec, context, &warnings));
  for (const auto& warning : warnings) LOG(kWarning, "runtime", "container {}: {}", spec.id, warning);
  Record process;  // for exec
  process.set("user", oci_user(context.user));
  TRY_ASSIGN(std::string rights, oci_rights(spec));
  process.set("rights", std::move(rights));
  ContainerSpec privileged;
  privileged.rlimits = spec.rlimits;
  privileged.security.privileged = true;
  TRY_ASSIGN(rights, oci_rights(privileged));
  process.set("privileged_rights", std::move(rights));
  process.set_all("env", process_environment(spec, context.user));
  TRY(process.save(bundle(spec.id) + "/process"));
  return write_unsynced(bundle(spec.id) + "/config.json", config);
}

void CrunRuntime::State::save_state(const Container& container) {
  Record record;
  const auto& status = container.status;
  record.set_number("state", static_cast<int>(status.state));
  record.set_number("pid", status.pid);
  record.set_number("start", static_cast<int64_t>(status.start_time));
  record.set_number("conmon_pid", container.conmon_pid);
  record.set_number("conmon_start", static_cast<int64_t>(container.conmon_start));
  record.set_number("exit_code", status.exit_code);
  record.set_number("oom_killed", status.oom_killed);
  record.set("message", status.message);
  record.set_number("started", status.started_at.time_since_epoch().count());
  record.set_number("finished", status.finished_at.time_since_epoch().count());
  if (auto saved = record.save(container_dir(status.id) + "/state"); !saved) {
    LOG(kError, "runtime", "container {}: {}", status.id, saved.error().message());
  }
}

void CrunRuntime::State::watch(const std::shared_ptr<Container>& container) {
  auto on_end = [this, id = container->status.id] { executor.post(tasks.wrap([this, id] { check_exit(id); })); };
  if (container->process) {
    if (auto handle = poller.on_exit(container->process.get(), on_end)) container->process_watch = *handle;
  }
  if (container->conmon) {
    if (auto handle = poller.on_exit(container->conmon.get(), on_end)) container->conmon_watch = *handle;
  }
}

void CrunRuntime::State::unwatch(Container& container) {
  Poller::Handle first, second;
  {
    std::lock_guard lock(mutex);
    first = std::exchange(container.process_watch, 0);
    second = std::exchange(container.conmon_watch, 0);
  }
  if (first) poller.remove(first);
  if (second) poller.remove(second);
}

void CrunRuntime::State::check_exit(const std::string& id) {
  auto found = find_container(id);
  if (!found) return;
  const auto& container = *found;
  std::function<void(const std::string&)> handler;
  {
    std::lock_guard lock(mutex);
    if (container->status.state != ContainerState::kRunning) return;
    auto text = read_file(exit_file(id), 64);
    bool conmon_gone = !container->conmon || linux::process_ended(container->conmon.get());
    bool process_gone = !container->process || linux::process_ended(container->process.get());
    if (!text && !(conmon_gone && process_gone)) return;
    auto& status = container->status;
    if (text) {
      status.exit_code = std::atoi(text->c_str());
      status.finished_at = file_time(exit_file(id));
    } else {
      auto raw = container->process ? linux::wait_status_of(container->process.get()) : std::nullopt;
      status.exit_code = !raw ? kUnknownExit : WIFEXITED(*raw) ? WEXITSTATUS(*raw) : 128 + WTERMSIG(*raw);
      status.finished_at = executor.clock().wall();
    }
    status.oom_killed = status.exit_code != 0 && cgroups.oom_kills(container->cgroup) > 0;
    status.state = ContainerState::kExited;
    status.pid = 0;
    save_state(*container);
    handler = exit_handler;
  }
  unwatch(*container);
  if (!container->own_pid_namespace) cgroups.kill_all(container->cgroup);
  changed.notify_all();
  if (handler) handler(id);
}

namespace {

// What `crun start` does, without its two processes: the init waits for a byte in its fifo.
Status release_init(const std::string& fifo) {
  Fd fd(::open(fifo.c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC));
  if (!fd) return fail_errno("open " + fifo);
  if (::unlink(fifo.c_str()) != 0) return fail_errno("remove " + fifo);
  if (::write(fd.get(), "0", 1) != 1) return fail_errno("write " + fifo);
  return {};
}

}  // namespace

// Without the pipe on which conmon tells how it went.
Result<Command> CrunRuntime::State::conmon_command(const Container& container) {
  const std::string& id = container.status.id;
  std::string folder = bundle(id);
  Command command;
  if (options.conmon_cgroup) {
    auto group = "/reigen-" + options.instance + "/conmon";
    TRY(cgroups.make(group));
    command.argv = {wrapper(), "join"};
    for (auto& file : cgroups.procs_files(group)) command.argv.push_back(file);
    command.argv.push_back("--");
  }
  for (std::string word : {conmon_path,
                           std::string("--api-version"),
                           std::string("1"),
                           std::string("-c"),
                           id,
                           std::string("-u"),
                           id,
                           std::string("-n"),
                           id,
                           std::string("-r"),
                           wrapper(),
                           std::string("-b"),
                           folder,
                           std::string("-p"),
                           folder + "/pid",
                           std::string("-P"),
                           folder + "/conmon.pid",
                           std::string("--exit-dir"),
                           options.run_dir + "/exits",
                           std::string("--socket-dir-path"),
                           options.run_dir + "/a",
                           std::string("--no-sync-log"),
                           std::string("--log-level"),
                           std::string("error"),
                           std::string("-l"),
                           container.status.log_path.empty() ? std::string("none") : "k8s-file:" + container.status.log_path}) {
    command.argv.push_back(std::move(word));
  }
  auto crun = crun_argv({});
  for (size_t i = 1; i < crun.size(); ++i) command.argv.push_back("--runtime-arg=" + crun[i]);
  if (container.tty) command.argv.push_back("-t");
  if (container.stdin_open) command.argv.push_back("-i");
  // To conmon the end of any attachment is that of the input; a terminal's has none.
  if (container.stdin_open && (!container.stdin_once || container.tty)) command.argv.push_back("--leave-stdin-open");
  command.env = {"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "_OCI_SYNCPIPE=3"};
  command.directory = folder;  // where conmon leaves a file named "oom" for a container that had too little memory
  command.timeout = kLaunchTimeout;
  return command;
}

Status CrunRuntime::State::launch(const std::shared_ptr<Container>& container) {
  const std::string& id = container->status.id;
  expect_moves();
  TRY_ASSIGN(Pipe sync, open_pipe());
  TRY_ASSIGN(Command command, conmon_command(*container));
  command.fds = {{sync.write.get(), 3}};
  TRY(run_checked(command));
  sync.write.reset();
  TRY_ASSIGN(std::string line, read_sync_line(sync.read.get(), executor.clock()));
  int pid = pid_in(line);
  if (pid <= 0) return fail(Code::kInvalidArgument, message_in(line));
  if (std::string profile = std::exchange(container->new_profile, ""); !profile.empty()) seccomp_filters.learn(profile, crun_dir(id) + "/seccomp.bpf");
  auto start_time = process_start_time(pid);
  int conmon_pid = std::atoi(read_file(bundle(id) + "/conmon.pid", 64).value_or("0").c_str());
  std::lock_guard lock(mutex);
  container->status.pid = pid;
  container->status.start_time = start_time.value_or(0);
  container->conmon_pid = conmon_pid;
  container->conmon_start = process_start_time(conmon_pid).value_or(0);
  if (auto fd = linux::open_process(pid, container->status.start_time)) container->process = std::move(*fd);
  if (auto fd = linux::open_process(conmon_pid, container->conmon_start)) container->conmon = std::move(*fd);
  container->status.state = ContainerState::kRunning;
  container->status.started_at = executor.clock().wall();
  save_state(*container);  // before it runs: after a crash here the process is found
  return {};
}

Status CrunRuntime::start_container(const std::string& id, StartOptions options) {
  TRY_ASSIGN(auto container, state_->find_container(id));
  {
    std::lock_guard lock(state_->mutex);
    if (container->status.state != ContainerState::kCreated) return fail(Code::kInvalidArgument, "container " + id + " was started before");
  }
  auto start = [&]() -> Status {
    TRY(state_->launch(container));
    TRY(state_->cgroups.apply(container->cgroup, container->late_limits));
    if (options.before_run) TRY(options.before_run());
    if (release_init(state_->exec_fifo(id))) return {};
    Command command;  // another version of crun, or the container is gone: crun knows what to say
    command.argv = state_->crun_argv({"start", id});
    TRY(run_checked(command));
    return {};
  };
  Status started = start();
  if (!started) {
    if (container->process) (void)linux::signal_process(container->process.get(), SIGKILL);
    std::lock_guard lock(state_->mutex);
    container->status.state = ContainerState::kExited;
    container->status.exit_code = kStartFailed;
    container->status.message = started.error().message();
    container->status.started_at = {};
    container->status.finished_at = state_->executor.clock().wall();
    container->status.pid = 0;
    state_->save_state(*container);
    return started;
  }
  std::lock_guard lock(state_->mutex);
  state_->watch(container);
  return {};
}

Status CrunRuntime::kill_container(const std::string& id, int signal) {
  TRY_ASSIGN(auto container, state_->find_container(id));
  std::lock_guard lock(state_->mutex);
  if (container->status.state != ContainerState::kRunning || !container->process) return fail(Code::kUnavailable, "container " + id + " is not running");
  TRY(linux::signal_process(container->process.get(), signal));
  if (signal == SIGKILL) (void)state_->cgroups.freeze(container->cgroup, false);
  return {};
}

Status CrunRuntime::stop_container(const std::string& id, const std::string& signal, Duration grace) {
  TRY_ASSIGN(auto container, state_->find_container(id));
  // What an image asks for may be no signal; that must not keep its containers from ending.
  int number = linux::parse_signal(container->stop_signal).value_or(SIGTERM);
  if (!signal.empty()) {
    TRY_ASSIGN(number, linux::parse_signal(signal));
  }
  auto ended = [&] { return container->status.state != ContainerState::kRunning; };
  {
    std::lock_guard lock(state_->mutex);
    if (ended()) return {};
  }
  if (grace > Duration::zero()) {
    (void)kill_container(id, number);
    std::unique_lock lock(state_->mutex);
    if (state_->changed.wait_for(lock, grace, ended)) return {};
  }
  (void)kill_container(id, SIGKILL);
  if (!container->own_pid_namespace) state_->cgroups.kill_all(container->cgroup);
  std::unique_lock lock(state_->mutex);
  if (state_->changed.wait_for(lock, kKillTimeout, ended)) return {};
  return fail(Code::kDeadlineExceeded, "container " + id + " did not end after SIGKILL");
}

Status CrunRuntime::remove_container(const std::string& id) {
  auto found = state_->find_container(id);
  if (!found) return {};
  const auto& container = *found;
  TRY(stop_container(id, "", Duration::zero()));
  state_->unwatch(*container);
  if (container->process) (void)linux::signal_process(container->process.get(), SIGKILL);
  if (container->conmon && !linux::process_ended(container->conmon.get())) {
    pollfd poll_fd{container->conmon.get(), POLLIN, 0};
    if (::poll(&poll_fd, 1, 1000) == 0) (void)linux::signal_process(container->conmon.get(), SIGKILL);
  }
  bool held = false;
  {
    std::lock_guard lock(state_->mutex);
    held = std::exchange(container->holds_layer, false);
  }
  if (held) state_->release_layer(container->retained);
  TRY(linux::unmount(state_->bundle(id) + "/root"));
  TRY(remove_tree(state_->bundle(id)));
  ::unlink((state_->options.run_dir + "/a/" + id).c_str());
  ::unlink(state_->exit_file(id).c_str());
  TRY(remove_tree(state_->crun_dir(id)));
  TRY(state_->cgroups.remove(container->cgroup));
  TRY(remove_tree(state_->container_dir(id)));
  std::lock_guard lock(state_->mutex);
  state_->containers.erase(id);
  return {};
}

Status CrunRuntime::reopen_log(const std::string& id) {
  TRY(state_->find_container(id));
  Fd fifo(::open((state_->bundle(id) + "/ctl").c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC));
  if (!fifo) return fail_errno("open the control fifo of container " + id);
  constexpr std::string_view message = "2 0 0\n";
  if (::write(fifo.get(), message.data(), message.size()) < 0) return fail_errno("write to the control fifo of container " + id);
  return {};
}

}  // namespace reigen::runtime
