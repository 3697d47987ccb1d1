#include "http/websocket.h"

#include <openssl/evp.h>
#include <openssl/sha.h>

#include <algorithm>
#include <cstring>

#include "base/random.h"
#include "http/client.h"
#include "http/server.h"
#include "http/stream_writer.h"

namespace reigen::http {

namespace {

constexpr size_t kPiece = 64 << 10;

std::string base64(std::string_view bytes) {
  std::string out((bytes.size() + 2) / 3 * 4, '\0');
  EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()), reinterpret_cast<const unsigned char*>(bytes.data()), static_cast<int>(bytes.size()));
  return out;
}

std::string accept_key(std::string_view key) {
  std::string text(key);
  text += "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
  unsigned char digest[SHA_DIGEST_LENGTH];
  SHA1(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest);
  return base64({reinterpret_cast<char*>(digest), sizeof digest});
}

void apply_mask(std::string& payload, const unsigned char* mask) {
  for (size_t i = 0; i < payload.size(); ++i) payload[i] = static_cast<char>(payload[i] ^ static_cast<char>(mask[i & 3]));
}

Fail protocol_error(const char* what) { return fail(Code::kInvalidArgument, std::string("websocket: ") + what); }

}  // namespace

Result<std::optional<WebSocketFrame>> WebSocketParser::next(std::string_view& in) const {
  if (in.size() < 2) return std::nullopt;
  auto byte = [&](size_t i) { return static_cast<unsigned char>(in[i]); };
  WebSocketFrame frame;
  frame.final = (byte(0) & 0x80) != 0;
  frame.opcode = byte(0) & 0x0f;
  if (byte(0) & 0x70) return protocol_error("reserved bit set");
  bool control = (frame.opcode & 8) != 0;
  if (frame.opcode > WebSocketFrame::kPong || (frame.opcode > WebSocketFrame::kBinary && !control)) return protocol_error("unknown opcode");
  bool masked = (byte(1) & 0x80) != 0;
  if (masked != from_client_) return protocol_error(from_client_ ? "frame is not masked" : "frame is masked");
  uint64_t length = byte(1) & 0x7f;
  size_t header = 2;
  if (length >= 126) {
    size_t bytes = length == 126 ? 2 : 8;
    if (in.size() < 2 + bytes) return std::nullopt;
    length = 0;
    for (size_t i = 0; i < bytes; ++i) length = length << 8 | byte(2 + i);
    header += bytes;
  }
  if (control && (length > 125 || !frame.final)) return protocol_error("malformed control frame");
  if (length > max_payload_) return fail(Code::kResourceExhausted, "websocket: message is too large");
  size_t mask_at = header;
  if (masked) header += 4;
  if (in.size() < header + length) return std::nullopt;
  frame.payload = in.substr(header, length);
  if (masked) {
    unsigned char mask[4];
    memcpy(mask, in.data() + mask_at, 4);
    apply_mask(frame.payload, mask);
  }
  in.remove_prefix(header + length);
  return frame;
}

std::string encode_frame(uint8_t opcode, std::string_view payload, const unsigned char* mask) {
  std::string out;
  out.reserve(payload.size() + 14);
  out.push_back(static_cast<char>(0x80 | opcode));
  unsigned char mask_bit = mask ? 0x80 : 0;
  if (payload.size() < 126) {
    out.push_back(static_cast<char>(mask_bit | payload.size()));
  } else {
    int bytes = payload.size() < 65536 ? 2 : 8;
    out.push_back(static_cast<char>(mask_bit | (bytes == 2 ? 126 : 127)));
    for (int shift = (bytes - 1) * 8; shift >= 0; shift -= 8) out.push_back(static_cast<char>(payload.size() >> shift));
  }
  if (!mask) return out.append(payload);
  out.append(reinterpret_cast<const char*>(mask), 4);
  std::string masked(payload);
  apply_mask(masked, mask);
  return out.append(masked);
}

WebSocket::WebSocket(std::shared_ptr<ByteStream> stream, bool is_client, size_t max_message)
    : stream_(std::move(stream)),
      writer_(std::make_shared<StreamWriter>(stream_)),
      is_client_(is_client),
      max_message_(max_message),
      parser_(!is_client, max_message) {}

WebSocket::~WebSocket() {
  if (!close_sent_) stream_->close();
}

void WebSocket::send_frame(uint8_t opcode, std::string_view payload, ByteStream::WriteDone done) {
  unsigned char mask[4];
  if (is_client_) {
    uint64_t random = system_random().next();
    memcpy(mask, &random, 4);
  }
  writer_->write(encode_frame(opcode, payload, is_client_ ? mask : nullptr), std::move(done));
}

void WebSocket::send(std::string_view data, bool text, ByteStream::WriteDone done) {
  send_frame(text ? WebSocketFrame::kText : WebSocketFrame::kBinary, data, std::move(done));
}

void WebSocket::ping(std::string_view data) { send_frame(WebSocketFrame::kPing, data.substr(0, 125), {}); }
void WebSocket::abort() { writer_->close(); }
size_t WebSocket::buffered() const { return writer_->buffered(); }

void WebSocket::close(uint16_t code, std::string_view reason) {
  {
    std::lock_guard lock(mutex_);
    if (std::exchange(close_sent_, true)) return;
  }
  std::string payload{static_cast<char>(code >> 8), static_cast<char>(code)};
  payload.append(reason.substr(0, 123));
  send_frame(WebSocketFrame::kClose, payload, {});
  writer_->close_write_after_flush();
}

void WebSocket::receive(Received done) {
  std::unique_lock lock(mutex_);
  if (ended_) {
    lock.unlock();
    return done(fail(Code::kCancelled, "websocket closed"));
  }
  waiting_ = std::move(done);
  step(std::move(lock));
}

// With the lock held and waiting_ set: takes a message from what has arrived, or reads more.
void WebSocket::step(std::unique_lock<std::mutex> lock) {
  std::optional<Result<WebSocketMessage>> out;
  std::vector<std::string> pings;
  std::string_view view = in_;
  while (!out) {
    auto frame = parser_.next(view);
    if (!frame) {
      out = fail(frame.error());
    } else if (!*frame) {
      break;
    } else if ((*frame)->opcode == WebSocketFrame::kPing) {
      pings.push_back(std::move((*frame)->payload));
    } else {
      take_frame(**frame, out);
    }
  }
  in_.erase(0, in_.size() - view.size());
  bool failed = out && !*out;
  bool goodbye = out && *out && (*out)->kind == WebSocketMessage::Kind::kClose;
  if (failed || goodbye) ended_ = true;
  Received done;
  if (out) done = std::exchange(waiting_, nullptr);
  lock.unlock();
  for (const auto& ping : pings) send_frame(WebSocketFrame::kPong, ping, {});
  if (failed) close(out->error().code() == Code::kResourceExhausted ? 1009 : 1002);
  if (goodbye) close((*out)->close_code == 1005 ? 1000 : (*out)->close_code);
  if (done) return done(std::move(*out));
  stream_->read(kPiece, [self = shared_from_this()](Result<std::string> bytes) {
    std::unique_lock inner(self->mutex_);
    if (bytes && !bytes->empty()) {
      self->in_.append(*bytes);
      return self->step(std::move(inner));
    }
    self->ended_ = true;
    Received waiting = std::exchange(self->waiting_, nullptr);
    inner.unlock();
    if (waiting) waiting(fail(Code::kUnavailable, bytes ? "websocket: connection closed" : bytes.error().message()));
  });
}

bool WebSocket::take_frame(WebSocketFrame& frame, std::optional<Result<WebSocketMessage>>& out) {
  if (frame.opcode == WebSocketFrame::kPong) return true;
  if (frame.opcode == WebSocketFrame::kClose) {
    out = on_close_frame(frame.payload);
    return true;
  }
  bool continues = frame.opcode == WebSocketFrame::kContinuation;
  if (continues != (message_opcode_ != 0)) {
    out = protocol_error("fragments out of order");
    return false;
  }
  if (!continues) message_opcode_ = frame.opcode;
  if (message_.size() + frame.payload.size() > max_message_) {
    out = fail(Code::kResourceExhausted, "websocket: message is too large");
    return false;
  }
  if (message_.empty()) message_ = std::move(frame.payload);
  else message_.append(frame.payload);
  if (!frame.final) return true;
  auto kind = message_opcode_ == WebSocketFrame::kText ? WebSocketMessage::Kind::kText : WebSocketMessage::Kind::kBinary;
  out = WebSocketMessage{kind, std::exchange(message_, {}), 0};
  message_opcode_ = 0;
  return true;
}

Result<WebSocketMessage> WebSocket::on_close_frame(const std::string& payload) {
  if (payload.size() == 1) return protocol_error("malformed close frame");
  WebSocketMessage message{WebSocketMessage::Kind::kClose, {}, 1005};
  if (payload.size() >= 2) {
    message.close_code = static_cast<uint16_t>(static_cast<unsigned char>(payload[0]) << 8 | static_cast<unsigned char>(payload[1]));
    message.data = payload.substr(2);
  }
  return message;
}

void accept_websocket(const Request& request, std::shared_ptr<Responder> responder, const std::vector<std::string>& protocols,
                      std::move_only_function<void(Result<AcceptedWebSocket>)> done) {
  auto refuse = [&](int status, const std::string& text) {
    responder->send(status, {{"Content-Type", "text/plain; charset=utf-8"}}, text);
    done(fail(Code::kInvalidArgument, text));
  };
  if (!iequals(request.headers.get("Upgrade"), "websocket") || !request.headers.has_token("Connection", "Upgrade"))
    return refuse(400, "not a websocket request");
  if (request.headers.get("Sec-WebSocket-Version") != "13") return refuse(400, "missing or bad WebSocket Version");
  std::string_view key = request.headers.get("Sec-WebSocket-Key");
  if (key.size() != 24) return refuse(400, "bad Sec-WebSocket-Key");
  auto asked = request.headers.list("Sec-WebSocket-Protocol");
  std::string chosen;
  bool found = asked.empty() && std::find(protocols.begin(), protocols.end(), "") != protocols.end();
  for (auto each : asked) {
    if (std::find(protocols.begin(), protocols.end(), each) == protocols.end()) continue;
    chosen = each;
    found = true;
    break;
  }
  if (!found) return refuse(403, "requested protocol(s) are not supported");
  Headers headers{{"Upgrade", "websocket"}, {"Connection", "Upgrade"}, {"Sec-WebSocket-Accept", accept_key(key)}};
  if (!chosen.empty()) headers.add("Sec-WebSocket-Protocol", chosen);
  responder->upgrade_raw(101, std::move(headers), [chosen, done = std::move(done)](std::shared_ptr<ByteStream> stream) mutable {
    if (!stream) return done(fail(Code::kCancelled, "websocket: client has gone"));
    done(AcceptedWebSocket{std::make_shared<WebSocket>(std::move(stream), false), chosen});
  });
}

void connect_websocket(Client& client, std::string target, Headers headers, const std::vector<std::string>& protocols,
                       std::move_only_function<void(Result<AcceptedWebSocket>)> done) {
  uint64_t nonce[2] = {system_random().next(), system_random().next()};
  std::string key = base64({reinterpret_cast<char*>(nonce), sizeof nonce});
  headers.set("Connection", "Upgrade");
  headers.set("Upgrade", "websocket");
  headers.set("Sec-WebSocket-Version", "13");
  headers.set("Sec-WebSocket-Key", key);
  for (const auto& protocol : protocols) headers.add("Sec-WebSocket-Protocol", protocol);
  ClientRequest request;
  request.target = std::move(target);
  request.headers = std::move(headers);
  client.upgrade(std::move(request), [key, done = std::move(done)](Result<StreamResponse> response) mutable {
    if (!response) return done(fail(std::move(response).error()));
    if (response->status != 101) return done(fail(Code::kUnavailable, "websocket: server answered " + std::to_string(response->status)));
    if (response->headers.get("Sec-WebSocket-Accept") != accept_key(key)) return done(fail(Code::kInvalidArgument, "websocket: bad Sec-WebSocket-Accept"));
    done(AcceptedWebSocket{std::make_shared<WebSocket>(response->body, true), std::string(response->headers.get("Sec-WebSocket-Protocol"))});
  });
}

namespace {

class WebSocketByteStream final : public ByteStream, public std::enable_shared_from_this<WebSocketByteStream> {
 public:
  explicit WebSocketByteStream(std::shared_ptr<WebSocket> socket) : socket_(std::move(socket)) {}
  ~WebSocketByteStream() override { socket_->close(1000); }

  void read(size_t max, ReadDone done) override {
    {
      std::unique_lock lock(mutex_);
      if (!unread_.empty()) {
        std::string out = unread_.substr(0, std::max<size_t>(max, 1));
        unread_.erase(0, out.size());
        lock.unlock();
        return done(std::move(out));
      }
    }
    socket_->receive([self = shared_from_this(), max, done = std::move(done)](Result<WebSocketMessage> message) mutable {
      if (!message || message->kind == WebSocketMessage::Kind::kClose) return done(std::string());
      if (message->kind == WebSocketMessage::Kind::kText) return done(fail(Code::kInvalidArgument, "websocket: text message in a binary stream"));
      {
        std::lock_guard lock(self->mutex_);
        self->unread_ = std::move(message->data);
      }
      self->read(max, std::move(done));
    });
  }
  void write(std::string data, WriteDone done) override { socket_->send(data, false, std::move(done)); }
  void close_write() override { socket_->close(1000); }
  void close() override {
    socket_->close(1000);
    socket_->abort();
  }

 private:
  std::mutex mutex_;
  std::shared_ptr<WebSocket> socket_;
  std::string unread_;
};

}  // namespace

std::shared_ptr<ByteStream> websocket_stream(std::shared_ptr<WebSocket> socket) { return std::make_shared<WebSocketByteStream>(std::move(socket)); }

}  // namespace reigen::http
