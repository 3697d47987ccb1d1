// ServerConnection: an accepted connection: TLS, choice of protocol, buffers, deadlines. Internal to http; loop thread only.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include "http/exchange.h"
#include "http/io_loop.h"
#include "http/server.h"
#include "http/socket.h"

namespace reigen::http {

class ServerConnection;

// What speaks HTTP/1.1 or HTTP/2 on a connection. Answers come through the second half, by Exchange.
class ServerProtocol {
 public:
  virtual ~ServerProtocol() = default;
  virtual void on_data(std::string_view bytes) = 0;
  virtual void on_eof() = 0;
  virtual void on_written() = 0;  // the output queue became shorter
  virtual void on_closed() = 0;   // last call
  virtual void on_deadline() = 0;
  virtual void resume() = 0;  // after wants_read() was false
  virtual void drain() = 0;   // the server stops: close when what is in progress is answered
  virtual bool wants_read() const = 0;

  virtual void send(Exchange& exchange, int status, Headers& headers, Body& body) = 0;
  virtual void start(Exchange& exchange, int status, Headers& headers) = 0;
  virtual void write(Exchange& exchange, Body& body, Responder::WriteDone done) = 0;
  virtual void finish(Exchange& exchange) = 0;
  virtual void abort(int64_t id) = 0;
  virtual void abandon(int64_t id) = 0;  // the handler dropped its responder
  virtual void upgrade(Exchange& exchange, int status, Headers& headers, Responder::Upgraded upgraded) = 0;
};

// One I/O thread of a server and its connections.
struct ServerWorker {
  std::shared_ptr<IoLoop> loop;
  std::unordered_map<ServerConnection*, std::shared_ptr<ServerConnection>> connections;  // loop thread
};

// What all connections of a server share. Immutable but for the atomics.
struct ServerCore {
  ServerOptions options;
  Handler handler;
  std::atomic<size_t> connections{0};
  std::atomic<bool> draining{false};
};

class ServerConnection final : public IoLoop::Watched, public IoLoop::Runnable, public std::enable_shared_from_this<ServerConnection> {
 public:
  struct Remote {
    std::string address;
    uint16_t port = 0;
  };
  static constexpr size_t kHighWater = 256 << 10;  // bytes of output above which writers wait

  ServerConnection(std::shared_ptr<ServerCore> core, std::shared_ptr<ServerWorker> worker, Socket socket, Remote remote);
  ~ServerConnection() override;
  void begin();

  void on_events(uint32_t events) override;
  void run_on_loop() override;  // the flush at the end of the round

  ServerCore& core() { return *core_; }
  const std::shared_ptr<ServerCore>& shared_core() const { return core_; }
  IoLoop& loop() { return *worker_->loop; }
  const std::shared_ptr<IoLoop>& shared_loop() const { return worker_->loop; }
  ServerProtocol* protocol() { return protocol_.get(); }
  OutQueue& out() { return out_; }
  bool is_open() const { return socket_.is_open(); }
  bool has_eof() const { return eof_; }
  void describe(Request& request) const;  // remote address, TLS, peer

  void request_flush();
  void close_after_flush();  // then waits a little for the client to close, so that it can read the answer
  void close();
  void request_resume();  // any thread: reading may go on
  void set_deadline(Duration from_now);
  void clear_deadline() { deadline_ = TimePoint::max(); }
  // Without progress of a blocked write; zero: the server's, Duration::max(): never. Holds until the next call.
  void set_write_stall(Duration stall) { write_stall_ = stall; }
  void abandon(int64_t id) {
    if (protocol_) protocol_->abandon(id);
  }
  void drain();
  // Takes the socket away from the protocol and makes it a stream; `unread` was received already.
  std::shared_ptr<ByteStream> detach(std::string unread);

 private:
  void continue_handshake();
  void finish_handshake();
  bool begins_plain_http() const;
  void refuse_plain_http();
  void choose_plain(std::string_view bytes);
  void read_some();
  void handle_data(std::string_view bytes);
  void flush();
  void update_interest();
  void arm_timer(TimePoint at);
  void on_timer();
  void unwatch();

  std::shared_ptr<ServerCore> core_;
  std::shared_ptr<ServerWorker> worker_;
  Socket socket_;
  Remote remote_;
  IoLoop::Entry* entry_ = nullptr;
  std::unique_ptr<ServerProtocol> protocol_;
  OutQueue out_;
  std::string preface_;  // first bytes of a plain connection, until they tell the protocol
  std::shared_ptr<const TlsPeer> peer_;
  std::string peer_error_;
  bool handshaking_ = false;
  bool flush_scheduled_ = false;
  bool eof_ = false;
  bool closing_ = false;    // close when the output is written
  bool lingering_ = false;  // output written, waits for the client's end
  bool timer_armed_ = false;
  TimePoint timer_at_{};
  IoLoop::Timer timer_{};
  TimePoint deadline_ = TimePoint::max();
  TimePoint write_deadline_ = TimePoint::max();
  Duration write_stall_{};  // zero: the server's
};

std::unique_ptr<ServerProtocol> make_http1(ServerConnection& connection);
std::unique_ptr<ServerProtocol> make_http2(ServerConnection& connection);

}  // namespace reigen::http
