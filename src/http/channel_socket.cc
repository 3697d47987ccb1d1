#include "http/channel_socket.h"

#include <openssl/evp.h>

#include "http/client_loops.h"

namespace reigen::http {

namespace {

constexpr unsigned char kCloseSignal = 255;

std::string encode64(std::string_view bytes) {
  std::string out((bytes.size() + 2) / 3 * 4, '\0');
  EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()), reinterpret_cast<const unsigned char*>(bytes.data()), static_cast<int>(bytes.size()));
  return out;
}

bool decode64(std::string_view text, std::string& out) {
  if (text.size() % 4 != 0) return false;
  out.resize(text.size() / 4 * 3);
  int n = EVP_DecodeBlock(reinterpret_cast<unsigned char*>(out.data()), reinterpret_cast<const unsigned char*>(text.data()), static_cast<int>(text.size()));
  if (n < 0) return false;
  size_t padding = 0;
  while (padding < 2 && padding < text.size() && text[text.size() - 1 - padding] == '=') ++padding;
  out.resize(static_cast<size_t>(n) - padding);
  return true;
}

}  // namespace

class ChannelSocket::Channel final : public ByteStream {
 public:
  Channel(std::weak_ptr<ChannelSocket> socket, uint8_t number, bool reads, bool writes)
      : reads(reads),
        queue([socket](size_t, size_t left) {
          if (auto live = socket.lock()) live->consumed(left);
        }),
        socket_(socket),
        number_(number),
        writes_(writes) {
    if (!reads) queue.end();
  }
  void read(size_t max, ReadDone done) override { queue.read(max, std::move(done)); }
  void write(std::string data, WriteDone done) override {
    auto socket = socket_.lock();
    if (!socket || !writes_) return done(fail(Code::kCancelled, "channel closed"));
    socket->send(number_, data, std::move(done));
  }
  void close_write() override {}
  void close() override {
    queue.close();
    if (auto socket = socket_.lock()) socket->consumed(0);
  }

  const bool reads;
  ReadQueue queue;

 private:
  std::weak_ptr<ChannelSocket> socket_;
  uint8_t number_;
  bool writes_;
};

ChannelSocket::ChannelSocket(std::shared_ptr<WebSocket> socket, bool base64, bool has_close)
    : socket_(std::move(socket)), base64_(base64), has_close_(has_close) {}

std::shared_ptr<ByteStream> ChannelSocket::add(uint8_t channel, bool read, bool write) {
  if (channels_.size() <= channel) channels_.resize(channel + 1);
  channels_[channel] = std::make_shared<Channel>(weak_from_this(), channel, read, write);
  return channels_[channel];
}
std::shared_ptr<ByteStream> ChannelSocket::add_reader(uint8_t channel) { return add(channel, true, false); }
std::shared_ptr<ByteStream> ChannelSocket::add_writer(uint8_t channel) { return add(channel, false, true); }
std::shared_ptr<ByteStream> ChannelSocket::add_both(uint8_t channel) { return add(channel, true, true); }

void ChannelSocket::start(Fn closed) {
  closed_ = std::move(closed);
  receive();
}

void ChannelSocket::receive() {
  socket_->receive([self = shared_from_this()](Result<WebSocketMessage> message) {
    if (!message || message->kind == WebSocketMessage::Kind::kClose) return self->ended();
    self->on_message(*message);
    {
      std::lock_guard lock(self->mutex_);
      for (const auto& channel : self->channels_) {
        if (!channel || channel->queue.size() < kMaxUnread) continue;
        self->paused_ = true;
        return;
      }
    }
    self->receive();
  });
}

void ChannelSocket::on_message(const WebSocketMessage& message) {
  if (message.data.empty()) return;
  auto number = static_cast<unsigned char>(message.data[0]);
  if (has_close_ && number == kCloseSignal) {
    if (message.data.size() != 2) return socket_->close(1002, "malformed close signal");
    auto target = static_cast<unsigned char>(message.data[1]);
    if (target < channels_.size() && channels_[target]) channels_[target]->queue.end();
    return;
  }
  if (base64_) number = static_cast<unsigned char>(number - '0');
  if (number >= channels_.size() || !channels_[number] || !channels_[number]->reads) return;
  std::string_view data = std::string_view(message.data).substr(1);
  if (!base64_) return channels_[number]->queue.push(data);
  std::string decoded;
  if (decode64(data, decoded)) channels_[number]->queue.push(decoded);
}

void ChannelSocket::ended() {
  Fn closed;
  {
    std::lock_guard lock(mutex_);
    closed = std::exchange(closed_, nullptr);
  }
  for (auto& channel : channels_) {
    if (channel) channel->queue.end();
  }
  socket_->close(1000);
  if (closed) closed();
}

void ChannelSocket::consumed(size_t left) {
  {
    std::lock_guard lock(mutex_);
    if (!paused_ || left > kMaxUnread / 2) return;
    paused_ = false;
  }
  receive();
}

void ChannelSocket::send(uint8_t channel, std::string_view data, ByteStream::WriteDone done) {
  std::string message;
  if (base64_) {
    message.push_back(static_cast<char>('0' + channel));
    message += encode64(data);
  } else {
    message.push_back(static_cast<char>(channel));
    message += data;
  }
  socket_->send(message, base64_, std::move(done));
}

void ChannelSocket::close() {
  {
    std::lock_guard lock(mutex_);
    closed_ = nullptr;
  }
  socket_->close(1000);
  // A client that does not close its side is left after a while.
  after_on_loop(std::chrono::seconds(10), [weak = std::weak_ptr<WebSocket>(socket_)] {
    if (auto socket = weak.lock()) socket->abort();
  });
}

}  // namespace reigen::http
