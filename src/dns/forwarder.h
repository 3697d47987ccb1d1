// Asks other name servers.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/fd.h"
#include "dns/event_loop.h"
#include "dns/message.h"
#include "dns/resolver.h"

namespace reigen::dns {

struct ForwarderOptions {
  std::function<std::vector<IpAddress>()> upstreams;
  uint16_t port = 53;
};

// Every query has a socket of its own (so a random port) and a random id; only an answer with that id and the question asked counts.
class Forwarder {
 public:
  using Reply = std::function<void(std::string)>;

  Forwarder(EventLoop& loop, ForwarderOptions options);
  ~Forwarder();

  // Passes a query on and its answer back, over TCP when it came so. `servers`: instead of the upstreams.
  void forward(std::string_view message, const Query& query, bool tcp, size_t limit, Reply reply, std::vector<IpAddress> servers = {});
  // Finishes an answer whose last alias leads to others.
  void follow(Resolution start, const Query& query, size_t limit, Reply reply);

 private:
  struct Pending {
    uint64_t number = 0;
    Fd fd;
    Query query;
    size_t limit = 0;
    Reply reply;
    std::string message;  // with our id
    std::string question;
    uint16_t id = 0;
    bool tcp = false;
    bool sent = false;
    std::string in;  // over TCP
    bool chased = false;
    Answer start;  // when chased: what goes before
    std::vector<IpAddress> servers;
    size_t attempt = 0;
    TimePoint deadline;
  };
  void begin(std::shared_ptr<Pending> pending);
  void try_next(const std::shared_ptr<Pending>& pending);
  bool send_to(const std::shared_ptr<Pending>& pending, const IpAddress& server);
  void on_ready(uint64_t number, uint32_t events);
  void read_answer(const std::shared_ptr<Pending>& pending);
  void accept_answer(const std::shared_ptr<Pending>& pending, std::string_view message);
  void give_up(const std::shared_ptr<Pending>& pending);
  void close(Pending& pending);
  const std::vector<IpAddress>& servers();

  EventLoop& loop_;
  ForwarderOptions options_;
  std::vector<IpAddress> servers_;
  TimePoint servers_until_{};
  bool servers_known_ = false;
  uint64_t last_number_ = 0;
  std::map<uint64_t, std::shared_ptr<Pending>> pending_;
};

}  // namespace reigen::dns
