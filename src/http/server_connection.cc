#include "http/server_connection.h"

#include <openssl/ssl.h>
#include <sys/epoll.h>

#include "base/log.h"
#include "http/openssl_handles.h"
#include "http/socket_stream.h"

namespace reigen::http {

namespace {
constexpr std::string_view kHttp2Preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
constexpr Duration kLinger = std::chrono::seconds(2);
}  // namespace

ServerConnection::ServerConnection(std::shared_ptr<ServerCore> core, std::shared_ptr<ServerWorker> worker, Socket socket, Remote remote)
    : core_(std::move(core)), worker_(std::move(worker)), socket_(std::move(socket)), remote_(std::move(remote)) {}

ServerConnection::~ServerConnection() { core_->connections.fetch_sub(1, std::memory_order_relaxed); }

void ServerConnection::begin() {
  entry_ = loop().add(socket_.fd(), EPOLLIN, this);
  set_deadline(core_->options.head_timeout);
  handshaking_ = socket_.ssl() != nullptr;
}

void ServerConnection::describe(Request& request) const {
  request.remote_address = remote_.address;
  request.remote_port = remote_.port;
  request.is_tls = socket_.ssl() != nullptr;
  request.peer = peer_;
  request.peer_error = peer_error_;
}

void ServerConnection::on_events(uint32_t events) {
  auto self = shared_from_this();
  if (handshaking_) return continue_handshake();
  if (events & EPOLLOUT) flush();
  if (!is_open() || !entry_) return;
  if (events & EPOLLIN) {
    read_some();
  } else if (events & (EPOLLHUP | EPOLLERR)) {
    return close();
  }
  if (is_open() && entry_) update_interest();
}

// As Go's net/http tells it, by the five bytes that would be the head of a record.
bool ServerConnection::begins_plain_http() const {
  char bytes[5];
  std::string_view first(bytes, socket_.peek(bytes, sizeof bytes));
  return first == "GET /" || first == "HEAD " || first == "POST " || first == "PUT /" || first == "OPTIO";
}

void ServerConnection::refuse_plain_http() {
  handshaking_ = false;
  socket_.drop_tls();
  out_.append("HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n");
  close_after_flush();
}

void ServerConnection::continue_handshake() {
  if (SSL_in_before(socket_.ssl()) && begins_plain_http()) return refuse_plain_http();
  switch (socket_.handshake()) {
    case Socket::Io::kOk: return finish_handshake();
    case Socket::Io::kWait: return loop().modify(entry_, socket_.wants_write() ? EPOLLOUT : EPOLLIN);
    default: LOG(kDebug, "http", "{}:{}: {}", remote_.address, remote_.port, socket_.error()); return close();
  }
}

void ServerConnection::finish_handshake() {
  handshaking_ = false;
  SSL* ssl = socket_.ssl();
  if (X509* certificate = SSL_get0_peer_certificate(ssl)) {
    long verdict = SSL_get_verify_result(ssl);
    if (verdict == X509_V_OK) {
      peer_ = std::make_shared<TlsPeer>(http::describe(certificate));
    } else {
      peer_error_ = X509_verify_cert_error_string(verdict);
    }
  }
  const unsigned char* name = nullptr;
  unsigned length = 0;
  SSL_get0_alpn_selected(ssl, &name, &length);
  bool http2 = std::string_view(reinterpret_cast<const char*>(name), length) == "h2";
  protocol_ = http2 ? make_http2(*this) : make_http1(*this);
  set_deadline(core_->options.head_timeout);
  loop().modify(entry_, EPOLLIN);
  read_some();
  if (is_open() && entry_) update_interest();
}

void ServerConnection::choose_plain(std::string_view bytes) {
  preface_.append(bytes);
  size_t n = std::min(preface_.size(), kHttp2Preface.size());
  bool may_be_http2 = std::string_view(preface_).substr(0, n) == kHttp2Preface.substr(0, n);
  if (may_be_http2 && n < kHttp2Preface.size()) return;
  protocol_ = may_be_http2 ? make_http2(*this) : make_http1(*this);
  std::string first;
  first.swap(preface_);
  protocol_->on_data(first);
}

void ServerConnection::handle_data(std::string_view bytes) {
  if (lingering_ || closing_) return;
  if (protocol_) {
    protocol_->on_data(bytes);
  } else {
    choose_plain(bytes);
  }
}

void ServerConnection::read_some() {
  while (is_open() && entry_ && !eof_ && (!protocol_ || closing_ || protocol_->wants_read())) {
    size_t n;
    Socket::Io io = socket_.read(loop().read_buffer(), IoLoop::kReadBuffer, n);
    if (io == Socket::Io::kOk) {
      handle_data({loop().read_buffer(), n});
      if (!is_open() || !entry_) return;
      // A short read emptied the kernel's buffer; level-triggered epoll tells of more.
      if (socket_.ssl() ? !socket_.has_pending() : n < IoLoop::kReadBuffer) return;
      continue;
    }
    if (io == Socket::Io::kWait) return;
    if (io == Socket::Io::kError || lingering_ || !protocol_) return close();
    eof_ = true;
    protocol_->on_eof();
  }
}

void ServerConnection::request_flush() {
  if (flush_scheduled_) return;
  flush_scheduled_ = true;
  loop().at_round_end(shared_from_this());
}

void ServerConnection::run_on_loop() {
  flush_scheduled_ = false;
  if (!is_open() || !entry_) return;
  flush();
  if (is_open() && entry_) update_interest();
}

void ServerConnection::flush() {
  size_t before = out_.size();
  Socket::Io io = socket_.flush(out_);
  if (io == Socket::Io::kError || io == Socket::Io::kEnd) return close();
  if (out_.empty()) {
    write_deadline_ = TimePoint::max();
  } else if (out_.size() != before || write_deadline_ == TimePoint::max()) {
    Duration stall = write_stall_ == Duration::zero() ? core_->options.stall_timeout : write_stall_;
    write_deadline_ = stall == Duration::max() ? TimePoint::max() : loop().now() + stall;
    if (write_deadline_ != TimePoint::max()) arm_timer(write_deadline_);
  }
  if (out_.size() != before && protocol_) protocol_->on_written();
  if (!is_open() || !entry_) return;
  // What TLS has taken from the kernel already raises no event.
  if (socket_.has_pending() && !handshaking_ && protocol_ && protocol_->wants_read()) request_resume();
  if (out_.empty() && closing_ && !lingering_) {
    if (eof_) return close();
    lingering_ = true;
    socket_.shutdown_write();
    set_deadline(kLinger);
  }
}

void ServerConnection::close_after_flush() {
  closing_ = true;
  clear_deadline();
  request_flush();
}

void ServerConnection::close() {
  if (!socket_.is_open()) return;
  auto self = shared_from_this();
  unwatch();
  socket_.close();
  out_.clear();
  if (protocol_) protocol_->on_closed();
  worker_->connections.erase(this);
}

void ServerConnection::unwatch() {
  if (entry_) loop().remove(std::exchange(entry_, nullptr));
  if (timer_armed_) {
    loop().cancel(timer_);
    timer_armed_ = false;
  }
}

std::shared_ptr<ByteStream> ServerConnection::detach(std::string unread) {
  auto self = shared_from_this();
  unwatch();
  auto stream = SocketStream::adopt(worker_->loop, std::move(socket_), std::move(out_), std::move(unread));
  worker_->connections.erase(this);
  return stream;
}

void ServerConnection::request_resume() {
  shared_loop()->post([weak = weak_from_this()] {
    auto self = weak.lock();
    if (!self || !self->is_open() || !self->entry_) return;
    if (self->protocol_) self->protocol_->resume();
    if (!self->is_open() || !self->entry_) return;
    self->read_some();
    if (self->is_open() && self->entry_) self->update_interest();
  });
}

void ServerConnection::update_interest() {
  uint32_t events = 0;
  if (!eof_ && (closing_ || !protocol_ || protocol_->wants_read())) events |= EPOLLIN;
  if (!out_.empty() && socket_.wants_write()) events |= EPOLLOUT;
  loop().modify(entry_, events);
}

void ServerConnection::set_deadline(Duration from_now) {
  deadline_ = loop().now() + from_now;
  arm_timer(deadline_);
}

// The timer may be early: on_timer looks at the real deadlines and sets it again. So a deadline that moves back costs nothing.
void ServerConnection::arm_timer(TimePoint at) {
  if (timer_armed_) {
    if (timer_at_ <= at) return;
    loop().cancel(timer_);
  }
  timer_armed_ = true;
  timer_at_ = at;
  timer_ = loop().after(at - loop().now(), [this] { on_timer(); });
}

void ServerConnection::on_timer() {
  auto self = shared_from_this();
  timer_armed_ = false;
  TimePoint now = loop().now();
  if (now >= write_deadline_ || (now >= deadline_ && (!protocol_ || closing_))) return close();
  if (now >= deadline_) {
    deadline_ = TimePoint::max();
    protocol_->on_deadline();
    if (!is_open() || !entry_) return;
  }
  TimePoint next = std::min(deadline_, write_deadline_);
  if (next != TimePoint::max()) arm_timer(next);
}

void ServerConnection::drain() {
  if (protocol_) {
    protocol_->drain();
  } else {
    close();
  }
}

}  // namespace reigen::http
