#include "http/client.h"

#include <condition_variable>

#include "http/client_call.h"

namespace reigen::http {

namespace {

// Reads a body to its end.
struct Collector : std::enable_shared_from_this<Collector> {
  std::shared_ptr<ByteStream> body;
  Response response;
  size_t limit = 0;
  std::move_only_function<void(Result<Response>)> done;

  void next() {
    body->read(1 << 20, [self = shared_from_this()](Result<std::string> piece) {
      if (!piece) return self->done(fail(std::move(piece).error()));
      if (piece->empty()) return self->done(std::move(self->response));
      if (self->response.body.size() + piece->size() > self->limit) {
        self->body->close();
        return self->done(fail(Code::kResourceExhausted, "answer is larger than the limit"));
      }
      self->response.body.append(*piece);
      self->next();
    });
  }
};

template <class T>
class Wait {
 public:
  void set(Result<T> value) {
    std::lock_guard lock(mutex_);
    value_ = std::move(value);
    set_ = true;
    changed_.notify_one();
  }
  Result<T> get() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return set_; });
    return std::move(value_);
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool set_ = false;
  Result<T> value_;
};

}  // namespace

Client::Client(ClientOptions options) : state_(std::make_shared<State>(std::move(options))) {}
Client::~Client() { state_->shut(); }

void Client::request_async(ClientRequest request, std::move_only_function<void(Result<Response>)> done) {
  size_t limit = state_->options.max_body;
  state_->execute(std::move(request), CallMode::kWhole, [limit, done = std::move(done)](Result<StreamResponse> head) mutable {
    if (!head) return done(fail(std::move(head).error()));
    auto collector = std::make_shared<Collector>();
    collector->body = std::move(head->body);
    collector->response = {head->status, std::move(head->reason), std::move(head->headers), {}};
    collector->limit = limit;
    collector->done = std::move(done);
    collector->next();
  });
}

Result<Response> Client::request(ClientRequest request) {
  auto wait = std::make_shared<Wait<Response>>();
  request_async(std::move(request), [wait](Result<Response> response) { wait->set(std::move(response)); });
  return wait->get();
}

void Client::stream(ClientRequest request, std::move_only_function<void(Result<StreamResponse>)> done) {
  state_->execute(std::move(request), CallMode::kStream, std::move(done));
}

Result<StreamResponse> Client::stream(ClientRequest request) {
  auto wait = std::make_shared<Wait<StreamResponse>>();
  stream(std::move(request), [wait](Result<StreamResponse> response) { wait->set(std::move(response)); });
  return wait->get();
}

void Client::upgrade(ClientRequest request, std::move_only_function<void(Result<StreamResponse>)> done) {
  state_->execute(std::move(request), CallMode::kUpgrade, std::move(done));
}

Result<StreamResponse> Client::upgrade(ClientRequest request) {
  auto wait = std::make_shared<Wait<StreamResponse>>();
  upgrade(std::move(request), [wait](Result<StreamResponse> response) { wait->set(std::move(response)); });
  return wait->get();
}

}  // namespace reigen::http
