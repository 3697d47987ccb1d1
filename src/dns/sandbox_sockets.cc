#include "dns/sandbox_sockets.h"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <set>

#include "base/files.h"
#include "base/log.h"
#include "base/random.h"
#include "dns/socket_address.h"
#include "linux/conntrack.h"
#include "linux/network_namespace.h"
#include "linux/nftables.h"
#include "network/names_sync.h"

namespace reigen::dns {

using linux::NftBatch;
using linux::NftFamily;
using linux::NftRule;

namespace {

constexpr size_t kMaxConnections = 256, kMaxConnectionsOfSandbox = 8, kMaxForwarding = 64, kMaxWaiters = 64;
constexpr size_t kMaxSandboxFile = 64 << 20;
constexpr uint16_t kPort = 53;
constexpr int kBacklog = 16;
constexpr int kDestinationNat = -100;
constexpr uint8_t kTcp = 6, kUdp = 17;
constexpr auto kWaiterPatience = std::chrono::seconds(10);
constexpr std::string_view kSync = "sync\n", kDone = "ok\n";
const linux::NftTable kTable{NftFamily::kIpv4, "reigen-names"};

IpAddress own_address() { return IpAddress::v4(0x7f00000b); }  // 127.0.0.11

struct SocketPair {
  Fd udp, tcp;
};

Result<Fd> bind_at(int type, uint16_t port) {
  Fd fd(socket(AF_INET, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd) return fail_errno("open a socket");
  SocketAddress where(own_address(), port);
  if (bind(fd.get(), where.get(), where.length) != 0) return fail_errno("listen at 127.0.0.11 port " + std::to_string(port));
  if (type == SOCK_STREAM && listen(fd.get(), kBacklog) != 0) return fail_errno("listen at 127.0.0.11");
  return fd;
}

uint16_t port_of(const Fd& fd) {
  SocketAddress bound;
  if (getsockname(fd.get(), bound.get(), &bound.length) != 0) return 0;
  return ntohs(reinterpret_cast<const sockaddr_in*>(bound.get())->sin_port);
}

void add_redirect(NftBatch& batch, uint8_t protocol, uint16_t port) {
  auto port_bytes = [](uint16_t value) { return std::string{static_cast<char>(value >> 8), static_cast<char>(value & 0xff)}; };
  NftRule rule;
  rule.destination_address(NftFamily::kIpv4, 0).if_equal(0, own_address().bytes());
  rule.protocol(1).if_equal(1, std::string(1, static_cast<char>(protocol)));
  rule.destination_port(2).if_equal(2, port_bytes(kPort));
  rule.constant(own_address().bytes(), 0).constant(port_bytes(port), 1).translate_destination(NftFamily::kIpv4, 0, 1);
  batch.add_rule(kTable, "output", std::move(rule));
}

Status redirect(uint16_t udp_port, uint16_t tcp_port) {
  TRY_ASSIGN(auto nft, linux::NftSocket::open());
  TRY_ASSIGN(auto tables, nft.tables());
  NftBatch batch;
  if (std::ranges::find(tables, kTable) != tables.end()) batch.delete_table(kTable);
  batch.add_table(kTable);
  batch.add_chain(kTable, {"output", "nat", linux::NftHook::kOutput, kDestinationNat});
  add_redirect(batch, kUdp, udp_port);
  add_redirect(batch, kTcp, tcp_port);
  TRY(nft.commit(batch));
  // What asked an earlier helper would go on asking its ports.
  (void)linux::forget_flows(kUdp, IpFamily::kV4, [](const linux::Flow& flow) { return flow.original_destination == own_address(); });
  return {};
}

// In the namespace.
Result<SocketPair> open_pair() {
  TRY_ASSIGN(Fd udp, bind_at(SOCK_DGRAM, 0));
  TRY_ASSIGN(Fd tcp, bind_at(SOCK_STREAM, 0));
  Status redirected = redirect(port_of(udp), port_of(tcp));
  if (redirected) return SocketPair{std::move(udp), std::move(tcp)};
  TRY_ASSIGN(udp, bind_at(SOCK_DGRAM, kPort));
  TRY_ASSIGN(tcp, bind_at(SOCK_STREAM, kPort));
  LOG(kWarning, "dns", "names in a container take port 53 of 127.0.0.11 itself: {}", redirected.error().message());
  return SocketPair{std::move(udp), std::move(tcp)};
}

Result<SocketPair> open_in(const std::string& netns_path) {
  TRY_ASSIGN(Fd netns, linux::open_network_namespace(netns_path));
  SocketPair pair;
  TRY(linux::in_network_namespace(netns.get(), [&]() -> Status {
    TRY_ASSIGN(pair, open_pair());
    return {};
  }));
  return pair;
}

}  // namespace

SandboxSockets::SandboxSockets(EventLoop& loop, SandboxSocketsOptions options)
    : loop_(loop),
      options_(std::move(options)),
      forwarder_(loop, {options_.upstreams, options_.upstream_port}),
      sockets_(loop, {kMaxConnections, kMaxConnectionsOfSandbox},
               [this](uint64_t group, std::string_view message, const ParsedQuery& parsed, bool tcp, QuestionSockets::Reply reply) {
                 answer(group, message, parsed, tcp, std::move(reply));
               }) {
  loop_.on_deadline(
      [this] {
        TimePoint first = TimePoint::max();
        for (const auto& [fd, waiter] : waiters_) first = std::min(first, waiter.deadline);
        return first;
      },
      [this](TimePoint now) {
        std::erase_if(waiters_, [&](const auto& entry) {
          if (entry.second.deadline <= now) loop_.remove(entry.first);
          return entry.second.deadline <= now;
        });
      });
}

SandboxSockets::~SandboxSockets() {
  for (const auto& [fd, waiter] : waiters_) loop_.remove(fd);
  if (listener_) loop_.remove(listener_.get());
}

Status SandboxSockets::listen_for_sync() {
  std::string path = network::names_socket_path(options_.run_directory);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return fail(Code::kInvalidArgument, path + " is too long for a socket");
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  listener_ = Fd(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!listener_) return fail_errno("open a socket");
  unlink(path.c_str());
  if (bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 || listen(listener_.get(), kMaxWaiters) != 0)
    return fail_errno("listen at " + path);
  return loop_.add(listener_.get(), EPOLLIN, [this](uint32_t) { accept_waiter(); });
}

void SandboxSockets::accept_waiter() {
  Fd fd(accept4(listener_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
  if (!fd || waiters_.size() >= kMaxWaiters) return;
  int raw = fd.get();
  if (!loop_.add(raw, EPOLLIN, [this, raw](uint32_t) { on_waiter(raw); })) return;
  waiters_[raw] = {std::move(fd), loop_.now() + kWaiterPatience};
}

// The question is so short that it comes at once.
void SandboxSockets::on_waiter(int fd) {
  char buffer[16];
  ssize_t length = recv(fd, buffer, sizeof buffer, 0);
  if (length < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (length > 0 && std::string_view(buffer, static_cast<size_t>(length)) == kSync) {
    read_names();
    read_sandboxes();
    if (options_.read_ports) options_.read_ports();
    (void)send(fd, kDone.data(), kDone.size(), MSG_NOSIGNAL);
  }
  loop_.remove(fd);
  waiters_.erase(fd);
}

void SandboxSockets::read_names() {
  MappedFile fresh(docker_names_path(options_.run_directory));
  names_ = DockerNames(fresh.text());
  names_file_ = std::move(fresh);
}

void SandboxSockets::read_sandboxes() {
  auto text = read_file(network::sandbox_names_path(options_.run_directory), kMaxSandboxFile);
  std::string now = text ? std::move(*text) : std::string();
  if (complete_ && now == sandboxes_text_) return;
  complete_ = true;
  std::set<std::string> wanted;
  for (network::SandboxNames& names : network::parse_sandbox_names(now)) {
    wanted.insert(names.sandbox);
    auto known = groups_.find(names.sandbox);
    if (known != groups_.end() && sandboxes_[known->second].names.netns == names.netns) {
      sandboxes_[known->second].names = std::move(names);
      continue;
    }
    auto pair = open_in(names.netns);
    uint64_t group = ++last_group_;
    Status added = pair ? sockets_.add(group, std::move(pair->udp), std::move(pair->tcp)) : Status(fail(std::move(pair.error())));
    if (!added) {
      if (failed_.insert(names.sandbox).second) LOG(kWarning, "dns", "names in sandbox {}: {}", names.sandbox, added.error().message());
      complete_ = false;
      continue;
    }
    if (known != groups_.end()) {
      sockets_.remove(known->second);
      sandboxes_.erase(known->second);
    }
    failed_.erase(names.sandbox);
    groups_[names.sandbox] = group;
    sandboxes_[group].names = std::move(names);
  }
  std::erase_if(groups_, [&](const auto& entry) {
    if (wanted.contains(entry.first)) return false;
    sockets_.remove(entry.second);
    sandboxes_.erase(entry.second);
    return true;
  });
  std::erase_if(failed_, [&](const std::string& sandbox) { return !wanted.contains(sandbox); });
  sandboxes_text_ = std::move(now);
}

void SandboxSockets::answer(uint64_t group, std::string_view message, const ParsedQuery& parsed, bool tcp, QuestionSockets::Reply reply) {
  const Query& query = parsed.query;
  size_t limit = tcp ? kMaxTcpMessage : query.udp_bytes;
  auto sandbox = sandboxes_.find(group);
  if (sandbox == sandboxes_.end()) return;
  if (auto refused = refused_at_once(parsed)) return reply(encode_refusal(query, *refused, limit));
  if (auto found = find_docker_name(names_, sandbox->second.names, query, static_cast<uint32_t>(system_random().next())))
    return reply(encode_answer(query, *found, limit));
  auto forwarding = sandbox->second.forwarding;
  if (!sandbox->second.names.forward || *forwarding >= kMaxForwarding) return reply(encode_refusal(query, Rcode::kServerFailure, limit));
  ++*forwarding;
  auto counted = [forwarding, reply = std::move(reply)](std::string bytes) {
    --*forwarding;
    reply(std::move(bytes));
  };
  forwarder_.forward(message, query, tcp, limit, std::move(counted), sandbox->second.names.servers);
}

}  // namespace reigen::dns
