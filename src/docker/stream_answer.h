// Answers that are streamed by a handler which blocks (Pool::kSlow): pull, push, load, save, build, export.
#pragma once

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>

#include "base/byte_stream.h"
#include "docker/call.h"
#include "image/byte_source.h"

namespace reigen::docker {

// One writer; write() waits until the client has room. The head leaves with the constructor: until then an error can still have a status of its
// own.
class StreamAnswer {
 public:
  StreamAnswer(std::shared_ptr<http::Responder> responder, int status, http::Headers headers);
  ~StreamAnswer();  // cuts the answer off when finish() was not called
  StreamAnswer(const StreamAnswer&) = delete;

  // kCancelled when the client has gone.
  Status write(std::string bytes);
  void finish();
  // Set when the client goes away; fits image::PullOptions::cancel.
  std::atomic<bool>& gone() { return state_->gone; }

 private:
  struct State {
    std::mutex mutex;
    std::condition_variable changed;
    bool waiting = false;
    std::atomic<bool> gone{false};
  };
  std::shared_ptr<http::Responder> responder_;
  std::shared_ptr<State> state_;
  bool finished_ = false;
};

// A stream's bytes for who reads blocking, such as a request's body (BodyKind::kStream). Closes the stream when dropped.
std::unique_ptr<image::ByteSource> body_source(std::shared_ptr<ByteStream> stream);

}  // namespace reigen::docker
