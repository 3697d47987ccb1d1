// Channels over a WebSocket: every message begins with its channel's number (*.channel.k8s.io). Internal to http; thread-safe.
#pragma once

#include <vector>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "base/executor.h"
#include "http/read_queue.h"
#include "http/websocket.h"

namespace reigen::http {

class ChannelSocket : public std::enable_shared_from_this<ChannelSocket> {
 public:
  static constexpr size_t kMaxUnread = 256 << 10;  // bytes of a channel above which the socket is not read
  static constexpr size_t kChannels = 255;

  // has_close: message 255 n ends channel n (v5).
  ChannelSocket(std::shared_ptr<WebSocket> socket, bool base64, bool has_close);

  // Before start().
  std::shared_ptr<ByteStream> add_reader(uint8_t channel);
  std::shared_ptr<ByteStream> add_writer(uint8_t channel);
  std::shared_ptr<ByteStream> add_both(uint8_t channel);

  // `closed` runs once, when the client has gone or said goodbye.
  void start(Fn closed);
  void send(uint8_t channel, std::string_view data, ByteStream::WriteDone done);
  void close();  // says goodbye after what was sent

 private:
  class Channel;
  void receive();
  void on_message(const WebSocketMessage& message);
  void ended();
  void consumed(size_t left);
  std::shared_ptr<ByteStream> add(uint8_t channel, bool read, bool write);

  std::shared_ptr<WebSocket> socket_;
  const bool base64_;
  const bool has_close_;
  std::vector<std::shared_ptr<Channel>> channels_;
  std::mutex mutex_;
  Fn closed_;
  bool paused_ = false;
};

}  // namespace reigen::http
