#include "fork_points.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

#include "base/check.h"

namespace reigen::sim {
namespace {

// Of one child's run, in seconds of its life: a run that hangs ends with SIGALRM and is reported.
constexpr unsigned kPatience = 300;

size_t threads() {
  auto tasks = std::filesystem::directory_iterator("/proc/self/task");
  return static_cast<size_t>(std::distance(begin(tasks), end(tasks)));
}

std::string read_all(int fd) {
  std::string text;
  char buffer[4096];
  while (true) {
    auto n = ::read(fd, buffer, sizeof buffer);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return text;
    text.append(buffer, static_cast<size_t>(n));
  }
}

}  // namespace

ForkPoints::~ForkPoints() {
  while (!running_.empty()) wait_for_oldest();
}

bool ForkPoints::fork(uint64_t point) {
  CHECK(!is_child());
  if (running_.size() >= at_once_) wait_for_oldest();
  if (ended_.empty() && running_.empty()) CHECK(threads() == 1);
  int ends[2];
  CHECK(::pipe2(ends, O_CLOEXEC) == 0);
  Fd reading(ends[0]), writing(ends[1]);
  int pid = ::fork();
  CHECK(pid >= 0);
  if (pid > 0) {
    running_.push_back({point, pid, std::move(reading)});
    return false;
  }
  running_.clear();
  ended_.clear();
  to_parent_ = std::move(writing);
  ::alarm(kPatience);
  return true;
}

void ForkPoints::report(const std::string& text) {
  CHECK(is_child());
  for (size_t sent = 0; sent < text.size();) {
    auto n = ::write(to_parent_.get(), text.data() + sent, text.size() - sent);
    if (n < 0 && errno != EINTR) ::_exit(1);
    if (n > 0) sent += static_cast<size_t>(n);
  }
  ::_exit(0);  // not exit(): the parent's buffers and tests are the parent's
}

void ForkPoints::wait_for_oldest() {
  auto child = std::move(running_.front());
  running_.pop_front();
  End end{child.point, read_all(child.output.get()), ""};
  int status = 0;
  while (::waitpid(child.pid, &status, 0) < 0 && errno == EINTR) continue;
  if (WIFSIGNALED(status)) end.died = "killed by signal " + std::to_string(WTERMSIG(status));
  else if (WEXITSTATUS(status) != 0) end.died = "ended with code " + std::to_string(WEXITSTATUS(status));
  ended_.push_back(std::move(end));
}

std::vector<ForkPoints::End> ForkPoints::finish() {
  while (!running_.empty()) wait_for_oldest();
  return std::exchange(ended_, {});
}

}  // namespace reigen::sim
