// SPDY/3.1 sessions, server and client side, over a ByteStream, as kubectl (moby/spdystream) speaks after "Upgrade: SPDY/3.1".
//
// Flow control: spdystream knows no WINDOW_UPDATE. We send it for what was read; what we send is held to the peer's window only
// once the peer has sent a WINDOW_UPDATE or SETTINGS itself. A peer that ignores windows is held back by not reading the connection
// while one of its streams has kMaxUnread bytes unread. Thread-safe; callbacks run on an I/O thread.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/byte_stream.h"
#include "base/executor.h"
#include "http/message.h"
#include "http/read_queue.h"
#include "http/spdy_frame.h"
#include "http/stream_writer.h"

namespace reigen::http {

class Responder;
class SpdySession;

class SpdyStream final : public ByteStream, public std::enable_shared_from_this<SpdyStream> {
 public:
  SpdyStream(std::weak_ptr<SpdySession> session, uint32_t id, Headers headers);
  uint32_t id() const { return id_; }
  const Headers& headers() const { return headers_; }

  void read(size_t max, ReadDone done) override;
  void write(std::string data, WriteDone done) override;
  void close_write() override;
  void close() override;  // resets the stream unless both directions have ended

 private:
  friend class SpdySession;
  std::weak_ptr<SpdySession> session_;
  uint32_t id_;
  Headers headers_;
  ReadQueue queue_;
  // Guarded by the session's lock.
  int64_t window_ = 64 << 10;
  std::string pending_;  // waits for the window
  WriteDone pending_done_;
  size_t unacknowledged_ = 0;
  bool fin_wanted_ = false;
  bool fin_sent_ = false;
  bool fin_received_ = false;
  bool reset_ = false;
};

class SpdySession final : public std::enable_shared_from_this<SpdySession> {
 public:
  static constexpr size_t kMaxUnread = 1 << 20;
  static constexpr size_t kMaxStreams = 4096;  // open at once; a further one is refused
  // Answers whether a new stream is taken; it is then replied to before the stream is used.
  using Accept = std::function<bool(const std::shared_ptr<SpdyStream>&)>;
  // Runs after the reply was sent.
  using Opened = std::function<void(std::shared_ptr<SpdyStream>)>;

  SpdySession(std::shared_ptr<ByteStream> stream, bool is_server);
  void start(Accept accept, Opened opened, Fn closed);  // once, before anything else
  // Client and server alike may open streams.
  std::shared_ptr<SpdyStream> open(Headers headers);
  // No more output: goes when everything is written; the peer then closes.
  void finish();
  void close();

 private:
  friend class SpdyStream;
  void read_more();
  void on_bytes(Result<std::string> bytes);
  bool on_frame(SpdyFrame& frame);  // false: the session is over
  void on_syn_stream(SpdyFrame& frame);
  void on_data(SpdyFrame& frame);
  void on_reset(uint32_t id);
  void on_window(uint32_t id, uint32_t delta);
  void ended(const Error& error);
  void send(const SpdyFrame& frame);         // takes the lock
  void send_locked(const SpdyFrame& frame);  // only queues: after() must follow without the lock
  void after();
  void write_stream(SpdyStream& stream, std::string data, ByteStream::WriteDone done);
  void drain_pending(SpdyStream& stream);
  void shut_stream(SpdyStream& stream);
  void reset_stream(SpdyStream& stream);
  void consumed(SpdyStream& stream, size_t taken, size_t left);
  void forget_if_done(SpdyStream& stream);
  std::shared_ptr<SpdyStream> find(uint32_t id);

  std::shared_ptr<ByteStream> stream_;
  std::shared_ptr<StreamWriter> writer_;
  const bool is_server_;
  Accept accept_;
  Opened opened_;
  SpdyParser parser_;  // touched by the one read in progress
  std::string in_;

  std::mutex mutex_;
  SpdyDeflater deflater_;
  std::map<uint32_t, std::shared_ptr<SpdyStream>> streams_;
  Fn closed_;
  std::vector<ByteStream::WriteDone> ready_;  // run by after()
  uint32_t next_id_;
  uint32_t last_received_ = 0;
  bool windows_ = false;  // the peer does flow control
  int64_t initial_window_ = 64 << 10;
  bool reading_paused_ = false;
  bool over_ = false;
};

// Answers "Upgrade: SPDY/3.1" with the given headers added; on failure the client was answered 400.
void accept_spdy(const Request& request, std::shared_ptr<Responder> responder, Headers headers,
                 std::move_only_function<void(Result<std::shared_ptr<SpdySession>>)> done);

}  // namespace reigen::http
