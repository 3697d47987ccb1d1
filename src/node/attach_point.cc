#include "node/attach_point.h"

#include <algorithm>

#include "base/log.h"

namespace reigen::node {
namespace {
constexpr size_t kParkedLimit = 1024;
}

apiserver::ContainerStreams client_side(const std::shared_ptr<SessionStreams>& streams) {
  apiserver::ContainerStreams out;
  out.input = streams->client_input();
  out.output = streams->client_output();
  out.resize = [streams](int width, int height) { streams->resize(width, height); };
  out.ended = [streams](apiserver::Done<int> done) { streams->when_ended(std::move(done)); };
  return out;
}

Result<apiserver::ContainerStreams> AttachPoint::attach(Wish wish) {
  {
    std::lock_guard lock(mutex_);
    if (closed_) return fail(Code::kNotFound, "the container is removed");
    std::erase_if(parked_, [](const Client& client) { return client.streams->over(); });
    if (parked_.size() >= kParkedLimit) return fail(Code::kResourceExhausted, "too many clients wait for the container's start");
  }
  SessionStreamsOptions options{.in = wish.in, .out = wish.out, .err = wish.err, .framed = !wish.tty, .outlives_client = false};
  auto streams = SessionStreams::make(executor_, options);
  auto client = client_side(streams);
  Client entry{streams, wish.in};
  if (wish.log) {
    // The client must be able to read before the log ends.
    executor_.post([self = shared_from_this(), entry = std::move(entry), wish = std::move(wish)]() mutable {
      auto waiting = entry.streams;
      waiting->send_first(std::move(wish.log), [self, entry = std::move(entry), stream = wish.stream]() mutable {
        self->executor_.post([self, entry = std::move(entry), stream]() mutable { self->place(std::move(entry), stream); });
      });
    });
  } else {
    place(std::move(entry), wish.stream);
  }
  return client;
}

void AttachPoint::place(Client client, bool stream) {
  if (!stream) return client.streams->finish(0);
  std::string running;
  {
    std::lock_guard lock(mutex_);
    if (!closed_ && runtime_id_.empty()) {
      parked_.push_back(std::move(client));
      return;
    }
    running = runtime_id_;
  }
  if (running.empty()) return client.streams->finish(0);
  join(std::move(client), running);
}

void AttachPoint::join(Client client, const std::string& runtime_id) {
  if (client.streams->over()) return;
  auto session = runtime_.attach(runtime_id, client.in);
  if (!session) {
    LOG(kDebug, "docker", "attach to {}: {}", runtime_id, session.error().message());
    return client.streams->finish(0);
  }
  client.streams->join(std::move(*session));
}

void AttachPoint::run(const std::string& runtime_id) {
  std::vector<Client> waiting;
  std::optional<std::pair<int, int>> size;
  {
    std::lock_guard lock(mutex_);
    runtime_id_ = runtime_id;
    waiting = std::exchange(parked_, {});
    size = std::exchange(size_, std::nullopt);
  }
  for (auto& client : waiting) {
    if (size) client.streams->resize(size->first, size->second);
    join(std::move(client), runtime_id);
  }
}

void AttachPoint::adopt(const std::string& runtime_id) { run(runtime_id); }

void AttachPoint::ended() {
  std::lock_guard lock(mutex_);
  runtime_id_.clear();
}

void AttachPoint::close() {
  std::vector<Client> waiting;
  {
    std::lock_guard lock(mutex_);
    closed_ = true;
    waiting = std::exchange(parked_, {});
  }
  for (auto& client : waiting) client.streams->finish(0);
}

void AttachPoint::resize(int width, int height) {
  std::string running;
  {
    std::lock_guard lock(mutex_);
    running = runtime_id_;
    if (running.empty()) size_ = std::pair(width, height);
  }
  if (running.empty()) return;
  if (auto done = runtime_.resize(running, width, height); !done) LOG(kDebug, "docker", "{}", done.error().message());
}

std::optional<std::pair<int, int>> AttachPoint::early_size() const {
  std::lock_guard lock(mutex_);
  return size_;
}

}  // namespace reigen::node
