#include "linux/pidfd.h"

#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>

#include "base/process.h"

namespace reigen::linux {
namespace {

// struct pidfd_info of Linux 6.15, which Debian's headers do not know yet.
struct PidfdInfo {
  uint64_t mask;
  uint64_t cgroup_id;
  uint32_t pid, tgid, ppid, ruid, rgid, euid, egid, suid, sgid, fsuid, fsgid;
  int32_t exit_code;
};
constexpr uint64_t kPidfdInfoExit = 1 << 3;
constexpr unsigned long kPidfdGetInfo = _IOWR(0xFF, 11, PidfdInfo);

struct SignalName {
  std::string_view name;
  int number;
};
constexpr SignalName kSignals[] = {{"HUP", SIGHUP},   {"INT", SIGINT},       {"QUIT", SIGQUIT}, {"ILL", SIGILL},     {"TRAP", SIGTRAP}, {"ABRT", SIGABRT},
                                   {"BUS", SIGBUS},   {"FPE", SIGFPE},       {"KILL", SIGKILL}, {"USR1", SIGUSR1},   {"SEGV", SIGSEGV}, {"USR2", SIGUSR2},
                                   {"PIPE", SIGPIPE}, {"ALRM", SIGALRM},     {"TERM", SIGTERM}, {"STKFLT", 16},      {"CHLD", SIGCHLD}, {"CONT", SIGCONT},
                                   {"STOP", SIGSTOP}, {"TSTP", SIGTSTP},     {"TTIN", SIGTTIN}, {"TTOU", SIGTTOU},   {"URG", SIGURG},   {"XCPU", SIGXCPU},
                                   {"XFSZ", SIGXFSZ}, {"VTALRM", SIGVTALRM}, {"PROF", SIGPROF}, {"WINCH", SIGWINCH}, {"IO", SIGIO},     {"POLL", SIGIO},
                                   {"PWR", SIGPWR},   {"SYS", SIGSYS}};

}  // namespace

Result<Fd> open_process(int pid, uint64_t start_time) {
  if (pid <= 0) return fail(Code::kNotFound, "no process");
  Fd fd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (!fd) return fail_errno("open process " + std::to_string(pid));
  if (start_time == 0) return fd;
  // Read after the pidfd was taken: if it is the same process now, it was then.
  auto now = process_start_time(pid);
  if (!now || *now != start_time) return fail(Code::kNotFound, "process " + std::to_string(pid) + " is another one by now");
  return fd;
}

Status signal_process(int pidfd, int signal) {
  if (::syscall(SYS_pidfd_send_signal, pidfd, signal, nullptr, 0) == 0) return {};
  if (errno == ESRCH) return fail(Code::kNotFound, "the process has ended");
  return fail_errno("send signal " + std::to_string(signal));
}

bool process_ended(int pidfd) {
  pollfd poll_fd{pidfd, POLLIN, 0};
  return ::poll(&poll_fd, 1, 0) > 0 && (poll_fd.revents & (POLLIN | POLLHUP));
}

std::optional<int> wait_status_of(int pidfd) {
  PidfdInfo info{};
  info.mask = kPidfdInfoExit;
  if (::ioctl(pidfd, kPidfdGetInfo, &info) != 0 || !(info.mask & kPidfdInfoExit)) return std::nullopt;
  return info.exit_code;
}

Result<int> parse_signal(std::string_view name) {
  std::string_view rest = name;
  int number = 0;
  auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), number);
  if (error == std::errc() && end == rest.data() + rest.size() && number > 0 && number < 65) return number;
  if (rest.starts_with("SIG")) rest.remove_prefix(3);
  for (const auto& entry : kSignals) {
    if (entry.name == rest) return entry.number;
  }
  if (rest == "RTMIN") return SIGRTMIN;
  if (rest == "RTMAX") return SIGRTMAX;
  bool up = rest.starts_with("RTMIN+"), down = rest.starts_with("RTMAX-");
  if (up || down) {
    rest.remove_prefix(6);
    auto parsed = std::from_chars(rest.data(), rest.data() + rest.size(), number);
    if (parsed.ec == std::errc() && number >= 0 && number <= 30) return up ? SIGRTMIN + number : SIGRTMAX - number;
  }
  return fail(Code::kInvalidArgument, "unknown signal \"" + std::string(name) + "\"");
}

}  // namespace reigen::linux
