#include "base/process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "base/descriptors.h"
#include "base/far_times.h"
#include "base/files.h"

extern char** environ;

namespace reigen {
namespace {

std::vector<char*> pointers(const std::vector<std::string>& strings) {
  std::vector<char*> out;
  for (const auto& s : strings) out.push_back(const_cast<char*>(s.c_str()));
  out.push_back(nullptr);
  return out;
}

struct Start {
  const char* path;
  char** argv;
  char** env;
  const char* directory;  // null: ours
  int std_fds[3];
  const std::vector<std::pair<int, int>>& fds;
  bool new_session;
  int error_fd;
};

// In the child between vfork and exec, in the parent's memory: only async-signal-safe calls. Never returns.
[[noreturn]] void exec_child(const Start& start) {
  ::signal(SIGPIPE, SIG_DFL);
  if (start.new_session) ::setsid();
  int base = 1000;  // first move everything out of the way of the target numbers
  int moved[3];
  for (int i = 0; i < 3; ++i) moved[i] = ::fcntl(start.std_fds[i], F_DUPFD_CLOEXEC, base);
  int extra[16];
  size_t fd_count = std::min<size_t>(start.fds.size(), 16);
  for (size_t i = 0; i < fd_count; ++i) extra[i] = ::fcntl(start.fds[i].first, F_DUPFD_CLOEXEC, base);
  int error_fd = ::fcntl(start.error_fd, F_DUPFD_CLOEXEC, base);
  ::syscall(SYS_close_range, 3u, 999u, 0u);
  for (int i = 0; i < 3; ++i) ::dup2(moved[i], i);
  for (size_t i = 0; i < fd_count; ++i) ::dup2(extra[i], start.fds[i].second);
  int error = 0;
  if (start.directory && ::chdir(start.directory) != 0) error = errno;
  if (!error) {
    sigset_t none;
    ::sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    ::execve(start.path, start.argv, start.env);
    error = errno;
  }
  [[maybe_unused]] auto written = ::write(error_fd, &error, sizeof error);
  ::_exit(127);
}

// A function of its own, so that the parent's variables are not in registers that the child uses.
[[gnu::noinline]] pid_t start_child(const Start& start) {
  pid_t pid = ::vfork();
  if (pid == 0) exec_child(start);
  return pid;
}

Result<int> decode_wait(int status) {
  if (WIFEXITED(status)) return WEXITSTATUS(status);
  return 128 + WTERMSIG(status);
}

}  // namespace

Result<std::string> find_program(const std::string& name) {
  if (name.find('/') != std::string::npos) {
    if (::access(name.c_str(), X_OK) == 0) return name;
    return fail(Code::kNotFound, "program " + name + " is missing or not executable");
  }
  const char* path = std::getenv("PATH");
  std::string rest = path ? path : "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
  while (!rest.empty()) {
    auto end = rest.find(':');
    std::string candidate = rest.substr(0, end) + "/" + name;
    rest = end == std::string::npos ? "" : rest.substr(end + 1);
    if (::access(candidate.c_str(), X_OK) == 0) return candidate;
  }
  return fail(Code::kNotFound, "program " + name + " is not installed (not found in PATH)");
}

Result<Child> Child::start(const Command& command, Fd in, Fd out, Fd err) {
  if (command.argv.empty()) return fail(Code::kInvalidArgument, "empty command");
  TRY_ASSIGN(std::string path, find_program(command.argv[0]));
  Fd null(::open("/dev/null", O_RDWR | O_CLOEXEC));
  TRY_ASSIGN(Pipe started, open_pipe());
  auto argv = pointers(command.argv);
  auto env = pointers(command.env);
  Start start{.path = path.c_str(),
              .argv = argv.data(),
              .env = command.env.empty() ? environ : env.data(),
              .directory = command.directory.empty() ? nullptr : command.directory.c_str(),
              .std_fds = {in ? in.get() : null.get(), out ? out.get() : null.get(), err ? err.get() : null.get()},
              .fds = command.fds,
              .new_session = command.new_session,
              .error_fd = started.write.get()};
  // The child borrows our memory until it is the program: a fork would copy the page tables of a server that may be large, and every
  // thread would pay for it in page faults. No handler of ours may run in there, so signals wait.
  sigset_t all, before;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  pid_t pid = start_child(start);
  int fork_error = errno;
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (pid < 0) return fail_errno("fork", fork_error);
  Child child;
  child.pid_ = pid;
  child.pidfd_ = Fd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  started.write.reset();
  int error = 0;
  ssize_t count;
  do count = ::read(started.read.get(), &error, sizeof error);
  while (count < 0 && errno == EINTR);
  if (count == static_cast<ssize_t>(sizeof error)) {
    (void)child.wait();
    return fail_errno("start " + path, error);
  }
  return child;
}

Child::Child(Child&& other) noexcept : pid_(std::exchange(other.pid_, -1)), pidfd_(std::move(other.pidfd_)) {}

Child& Child::operator=(Child&& other) noexcept {
  std::swap(pid_, other.pid_);
  std::swap(pidfd_, other.pidfd_);
  return *this;
}

Child::~Child() {
  if (pid_ <= 0) return;
  ::kill(pid_, SIGKILL);
  (void)wait();
}

Result<int> Child::wait() {
  if (pid_ <= 0) return fail(Code::kNotFound, "no child process");
  int status = 0;
  pid_t done;
  do done = ::waitpid(pid_, &status, 0);
  while (done < 0 && errno == EINTR);
  pid_ = -1;
  if (done < 0) return fail_errno("waitpid");
  return decode_wait(status);
}

void Child::kill(int signal) {
  if (pid_ > 0) ::kill(pid_, signal);
}

void Child::detach() { pid_ = -1; }

namespace {

struct Pipes {
  Pipe in, out, err;
};

// Appends what can be read; closes at the end of the stream.
void drain(Fd& fd, std::string& to, size_t limit) {
  char buffer[65536];
  ssize_t count = ::read(fd.get(), buffer, sizeof buffer);
  if (count < 0 && errno == EINTR) return;
  if (count <= 0) return fd.reset();
  size_t room = limit - std::min(limit, to.size());
  to.append(buffer, std::min(room, static_cast<size_t>(count)));
}

void feed(Fd& fd, const std::string& input, size_t& sent) {
  ssize_t count = ::write(fd.get(), input.data() + sent, std::min<size_t>(input.size() - sent, 65536));
  if (count < 0 && errno == EINTR) return;
  if (count > 0) sent += static_cast<size_t>(count);
  if (count < 0 || sent == input.size()) fd.reset();
}

// Moves bytes until both outputs have ended. False when the time is up.
bool communicate(const Command& command, Pipes& pipes, CommandOutput& output, TimePoint deadline) {
  size_t sent = 0;
  if (pipes.in.write) ::fcntl(pipes.in.write.get(), F_SETFL, O_NONBLOCK);
  while (pipes.out.read || pipes.err.read) {
    pollfd fds[3] = {{pipes.out.read.get(), POLLIN, 0}, {pipes.err.read.get(), POLLIN, 0}, {pipes.in.write.get(), POLLOUT, 0}};
    auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - system_clock().now()).count();
    if (left <= 0) return false;
    if (::poll(fds, 3, static_cast<int>(std::min<long>(left, 1'000'000))) <= 0) continue;
    if (fds[0].revents) drain(pipes.out.read, output.out, command.output_limit);
    if (fds[1].revents) drain(pipes.err.read, output.err, command.output_limit);
    if (fds[2].revents) feed(pipes.in.write, command.input, sent);
  }
  return true;
}

}  // namespace

Result<CommandOutput> run_command(const Command& command) {
  Pipes pipes;
  if (!command.input.empty()) {
    TRY_ASSIGN(pipes.in, open_pipe());
  }
  TRY_ASSIGN(pipes.out, open_pipe());
  TRY_ASSIGN(pipes.err, open_pipe());
  TRY_ASSIGN(Child child, Child::start(command, std::move(pipes.in.read), std::move(pipes.out.write), std::move(pipes.err.write)));
  CommandOutput output;
  if (!communicate(command, pipes, output, system_clock().now() + within_reach(command.timeout))) {
    child.kill(SIGKILL);
    (void)child.wait();
    return fail(Code::kDeadlineExceeded, command.argv[0] + " did not end in time and was killed");
  }
  TRY_ASSIGN(output.exit_code, child.wait());
  return output;
}

Result<std::string> run_checked(const Command& command) {
  TRY_ASSIGN(CommandOutput output, run_command(command));
  if (output.exit_code == 0) return std::move(output.out);
  std::string tail = output.err.size() > 2000 ? output.err.substr(output.err.size() - 2000) : output.err;
  while (!tail.empty() && tail.back() == '\n') tail.pop_back();
  return fail(Code::kInternal, command.argv[0] + " exited with " + std::to_string(output.exit_code) + ": " + tail);
}

Result<uint64_t> process_start_time(int pid) {
  TRY_ASSIGN(std::string stat, read_file("/proc/" + std::to_string(pid) + "/stat"));
  auto end = stat.rfind(')');  // the program's name may hold spaces and brackets
  if (end == std::string::npos) return fail(Code::kInternal, "unreadable /proc stat");
  const char* at = stat.c_str() + end + 1;
  for (int field = 3; field < 22; ++field) {
    at = std::strchr(at + 1, ' ');
    if (!at) return fail(Code::kInternal, "unreadable /proc stat");
  }
  return std::strtoull(at, nullptr, 10);
}

}  // namespace reigen
