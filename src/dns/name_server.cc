#include "dns/name_server.h"

#include <sys/epoll.h>

#include <algorithm>

#include "base/log.h"
#include "base/random.h"
#include "dns/forwarder.h"
#include "dns/message.h"
#include "dns/resolver.h"
#include "dns/socket_address.h"

namespace reigen::dns {
namespace {

constexpr size_t kMaxConnections = 64;
constexpr size_t kMaxMessage = 65535;
constexpr int kMessagesAtOnce = 64;
constexpr auto kIdle = std::chrono::seconds(10);
constexpr uint16_t kAxfr = 252, kIxfr = 251;

struct Connection {
  Fd fd;
  uint64_t id = 0;
  std::string in, out;
  bool waiting = false;  // for an answer: nothing more is read until then
  TimePoint deadline;
};

using Reply = std::function<void(std::string)>;

class SocketNameServer final : public NameServer {
 public:
  SocketNameServer(EventLoop& loop, NameServerOptions options)
      : loop_(loop), options_(std::move(options)), forwarder_(loop, {options_.upstreams, options_.upstream_port}) {}

  ~SocketNameServer() override {
    for (auto& fd : udp_) loop_.remove(fd.get());
    for (auto& fd : tcp_) loop_.remove(fd.get());
    for (auto& [id, connection] : connections_) loop_.remove(connection->fd.get());
  }

  Status start() {
    for (const IpAddress& address : options_.listen) {
      TRY(listen_udp(address));
      TRY(listen_tcp(address));
    }
    loop_.on_deadline([this] { return next_deadline(); }, [this](TimePoint now) { close_idle(now); });
    return {};
  }

  void set_records(RecordTable table) override { table_ = std::move(table); }

 private:
  Result<Fd> bind_socket(const IpAddress& address, int type) {
    SocketAddress where(address, options_.port);
    Fd fd(socket(where.family(), type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!fd) return fail_errno("open a socket");
    int one = 1;
    if (type == SOCK_STREAM) setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(fd.get(), where.get(), where.length) != 0) return fail_errno("listen for names on " + address.str() + " port " + std::to_string(options_.port));
    return fd;
  }

  Status listen_udp(const IpAddress& address) {
    TRY_ASSIGN(Fd fd, bind_socket(address, SOCK_DGRAM));
    int raw = fd.get();
    TRY(loop_.add(raw, EPOLLIN, [this, raw](uint32_t) { read_udp(raw); }));
    udp_.push_back(std::move(fd));
    return {};
  }

  Status listen_tcp(const IpAddress& address) {
    TRY_ASSIGN(Fd fd, bind_socket(address, SOCK_STREAM));
    if (listen(fd.get(), kMaxConnections) != 0) return fail_errno("listen for names on " + address.str());
    int raw = fd.get();
    TRY(loop_.add(raw, EPOLLIN, [this, raw](uint32_t) { accept_connection(raw); }));
    tcp_.push_back(std::move(fd));
    return {};
  }

  void read_udp(int fd) {
    char buffer[4096];
    for (int i = 0; i < kMessagesAtOnce; i++) {
      SocketAddress peer;
      ssize_t length = recvfrom(fd, buffer, sizeof buffer, 0, peer.get(), &peer.length);
      if (length < 0) return;
      handle({buffer, static_cast<size_t>(length)}, false,
             [fd, peer](std::string answer) { (void)sendto(fd, answer.data(), answer.size(), MSG_DONTWAIT, peer.get(), peer.length); });
    }
  }

  void handle(std::string_view message, bool tcp, Reply reply) {
    auto parsed = parse_query(message);
    if (!parsed) return;
    const Query& query = parsed->query;
    size_t limit = tcp ? kMaxMessage : query.udp_bytes;
    auto refuse = [&](Rcode rcode) {
      Answer answer;
      answer.rcode = rcode;
      answer.authoritative = false;
      reply(encode_answer(query, answer, limit));
    };
    if (parsed->error != Rcode::kOk) return refuse(parsed->error);
    if (query.type == kAxfr || query.type == kIxfr) return refuse(Rcode::kRefused);
    if (query.edns_version > 0) return refuse(Rcode::kOk);
    if (!table_.valid()) return refuse(Rcode::kServerFailure);
    auto resolution = resolve(table_, query, turn_++);
    if (!resolution) return forwarder_.forward(message, query, tcp, limit, std::move(reply));
    if (resolution->continue_with.empty()) return reply(encode_answer(query, resolution->answer, limit));
    forwarder_.follow(std::move(*resolution), query, limit, std::move(reply));
  }

  void accept_connection(int listener) {
    Fd fd(accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (!fd || connections_.size() >= kMaxConnections) return;
    auto connection = std::make_shared<Connection>();
    connection->fd = std::move(fd);
    connection->id = ++last_id_;
    connection->deadline = loop_.now() + kIdle;
    uint64_t id = connection->id;
    if (loop_.add(connection->fd.get(), EPOLLIN, [this, id](uint32_t events) { on_connection(id, events); })) connections_[id] = std::move(connection);
  }

  void close_connection(uint64_t id) {
    auto found = connections_.find(id);
    if (found == connections_.end()) return;
    loop_.remove(found->second->fd.get());
    connections_.erase(found);
  }

  void on_connection(uint64_t id, uint32_t events) {
    auto found = connections_.find(id);
    if (found == connections_.end()) return;
    auto connection = found->second;
    connection->deadline = loop_.now() + kIdle;
    if (events & EPOLLOUT) write_connection(*connection);
    if (!(events & (EPOLLIN | EPOLLHUP | EPOLLERR))) return;
    char buffer[4096];
    ssize_t length = read(connection->fd.get(), buffer, sizeof buffer);
    if (length == 0 || (length < 0 && errno != EAGAIN)) return close_connection(id);
    if (length > 0) connection->in.append(buffer, static_cast<size_t>(length));
    next_message(connection);
  }

  // One at a time; reading stops while an answer is awaited, so that nobody can pile up work here.
  void next_message(const std::shared_ptr<Connection>& connection) {
    if (connection->waiting || connection->in.size() < 2) return;
    size_t length = static_cast<size_t>(static_cast<uint8_t>(connection->in[0])) << 8 | static_cast<uint8_t>(connection->in[1]);
    if (connection->in.size() < length + 2) return;
    std::string message = connection->in.substr(2, length);
    connection->in.erase(0, length + 2);
    connection->waiting = true;
    loop_.modify(connection->fd.get(), 0);
    uint64_t id = connection->id;
    if (!parse_query(message)) return close_connection(id);
    handle(message, true, [this, id](std::string answer) {
      auto found = connections_.find(id);
      if (found == connections_.end()) return;
      auto& to = *found->second;
      to.out += {static_cast<char>(answer.size() >> 8), static_cast<char>(answer.size())};
      to.out += answer;
      to.deadline = loop_.now() + kIdle;
      loop_.modify(to.fd.get(), EPOLLOUT);
    });
  }

  void write_connection(Connection& connection) {
    ssize_t length = send(connection.fd.get(), connection.out.data(), connection.out.size(), MSG_NOSIGNAL);
    if (length < 0 && errno != EAGAIN) return close_connection(connection.id);
    if (length > 0) connection.out.erase(0, static_cast<size_t>(length));
    if (!connection.out.empty()) return;
    connection.waiting = false;
    loop_.modify(connection.fd.get(), EPOLLIN);
    auto found = connections_.find(connection.id);
    if (found != connections_.end()) next_message(found->second);
  }

  TimePoint next_deadline() const {
    TimePoint first = TimePoint::max();
    for (const auto& [id, connection] : connections_) first = std::min(first, connection->deadline);
    return first;
  }

  void close_idle(TimePoint now) {
    std::vector<uint64_t> idle;
    for (const auto& [id, connection] : connections_)
      if (connection->deadline <= now) idle.push_back(id);
    for (uint64_t id : idle) close_connection(id);
  }

  EventLoop& loop_;
  NameServerOptions options_;
  RecordTable table_;
  uint32_t turn_ = 0;
  uint64_t last_id_ = 0;
  std::vector<Fd> udp_, tcp_;
  std::unordered_map<uint64_t, std::shared_ptr<Connection>> connections_;
  Forwarder forwarder_;
};

}  // namespace

Result<std::unique_ptr<NameServer>> NameServer::open(EventLoop& loop, NameServerOptions options) {
  auto server = std::make_unique<SocketNameServer>(loop, std::move(options));
  TRY(server->start());
  return server;
}

}  // namespace reigen::dns
