#include "http/socket.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

namespace reigen::http {

namespace {
constexpr size_t kSmall = 2048;       // pieces below it are put together
constexpr size_t kRecord = 16 << 10;  // the most one TLS record carries
constexpr int kMaxPieces = 64;

// The text of the piece written last, for the next one on this thread: a piece then costs no allocation.
thread_local std::string spare_text;
}  // namespace

void SslFree::operator()(ssl_st* ssl) const { SSL_free(ssl); }

void OutQueue::append(std::string_view bytes) {
  if (bytes.empty()) return;
  bytes_ += bytes.size();
  if (pieces_.size() > head_ && !pieces_.back().shared && pieces_.back().own.size() < kRecord) {
    pieces_.back().own.append(bytes);
    return;
  }
  pieces_.push_back({std::exchange(spare_text, {}), nullptr, 0});
  pieces_.back().own.assign(bytes);
}

void OutQueue::append_body(Body body) {
  if (body.size() < kSmall) return append(body.view());
  bytes_ += body.size();
  if (body.shared()) {
    pieces_.push_back({{}, body.shared(), 0});
  } else {
    pieces_.push_back({std::move(body.own()), nullptr, 0});
  }
}

int OutQueue::pieces(iovec* out, int max) const {
  int n = 0;
  for (size_t i = head_; i < pieces_.size() && n < max; ++i) {
    std::string_view view = pieces_[i].view();
    out[n++] = {const_cast<char*>(view.data()), view.size()};
  }
  return n;
}

std::string_view OutQueue::front() const { return pieces_[head_].view(); }

size_t OutQueue::copy(char* out, size_t n) const {
  size_t done = 0;
  for (size_t i = head_; i < pieces_.size() && done < n; ++i) {
    std::string_view view = pieces_[i].view().substr(0, n - done);
    memcpy(out + done, view.data(), view.size());
    done += view.size();
  }
  return done;
}

void OutQueue::consume(size_t n) {
  bytes_ -= n;
  while (n > 0) {
    Piece& piece = pieces_[head_];
    size_t left = piece.view().size();
    if (n < left) {
      piece.offset += n;
      return;
    }
    n -= left;
    drop_front();
  }
  if (bytes_ == 0) {
    clear();
  } else if (head_ > 64 && head_ * 2 > pieces_.size()) {
    pieces_.erase(pieces_.begin(), pieces_.begin() + static_cast<ptrdiff_t>(head_));
    head_ = 0;
  }
}

void OutQueue::drop_front() {
  Piece& piece = pieces_[head_++];
  size_t room = piece.own.capacity();
  if (room > spare_text.capacity() && room <= 2 * kRecord) spare_text = std::move(piece.own);
  piece = Piece();
}

void OutQueue::clear() {
  bytes_ = 0;
  head_ = 0;
  if (pieces_.capacity() > 16) {
    std::vector<Piece>().swap(pieces_);
  } else {
    pieces_.clear();
  }
}

Socket::Io Socket::tls_result(int result, const char* what) {
  switch (SSL_get_error(ssl_.get(), result)) {
    case SSL_ERROR_WANT_READ: wants_write_ = false; return Io::kWait;
    case SSL_ERROR_WANT_WRITE: wants_write_ = true; return Io::kWait;
    case SSL_ERROR_ZERO_RETURN: return Io::kEnd;
    case SSL_ERROR_SYSCALL:
      broken_ = true;
      error_ = std::string(what) + ": " + (errno ? strerror(errno) : "connection closed");
      ERR_clear_error();
      return Io::kError;
    default: {
      broken_ = true;
      unsigned long code = ERR_peek_error();
      const char* reason = ERR_reason_error_string(code);
      error_ = std::string(what) + ": " + (reason ? reason : "TLS failure");
      long verify = SSL_get_verify_result(ssl_.get());
      if (verify != X509_V_OK && !SSL_is_server(ssl_.get())) error_ += std::string(" (") + X509_verify_cert_error_string(verify) + ")";
      bool cut = ERR_GET_REASON(code) == SSL_R_UNEXPECTED_EOF_WHILE_READING;
      ERR_clear_error();
      return cut ? Io::kEnd : Io::kError;
    }
  }
}

Socket::Io Socket::handshake() {
  if (!ssl_) return Io::kOk;
  ERR_clear_error();
  int result = SSL_do_handshake(ssl_.get());
  if (result == 1) return Io::kOk;
  return tls_result(result, "TLS handshake");
}

size_t Socket::peek(char* out, size_t max) const {
  ssize_t got = ::recv(fd_.get(), out, max, MSG_PEEK);
  return got > 0 ? static_cast<size_t>(got) : 0;
}

Socket::Io Socket::read(char* out, size_t max, size_t& n) {
  n = 0;
  if (ssl_) {
    ERR_clear_error();
    int result = SSL_read(ssl_.get(), out, static_cast<int>(std::min<size_t>(max, 1 << 30)));
    if (result > 0) {
      n = static_cast<size_t>(result);
      return Io::kOk;
    }
    // Waiting for input says nothing about output that waits.
    bool waits = wants_write_;
    Io io = tls_result(result, "read");
    wants_write_ = waits;
    return io;
  }
  ssize_t got;
  do got = ::recv(fd_.get(), out, max, 0);
  while (got < 0 && errno == EINTR);
  if (got > 0) {
    n = static_cast<size_t>(got);
    return Io::kOk;
  }
  if (got == 0) return Io::kEnd;
  if (errno == EAGAIN) return Io::kWait;
  error_ = std::string("read: ") + strerror(errno);
  return Io::kError;
}

bool Socket::has_pending() const { return ssl_ && SSL_has_pending(ssl_.get()); }

Socket::Io Socket::flush(OutQueue& queue) {
  if (queue.empty()) return Io::kOk;
  return ssl_ ? flush_tls(queue) : flush_plain(queue);
}

Socket::Io Socket::flush_plain(OutQueue& queue) {
  while (!queue.empty()) {
    iovec parts[kMaxPieces];
    msghdr message{};
    message.msg_iov = parts;
    message.msg_iovlen = static_cast<size_t>(queue.pieces(parts, kMaxPieces));
    ssize_t sent;
    do sent = ::sendmsg(fd_.get(), &message, MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    if (sent < 0) {
      if (errno == EAGAIN) {
        wants_write_ = true;
        return Io::kWait;
      }
      error_ = std::string("write: ") + strerror(errno);
      return Io::kError;
    }
    queue.consume(static_cast<size_t>(sent));
  }
  return Io::kOk;
}

Socket::Io Socket::flush_tls(OutQueue& queue) {
  if (broken_) return Io::kError;
  // A retried SSL_write must be given the same bytes again: the front of the queue is them, and it only grows at its end.
  static thread_local char record[kRecord];
  while (!queue.empty()) {
    std::string_view front = queue.front();
    if (front.size() < kRecord && front.size() < queue.size()) front = {record, queue.copy(record, kRecord)};
    ERR_clear_error();
    int result = SSL_write(ssl_.get(), front.data(), static_cast<int>(std::min<size_t>(front.size(), 1 << 30)));
    if (result <= 0) return tls_result(result, "write");
    queue.consume(static_cast<size_t>(result));
  }
  return Io::kOk;
}

void Socket::shutdown_write() {
  if (ssl_ && !broken_) {
    ERR_clear_error();
    SSL_shutdown(ssl_.get());
  }
  ::shutdown(fd_.get(), SHUT_WR);
}

void Socket::close() {
  if (ssl_ && !broken_ && fd_.get() >= 0) {
    ERR_clear_error();
    SSL_shutdown(ssl_.get());  // tells the peer; its own close_notify is not awaited
    ERR_clear_error();
  }
  ssl_.reset();
  fd_.reset();
}

}  // namespace reigen::http
