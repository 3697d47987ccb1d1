#include "http/client_loops.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <charconv>
#include <cstring>

#include "http/socket_stream.h"

namespace reigen::http {

namespace {

struct Address {
  sockaddr_storage storage{};
  socklen_t length = 0;
};

// Waits for one connect() and calls back with the stream.
class Connecting final : public IoLoop::Watched, public std::enable_shared_from_this<Connecting> {
 public:
  Connecting(Url url, std::vector<Address> addresses, Duration timeout, Dialed done)
      : url_(std::move(url)), addresses_(std::move(addresses)), timeout_(timeout), done_(std::move(done)) {}

  void begin() {
    self_ = shared_from_this();
    timer_ = loop().after(timeout_, [this] {
      timer_set_ = false;
      finish(fail(Code::kDeadlineExceeded, "connecting to " + what() + ": timed out"));
    });
    timer_set_ = true;
    try_next(ETIMEDOUT);
  }

  void on_events(uint32_t) override {
    int error = 0;
    socklen_t length = sizeof error;
    getsockopt(fd_.get(), SOL_SOCKET, SO_ERROR, &error, &length);
    loop().remove(std::exchange(entry_, nullptr));
    if (error != 0) return try_next(error);
    connected();
  }

 private:
  IoLoop& loop() { return *client_loop(); }
  std::string what() const { return url_.scheme == "unix" ? url_.host : url_.host + ":" + std::to_string(url_.port); }

  void try_next(int error) {
    while (next_ < addresses_.size()) {
      const Address& address = addresses_[next_++];
      fd_ = Fd(::socket(address.storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
      if (fd_ && ::connect(fd_.get(), reinterpret_cast<const sockaddr*>(&address.storage), address.length) == 0) return connected();
      error = errno;
      if (fd_ && error == EINPROGRESS) {
        entry_ = loop().add(fd_.get(), EPOLLOUT, this);
        return;
      }
    }
    finish(fail_errno("connecting to " + what(), error));
  }

  void connected() {
    if (url_.scheme != "unix") {
      int one = 1;
      setsockopt(fd_.get(), IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    }
    std::shared_ptr<ByteStream> stream = SocketStream::adopt(client_loop(), Socket(std::move(fd_), nullptr));
    finish(std::move(stream));
  }

  void finish(Result<std::shared_ptr<ByteStream>> result) {
    auto keep = std::move(self_);
    if (entry_) loop().remove(std::exchange(entry_, nullptr));
    if (timer_set_) loop().cancel(timer_);
    timer_set_ = false;
    done_(std::move(result));
  }

  Url url_;
  std::vector<Address> addresses_;
  size_t next_ = 0;
  Duration timeout_;
  Dialed done_;
  Fd fd_;
  IoLoop::Entry* entry_ = nullptr;
  IoLoop::Timer timer_;
  bool timer_set_ = false;
  std::shared_ptr<Connecting> self_;
};

ThreadExecutor& resolver() {
  static auto* executor = new ThreadExecutor(2, "resolve");
  return *executor;
}

bool literal_address(const Url& url, Address& out) {
  if (url.scheme == "unix") {
    auto& address = reinterpret_cast<sockaddr_un&>(out.storage);
    if (url.host.size() >= sizeof address.sun_path) return false;
    address.sun_family = AF_UNIX;
    memcpy(address.sun_path, url.host.c_str(), url.host.size() + 1);
    out.length = sizeof address;
    return true;
  }
  auto& v4 = reinterpret_cast<sockaddr_in&>(out.storage);
  auto& v6 = reinterpret_cast<sockaddr_in6&>(out.storage);
  if (inet_pton(AF_INET, url.host.c_str(), &v4.sin_addr) == 1) {
    v4.sin_family = AF_INET;
    v4.sin_port = htons(url.port);
    out.length = sizeof v4;
    return true;
  }
  if (inet_pton(AF_INET6, url.host.c_str(), &v6.sin6_addr) == 1) {
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(url.port);
    out.length = sizeof v6;
    return true;
  }
  return false;
}

Result<std::vector<Address>> resolve(const Url& url) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_ADDRCONFIG;
  addrinfo* found = nullptr;
  int error = getaddrinfo(url.host.c_str(), std::to_string(url.port).c_str(), &hints, &found);
  if (error != 0) return fail(Code::kUnavailable, "resolving " + url.host + ": " + gai_strerror(error));
  std::vector<Address> out;
  for (addrinfo* each = found; each && out.size() < 8; each = each->ai_next) {
    Address& address = out.emplace_back();
    memcpy(&address.storage, each->ai_addr, each->ai_addrlen);
    address.length = each->ai_addrlen;
  }
  freeaddrinfo(found);
  return out;
}

void connect_to(const Url& url, std::vector<Address> addresses, Duration timeout, Dialed done) {
  auto connecting = std::make_shared<Connecting>(url, std::move(addresses), timeout, std::move(done));
  client_loop()->post(Fn([connecting] { connecting->begin(); }));
}

}  // namespace

const std::shared_ptr<IoLoop>& client_loop() {
  static auto* loop = new std::shared_ptr<IoLoop>(IoLoop::start("http-client"));
  return *loop;
}

void after_on_loop(Duration delay, Fn fn) {
  client_loop()->post(Fn([delay, fn = std::move(fn)]() mutable { client_loop()->after(delay, std::move(fn)); }));
}

Result<Url> parse_url(const std::string& text) {
  Url out;
  std::string_view rest = text;
  size_t colon = rest.find("://");
  if (colon != std::string_view::npos) {
    out.scheme = rest.substr(0, colon);
    rest.remove_prefix(colon + 3);
  } else {
    out.scheme = "http";
  }
  if (out.scheme == "unix") {
    out.host = rest;
    out.authority = "localhost";
    return out;
  }
  if (out.scheme != "http" && out.scheme != "https") return fail(Code::kInvalidArgument, "unknown scheme in URL " + text);
  rest = rest.substr(0, rest.find('/'));
  out.authority = rest;
  std::string_view port;
  if (rest.starts_with('[')) {
    size_t end = rest.find(']');
    if (end == std::string_view::npos) return fail(Code::kInvalidArgument, "malformed URL " + text);
    out.host = rest.substr(1, end - 1);
    rest.remove_prefix(end + 1);
    if (rest.starts_with(':')) port = rest.substr(1);
  } else {
    size_t at = rest.rfind(':');
    out.host = rest.substr(0, at);
    if (at != std::string_view::npos) port = rest.substr(at + 1);
  }
  out.port = out.scheme == "https" ? 443 : 80;
  if (!port.empty()) {
    auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), out.port);
    if (error != std::errc() || end != port.data() + port.size()) return fail(Code::kInvalidArgument, "malformed port in URL " + text);
  }
  if (out.host.empty()) return fail(Code::kInvalidArgument, "no host in URL " + text);
  return out;
}

void dial(const Url& url, Duration timeout, Dialed done) {
  Address literal;
  if (literal_address(url, literal)) return connect_to(url, {literal}, timeout, std::move(done));
  if (url.scheme == "unix") return done(fail(Code::kInvalidArgument, "socket path is longer than 107 bytes: " + url.host));
  resolver().post([url, timeout, done = std::move(done)]() mutable {
    auto addresses = resolve(url);
    if (!addresses) return done(fail(std::move(addresses).error()));
    connect_to(url, std::move(*addresses), timeout, std::move(done));
  });
}

void dial(const std::string& address, Duration timeout, Dialed done) {
  auto url = parse_url(address);
  if (!url) return done(fail(std::move(url).error()));
  dial(*url, timeout, std::move(done));
}

}  // namespace reigen::http
