#include "network/names_sync.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <cstring>

#include "base/fd.h"

namespace reigen::network {
namespace {

constexpr std::string_view kQuestion = "sync\n", kAnswer = "ok\n";

Status wait_for(const Fd& fd, short events, TimePoint limit) {
  for (;;) {
    auto left = std::chrono::duration_cast<std::chrono::milliseconds>(limit - system_clock().now()).count();
    pollfd poll_fd{fd.get(), events, 0};
    int ready = poll(&poll_fd, 1, static_cast<int>(std::clamp<long>(left, 0, 60'000)));
    if (ready > 0) return {};
    if (ready < 0 && errno != EINTR) return fail_errno("wait for the name server");
    if (ready == 0) return fail(Code::kUnavailable, "the name server does not answer in time");
  }
}

}  // namespace

std::string names_socket_path(const std::string& run_directory) { return run_directory + "/names.sock"; }

Status sync_names(const std::string& run_directory, Duration limit) {
  TimePoint deadline = system_clock().now() + limit;
  std::string path = names_socket_path(run_directory);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return fail(Code::kInvalidArgument, path + " is too long for a socket");
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  Fd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return fail_errno("open a socket");
  // A connection that must wait says EAGAIN: the queue is full.
  if (connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
    return fail(Code::kUnavailable, "no name server listens at " + path + ": " + std::strerror(errno));
  if (send(fd.get(), kQuestion.data(), kQuestion.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(kQuestion.size())) return fail_errno("ask the name server");
  std::string answer;
  while (!answer.ends_with('\n')) {
    TRY(wait_for(fd, POLLIN, deadline));
    char buffer[16];
    ssize_t length = recv(fd.get(), buffer, sizeof buffer, 0);
    if (length < 0 && (errno == EAGAIN || errno == EINTR)) continue;
    if (length <= 0 || answer.size() > kAnswer.size()) return fail(Code::kUnavailable, "the name server closed the connection");
    answer.append(buffer, static_cast<size_t>(length));
  }
  return answer == kAnswer ? Status() : fail(Code::kUnavailable, "the name server says " + answer);
}

}  // namespace reigen::network
