#include "http/client.h"

#include <gtest/gtest.h>

#include <condition_variable>
#include <thread>

#include "http/server.h"
#include "http/test_support.h"

namespace reigen::http {
namespace {

std::string read_all(ByteStream& stream) {
  std::string out;
  for (;;) {
    std::mutex mutex;
    std::condition_variable changed;
    bool done = false;
    std::string piece;
    stream.read(4096, [&](Result<std::string> bytes) {
      std::lock_guard lock(mutex);
      piece = bytes ? *bytes : "";
      done = true;
      changed.notify_one();
    });
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return done; });
    if (piece.empty()) return out;
    out += piece;
  }
}

struct Services {
  Services() {
    backend_port = backend.listen_tcp("127.0.0.1", 0).value();
    secure_port = backend.listen_tcp("127.0.0.1", 0, test::server_tls()).value();
    front_port = front.listen_tcp("127.0.0.1", 0).value();
  }
  static void serve(std::shared_ptr<Request> request, std::shared_ptr<Responder> responder) {
    if (request->path == "/later") {
      std::thread([responder] { responder->send(200, {}, "later"); }).detach();
    } else if (request->path == "/never") {
      responder->on_close([responder] {});
    } else if (request->path == "/forever") {
      responder->start(200, {});
      responder->write("first");
      responder->on_close([responder] {});
    } else if (request->path == "/upgrade") {
      responder->upgrade_raw(101, {{"Upgrade", "echo"}}, [](std::shared_ptr<ByteStream> stream) {
        if (stream) splice(stream, make_echo(), [] {});
      });
    } else if (request->body_stream) {
      responder->start(200, {});
      pump(request->body_stream, responder);
    } else {
      responder->send(200, {{"X-Peer", request->peer ? request->peer->common_name : ""}, {"X-For", std::string(request->headers.get("X-Forwarded-For"))}},
                      request->method + " " + request->target + " " + request->body);
    }
  }
  static void pump(std::shared_ptr<ByteStream> from, std::shared_ptr<Responder> to) {
    from->read(10'000, [from, to](Result<std::string> piece) {
      if (!piece) return to->abort();
      if (piece->empty()) return to->finish();
      to->write(*piece, [from, to](Status status) {
        if (status) pump(from, to);
      });
    });
  }
  static std::shared_ptr<ByteStream> make_echo() {
    auto [a, b] = make_stream_pair();
    echo(b);
    return a;
  }
  static void echo(std::shared_ptr<ByteStream> stream) {
    stream->read(4096, [stream](Result<std::string> bytes) {
      if (!bytes || bytes->empty()) return stream->close_write();
      stream->write(*bytes, [stream](Status) { echo(stream); });
    });
  }
  static BodyPolicy policy(const Request& request) { return {.stream = request.path == "/pump"}; }

  Server backend{{.body_policy = policy}, serve};
  Server front{{.body_policy = policy}, [this](auto request, auto responder) {
                 ProxyOptions options;
                 options.target = request->target;
                 std::string address = "http://127.0.0.1:" + std::to_string(backend_port);
                 proxy(request, responder, [address](Dialed done) { dial(address, std::chrono::seconds(60), std::move(done)); }, options);
               }};
  uint16_t backend_port, secure_port, front_port;
  std::string plain() const { return "http://127.0.0.1:" + std::to_string(backend_port); }
  std::string secure() const { return "https://127.0.0.1:" + std::to_string(secure_port); }
  std::string proxied() const { return "http://127.0.0.1:" + std::to_string(front_port); }
};

TEST(Client, ReusesConnectionsAndSendsBodies) {
  Services services;
  Client client({.url = services.plain()});
  for (int i = 0; i < 20; ++i) {
    auto response = client.request({.method = "POST", .target = "/x?y=1", .body = "hello"});
    ASSERT_TRUE(response) << response.error().message();
    EXPECT_EQ(response->body, "POST /x?y=1 hello");
  }
  EXPECT_EQ(client.request({.target = "/later"})->body, "later");
  EXPECT_EQ(client.request({.method = "HEAD"})->body, "");
  EXPECT_EQ(services.backend.connections(), 1u);
}

TEST(Client, SpeaksTlsAndVerifiesTheServer) {
  Services services;
  Client trusting({.url = services.secure(), .tls = ClientTls::create({.ca_pem = test::pki().ca.certificate_pem, .identity = test::pki().client}).value()});
  auto response = trusting.request({});
  ASSERT_TRUE(response) << response.error().message();
  EXPECT_EQ(response->headers.get("x-peer"), "alice");
  auto now = system_clock().wall();
  auto other = make_ca("other", now - std::chrono::hours(1), now + std::chrono::hours(1)).value();
  Client distrusting({.url = services.secure(), .tls = ClientTls::create({.ca_pem = other.certificate_pem}).value()});
  auto refused = distrusting.request({});
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message().find("certificate"), std::string::npos) << refused.error().message();
  Client careless({.url = services.secure(), .tls = ClientTls::create({.insecure = true}).value()});
  EXPECT_TRUE(careless.request({}));
}

TEST(Client, GivesUpInTimeAndNamesTheAddress) {
  Services services;
  Client client({.url = services.plain(), .timeout = std::chrono::milliseconds(100)});
  auto late = client.request({.target = "/never"});
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code(), Code::kDeadlineExceeded);
  Client nobody({.url = "http://127.0.0.1:1"});
  auto refused = nobody.request({});
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message().find("127.0.0.1:1"), std::string::npos);
}

TEST(Client, StreamsBothWaysAlsoThroughAProxy) {
  Services services;
  for (const auto& url : {services.plain(), services.proxied()}) {
    Client client({.url = url});
    std::string sent(3'000'000, 'b');
    auto [in, out] = make_stream_pair();
    in->write(sent, [in = in](Status) { in->close_write(); });
    auto response = client.stream({.method = "POST", .target = "/pump", .body_stream = out});
    ASSERT_TRUE(response) << response.error().message();
    EXPECT_EQ(read_all(*response->body).size(), sent.size()) << url;
  }
}

TEST(Client, ClosingAStreamReachesTheServer) {
  Services services;
  Client client({.url = services.proxied()});
  {
    auto response = client.stream({.target = "/forever"});
    ASSERT_TRUE(response);
    EXPECT_EQ(services.backend.connections(), 1u);
  }
  for (int i = 0; i < 6000 && services.backend.connections() > 0; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  EXPECT_EQ(services.backend.connections(), 0u);
}

TEST(Client, UpgradesAlsoThroughAProxy) {
  Services services;
  for (const auto& url : {services.plain(), services.proxied()}) {
    Client client({.url = url});
    auto response = client.upgrade({.target = "/upgrade", .headers = {{"Connection", "Upgrade"}, {"Upgrade", "echo"}}});
    ASSERT_TRUE(response) << response.error().message();
    EXPECT_EQ(response->status, 101);
    response->body->write("ping", [](Status) {});
    response->body->close_write();
    EXPECT_EQ(read_all(*response->body), "ping") << url;
  }
}

}  // namespace
}  // namespace reigen::http
