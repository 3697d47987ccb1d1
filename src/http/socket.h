// Socket: a non-blocking connected socket with optional TLS, and the queue of what is to be written. Internal to http; loop thread only.
#pragma once

#include <sys/uio.h>

#include <vector>
#include <memory>
#include <string>
#include <string_view>

#include "base/fd.h"
#include "base/result.h"
#include "http/message.h"

struct ssl_st;
struct ssl_ctx_st;

namespace reigen::http {

struct SslFree {
  void operator()(ssl_st* ssl) const;
};

// Bytes that wait for the socket. Small pieces are put together, so that many make one write; large shared ones are not copied.
class OutQueue {
 public:
  void append(std::string_view bytes);
  void append_body(Body body);
  bool empty() const { return bytes_ == 0; }
  size_t size() const { return bytes_; }
  // Pieces from the front, at most `max`; returns how many.
  int pieces(iovec* out, int max) const;
  std::string_view front() const;
  // Copies up to n bytes from the front.
  size_t copy(char* out, size_t n) const;
  void consume(size_t n);
  void clear();

 private:
  void drop_front();

  struct Piece {
    std::string own;
    std::shared_ptr<const std::string> shared;
    size_t offset = 0;
    std::string_view view() const { return std::string_view(shared ? *shared : own).substr(offset); }
  };
  // A vector with a head index: a deque would cost 600 bytes a connection even when empty.
  std::vector<Piece> pieces_;
  size_t head_ = 0;
  size_t bytes_ = 0;
};

class Socket {
 public:
  enum class Io { kOk, kWait, kEnd, kError };

  Socket() = default;
  Socket(Fd fd, std::unique_ptr<ssl_st, SslFree> ssl) : fd_(std::move(fd)), ssl_(std::move(ssl)) {}
  Socket(Socket&&) = default;
  Socket& operator=(Socket&&) = default;

  int fd() const { return fd_.get(); }
  ssl_st* ssl() const { return ssl_.get(); }
  bool is_open() const { return fd_.get() >= 0; }

  // Goes on with the TLS handshake; kOk when complete (or not TLS).
  Io handshake();
  // The first bytes of what waits to be read, which stay there. Below TLS: its first record, when nothing was read yet.
  size_t peek(char* out, size_t max) const;
  // Only before the handshake began: what follows is plain.
  void drop_tls() { ssl_.reset(); }
  // Reads once into `out`; `n` is what came. kWait: nothing there.
  Io read(char* out, size_t max, size_t& n);
  // True when TLS holds bytes that epoll will not announce.
  bool has_pending() const;
  // Writes the queue until it is empty (kOk) or the kernel takes no more (kWait).
  Io flush(OutQueue& queue);
  // The epoll events the last call that returned kWait waits for beyond reading.
  bool wants_write() const { return wants_write_; }
  const std::string& error() const { return error_; }

  void shutdown_write();  // close_notify and FIN; pending output must have been flushed
  void close();

 private:
  Io tls_result(int result, const char* what);
  Io flush_plain(OutQueue& queue);
  Io flush_tls(OutQueue& queue);

  Fd fd_;
  std::unique_ptr<ssl_st, SslFree> ssl_;
  bool wants_write_ = false;
  bool broken_ = false;  // after a fatal TLS error nothing more may be written
  std::string error_;
};

}  // namespace reigen::http
