// Exchange: the Responder of one request on a connection of the server. Internal to http.
//
// Calls from the loop's thread are carried out at once; those from other threads go through a mailbox that wakes the loop once for
// any number of calls. Writes of a stream from other threads are work in bulk: see IoLoop.
#pragma once

#include <atomic>
#include <mutex>
#include <vector>

#include "http/io_loop.h"
#include "http/server.h"

namespace reigen::http {

class ServerConnection;

class Exchange final : public Responder, public IoLoop::Runnable, public std::enable_shared_from_this<Exchange> {
 public:
  Exchange(std::shared_ptr<IoLoop> loop, std::weak_ptr<ServerConnection> connection, int64_t id, size_t gzip_threshold);
  ~Exchange() override;

  void send(int status, Headers headers, Body body) override;
  void start(int status, Headers headers) override;
  void write(Body chunk, WriteDone done) override;
  void finish() override;
  void abort() override;
  size_t buffered() const override { return mailbox_bytes_.load(std::memory_order_relaxed) + queued_.load(std::memory_order_relaxed); }
  void on_close(Fn fn) override;
  void run(Fn fn) override;
  void upgrade_raw(int status, Headers headers, Upgraded upgraded) override;

  void run_on_loop() override;

  // Loop thread, by the protocol.
  int64_t id() const { return id_; }
  void client_gone();  // runs on_close, drops later calls
  void completed();    // forgets on_close
  void set_queued(size_t bytes) { queued_.store(bytes, std::memory_order_relaxed); }

 private:
  enum class Kind : unsigned char { kSend, kStart, kWrite, kFinish, kAbort, kOnClose, kRun, kUpgrade };
  struct Op {
    Kind kind;
    int status = 0;
    Headers headers;
    Body body;
    WriteDone done;
    Upgraded upgraded;
    Fn fn;
  };
  void submit(Op op);
  void apply(Op& op);
  static void drop(Op& op);

  std::shared_ptr<IoLoop> loop_;
  std::weak_ptr<ServerConnection> connection_;
  int64_t id_;
  size_t gzip_threshold_;  // 0: the client takes no gzip
  std::atomic<size_t> mailbox_bytes_{0};
  std::atomic<size_t> queued_{0};
  std::atomic<bool> ended_{false};  // the caller gave the whole answer

  std::mutex mutex_;
  std::vector<Op> ops_;
  bool posted_ = false;
  bool running_ = false;

  // Loop thread.
  bool gone_ = false;
  bool complete_ = false;
  Fn on_close_;
};

}  // namespace reigen::http
