// Poller: one thread that waits for file descriptors (epoll) and tells who asked.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "base/byte_stream.h"
#include "base/fd.h"

namespace reigen {

class Poller {
 public:
  using Handle = uint64_t;
  // events: EPOLLIN, EPOLLOUT, EPOLLHUP, ... as epoll reports them.
  using Ready = std::move_only_function<void(uint32_t events)>;

  Poller();
  ~Poller();  // stops the thread; watches are dropped
  Poller(const Poller&) = delete;
  Poller& operator=(const Poller&) = delete;

  // Calls `ready` on the poller's thread whenever fd has one of `events` (level-triggered). The callback must be short and must
  // not block. The caller keeps fd open until remove() has returned.
  Result<Handle> add(int fd, uint32_t events, Ready ready);
  // Changes the events; a one-shot watch (EPOLLONESHOT) is armed again.
  void modify(Handle handle, uint32_t events);
  // After it returns the callback will not run again, and does not run now unless called from it.
  void remove(Handle handle);

  // As add(), for one event: the descriptor is no longer watched when `ready` runs, and the handle ends with it, so that whoever made
  // the watch need not know it. The handle is for giving up earlier.
  Result<Handle> once(int fd, uint32_t events, Ready ready);

  // Reads what is left of a process through its pidfd: calls `exited` once, on the poller's thread, when the process has ended.
  Result<Handle> on_exit(int pidfd, std::move_only_function<void()> exited);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// A stream over non-blocking descriptors (they are made so). read_fd and write_fd may be the same number once: pass the second
// as an empty Fd then. close_write shuts a socket's sending side down, or closes write_fd.
std::shared_ptr<ByteStream> make_fd_stream(Poller& poller, Fd read_fd, Fd write_fd);

}  // namespace reigen
