#include "dns/question_sockets.h"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>

#include "dns/socket_address.h"

namespace reigen::dns {
namespace {
constexpr int kMessagesAtOnce = 64;
constexpr auto kIdle = std::chrono::seconds(10);
constexpr uint16_t kAxfr = 252, kIxfr = 251;
}  // namespace

std::optional<Rcode> refused_at_once(const ParsedQuery& parsed) {
  if (parsed.error != Rcode::kOk) return parsed.error;
  if (parsed.query.type == kAxfr || parsed.query.type == kIxfr) return Rcode::kRefused;
  if (parsed.query.edns_version > 0) return Rcode::kOk;
  return std::nullopt;
}

std::string encode_refusal(const Query& query, Rcode rcode, size_t limit) {
  Answer answer;
  answer.rcode = rcode;
  answer.authoritative = false;
  return encode_answer(query, answer, limit);
}

QuestionSockets::QuestionSockets(EventLoop& loop, Bounds bounds, Handler handler) : loop_(loop), bounds_(bounds), handler_(std::move(handler)) {
  loop_.on_deadline([this] { return next_deadline(); }, [this](TimePoint now) { close_idle(now); });
}

QuestionSockets::~QuestionSockets() {
  while (!groups_.empty()) remove(groups_.begin()->first);
}

Status QuestionSockets::add(uint64_t group, Fd udp, Fd tcp) {
  int datagrams = udp.get(), listener = tcp.get();
  TRY(loop_.add(datagrams, EPOLLIN, [this, group, datagrams](uint32_t) { read_udp(group, datagrams); }));
  if (Status added = loop_.add(listener, EPOLLIN, [this, group, listener](uint32_t) { accept_connection(group, listener); }); !added) {
    loop_.remove(datagrams);
    return added;
  }
  groups_[group].udp.push_back(std::move(udp));
  groups_[group].tcp.push_back(std::move(tcp));
  return {};
}

void QuestionSockets::remove(uint64_t group) {
  auto found = groups_.find(group);
  if (found == groups_.end()) return;
  std::vector<uint64_t> open;
  for (const auto& [id, connection] : connections_)
    if (connection->group == group) open.push_back(id);
  for (uint64_t id : open) close_connection(id);
  for (const auto* sockets : {&found->second.udp, &found->second.tcp})
    for (const Fd& fd : *sockets) loop_.remove(fd.get());
  groups_.erase(found);
}

void QuestionSockets::read_udp(uint64_t group, int fd) {
  char buffer[4096];
  for (int i = 0; i < kMessagesAtOnce; i++) {
    SocketAddress peer;
    ssize_t length = recvfrom(fd, buffer, sizeof buffer, 0, peer.get(), &peer.length);
    if (length < 0) return;
    std::string_view message(buffer, static_cast<size_t>(length));
    auto parsed = parse_query(message);
    if (!parsed) continue;
    handler_(group, message, *parsed, false, [this, group, fd, peer](std::string answer) {
      if (groups_.contains(group)) (void)sendto(fd, answer.data(), answer.size(), MSG_DONTWAIT, peer.get(), peer.length);
    });
    if (!groups_.contains(group)) return;
  }
}

void QuestionSockets::accept_connection(uint64_t group, int listener) {
  Fd fd(accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
  auto found = groups_.find(group);
  if (!fd || found == groups_.end() || connections_.size() >= bounds_.connections || found->second.connections >= bounds_.connections_of_group) return;
  auto connection = std::make_shared<Connection>();
  connection->fd = std::move(fd);
  connection->id = ++last_id_;
  connection->group = group;
  connection->deadline = loop_.now() + kIdle;
  uint64_t id = connection->id;
  if (!loop_.add(connection->fd.get(), EPOLLIN, [this, id](uint32_t events) { on_connection(id, events); })) return;
  found->second.connections++;
  connections_[id] = std::move(connection);
}

void QuestionSockets::close_connection(uint64_t id) {
  auto found = connections_.find(id);
  if (found == connections_.end()) return;
  loop_.remove(found->second->fd.get());
  if (auto group = groups_.find(found->second->group); group != groups_.end()) group->second.connections--;
  connections_.erase(found);
}

void QuestionSockets::on_connection(uint64_t id, uint32_t events) {
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

void QuestionSockets::next_message(const std::shared_ptr<Connection>& connection) {
  if (connection->waiting || connection->in.size() < 2) return;
  size_t length = static_cast<size_t>(static_cast<uint8_t>(connection->in[0])) << 8 | static_cast<uint8_t>(connection->in[1]);
  if (connection->in.size() < length + 2) return;
  std::string message = connection->in.substr(2, length);
  connection->in.erase(0, length + 2);
  connection->waiting = true;
  loop_.modify(connection->fd.get(), 0);
  uint64_t id = connection->id;
  auto parsed = parse_query(message);
  if (!parsed) return close_connection(id);
  handler_(connection->group, message, *parsed, true, [this, id](std::string answer) {
    auto found = connections_.find(id);
    if (found == connections_.end()) return;
    auto& to = *found->second;
    to.out += {static_cast<char>(answer.size() >> 8), static_cast<char>(answer.size())};
    to.out += answer;
    to.deadline = loop_.now() + kIdle;
    loop_.modify(to.fd.get(), EPOLLOUT);
  });
}

void QuestionSockets::write_connection(Connection& connection) {
  ssize_t length = send(connection.fd.get(), connection.out.data(), connection.out.size(), MSG_NOSIGNAL);
  if (length < 0 && errno != EAGAIN) return close_connection(connection.id);
  if (length > 0) connection.out.erase(0, static_cast<size_t>(length));
  if (!connection.out.empty()) return;
  connection.waiting = false;
  loop_.modify(connection.fd.get(), EPOLLIN);
  auto found = connections_.find(connection.id);
  if (found != connections_.end()) next_message(found->second);
}

TimePoint QuestionSockets::next_deadline() const {
  TimePoint first = TimePoint::max();
  for (const auto& [id, connection] : connections_) first = std::min(first, connection->deadline);
  return first;
}

void QuestionSockets::close_idle(TimePoint now) {
  std::vector<uint64_t> idle;
  for (const auto& [id, connection] : connections_)
    if (connection->deadline <= now) idle.push_back(id);
  for (uint64_t id : idle) close_connection(id);
}

}  // namespace reigen::dns
