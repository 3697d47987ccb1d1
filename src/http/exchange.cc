#include "http/exchange.h"

#include "http/gzip.h"
#include "http/server_connection.h"

namespace reigen::http {

namespace {
constexpr size_t kSpareOps = 4;
}

Exchange::Exchange(std::shared_ptr<IoLoop> loop, std::weak_ptr<ServerConnection> connection, int64_t id, size_t gzip_threshold)
    : loop_(std::move(loop)), connection_(std::move(connection)), id_(id), gzip_threshold_(gzip_threshold) {}

Exchange::~Exchange() {
  if (ended_.load(std::memory_order_relaxed)) return;
  loop_->post([connection = connection_, id = id_] {
    if (auto self = connection.lock()) self->abandon(id);
  });
}

void Exchange::send(int status, Headers headers, Body body) {
  // Compressing takes a while: here, on the caller's thread.
  if (gzip_threshold_ > 0 && body.size() > gzip_threshold_ && status == 200 && !headers.has("Content-Encoding")) {
    body = gzip(body.view());
    headers.add("Content-Encoding", "gzip");
    headers.remove("Content-Length");
  }
  ended_.store(true, std::memory_order_relaxed);
  submit({.kind = Kind::kSend, .status = status, .headers = std::move(headers), .body = std::move(body)});
}

void Exchange::start(int status, Headers headers) { submit({.kind = Kind::kStart, .status = status, .headers = std::move(headers)}); }

void Exchange::write(Body chunk, WriteDone done) {
  mailbox_bytes_.fetch_add(chunk.size(), std::memory_order_relaxed);
  submit({.kind = Kind::kWrite, .body = std::move(chunk), .done = std::move(done)});
}

void Exchange::finish() {
  ended_.store(true, std::memory_order_relaxed);
  submit({.kind = Kind::kFinish});
}

void Exchange::abort() {
  ended_.store(true, std::memory_order_relaxed);
  submit({.kind = Kind::kAbort});
}

void Exchange::on_close(Fn fn) { submit({.kind = Kind::kOnClose, .fn = std::move(fn)}); }

void Exchange::run(Fn fn) {
  if (loop_->in_loop()) return fn();
  submit({.kind = Kind::kRun, .fn = std::move(fn)});
}

void Exchange::upgrade_raw(int status, Headers headers, Upgraded upgraded) {
  ended_.store(true, std::memory_order_relaxed);
  submit({.kind = Kind::kUpgrade, .status = status, .headers = std::move(headers), .upgraded = std::move(upgraded)});
}

void Exchange::submit(Op op) {
  bool in_loop = loop_->in_loop();
  bool bulk = op.kind == Kind::kWrite && !op.done && !in_loop;
  std::unique_lock lock(mutex_);
  if (in_loop && ops_.empty() && !running_) {
    running_ = true;
    lock.unlock();
    apply(op);
    lock.lock();
    running_ = false;
    if (ops_.empty()) return;
  } else {
    ops_.push_back(std::move(op));
    if (running_) return;
  }
  if (posted_) return;
  posted_ = true;
  lock.unlock();
  if (bulk ? loop_->post_bulk(shared_from_this()) : loop_->post(shared_from_this())) return;
  lock.lock();
  std::vector<Op> dropped;
  dropped.swap(ops_);
  lock.unlock();
  for (Op& each : dropped) drop(each);
}

void Exchange::run_on_loop() {
  std::unique_lock lock(mutex_);
  posted_ = false;
  if (running_) return;
  running_ = true;
  // The buffers go round among the exchanges: a thousand events then allocate nothing on one thread that another must free.
  static thread_local std::vector<Op> spare;
  auto batch = std::move(spare);
  while (!ops_.empty()) {
    batch.swap(ops_);
    lock.unlock();
    for (Op& op : batch) apply(op);
    batch.clear();
    lock.lock();
  }
  if (batch.capacity() <= kSpareOps) spare = std::move(batch);
  running_ = false;
}

void Exchange::drop(Op& op) {
  if (op.done) op.done(fail(Code::kCancelled, "client has gone"));
  if (op.upgraded) op.upgraded(nullptr);
  if (op.kind == Kind::kOnClose && op.fn) op.fn();
}

void Exchange::apply(Op& op) {
  if (op.kind == Kind::kWrite) mailbox_bytes_.fetch_sub(op.body.size(), std::memory_order_relaxed);
  auto connection = gone_ ? nullptr : connection_.lock();
  ServerProtocol* protocol = connection ? connection->protocol() : nullptr;
  if (!protocol || complete_) {
    if (complete_ && op.kind == Kind::kOnClose) return;
    return drop(op);
  }
  switch (op.kind) {
    case Kind::kSend: return protocol->send(*this, op.status, op.headers, op.body);
    case Kind::kStart: return protocol->start(*this, op.status, op.headers);
    case Kind::kWrite: return protocol->write(*this, op.body, std::move(op.done));
    case Kind::kFinish: return protocol->finish(*this);
    case Kind::kAbort: return protocol->abort(id_);
    case Kind::kOnClose: on_close_ = std::move(op.fn); return;
    case Kind::kRun: return op.fn();
    case Kind::kUpgrade: return protocol->upgrade(*this, op.status, op.headers, std::move(op.upgraded));
  }
}

void Exchange::client_gone() {
  if (gone_ || complete_) return;
  gone_ = true;
  Fn fn = std::exchange(on_close_, nullptr);
  if (fn) fn();
}

void Exchange::completed() {
  complete_ = true;
  on_close_ = nullptr;
}

}  // namespace reigen::http
