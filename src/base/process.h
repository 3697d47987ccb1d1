// Programs of the host, started without a shell.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/fd.h"
#include "base/result.h"

namespace reigen {

struct Command {
  std::vector<std::string> argv;                // argv[0] is looked up in PATH unless it holds a '/'
  std::vector<std::string> env;                 // "K=V"; empty: the caller's environment
  std::string directory;                        // empty: the caller's
  std::string input;                            // standard input; empty: /dev/null
  size_t output_limit = 1 << 20;                // bytes kept of each of stdout and stderr; more is read and dropped
  Duration timeout = std::chrono::seconds(60);  // then killed: kDeadlineExceeded
  std::vector<std::pair<int, int>> fds;         // {ours, its number in the child}; others are closed there
  bool new_session = false;
};

struct CommandOutput {
  int exit_code = 0;  // 128+n when ended by signal n
  std::string out;
  std::string err;
};

// Runs it to its end; blocks. An exit code other than 0 is not an error here; a program that cannot be started is (kNotFound
// names it).
Result<CommandOutput> run_command(const Command& command);

// As run_command, and an exit code other than 0 becomes kInternal with the last lines of stderr.
Result<std::string> run_checked(const Command& command);

// A running child with its pidfd. Reaped by wait() or, when dropped, by the destructor after SIGKILL.
class Child {
 public:
  Child() = default;
  Child(Child&&) noexcept;
  Child& operator=(Child&&) noexcept;
  ~Child();

  static Result<Child> start(const Command& command, Fd in, Fd out, Fd err);
  int pid() const { return pid_; }
  int pidfd() const { return pidfd_.get(); }
  // Blocks until it ends; the exit code, 128+n when ended by signal n.
  Result<int> wait();
  void kill(int signal);
  // Lets it live on; it will be reaped by init.
  void detach();

 private:
  int pid_ = -1;
  Fd pidfd_;
};

// Clock ticks since boot at which the process started (field 22 of /proc/PID/stat): with the pid an identity
// that is never reused. kNotFound when there is none.
Result<uint64_t> process_start_time(int pid);

// The full path of a program in PATH, or kNotFound.
Result<std::string> find_program(const std::string& name);

}  // namespace reigen
