// Joins what runs (an exec, an attachment) with a Docker client: outputs are framed without a terminal (container_log.h), raw with one.
//
// The client's ends may be given out long before anything runs: what it writes meanwhile waits (64 KB, then it is held). Thread-safe.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>

#include "base/byte_stream.h"
#include "base/executor.h"
#include "runtime/runtime.h"

namespace reigen::node {

struct SessionStreamsOptions {
  bool in = false, out = false, err = false;
  bool framed = true;
  bool outlives_client = false;  // an exec's program goes on without its client, an attachment ends
};

class SessionStreams : public std::enable_shared_from_this<SessionStreams> {
 public:
  using Ended = std::move_only_function<void(Result<int>)>;

  static std::shared_ptr<SessionStreams> make(Executor& executor, SessionStreamsOptions options);
  ~SessionStreams();

  // The client's ends; input is null when not asked for. Output: closing it is how a client goes.
  std::shared_ptr<ByteStream> client_input() { return std::move(far_input_); }
  std::shared_ptr<ByteStream> client_output() { return std::move(far_output_); }

  // Sends `log` first (framed already), then calls `then` once: not when the client has gone.
  void send_first(std::shared_ptr<ByteStream> log, Fn then);
  // Serves the session to its end.
  void join(std::unique_ptr<runtime::Session> session);
  // The end without a session, or before one.
  void finish(Result<int> result);

  void resize(int width, int height);
  // Calls `ended` once: the exit code of an exec, 0 of an attachment; at once when it is over.
  void when_ended(Ended ended);
  bool over() const;

 private:
  SessionStreams(Executor& executor, SessionStreamsOptions options);
  void watch_client();
  void client_gone();
  void pump_input();
  void pump_output(std::shared_ptr<ByteStream> from, bool error_stream, bool wanted);
  void put(std::string data, Fn next);
  void write_next();
  void part_ended();
  void session_ended(Result<int> code);

  struct Queued {
    std::string data;
    Fn next;
  };

  Executor& executor_;
  const SessionStreamsOptions options_;
  std::shared_ptr<ByteStream> near_input_, near_output_, far_input_, far_output_;

  mutable std::mutex mutex_;
  std::shared_ptr<runtime::Session> session_;
  std::deque<Queued> queue_;  // at most one entry an output
  bool writing_ = false, gone_ = false, finishing_ = false, over_ = false;
  int open_parts_ = 0, width_ = 0, height_ = 0;
  Result<int> result_ = 0;
  Ended ended_;
};

}  // namespace reigen::node
