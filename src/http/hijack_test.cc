// Connections that become streams: with and without TLS, half-closed from either side.
#include <gtest/gtest.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <netinet/in.h>
#include <arpa/inet.h>
#include <unistd.h>

#include <thread>

#include "base/fd.h"
#include "http/socket.h"
#include "http/server.h"
#include "http/test_support.h"

namespace reigen::http {
namespace {

using test::Folder;

// Gives back what comes until the client's half-close, then says goodbye and half-closes itself.
class Echo : public std::enable_shared_from_this<Echo> {
 public:
  explicit Echo(std::shared_ptr<ByteStream> stream) : stream_(std::move(stream)) {}
  void go() {
    stream_->read(4096, [self = shared_from_this()](Result<std::string> piece) {
      if (!piece) return;
      if (piece->empty()) {
        self->stream_->write("bye", [self](Status) { self->stream_->close_write(); });
        return;
      }
      self->stream_->write("<" + *piece + ">", [self](Status) { self->go(); });
    });
  }

 private:
  std::shared_ptr<ByteStream> stream_;
};

// Says hello, half-closes, and then collects what the client still sends.
struct Collector : std::enable_shared_from_this<Collector> {
  std::shared_ptr<ByteStream> stream;
  static inline std::mutex mutex;
  static inline std::string got;
  void go() {
    stream->write("hello", [self = shared_from_this()](Status) {
      self->stream->close_write();
      self->collect();
    });
  }
  void collect() {
    stream->read(4096, [self = shared_from_this()](Result<std::string> piece) {
      if (!piece || piece->empty()) {
        self->stream->close();
        return;
      }
      {
        std::lock_guard lock(mutex);
        got += *piece;
      }
      self->collect();
    });
  }
};

void serve(std::shared_ptr<Request> request, std::shared_ptr<Responder> responder) {
  bool upgrade = request->headers.has("Upgrade");
  Headers headers{{"Content-Type", "application/vnd.docker.raw-stream"}};
  if (upgrade) headers.add("Upgrade", "tcp");
  if (request->path == "/late") ::usleep(200'000);
  if (request->path == "/refuse") return responder->send(409, {}, "no");
  bool collect = request->path == "/collect";
  std::string first = request->body;
  responder->upgrade_raw(upgrade ? 101 : 200, std::move(headers), [collect, first](std::shared_ptr<ByteStream> stream) {
    if (!stream) return;
    if (collect) {
      auto collector = std::make_shared<Collector>();
      collector->stream = std::move(stream);
      return collector->go();
    }
    auto echo = std::make_shared<Echo>(stream);
    if (first.empty()) return echo->go();
    stream->write("[" + first + "]", [echo](Status) { echo->go(); });
  });
}

// A blocking client that can half-close, plain or with TLS.
class RawClient {
 public:
  RawClient(int fd, bool tls) : fd_(fd) {
    if (!tls) return;
    context_.reset(SSL_CTX_new(TLS_client_method()));
    ssl_.reset(SSL_new(context_.get()));
    SSL_set_fd(ssl_.get(), fd);
    EXPECT_EQ(SSL_connect(ssl_.get()), 1);
  }
  void send(std::string_view text) {
    if (ssl_) {
      EXPECT_GT(SSL_write(ssl_.get(), text.data(), static_cast<int>(text.size())), 0);
    } else {
      EXPECT_EQ(::send(fd_.get(), text.data(), text.size(), MSG_NOSIGNAL), static_cast<ssize_t>(text.size()));
    }
  }
  void half_close() {
    if (ssl_) {
      SSL_shutdown(ssl_.get());
    } else {
      ::shutdown(fd_.get(), SHUT_WR);
    }
  }
  // Up to `end`, or to the end of the stream.
  std::string read_until(std::string_view end) {
    std::string out;
    while (end.empty() || out.find(end) == std::string::npos) {
      char piece[4096];
      pollfd ready{fd_.get(), POLLIN, 0};
      if ((!ssl_ || SSL_pending(ssl_.get()) == 0) && ::poll(&ready, 1, 60000) <= 0) return out + " (timeout)";
      ssize_t n = ssl_ ? SSL_read(ssl_.get(), piece, sizeof piece) : ::recv(fd_.get(), piece, sizeof piece, 0);
      if (n <= 0) return out;
      out.append(piece, static_cast<size_t>(n));
    }
    return out;
  }

 private:
  struct ContextFree {
    void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
  };
  Fd fd_;
  std::unique_ptr<SSL_CTX, ContextFree> context_;
  std::unique_ptr<ssl_st, SslFree> ssl_;
};

class HijackTest : public ::testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    path = folder.path + "/s";
    ASSERT_TRUE(server.listen_unix(path, 0600));
    plain = server.listen_tcp("127.0.0.1", 0).value();
    secure = server.listen_tcp("127.0.0.1", 0, test::server_tls(false)).value();
  }
  RawClient connect() {
    std::string how = GetParam();
    if (how == "unix") {
      int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
      sockaddr_un address{};
      address.sun_family = AF_UNIX;
      path.copy(address.sun_path, sizeof address.sun_path - 1);
      EXPECT_EQ(::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
      return {fd, false};
    }
    int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(how == "tls" ? secure : plain);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    return {fd, how == "tls"};
  }
  static ServerOptions options() {
    ServerOptions out;
    out.stall_timeout = std::chrono::seconds(4);
    out.body_policy = [](const Request&) { return BodyPolicy{.limit = 1000, .stall_timeout = Duration::max(), .hijack = true}; };
    return out;
  }
  Folder folder;
  Server server{options(), serve};
  std::string path;
  uint16_t plain = 0, secure = 0;
};

constexpr const char* kUpgrade = "POST /x HTTP/1.1\r\nHost: d\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n";

TEST_P(HijackTest, GoesOnAfterTheClientsHalfClose) {
  auto client = connect();
  client.send(std::string(kUpgrade) + "\r\n");
  EXPECT_TRUE(client.read_until("\r\n\r\n").starts_with("HTTP/1.1 101 "));
  client.send("one");
  EXPECT_EQ(client.read_until(">"), "<one>");
  ::usleep(5'000'000);  // longer than stall_timeout: no timeout of the server holds any more
  client.send("two");
  client.half_close();
  EXPECT_EQ(client.read_until(""), "<two>bye");
}

TEST_P(HijackTest, TakesWhatCameBehindTheBodyAsTheStream) {
  auto client = connect();
  client.send(std::string(kUpgrade) + "Content-Length: 2\r\n\r\n{}GET / HTTP/1.1\r\n");
  client.half_close();
  std::string all = client.read_until("");
  EXPECT_NE(all.find("[{}]<GET / HTTP/1.1\r\n>bye"), std::string::npos) << all;
}

TEST_P(HijackTest, KeepsAHalfCloseThatCameBeforeTheAnswer) {
  auto client = connect();
  client.send("POST /late HTTP/1.1\r\nHost: d\r\n\r\nearly");
  client.half_close();
  std::string all = client.read_until("");
  EXPECT_TRUE(all.starts_with("HTTP/1.1 200 OK\r\nContent-Type: application/vnd.docker.raw-stream\r\n")) << all;
  EXPECT_EQ(all.find("Content-Length"), std::string::npos);
  EXPECT_NE(all.find("\r\n\r\n<early>bye"), std::string::npos) << all;
}

TEST_P(HijackTest, ReadsOnAfterItsOwnHalfClose) {
  Collector::got.clear();
  auto client = connect();
  client.send("POST /collect HTTP/1.1\r\nHost: d\r\n\r\n");
  std::string all = client.read_until("");
  EXPECT_NE(all.find("\r\n\r\nhello"), std::string::npos) << all;
  client.send("still here");
  client.half_close();
  for (int i = 0; i < 6000; ++i, ::usleep(10'000)) {
    std::lock_guard lock(Collector::mutex);
    if (Collector::got == "still here") break;
  }
  std::lock_guard lock(Collector::mutex);
  EXPECT_EQ(Collector::got, "still here");
}

TEST_P(HijackTest, EndsTheConnectionWhenItIsAnsweredOtherwise) {
  auto client = connect();
  client.send("POST /refuse HTTP/1.1\r\nHost: d\r\n\r\nraw bytes\r\n\r\n");
  std::string all = client.read_until("");
  EXPECT_TRUE(all.starts_with("HTTP/1.1 409 ")) << all;
  EXPECT_TRUE(all.ends_with("\r\n\r\nno")) << all;
}

INSTANTIATE_TEST_SUITE_P(Transports, HijackTest, ::testing::Values("unix", "tcp", "tls"), [](const auto& info) { return std::string(info.param); });

TEST(ClientCertificate, RefusesClientsWithoutCertificateWhereOneIsRequired) {
  Folder folder;
  Server server{{}, [](auto, auto responder) { responder->send(200, {}, "in"); }};
  auto tls =
      ServerTls::create({.identity = test::pki().server, .client_ca_pem = test::pki().ca.certificate_pem, .http2 = false, .require_client = true}).value();
  std::string url = " https://127.0.0.1:" + std::to_string(server.listen_tcp("127.0.0.1", 0, tls).value());
  std::string curl = "curl -sS -m 60 --cacert " + folder.path + "/ca.crt ";
  EXPECT_EQ(test::shell(curl + "--cert " + folder.path + "/client.crt --key " + folder.path + "/client.key" + url), "in");
  EXPECT_NE(test::shell(curl + url).find("curl: ("), std::string::npos);
}

}  // namespace
}  // namespace reigen::http
