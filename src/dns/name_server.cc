#include "dns/name_server.h"

#include <sys/socket.h>

#include "base/random.h"
#include "dns/forwarder.h"
#include "dns/message.h"
#include "dns/question_sockets.h"
#include "dns/resolver.h"
#include "dns/socket_address.h"

namespace reigen::dns {
namespace {

constexpr size_t kMaxConnections = 64;
constexpr uint64_t kGroup = 0;

class SocketNameServer final : public NameServer {
 public:
  SocketNameServer(EventLoop& loop, NameServerOptions options)
      : options_(std::move(options)),
        forwarder_(loop, {options_.upstreams, options_.upstream_port}),
        sockets_(loop, {kMaxConnections, kMaxConnections},
                 [this](uint64_t, std::string_view message, const ParsedQuery& parsed, bool tcp, QuestionSockets::Reply reply) {
                   handle(message, parsed, tcp, std::move(reply));
                 }) {}

  Status start() {
    for (const IpAddress& address : options_.listen) {
      TRY_ASSIGN(Fd udp, bind_socket(address, SOCK_DGRAM));
      TRY_ASSIGN(Fd tcp, bind_socket(address, SOCK_STREAM));
      if (listen(tcp.get(), kMaxConnections) != 0) return fail_errno("listen for names on " + address.str());
      TRY(sockets_.add(kGroup, std::move(udp), std::move(tcp)));
    }
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

  void handle(std::string_view message, const ParsedQuery& parsed, bool tcp, QuestionSockets::Reply reply) {
    const Query& query = parsed.query;
    size_t limit = tcp ? kMaxTcpMessage : query.udp_bytes;
    if (auto refused = refused_at_once(parsed)) return reply(encode_refusal(query, *refused, limit));
    if (!table_.valid()) return reply(encode_refusal(query, Rcode::kServerFailure, limit));
    auto resolution = resolve(table_, query, static_cast<uint32_t>(system_random().next()));
    if (!resolution) return forwarder_.forward(message, query, tcp, limit, std::move(reply));
    if (resolution->continue_with.empty()) return reply(encode_answer(query, resolution->answer, limit));
    forwarder_.follow(std::move(*resolution), query, limit, std::move(reply));
  }

  NameServerOptions options_;
  RecordTable table_;
  Forwarder forwarder_;
  QuestionSockets sockets_;
};

}  // namespace

Result<std::unique_ptr<NameServer>> NameServer::open(EventLoop& loop, NameServerOptions options) {
  auto server = std::make_unique<SocketNameServer>(loop, std::move(options));
  TRY(server->start());
  return server;
}

}  // namespace reigen::dns
