// WebSocket (RFC 6455), server and client side, over a ByteStream. Thread-safe.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/byte_stream.h"
#include "http/message.h"

namespace reigen::http {

class Client;
class Responder;
class StreamWriter;

struct WebSocketFrame {
  enum Opcode : uint8_t { kContinuation = 0, kText = 1, kBinary = 2, kClose = 8, kPing = 9, kPong = 10 };
  bool final = true;
  uint8_t opcode = kBinary;
  std::string payload;
};

// Takes frames apart. Pure.
class WebSocketParser {
 public:
  // from_client: frames must be masked; else they must not.
  WebSocketParser(bool from_client, size_t max_payload) : from_client_(from_client), max_payload_(max_payload) {}
  // Takes one frame from the front of `in`; nothing when it is incomplete. Errors: kInvalidArgument (protocol), kResourceExhausted.
  Result<std::optional<WebSocketFrame>> next(std::string_view& in) const;

 private:
  bool from_client_;
  size_t max_payload_;
};

// mask: null for a server's frame, else four bytes.
std::string encode_frame(uint8_t opcode, std::string_view payload, const unsigned char* mask);

struct WebSocketMessage {
  enum class Kind { kText, kBinary, kClose };
  Kind kind = Kind::kBinary;
  std::string data;         // of kClose: the reason
  uint16_t close_code = 0;  // of kClose; 1005 when the peer gave none
};

class WebSocket : public std::enable_shared_from_this<WebSocket> {
 public:
  using Received = std::move_only_function<void(Result<WebSocketMessage>)>;

  WebSocket(std::shared_ptr<ByteStream> stream, bool is_client, size_t max_message = 32 << 20);
  ~WebSocket();

  // The next whole message; one call outstanding at a time. Not calling it holds the peer back. Pings are answered meanwhile. After
  // kClose, or when the connection ends, every call gets an error.
  void receive(Received done);
  void send(std::string_view data, bool text, ByteStream::WriteDone done = {});
  void ping(std::string_view data = {});
  // Says goodbye and ends our side; close() at once.
  void close(uint16_t code, std::string_view reason = {});
  void abort();
  size_t buffered() const;

 private:
  void send_frame(uint8_t opcode, std::string_view payload, ByteStream::WriteDone done);
  void step(std::unique_lock<std::mutex> lock);
  bool take_frame(WebSocketFrame& frame, std::optional<Result<WebSocketMessage>>& out);
  Result<WebSocketMessage> on_close_frame(const std::string& payload);

  std::shared_ptr<ByteStream> stream_;
  std::shared_ptr<StreamWriter> writer_;
  const bool is_client_;
  const size_t max_message_;
  WebSocketParser parser_;
  std::mutex mutex_;
  std::string in_;
  std::string message_;
  uint8_t message_opcode_ = 0;
  Received waiting_;
  bool ended_ = false;
  bool close_sent_ = false;
};

// Answers the handshake. Chooses the first of the client's sub-protocols that is in `protocols`; "" in `protocols` allows a client that
// names none. On failure the client was answered (400 or 403).
struct AcceptedWebSocket {
  std::shared_ptr<WebSocket> socket;
  std::string protocol;
};
void accept_websocket(const Request& request, std::shared_ptr<Responder> responder, const std::vector<std::string>& protocols,
                      std::move_only_function<void(Result<AcceptedWebSocket>)> done);

// The client's side.
void connect_websocket(Client& client, std::string target, Headers headers, const std::vector<std::string>& protocols,
                       std::move_only_function<void(Result<AcceptedWebSocket>)> done);

// Binary messages as a stream of bytes; the close handshake is its end.
std::shared_ptr<ByteStream> websocket_stream(std::shared_ptr<WebSocket> socket);

}  // namespace reigen::http
