#include "linux/wrapper/wrapper.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "base/descriptors.h"
#include "base/files.h"
#include "base/process.h"

// REIGEN_WRAPPER_FILE is set by wrapper/CMakeLists.txt.

asm(".pushsection .rodata\n"
    ".balign 16\n"
    ".global reigen_wrapper_begin\n"
    "reigen_wrapper_begin:\n"
    ".incbin \"" REIGEN_WRAPPER_FILE
    "\"\n"
    ".global reigen_wrapper_end\n"
    "reigen_wrapper_end:\n"
    ".byte 0\n"
    ".popsection\n");

extern "C" const char reigen_wrapper_begin[];
extern "C" const char reigen_wrapper_end[];

namespace reigen::linux {

std::string_view wrapper_image() { return {reigen_wrapper_begin, static_cast<size_t>(reigen_wrapper_end - reigen_wrapper_begin)}; }

Status install_wrapper(const std::string& path) {
  auto there = read_file(path);
  if (there && *there == wrapper_image()) return {};
  return write_file(path, wrapper_image(), 0755);
}

Result<Fd> socket_in(const std::string& wrapper, const std::string& netns_path, int family, int type) {
  int pair[2];
  if (::socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, pair) != 0) return fail_errno("socketpair");
  Fd ours(pair[0]), theirs(pair[1]);
  Command command;
  command.argv = {wrapper, "socket", netns_path, std::to_string(family), std::to_string(type)};
  command.fds = {{theirs.get(), 3}};
  command.timeout = std::chrono::seconds(5);
  TRY(run_checked(command));
  return receive_descriptor(ours.get());
}

Result<Fd> connect_loopback_in(const std::string& wrapper, const std::string& netns_path, uint16_t port) {
  TRY_ASSIGN(Fd fd, socket_in(wrapper, netns_path, AF_INET, SOCK_STREAM));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 && errno != EINPROGRESS) {
    return fail_errno("failed to connect to localhost:" + std::to_string(port) + " inside the pod's namespace");
  }
  return fd;
}

}  // namespace reigen::linux
