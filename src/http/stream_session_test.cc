#include "http/stream_session.h"

#include <gtest/gtest.h>

#include <condition_variable>

#include "http/client.h"
#include "http/server.h"
#include "http/spdy.h"
#include "http/test_support.h"
#include "http/websocket.h"

namespace reigen::http {
namespace {

template <class T>
struct Slot {
  std::mutex mutex;
  std::condition_variable changed;
  std::optional<T> value;
  void set(T given) {
    std::lock_guard lock(mutex);
    value = std::move(given);
    changed.notify_all();
  }
  T get() {
    std::unique_lock lock(mutex);
    if (!changed.wait_for(lock, std::chrono::seconds(60), [&] { return value.has_value(); })) {
      ADD_FAILURE() << "timed out";
      std::abort();
    }
    return std::move(*value);
  }
};

std::string read_all(std::shared_ptr<ByteStream> stream) {
  std::string out;
  for (;;) {
    auto slot = std::make_shared<Slot<std::string>>();
    stream->read(4096, [slot](Result<std::string> bytes) { slot->set(bytes ? *bytes : ""); });
    std::string piece = slot->get();
    if (piece.empty()) return out;
    out += piece;
  }
}

// Reads stdin to its end, then answers with it on stdout, a note on stderr, and ends.
void run_command(std::shared_ptr<RemoteCommandSession> session, std::shared_ptr<std::string> heard, TerminalSize size) {
  session->stdin_stream()->read(1000, [=](Result<std::string> bytes) {
    bool end = !bytes || bytes->empty() || bytes->ends_with("\x04");
    if (bytes) *heard += *bytes;
    if (!end) return run_command(session, heard, size);
    session->stdout_stream()->write("got " + *heard, [=](Status) {
      if (!session->stderr_stream()) return session->finish("{\"status\":\"Success\"}", "");
      session->stderr_stream()->write("note", [=](Status) { session->finish("{\"status\":\"Success\"}", ""); });
    });
  });
}

void serve(std::shared_ptr<Request> request, std::shared_ptr<Responder> responder) {
  if (request->path == "/exec") {
    bool tty = request->query.get("tty") == "1";
    accept_remote_command(*request, responder, {.stdin_open = true, .stdout_open = true, .stderr_open = !tty, .tty = tty},
                          [](Result<std::shared_ptr<RemoteCommandSession>> session) {
                            if (!session) return;
                            auto live = *session;
                            live->on_resize([live](TerminalSize size) {
                              live->stdout_stream()->write(std::to_string(size.width) + "x" + std::to_string(size.height) + " ", [](Status) {});
                            });
                            run_command(live, std::make_shared<std::string>(), {});
                          });
  } else {
    PortForwardOptions options;
    for (auto port : request->query.all("ports")) options.ports.push_back(static_cast<uint16_t>(std::stoi(std::string(port))));
    accept_port_forward(
        *request, responder, options,
        [](ForwardedConnection connection) {
          auto shared = std::make_shared<ForwardedConnection>(std::move(connection));
          if (shared->port == 1) return shared->finish("no such port");
          shared->data->read(100, [shared](Result<std::string> bytes) {
            shared->data->write(std::to_string(shared->port) + ":" + (bytes ? *bytes : "?"), [shared](Status) { shared->finish(""); });
          });
        },
        [](Result<void>) {});
  }
}

class StreamSessionTest : public ::testing::Test {
 protected:
  void SetUp() override {
    port = server.listen_tcp("127.0.0.1", 0).value();
    client = std::make_unique<Client>(ClientOptions{.url = "http://127.0.0.1:" + std::to_string(port)});
  }

  std::shared_ptr<SpdySession> spdy(const std::string& target, const std::string& protocol) {
    auto response = client->upgrade(
        {.method = "POST", .target = target, .headers = {{"Connection", "Upgrade"}, {"Upgrade", "SPDY/3.1"}, {"X-Stream-Protocol-Version", protocol}}});
    EXPECT_TRUE(response && response->status == 101);
    EXPECT_EQ(response->headers.get("X-Stream-Protocol-Version"), protocol);
    auto session = std::make_shared<SpdySession>(response->body, false);
    session->start(nullptr, nullptr, [] {});
    return session;
  }
  AcceptedWebSocket websocket(const std::string& target, const std::string& protocol) {
    Slot<AcceptedWebSocket> slot;
    connect_websocket(*client, target, {}, {protocol}, [&](Result<AcceptedWebSocket> accepted) {
      EXPECT_TRUE(accepted) << accepted.error().message();
      slot.set(accepted ? *accepted : AcceptedWebSocket{});
    });
    return slot.get();
  }
  // Every message until the close, a line each.
  std::string messages(WebSocket& socket) {
    std::string out;
    for (;;) {
      auto slot = std::make_shared<Slot<Result<WebSocketMessage>>>();
      socket.receive([slot](Result<WebSocketMessage> message) { slot->set(std::move(message)); });
      auto message = slot->get();
      if (!message) return out + "error";
      if (message->kind == WebSocketMessage::Kind::kClose) return out + "close " + std::to_string(message->close_code);
      std::string data = message->data;
      if (message->kind == WebSocketMessage::Kind::kBinary) data[0] = static_cast<char>(data[0] + '0');
      out += data + "\n";
    }
  }
  Server server{{}, serve};
  uint16_t port;
  std::unique_ptr<Client> client;
};

TEST_F(StreamSessionTest, RunsACommandOverSpdy) {
  for (std::string protocol : {"v4.channel.k8s.io", "v3.channel.k8s.io", "v2.channel.k8s.io", "channel.k8s.io"}) {
    auto session = spdy("/exec", protocol);
    auto error = session->open({{"streamType", "error"}});
    error->close_write();
    auto in = session->open({{"streamType", "stdin"}});
    auto out = session->open({{"streamType", "stdout"}});
    auto err = session->open({{"streamType", "stderr"}});
    std::string text(100'000, 'x');
    in->write(text, [](Status) {});
    in->close_write();
    EXPECT_EQ(read_all(out), "got " + text) << protocol;
    EXPECT_EQ(read_all(err), "note");
    EXPECT_EQ(read_all(error), protocol.starts_with("v4") ? "{\"status\":\"Success\"}" : "");
    session->close();
  }
}

TEST_F(StreamSessionTest, ResizesOverSpdy) {
  auto session = spdy("/exec?tty=1", "v4.channel.k8s.io");
  auto error = session->open({{"streamType", "error"}});
  auto in = session->open({{"streamType", "stdin"}});
  auto out = session->open({{"streamType", "stdout"}});
  auto resize = session->open({{"streamType", "resize"}});
  resize->write("{\"Width\":80,\"Height\":24}\n", [](Status) {});
  in->write("\x04", [](Status) {});
  EXPECT_EQ(read_all(out), "80x24 got \x04");
  session->close();
}

TEST_F(StreamSessionTest, RunsACommandOverWebSocket) {
  auto v5 = websocket("/exec", "v5.channel.k8s.io");
  EXPECT_EQ(v5.protocol, "v5.channel.k8s.io");
  v5.socket->send(std::string("\0hello", 6), false);
  v5.socket->send(std::string("\xff\0", 2), false);
  EXPECT_EQ(messages(*v5.socket), "1\n1got hello\n2note\n3{\"status\":\"Success\"}\nclose 1000");

  auto base64 = websocket("/exec", "base64.channel.k8s.io");
  base64.socket->send("0BA==", true);
  EXPECT_EQ(messages(*base64.socket), "1\n1Z290IAQ=\n2bm90ZQ==\nclose 1000");

  auto v4 = websocket("/exec?tty=1", "v4.channel.k8s.io");
  v4.socket->send("\x04{\"Width\":7,\"Height\":9}", false);
  v4.socket->send(std::string("\0\x04", 2), false);
  EXPECT_EQ(messages(*v4.socket), "1\n17x9 \n1got \x04\n3{\"status\":\"Success\"}\nclose 1000");
}

TEST_F(StreamSessionTest, RefusesWhatItDoesNotSpeak) {
  auto none = client->request({.method = "POST", .target = "/exec", .headers = {{"Connection", "Upgrade"}, {"Upgrade", "SPDY/3.1"}}});
  EXPECT_EQ(none->status, 400);
  auto other = client->request(
      {.method = "POST", .target = "/exec", .headers = {{"Connection", "Upgrade"}, {"Upgrade", "SPDY/3.1"}, {"X-Stream-Protocol-Version", "v9"}}});
  EXPECT_EQ(other->status, 403);
  EXPECT_EQ(other->headers.all("X-Accepted-Stream-Protocol-Versions").size(), 4u);
}

TEST_F(StreamSessionTest, ForwardsPortsOverSpdyAndTunnels) {
  auto check = [&](std::shared_ptr<SpdySession> session) {
    for (std::string id : {"0", "1"}) {
      std::string number = id == "0" ? "80" : "1";
      auto error = session->open({{"streamType", "error"}, {"port", number}, {"requestID", id}});
      error->close_write();
      auto data = session->open({{"streamType", "data"}, {"port", number}, {"requestID", id}});
      data->write("hi", [](Status) {});
      EXPECT_EQ(read_all(data), id == "0" ? "80:hi" : "");
      EXPECT_EQ(read_all(error), id == "0" ? "" : "no such port");
    }
    auto invalid = session->open({{"streamType", "data"}});
    EXPECT_EQ(read_all(invalid), "");
    session->close();
  };
  check(spdy("/forward", "portforward.k8s.io"));
  auto tunnel = websocket("/forward", "SPDY/3.1+portforward.k8s.io");
  auto session = std::make_shared<SpdySession>(websocket_stream(tunnel.socket), false);
  session->start(nullptr, nullptr, [] {});
  check(session);
}

TEST_F(StreamSessionTest, ForwardsPortsOverChannels) {
  auto accepted = websocket("/forward?ports=258&ports=1", "v4.channel.k8s.io");
  accepted.socket->send(std::string("\0hi", 3), false);
  EXPECT_EQ(messages(*accepted.socket),
            "0\x02\x01\n1\x02\x01\n2\x01" + std::string(1, '\0') + "\n3\x01" + std::string(1, '\0') + "\n3no such port\n0258:hi\nclose 1000");
}

TEST(WebSocketFrames, RejectWhatIsForbidden) {
  WebSocketParser server(true, 1000);
  const unsigned char mask[4] = {1, 2, 3, 4};
  std::string good = encode_frame(WebSocketFrame::kText, std::string(300, 'a'), mask);
  for (size_t cut = 0; cut < good.size(); ++cut) {
    std::string_view partial = std::string_view(good).substr(0, cut);
    ASSERT_FALSE(server.next(partial).value().has_value());
  }
  std::string_view in = good;
  EXPECT_EQ(server.next(in).value()->payload, std::string(300, 'a'));
  for (std::string bad : {encode_frame(1, "unmasked", nullptr), std::string("\xf1\x80zzzz"), std::string("\x83\x80zzzz"), std::string("\x09\x80zzzz")}) {
    std::string_view view = bad;
    EXPECT_FALSE(server.next(view));
  }
  std::string large = encode_frame(1, std::string(1001, 'a'), mask);
  std::string_view view = large;
  EXPECT_EQ(server.next(view).error().code(), Code::kResourceExhausted);
}

}  // namespace
}  // namespace reigen::http
