// Sockets by which DNS questions come in, over UDP and TCP.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/fd.h"
#include "dns/event_loop.h"
#include "dns/message.h"

namespace reigen::dns {

inline constexpr size_t kMaxTcpMessage = 65535;

// What is answered without a look at any name: broken questions, zone transfers, versions of EDNS that nobody has.
std::optional<Rcode> refused_at_once(const ParsedQuery& parsed);
std::string encode_refusal(const Query& query, Rcode rcode, size_t limit);

// More connections than the bounds are closed at once, as is one that was silent for 10 s. One question at a time is taken from a connection: nobody can
// pile up work here. All on the loop's thread; lives as long as the loop runs.
class QuestionSockets {
 public:
  using Reply = std::function<void(std::string)>;
  // Called with questions that parse_query takes. The reply may come later, also when the group is gone.
  using Handler = std::function<void(uint64_t group, std::string_view message, const ParsedQuery& parsed, bool tcp, Reply reply)>;

  struct Bounds {
    size_t connections = 64;
    size_t connections_of_group = 64;
  };

  QuestionSockets(EventLoop& loop, Bounds bounds, Handler handler);
  ~QuestionSockets();

  // Not blocking; the TCP one listens. A group may have several pairs.
  Status add(uint64_t group, Fd udp, Fd tcp);
  // Closes its sockets and connections.
  void remove(uint64_t group);

 private:
  struct Group {
    std::vector<Fd> udp, tcp;
    size_t connections = 0;
  };
  struct Connection {
    Fd fd;
    uint64_t id = 0, group = 0;
    std::string in, out;
    bool waiting = false;  // for an answer: nothing more is read until then
    TimePoint deadline;
  };
  void read_udp(uint64_t group, int fd);
  void accept_connection(uint64_t group, int listener);
  void close_connection(uint64_t id);
  void on_connection(uint64_t id, uint32_t events);
  void next_message(const std::shared_ptr<Connection>& connection);
  void write_connection(Connection& connection);
  TimePoint next_deadline() const;
  void close_idle(TimePoint now);

  EventLoop& loop_;
  Bounds bounds_;
  Handler handler_;
  std::map<uint64_t, Group> groups_;
  uint64_t last_id_ = 0;
  std::unordered_map<uint64_t, std::shared_ptr<Connection>> connections_;
};

}  // namespace reigen::dns
