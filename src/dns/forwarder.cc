#include "dns/forwarder.h"

#include <sys/epoll.h>

#include <algorithm>

#include "base/random.h"
#include "dns/socket_address.h"

namespace reigen::dns {
namespace {

constexpr size_t kMaxPending = 512;
constexpr size_t kRounds = 2;
constexpr size_t kMaxMessage = 65535;
constexpr auto kTimeout = std::chrono::seconds(2);
constexpr auto kServersAge = std::chrono::seconds(5);

void set_id(std::string& message, uint16_t id) {
  message[0] = static_cast<char>(id >> 8);
  message[1] = static_cast<char>(id);
}

std::string server_failure(const Query& query, size_t limit) {
  Answer answer;
  answer.rcode = Rcode::kServerFailure;
  answer.authoritative = false;
  return encode_answer(query, answer, limit);
}

}  // namespace

Forwarder::Forwarder(EventLoop& loop, ForwarderOptions options) : loop_(loop), options_(std::move(options)) {
  loop_.on_deadline(
      [this] {
        TimePoint first = TimePoint::max();
        for (const auto& [number, pending] : pending_) first = std::min(first, pending->deadline);
        return first;
      },
      [this](TimePoint now) {
        std::vector<std::shared_ptr<Pending>> late;
        for (const auto& [number, pending] : pending_)
          if (pending->deadline <= now) late.push_back(pending);
        for (const auto& pending : late) try_next(pending);
      });
}

Forwarder::~Forwarder() {
  for (auto& [number, pending] : pending_) close(*pending);
}

const std::vector<IpAddress>& Forwarder::servers() {
  if (!servers_known_ || loop_.now() > servers_until_) {
    servers_ = options_.upstreams();
    servers_known_ = true;
    servers_until_ = loop_.now() + kServersAge;
  }
  return servers_;
}

void Forwarder::forward(std::string_view message, const Query& query, bool tcp, size_t limit, Reply reply, std::vector<IpAddress> servers) {
  auto pending = std::make_shared<Pending>();
  pending->servers = std::move(servers);
  pending->query = query;
  pending->limit = limit;
  pending->reply = std::move(reply);
  pending->message = message;
  pending->question = query.question;
  pending->tcp = tcp;
  begin(std::move(pending));
}

void Forwarder::follow(Resolution start, const Query& query, size_t limit, Reply reply) {
  auto pending = std::make_shared<Pending>();
  pending->query = query;
  pending->limit = limit;
  pending->reply = std::move(reply);
  pending->message = encode_query(0, start.continue_with, query.type);
  pending->question = pending->message.substr(kHeaderBytes);
  pending->chased = true;
  pending->start = std::move(start.answer);
  begin(std::move(pending));
}

void Forwarder::begin(std::shared_ptr<Pending> pending) {
  if (pending->servers.empty()) pending->servers = servers();
  if (pending_.size() >= kMaxPending || pending->servers.empty()) return give_up(pending);
  pending->number = ++last_number_;
  pending_[pending->number] = pending;
  try_next(pending);
}

void Forwarder::close(Pending& pending) {
  if (!pending.fd) return;
  loop_.remove(pending.fd.get());
  pending.fd.reset();
}

// An alias that leads nowhere now is still an answer.
void Forwarder::give_up(const std::shared_ptr<Pending>& pending) {
  close(*pending);
  pending_.erase(pending->number);
  if (pending->chased) pending->reply(encode_answer(pending->query, pending->start, pending->limit));
  else pending->reply(server_failure(pending->query, pending->limit));
}

void Forwarder::try_next(const std::shared_ptr<Pending>& pending) {
  close(*pending);
  while (pending->attempt < pending->servers.size() * kRounds) {
    const IpAddress& server = pending->servers[pending->attempt++ % pending->servers.size()];
    if (send_to(pending, server)) return;
  }
  give_up(pending);
}

bool Forwarder::send_to(const std::shared_ptr<Pending>& pending, const IpAddress& server) {
  SocketAddress to(server, options_.port);
  Fd fd(socket(to.family(), (pending->tcp ? SOCK_STREAM : SOCK_DGRAM) | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd) return false;
  pending->id = static_cast<uint16_t>(system_random().next());
  set_id(pending->message, pending->id);
  pending->sent = false;
  pending->in.clear();
  if (connect(fd.get(), to.get(), to.length) != 0 && errno != EINPROGRESS) return false;
  if (!pending->tcp) {
    if (send(fd.get(), pending->message.data(), pending->message.size(), 0) < 0) return false;
    pending->sent = true;
  }
  uint64_t number = pending->number;
  if (!loop_.add(fd.get(), pending->tcp ? EPOLLOUT : EPOLLIN, [this, number](uint32_t events) { on_ready(number, events); })) return false;
  pending->fd = std::move(fd);
  pending->deadline = loop_.now() + kTimeout;
  return true;
}

void Forwarder::on_ready(uint64_t number, uint32_t events) {
  auto found = pending_.find(number);
  if (found == pending_.end()) return;
  auto pending = found->second;
  if (pending->tcp && !pending->sent) {
    std::string framed{static_cast<char>(pending->message.size() >> 8), static_cast<char>(pending->message.size())};
    framed += pending->message;
    // A query fits into an empty socket buffer; what does not is not worth a second try.
    if ((events & (EPOLLERR | EPOLLHUP)) || send(pending->fd.get(), framed.data(), framed.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(framed.size()))
      return try_next(pending);
    pending->sent = true;
    loop_.modify(pending->fd.get(), EPOLLIN);
    return;
  }
  read_answer(pending);
}

void Forwarder::read_answer(const std::shared_ptr<Pending>& pending) {
  char buffer[4096];
  ssize_t length = recv(pending->fd.get(), buffer, sizeof buffer, 0);
  if (length < 0 && errno == EAGAIN) return;
  if (length < 0) return try_next(pending);  // nobody listens there
  if (!pending->tcp) return accept_answer(pending, {buffer, static_cast<size_t>(length)});
  if (length == 0) return try_next(pending);
  pending->in.append(buffer, static_cast<size_t>(length));
  if (pending->in.size() < 2) return;
  size_t size = static_cast<size_t>(static_cast<uint8_t>(pending->in[0])) << 8 | static_cast<uint8_t>(pending->in[1]);
  if (pending->in.size() >= size + 2) accept_answer(pending, std::string_view(pending->in).substr(2, size));
}

void Forwarder::accept_answer(const std::shared_ptr<Pending>& pending, std::string_view message) {
  auto parsed = parse_answer(message);
  bool ours = parsed && parsed->id == pending->id && parsed->question.size() == pending->question.size() &&
              std::ranges::equal(parsed->question, pending->question, [](unsigned char a, unsigned char b) { return tolower(a) == tolower(b); });
  if (!ours) return;  // someone guesses: the deadline goes on
  if (parsed->rcode == Rcode::kServerFailure || parsed->rcode == Rcode::kRefused) {
    if (pending->attempt < pending->servers.size()) return try_next(pending);
  }
  close(*pending);
  pending_.erase(pending->number);
  if (pending->chased) {
    pending->start.answers.insert(pending->start.answers.end(), parsed->answers.begin(), parsed->answers.end());
    return pending->reply(encode_answer(pending->query, pending->start, pending->limit));
  }
  std::string answer(message);
  set_id(answer, pending->query.id);
  if (answer.size() > pending->limit) {
    Answer cut;
    cut.authoritative = false;
    cut.answers.push_back({pending->query.name, Type::kTxt, 0, std::string(pending->limit, '\0')});  // never fits: marks it truncated
    answer = encode_answer(pending->query, cut, pending->limit);
  }
  pending->reply(std::move(answer));
}

}  // namespace reigen::dns
