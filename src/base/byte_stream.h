// ByteStream: a two-way flow of bytes (a connection, a pipe pair, a channel of an exec session) with back-pressure.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/result.h"

namespace reigen {

// Callbacks may run on any thread, also before the call returns; the implementation keeps itself alive until they have run.
// At most one read and one write may be outstanding. All calls are thread-safe.
class ByteStream {
 public:
  using ReadDone = std::move_only_function<void(Result<std::string>)>;
  using WriteDone = std::move_only_function<void(Status)>;

  virtual ~ByteStream() = default;

  // Reads up to `max` bytes. An empty string is the end of the stream.
  virtual void read(size_t max, ReadDone done) = 0;
  // Writes all of data. Done means accepted with room for more, not received by the peer.
  virtual void write(std::string data, WriteDone done) = 0;
  // Half-close: the peer reads the end of the stream; reading goes on.
  virtual void close_write() = 0;
  // Ends both directions; outstanding calls get kCancelled.
  virtual void close() = 0;
};

// Copies a to b and b to a until both directions have ended or either failed, then closes both and calls done once.
void splice(std::shared_ptr<ByteStream> a, std::shared_ptr<ByteStream> b, std::move_only_function<void()> done);

// Two connected streams in memory; each side buffers up to `capacity` bytes.
std::pair<std::shared_ptr<ByteStream>, std::shared_ptr<ByteStream>> make_stream_pair(size_t capacity = 65536);

}  // namespace reigen
