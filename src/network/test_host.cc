#include "network/test_host.h"

#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/files.h"
#include "base/process.h"
#include "linux/network_namespace.h"

namespace reigen::network {
namespace {

std::string& folder() {
  static std::string path;
  return path;
}

std::string set_up() {
  if (geteuid() != 0) return "needs root";
  if (unshare(CLONE_NEWNET | CLONE_NEWNS) != 0) return "cannot make namespaces";
  if (mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) return "cannot make mounts private";
  auto made = make_temporary_directory("/tmp", "reigen-net-");
  if (!made) return made.error().message();
  folder() = *made;
  // On a mount of its own, so that the pins go with the mount namespace.
  if (mount("tmpfs", folder().c_str(), "tmpfs", 0, "") != 0) return "cannot mount";
  atexit([] {
    umount2(folder().c_str(), MNT_DETACH);
    rmdir(folder().c_str());
  });
  if (auto netns = linux::create_network_namespace(neighbour_path()); !netns) return netns.error().message();
  std::string out =
      run_in("", "ip link set lo up; touch " + folder() + "/ready; ip link add out0 type veth peer name in0 && ip link set in0 netns " + neighbour_path() +
                     " && ip addr add 192.168.77.1/24 dev out0 && ip link set out0 up && ip route add default via 192.168.77.2");
  if (out.starts_with("exit")) return out;
  out = run_in(neighbour_path(), "ip addr add 192.168.77.2/24 dev in0 && ip link set in0 up && ip route add 10.0.0.0/8 via 192.168.77.1");
  return out.starts_with("exit") ? out : "";
}

constexpr const char* kServer = R"(
import socket, sys
name, address, port, udp = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4] == "udp"
family = socket.AF_INET6 if ":" in address else socket.AF_INET
s = socket.socket(family, socket.SOCK_DGRAM if udp else socket.SOCK_STREAM)
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind((address, port))
if not udp: s.listen(64)
print("r", end="", flush=True)
while True:
    if udp:
        data, peer = s.recvfrom(1500)
        s.sendto((name + " " + peer[0]).encode(), peer)
    else:
        c, peer = s.accept()
        c.sendall((name + " " + peer[0]).encode())
        c.close()
)";

constexpr const char* kClient = R"(
import socket, sys
address, port, udp = sys.argv[1], int(sys.argv[2]), sys.argv[3] == "udp"
family = socket.AF_INET6 if ":" in address else socket.AF_INET
s = socket.socket(family, socket.SOCK_DGRAM if udp else socket.SOCK_STREAM)
s.settimeout(4)
try:
    s.connect((address, port))
    if udp: s.send(b"x")
    print(s.recv(200).decode(), end="")
except Exception as e:
    print("exit " + type(e).__name__, end="")
)";

}  // namespace

std::string neighbour_path() { return folder() + "/neighbour"; }
std::string test_folder() { return folder(); }

std::string enter_test_host() {
  static std::string reason = set_up();
  return reason;
}

std::string run_in(const std::string& netns_path, const std::string& line) {
  Command command;
  if (!netns_path.empty()) command.argv = {"nsenter", "--net=" + netns_path};
  command.argv.insert(command.argv.end(), {"sh", "-c", line});
  auto output = run_command(command);
  if (!output) return "exit: " + output.error().message();
  if (output->exit_code != 0) return "exit " + std::to_string(output->exit_code) + ": " + output->err + output->out;
  return output->out;
}

TestServer::TestServer(const std::string& netns_path, const std::string& name, int port, bool udp, const std::string& address) {
  int pipe_fds[2];
  if (pipe(pipe_fds) != 0) abort();
  pid_ = fork();
  if (pid_ == 0) {
    dup2(pipe_fds[1], 1);
    close(pipe_fds[0]);
    std::string ns = "--net=" + (netns_path.empty() ? std::string("/proc/self/ns/net") : netns_path);
    execlp("nsenter", "nsenter", ns.c_str(), "/usr/bin/python3", "-c", kServer, name.c_str(), address.c_str(), std::to_string(port).c_str(),
           udp ? "udp" : "tcp", nullptr);
    _exit(127);
  }
  close(pipe_fds[1]);
  char ready[8];
  ssize_t count = read(pipe_fds[0], ready, sizeof ready);
  if (count <= 0) fprintf(stderr, "server %s: not ready: %zd %m\n", name.c_str(), count);
  close(pipe_fds[0]);
}

TestServer::~TestServer() {
  kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
}

std::string ask(const std::string& netns_path, const std::string& address, int port, bool udp) {
  Command command;
  if (!netns_path.empty()) command.argv = {"nsenter", "--net=" + netns_path};
  command.argv.insert(command.argv.end(), {"/usr/bin/python3", "-c", kClient, address, std::to_string(port), udp ? "udp" : "tcp"});
  auto output = run_command(command);
  return output ? output->out + output->err : "exit: " + output.error().message();
}

}  // namespace reigen::network
