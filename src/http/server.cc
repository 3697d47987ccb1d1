#include "http/server.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <condition_variable>
#include <cstring>

#include "base/log.h"
#include "http/server_connection.h"
#include "http/tls.h"

namespace reigen::http {

namespace {

ServerConnection::Remote remote_of(const sockaddr_storage& address) {
  char text[INET6_ADDRSTRLEN] = "";
  if (address.ss_family == AF_INET) {
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(address);
    inet_ntop(AF_INET, &v4.sin_addr, text, sizeof text);
    return {text, ntohs(v4.sin_port)};
  }
  if (address.ss_family == AF_INET6) {
    const auto& v6 = reinterpret_cast<const sockaddr_in6&>(address);
    if (IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr)) {
      inet_ntop(AF_INET, v6.sin6_addr.s6_addr + 12, text, sizeof text);
    } else {
      inet_ntop(AF_INET6, &v6.sin6_addr, text, sizeof text);
    }
    return {text, ntohs(v6.sin6_port)};
  }
  return {};
}

}  // namespace

class Listener;

struct Server::State {
  std::shared_ptr<ServerCore> core;
  std::vector<std::shared_ptr<ServerWorker>> workers;
  std::mutex mutex;
  std::vector<std::unique_ptr<Listener>> listeners;
  std::vector<std::string> socket_paths;
  std::atomic<size_t> next_worker{0};
  bool stopped = false;
};

// Accepts on the first worker's loop and deals connections out in turn: each loop gets the same share.
class Listener final : public IoLoop::Watched {
 public:
  Listener(Server::State& server, Fd fd, std::shared_ptr<ServerTls> tls) : server_(server), fd_(std::move(fd)), tls_(std::move(tls)) {}

  void begin() { entry_ = loop().add(fd_.get(), EPOLLIN, this); }
  void end() {
    if (entry_) loop().remove(std::exchange(entry_, nullptr));
    fd_.reset();
  }
  void on_events(uint32_t) override {
    for (int i = 0; i < 64; ++i) {
      sockaddr_storage address{};
      socklen_t length = sizeof address;
      Fd fd(::accept4(fd_.get(), reinterpret_cast<sockaddr*>(&address), &length, SOCK_NONBLOCK | SOCK_CLOEXEC));
      if (!fd) {
        if (errno == EMFILE || errno == ENFILE) pause();
        return;
      }
      accepted(std::move(fd), remote_of(address));
    }
  }

 private:
  IoLoop& loop() { return *server_.workers[0]->loop; }

  // Out of descriptors: waiting connections stay in the kernel's queue for a while.
  void pause() {
    LOG(kWarning, "http", "accept: too many open files; waiting");
    loop().modify(entry_, 0);
    loop().after(std::chrono::milliseconds(100), [this] {
      if (entry_) loop().modify(entry_, EPOLLIN);
    });
  }

  void accepted(Fd fd, ServerConnection::Remote remote) {
    auto& core = server_.core;
    if (core->connections.load(std::memory_order_relaxed) >= core->options.max_connections) return;
    int one = 1;
    if (!remote.address.empty()) setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    std::unique_ptr<ssl_st, SslFree> ssl;
    if (tls_) {
      ssl.reset(SSL_new(tls_->context().get()));
      SSL_set_fd(ssl.get(), fd.get());
      SSL_set_accept_state(ssl.get());
    }
    core->connections.fetch_add(1, std::memory_order_relaxed);
    auto worker = server_.workers[server_.next_worker.fetch_add(1, std::memory_order_relaxed) % server_.workers.size()];
    auto connection = std::make_shared<ServerConnection>(core, worker, Socket(std::move(fd), std::move(ssl)), std::move(remote));
    auto begin = [worker, connection] {
      if (connection->core().draining.load(std::memory_order_relaxed)) return;
      worker->connections.emplace(connection.get(), connection);
      connection->begin();
    };
    if (worker->loop->in_loop()) {
      begin();
    } else {
      worker->loop->post(Fn(begin));
    }
  }

  Server::State& server_;
  Fd fd_;
  std::shared_ptr<ServerTls> tls_;
  IoLoop::Entry* entry_ = nullptr;
};

namespace {

// Runs fn on the loop and waits for it.
void run_on(IoLoop& loop, std::function<void()> fn) {
  std::mutex mutex;
  std::condition_variable done;
  bool finished = false;
  bool posted = loop.post(Fn([&] {
    fn();
    std::lock_guard lock(mutex);
    finished = true;
    done.notify_one();
  }));
  if (!posted) return;
  std::unique_lock lock(mutex);
  done.wait(lock, [&] { return finished; });
}

Result<Fd> bind_tcp(const std::string& address, uint16_t port) {
  sockaddr_storage storage{};
  socklen_t length;
  bool v6 = address.find(':') != std::string::npos;
  if (v6) {
    auto& out = reinterpret_cast<sockaddr_in6&>(storage);
    out.sin6_family = AF_INET6;
    out.sin6_port = htons(port);
    if (inet_pton(AF_INET6, address.c_str(), &out.sin6_addr) != 1) return fail(Code::kInvalidArgument, "not an IP address: " + address);
    length = sizeof out;
  } else {
    auto& out = reinterpret_cast<sockaddr_in&>(storage);
    out.sin_family = AF_INET;
    out.sin_port = htons(port);
    if (inet_pton(AF_INET, address.empty() ? "0.0.0.0" : address.c_str(), &out.sin_addr) != 1)
      return fail(Code::kInvalidArgument, "not an IP address: " + address);
    length = sizeof out;
  }
  Fd fd(::socket(v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd) return fail_errno("socket");
  int one = 1;
  int only = address == "::" ? 0 : 1;
  setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  if (v6) setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &only, sizeof only);
  std::string what = "listening on " + address + " port " + std::to_string(port);
  if (::bind(fd.get(), reinterpret_cast<sockaddr*>(&storage), length) != 0) return fail_errno(what);
  if (::listen(fd.get(), 4096) != 0) return fail_errno(what);
  return fd;
}

}  // namespace

Server::Server(ServerOptions options, Handler handler) : state_(std::make_shared<State>()) {
  state_->core = std::make_shared<ServerCore>();
  state_->core->options = std::move(options);
  state_->core->handler = std::move(handler);
  unsigned threads = std::max(1u, state_->core->options.threads);
  for (unsigned i = 0; i < threads; ++i) {
    auto worker = std::make_shared<ServerWorker>();
    worker->loop = IoLoop::start(state_->core->options.name + "-" + std::to_string(i));
    state_->workers.push_back(std::move(worker));
  }
}

Server::~Server() { stop(); }

Result<uint16_t> Server::listen_tcp(const std::string& address, uint16_t port, std::shared_ptr<ServerTls> tls) {
  TRY_ASSIGN(Fd fd, bind_tcp(address, port));
  sockaddr_storage bound{};
  socklen_t length = sizeof bound;
  if (::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&bound), &length) != 0) return fail_errno("getsockname");
  uint16_t chosen = remote_of(bound).port;
  auto listener = std::make_unique<Listener>(*state_, std::move(fd), std::move(tls));
  run_on(*state_->workers[0]->loop, [&] { listener->begin(); });
  std::lock_guard lock(state_->mutex);
  state_->listeners.push_back(std::move(listener));
  return chosen;
}

Status Server::listen_unix(const std::string& path, mode_t mode, gid_t gid) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return fail(Code::kInvalidArgument, "socket path is longer than 107 bytes: " + path);
  memcpy(address.sun_path, path.c_str(), path.size() + 1);
  Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd) return fail_errno("socket");
  struct stat found{};
  if (::lstat(path.c_str(), &found) == 0) {
    if (!S_ISSOCK(found.st_mode)) return fail(Code::kAlreadyExists, "listening on " + path + ": exists and is not a socket");
    Fd probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (::connect(probe.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0)
      return fail(Code::kAlreadyExists, "listening on " + path + ": another process serves it");
    ::unlink(path.c_str());
  }
  if (::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) return fail_errno("listening on " + path);
  // Nobody can connect before listen(), so the mode is right when the first one can.
  if (gid != static_cast<gid_t>(-1) && ::chown(path.c_str(), static_cast<uid_t>(-1), gid) != 0) return fail_errno("chown " + path);
  if (::chmod(path.c_str(), mode) != 0) return fail_errno("chmod " + path);
  if (::listen(fd.get(), 4096) != 0) return fail_errno("listening on " + path);
  auto listener = std::make_unique<Listener>(*state_, std::move(fd), nullptr);
  run_on(*state_->workers[0]->loop, [&] { listener->begin(); });
  std::lock_guard lock(state_->mutex);
  state_->listeners.push_back(std::move(listener));
  state_->socket_paths.push_back(path);
  return {};
}

size_t Server::connections() const { return state_->core->connections.load(std::memory_order_relaxed); }

void Server::stop(Duration grace) {
  {
    std::lock_guard lock(state_->mutex);
    if (std::exchange(state_->stopped, true)) return;
  }
  run_on(*state_->workers[0]->loop, [&] {
    std::lock_guard lock(state_->mutex);
    for (auto& listener : state_->listeners) listener->end();
  });
  for (const auto& path : state_->socket_paths) ::unlink(path.c_str());
  state_->core->draining.store(true);
  auto each = [&](void (ServerConnection::*action)()) {
    for (auto& worker : state_->workers) {
      run_on(*worker->loop, [&] {
        std::vector<std::shared_ptr<ServerConnection>> all;
        for (auto& [raw, connection] : worker->connections) all.push_back(connection);
        for (auto& connection : all) (connection.get()->*action)();
      });
    }
  };
  if (grace > Duration::zero()) {
    each(&ServerConnection::drain);
    auto until = system_clock().now() + grace;
    while (connections() > 0 && system_clock().now() < until) ::usleep(5'000);
  }
  each(&ServerConnection::close);
  for (auto& worker : state_->workers) worker->loop->stop();
}

}  // namespace reigen::http
