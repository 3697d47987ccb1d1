// The reverse proxy of one request (client.h).
#include "http/client.h"
#include <mutex>

#include "http/server.h"

namespace reigen::http {

namespace {

constexpr size_t kPiece = 64 << 10;

// RFC 9110 7.6.1; Upgrade and Connection are put back for an upgrade.
constexpr std::string_view kHopByHop[] = {"Connection", "Keep-Alive",        "Proxy-Connection", "Proxy-Authenticate", "Proxy-Authorization", "TE",
                                          "Trailer",    "Transfer-Encoding", "Upgrade"};

void drop_hop_by_hop(Headers& headers) {
  std::vector<std::string> named;
  for (auto name : headers.list("Connection")) named.emplace_back(name);
  for (const auto& name : named) headers.remove(name);
  for (auto name : kHopByHop) headers.remove(name);
}

class Proxied : public std::enable_shared_from_this<Proxied> {
 public:
  Proxied(std::shared_ptr<Request> request, std::shared_ptr<Responder> responder, Dialer dial, ProxyOptions options)
      : request_(std::move(request)), responder_(std::move(responder)), options_(std::move(options)) {
    ClientOptions client;
    client.url = std::string(options_.tls ? "https://" : "http://") + (options_.host.empty() ? "upstream" : options_.host);
    client.tls = options_.tls_context;
    client.dial = std::move(dial);
    client.timeout = options_.head_timeout;
    client.max_idle = 0;
    client_ = std::make_unique<Client>(std::move(client));
  }

  void begin() {
    is_upgrade_ = request_->headers.has_token("Connection", "Upgrade") && request_->headers.has("Upgrade");
    ClientRequest out;
    out.method = request_->method;
    out.target = options_.target;
    out.headers = make_headers();
    out.timeout = options_.head_timeout;
    if (request_->body_stream) {
      out.body_stream = request_->body_stream;
    } else {
      out.headers.remove("Content-Length");
      out.body = std::move(request_->body);
    }
    responder_->on_close([weak = weak_from_this()] {
      if (auto self = weak.lock()) self->cancel();
    });
    auto done = [self = shared_from_this()](Result<StreamResponse> head) { self->on_head(std::move(head)); };
    if (is_upgrade_) {
      client_->upgrade(std::move(out), std::move(done));
    } else {
      client_->stream(std::move(out), std::move(done));
    }
  }

 private:
  Headers make_headers() {
    Headers headers = request_->headers;
    std::string upgrade(headers.get("Upgrade"));
    drop_hop_by_hop(headers);
    if (is_upgrade_) {
      headers.set("Connection", "Upgrade");
      headers.set("Upgrade", upgrade);
    }
    headers.remove("Expect");
    for (const auto& name : options_.remove_headers) headers.remove(name);
    if (!options_.host.empty()) headers.set("Host", options_.host);
    else if (!request_->host.empty()) headers.set("Host", request_->host);
    if (!request_->remote_address.empty()) {
      std::string forwarded(headers.get("X-Forwarded-For"));
      headers.set("X-Forwarded-For", forwarded.empty() ? request_->remote_address : forwarded + ", " + request_->remote_address);
    }
    for (const auto& field : options_.set_headers) headers.set(field.name, field.value);
    return headers;
  }

  void cancel() {
    std::shared_ptr<ByteStream> body;
    {
      std::lock_guard lock(mutex_);
      cancelled_ = true;
      body = body_;
    }
    if (body) body->close();
  }

  void on_head(Result<StreamResponse> head) {
    if (!head) {
      if (options_.on_error) return options_.on_error(*responder_, head.error());
      return responder_->send(502, {{"Content-Type", "text/plain; charset=utf-8"}}, head.error().message());
    }
    if (options_.on_head) options_.on_head(head->status, head->headers);
    bool switched = head->status == 101 || (is_upgrade_ && head->status < 300 && head->headers.has("Upgrade"));
    if (switched) return on_switch(std::move(*head));
    drop_hop_by_hop(head->headers);
    {
      std::lock_guard lock(mutex_);
      body_ = head->body;
      if (cancelled_) return body_->close();
    }
    if (options_.make_filter) filter_ = options_.make_filter(head->status, head->headers);
    if (filter_) head->headers.remove("Content-Length");
    responder_->start(head->status, std::move(head->headers));
    pump();
  }

  void on_switch(StreamResponse head) {
    responder_->upgrade_raw(head.status, std::move(head.headers), [self = shared_from_this(), upstream = head.body](std::shared_ptr<ByteStream> client) {
      if (!client) return upstream->close();
      splice(client, upstream, [self] {});
    });
  }

  void pump() {
    body_->read(kPiece, [self = shared_from_this()](Result<std::string> piece) {
      if (!piece) return self->responder_->abort();
      bool last = piece->empty();
      if (self->filter_) *piece = self->filter_(std::move(*piece));
      if (last) {
        if (!piece->empty()) self->responder_->write(std::move(*piece), nullptr);
        return self->responder_->finish();
      }
      if (piece->empty()) return self->pump();
      self->responder_->write(std::move(*piece), [self](Status status) {
        if (!status) return self->body_->close();
        self->pump();
      });
    });
  }

  std::shared_ptr<Request> request_;
  std::shared_ptr<Responder> responder_;
  ProxyOptions options_;
  std::unique_ptr<Client> client_;
  bool is_upgrade_ = false;
  std::mutex mutex_;
  bool cancelled_ = false;
  std::shared_ptr<ByteStream> body_;
  ProxyOptions::Filter filter_;
};

}  // namespace

void proxy(std::shared_ptr<Request> request, std::shared_ptr<Responder> responder, Dialer dial, ProxyOptions options) {
  std::make_shared<Proxied>(std::move(request), std::move(responder), std::move(dial), std::move(options))->begin();
}

}  // namespace reigen::http
