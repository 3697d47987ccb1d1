#include "client/controller.h"

#include <charconv>
#include <map>
#include <mutex>

#include "api/metav1.h"
#include "base/log.h"

namespace reigen::client {
namespace {
// Resource versions are revisions of the store; what is not a number is treated as seen.
uint64_t parse_version(std::string_view text) {
  uint64_t version = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), version);
  return error == std::errc() && end == text.data() + text.size() ? version : 0;
}
}  // namespace

struct ControllerLoop::State : std::enable_shared_from_this<ControllerLoop::State> {
  State(Executor& executor, ControllerOptions options, Reconciler& reconciler) : executor(executor), options(std::move(options)), reconciler(reconciler) {}

  Executor& executor;
  const ControllerOptions options;
  Reconciler& reconciler;
  std::unique_ptr<WorkQueue> queue;  // its work refers to this weakly

  struct Expectation {
    uint64_t version = 0;
    TimePoint until{};
  };
  mutable std::mutex mutex;
  // What of our own writes must be seen before a key is worked on.
  std::map<std::string, std::map<ObjectInformer*, Expectation>> expected;
  Metrics metrics;

  // True when the key waits for an informer; it is added again when that has seen the write, or when the time is over.
  bool waits_for_own_write(const std::string& key) {
    ObjectInformer* informer = nullptr;
    Expectation expectation;
    {
      std::lock_guard lock(mutex);
      auto found = expected.find(key);
      if (found == expected.end()) return false;
      auto now = executor.clock().now();
      std::erase_if(found->second, [&](const auto& entry) { return entry.first->version() >= entry.second.version || entry.second.until <= now; });
      if (found->second.empty()) {
        expected.erase(found);
        return false;
      }
      informer = found->second.begin()->first;
      expectation = found->second.begin()->second;
      ++metrics.waits_for_own_write;
    }
    queue->add_after(key, expectation.until - executor.clock().now());
    informer->when_seen(expectation.version, [weak = weak_from_this(), key] {
      if (auto self = weak.lock()) self->queue->add(key);
    });
    return true;
  }

  void work(const std::string& key) {
    if (waits_for_own_write(key)) return;
    auto begin = executor.clock().now();
    auto next = reconciler.reconcile(key);
    {
      std::lock_guard lock(mutex);
      ++metrics.runs;
      metrics.busy += executor.clock().now() - begin;
      if (!next) ++metrics.failures;
    }
    if (next) {
      queue->forget(key);
      if (next->again_after > Duration::zero()) queue->add_after(key, next->again_after);
      return;
    }
    if (options.max_retries >= 0 && queue->failures(key) >= options.max_retries) {
      LOG(kError, options.name, "{}: given up: {}", key, next.error().message());
      queue->forget(key);
      std::lock_guard lock(mutex);
      ++metrics.given_up;
      return;
    }
    Duration delay = queue->add_rate_limited(key);
    // Lost races are everyday life.
    if (next.error().code() == Code::kConflict) return;
    LOG(kWarning, options.name, "{}: {}; again in {} ms", key, next.error().message(), std::chrono::duration_cast<std::chrono::milliseconds>(delay).count());
  }
};

ControllerLoop::ControllerLoop(Executor& executor, ControllerOptions options, Reconciler& reconciler)
    : state_(std::make_shared<State>(executor, std::move(options), reconciler)) {
  const auto& o = state_->options;
  state_->queue =
      std::make_unique<WorkQueue>(executor, WorkQueueOptions{.name = o.name, .workers = o.workers, .base_delay = o.base_delay, .max_delay = o.max_delay},
                                  [weak = std::weak_ptr(state_)](const std::string& key) {
                                    if (auto state = weak.lock()) state->work(key);
                                  });
}

ControllerLoop::~ControllerLoop() { stop(); }

void ControllerLoop::start(std::vector<ObjectInformer*> informers) {
  if (informers.empty()) return state_->queue->start();
  auto missing = std::make_shared<std::atomic<size_t>>(informers.size());
  for (auto* informer : informers) {
    informer->add_handler([](const api::Object*, const api::Object*) {},
                          [missing, weak = std::weak_ptr(state_)] {
                            if (missing->fetch_sub(1) != 1) return;
                            if (auto state = weak.lock()) state->queue->start();
                          });
  }
}

void ControllerLoop::stop() { state_->queue->stop(); }
void ControllerLoop::enqueue(std::string key) { state_->queue->add(std::move(key)); }
void ControllerLoop::enqueue_after(std::string key, Duration delay) { state_->queue->add_after(std::move(key), delay); }

void ControllerLoop::wrote(const std::string& key, ObjectInformer& informer, const api::Object& object) {
  if (object && object.has_meta()) wrote(key, informer, object.meta().resource_version);
}

void ControllerLoop::wrote(const std::string& key, ObjectInformer& informer, std::string_view resource_version) {
  uint64_t version = parse_version(resource_version);
  if (version == 0 || informer.version() >= version) return;
  std::lock_guard lock(state_->mutex);
  auto& expectation = state_->expected[key][&informer];
  expectation.version = std::max(expectation.version, version);
  expectation.until = state_->executor.clock().now() + state_->options.own_write_timeout;
}

ControllerLoop::Metrics ControllerLoop::metrics() const {
  std::lock_guard lock(state_->mutex);
  Metrics metrics = state_->metrics;
  metrics.depth = state_->queue->depth();
  return metrics;
}

bool ControllerLoop::idle() const { return state_->queue->idle(); }

}  // namespace reigen::client
