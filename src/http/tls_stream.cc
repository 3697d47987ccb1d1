#include "http/tls_stream.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <mutex>
#include <optional>

#include "http/openssl_handles.h"
#include "http/socket.h"
#include "http/tls.h"

namespace reigen::http {

namespace {

constexpr size_t kPiece = 32 << 10;

// The TLS machine works on memory; what it wants to send and receive is passed to the stream under it. One lock guards it; no
// callback runs with the lock held.
class TlsStream final : public ByteStream, public std::enable_shared_from_this<TlsStream> {
 public:
  using Ready = std::move_only_function<void(Result<std::shared_ptr<ByteStream>>)>;

  TlsStream(std::shared_ptr<ByteStream> under, SSL* ssl) : under_(std::move(under)), ssl_(ssl) {
    in_ = BIO_new(BIO_s_mem());
    out_ = BIO_new(BIO_s_mem());
    BIO_set_mem_eof_return(in_, -1);
    SSL_set_bio(ssl, in_, out_);
    SSL_set_connect_state(ssl);
  }
  ~TlsStream() override { under_->close(); }

  void handshake(Ready ready) {
    std::unique_lock lock(mutex_);
    ready_ = std::move(ready);
    step(lock);
  }

  void read(size_t max, ReadDone done) override {
    std::unique_lock lock(mutex_);
    reading_ = std::move(done);
    read_max_ = std::max<size_t>(max, 1);
    step(lock);
  }

  void write(std::string data, WriteDone done) override {
    std::unique_lock lock(mutex_);
    if (error_ || write_closed_) {
      Error error = error_ ? *error_ : Error(Code::kCancelled, "stream closed");
      lock.unlock();
      return done(fail(error));
    }
    size_t offset = 0;
    ERR_clear_error();
    while (offset < data.size()) {  // into memory: takes everything
      int n = SSL_write(ssl_.get(), data.data() + offset, static_cast<int>(std::min<size_t>(data.size() - offset, 1 << 30)));
      if (n <= 0) break;
      offset += static_cast<size_t>(n);
    }
    if (offset < data.size()) {
      auto failed = fail_openssl("TLS write", Code::kUnavailable);
      lock.unlock();
      return done(std::move(failed));
    }
    writing_ = std::move(done);
    step(lock);
  }

  void close_write() override {
    std::unique_lock lock(mutex_);
    if (write_closed_) return;
    write_closed_ = true;
    ERR_clear_error();
    SSL_shutdown(ssl_.get());
    step(lock);
  }

  void close() override {
    std::unique_lock lock(mutex_);
    if (!error_) error_ = Error(Code::kCancelled, "stream closed");
    auto reading = std::exchange(reading_, nullptr);
    auto writing = std::exchange(writing_, nullptr);
    auto ready = std::exchange(ready_, nullptr);
    Error error = *error_;
    lock.unlock();
    under_->close();
    if (reading) reading(fail(error));
    if (writing) writing(fail(error));
    if (ready) ready(fail(error));
  }

 private:
  // Goes on with whatever is possible. The lock is released when it returns.
  void step(std::unique_lock<std::mutex>& lock) {
    std::vector<Fn> run;
    bool wants_input = false;
    if (ready_) wants_input = step_handshake(run);
    else if (reading_) wants_input = step_read(run);
    std::string output = take_output();
    bool start_write = !output.empty();
    if (start_write) under_writing_ = true;
    if (!start_write && !under_writing_ && writing_) finish_write(run);
    bool start_shutdown = !start_write && !under_writing_ && write_closed_ && !under_shut_;
    if (start_shutdown) under_shut_ = true;
    bool start_read = wants_input && !under_reading_ && !error_;
    if (start_read) under_reading_ = true;
    lock.unlock();
    if (start_write) write_under(std::move(output));
    if (start_shutdown) under_->close_write();
    if (start_read) read_under();
    for (auto& fn : run) fn();
  }

  std::string take_output() {
    std::string output;
    if (under_writing_) return output;
    size_t pending = BIO_ctrl_pending(out_);
    if (pending == 0) return output;
    output.resize(pending);
    BIO_read(out_, output.data(), static_cast<int>(pending));
    return output;
  }

  void finish_write(std::vector<Fn>& run) {
    run.push_back([done = std::exchange(writing_, nullptr), error = error_]() mutable { done(error ? Status(fail(*error)) : Status()); });
  }

  bool step_handshake(std::vector<Fn>& run) {
    ERR_clear_error();
    int result = SSL_do_handshake(ssl_.get());
    if (result == 1) {
      run.push_back([ready = std::exchange(ready_, nullptr), self = shared_from_this()]() mutable { ready(self); });
      return false;
    }
    if (SSL_get_error(ssl_.get(), result) == SSL_ERROR_WANT_READ && !under_eof_ && !error_) return true;
    if (!error_) {
      long verify = SSL_get_verify_result(ssl_.get());
      auto failed = fail_openssl("TLS handshake", Code::kUnavailable);
      std::string text = failed.error().message();
      if (verify != X509_V_OK) text += std::string(" (") + X509_verify_cert_error_string(verify) + ")";
      if (under_eof_) text = "TLS handshake: connection closed";
      error_ = Error(Code::kUnavailable, text);
    }
    run.push_back([ready = std::exchange(ready_, nullptr), error = *error_]() mutable { ready(fail(error)); });
    return false;
  }

  bool step_read(std::vector<Fn>& run) {
    std::string out(std::min(read_max_, kPiece), '\0');
    ERR_clear_error();
    int n = SSL_read(ssl_.get(), out.data(), static_cast<int>(out.size()));
    Result<std::string> result;
    if (n > 0) {
      out.resize(static_cast<size_t>(n));
      result = std::move(out);
    } else {
      int error = SSL_get_error(ssl_.get(), n);
      if (error_) {
        result = fail(*error_);
      } else if (error == SSL_ERROR_ZERO_RETURN || (error == SSL_ERROR_WANT_READ && under_eof_)) {
        result = std::string();
      } else if (error == SSL_ERROR_WANT_READ) {
        return true;
      } else {
        auto failed = fail_openssl("TLS read", Code::kUnavailable);
        error_ = failed.error();
        result = failed;
      }
    }
    run.push_back([done = std::exchange(reading_, nullptr), result = std::move(result)]() mutable { done(std::move(result)); });
    return false;
  }

  void write_under(std::string output) {
    under_->write(std::move(output), [self = shared_from_this()](Status status) {
      std::unique_lock lock(self->mutex_);
      self->under_writing_ = false;
      if (!status && !self->error_) self->error_ = status.error();
      self->step(lock);
    });
  }

  void read_under() {
    under_->read(kPiece, [self = shared_from_this()](Result<std::string> bytes) {
      std::unique_lock lock(self->mutex_);
      self->under_reading_ = false;
      if (!bytes) {
        if (!self->error_) self->error_ = bytes.error();
      } else if (bytes->empty()) {
        self->under_eof_ = true;
      } else {
        BIO_write(self->in_, bytes->data(), static_cast<int>(bytes->size()));
      }
      self->step(lock);
    });
  }

  std::mutex mutex_;
  std::shared_ptr<ByteStream> under_;
  std::unique_ptr<SSL, SslFree> ssl_;
  BIO* in_;
  BIO* out_;
  Ready ready_;
  ReadDone reading_;
  size_t read_max_ = 0;
  WriteDone writing_;
  bool under_reading_ = false;
  bool under_writing_ = false;
  bool under_eof_ = false;
  bool under_shut_ = false;
  bool write_closed_ = false;
  std::optional<Error> error_;
};

}  // namespace

void start_tls(std::shared_ptr<ByteStream> under, const ClientTls& tls, const std::string& host,
               std::move_only_function<void(Result<std::shared_ptr<ByteStream>>)> done) {
  SSL* ssl = SSL_new(tls.context().get());
  const std::string& name = tls.server_name().empty() ? host : tls.server_name();
  unsigned char address[16];
  bool is_ip = inet_pton(AF_INET, name.c_str(), address) == 1 || inet_pton(AF_INET6, name.c_str(), address) == 1;
  if (is_ip) {
    X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), name.c_str());
  } else {
    SSL_set_tlsext_host_name(ssl, name.c_str());
    SSL_set1_host(ssl, name.c_str());
  }
  auto stream = std::make_shared<TlsStream>(std::move(under), ssl);
  stream->handshake(std::move(done));
}

}  // namespace reigen::http
