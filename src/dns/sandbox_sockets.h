// SandboxSockets: Docker's name server at 127.0.0.11, inside of the containers' network namespaces.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/ip.h"
#include "base/result.h"
#include "dns/docker_names.h"
#include "dns/event_loop.h"
#include "dns/forwarder.h"
#include "dns/mapped_file.h"
#include "dns/question_sockets.h"
#include "network/sandbox_names.h"

namespace reigen::dns {

struct SandboxSocketsOptions {
  std::string run_directory;
  std::function<std::vector<IpAddress>()> upstreams;  // of askers without servers of their own
  uint16_t upstream_port = 53;
  std::function<void()> read_ports;  // what else is up to date before a sync is answered; may be empty
};

// Follows <run>/docker-sandboxes: each sandbox has a UDP and a TCP socket at 127.0.0.11 in its namespace, with ports of the kernel's choice, and a table
// reigen-names there that leads port 53 to them, so that a program in the container may have port 53 of all addresses. Where the namespace takes no
// table port 53 of 127.0.0.11 itself is bound. The socket a question comes in by says who asks. What nobody there knows is asked of other name
// servers, from the namespace of this process.
// Bounds: 64 forwarded questions (more: SERVFAIL) and 8 TCP connections a sandbox, 256 in all. All on the loop's thread; lives as long as the loop runs.
class SandboxSockets {
 public:
  SandboxSockets(EventLoop& loop, SandboxSocketsOptions options);
  ~SandboxSockets();

  // Listens at <run>/names.sock: "sync\n" is answered with "ok\n" after both files and the host ports were read. At most 64 connections, 10 s each.
  Status listen_for_sync();

  void read_names();      // <run>/docker-names
  void read_sandboxes();  // opens and closes sockets; one that cannot be opened is logged and tried again the next time
  size_t size() const { return sandboxes_.size(); }

 private:
  struct Sandbox {
    network::SandboxNames names;
    std::shared_ptr<size_t> forwarding = std::make_shared<size_t>(0);
  };
  struct Waiter {
    Fd fd;
    TimePoint deadline;
  };
  void answer(uint64_t group, std::string_view message, const ParsedQuery& parsed, bool tcp, QuestionSockets::Reply reply);
  void accept_waiter();
  void on_waiter(int fd);

  EventLoop& loop_;
  SandboxSocketsOptions options_;
  MappedFile names_file_;
  DockerNames names_;
  std::string sandboxes_text_;
  bool complete_ = true;  // all of the text is served
  std::set<std::string> failed_;
  std::map<uint64_t, Sandbox> sandboxes_;
  std::map<std::string, uint64_t> groups_;  // by sandbox
  uint64_t last_group_ = 0;
  Fd listener_;
  std::map<int, Waiter> waiters_;
  Forwarder forwarder_;
  QuestionSockets sockets_;
};

}  // namespace reigen::dns
