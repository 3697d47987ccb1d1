#include "client/work_queue.h"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <set>
#include <unordered_map>
#include <unordered_set>

#include "base/log.h"

namespace reigen::client {

struct WorkQueue::State : std::enable_shared_from_this<WorkQueue::State> {
  State(Executor& executor, WorkQueueOptions options, Work work) : executor(executor), options(std::move(options)), work(std::move(work)) {}

  Executor& executor;
  const WorkQueueOptions options;
  const Work work;

  mutable std::mutex mutex;
  std::condition_variable changed;
  std::deque<std::string> ready;
  std::unordered_set<std::string> dirty;  // to be worked on: in `ready`, or being worked on and added again
  std::unordered_set<std::string> processing;
  std::unordered_map<std::string, int> failed;
  std::map<TimePoint, std::set<std::string>> delayed;
  std::unordered_map<std::string, TimePoint> due;
  TimerId timer = 0;
  TimePoint timer_due{};
  unsigned running = 0;  // workers posted or at work
  bool started = false;
  bool stopped = false;

  // The mutex is held. A worker per ready key, up to the bound; they end when nothing is ready.
  void add(std::string key) {
    if (stopped || dirty.contains(key)) return;
    if (dirty.size() + due.size() >= options.max_keys) {
      LOG(kError, options.name, "the work queue is full: {} is dropped", key);
      return;
    }
    dirty.insert(key);
    if (processing.contains(key)) return;
    ready.push_back(std::move(key));
    start_worker();
  }

  void start_worker() {
    if (!started || running >= options.workers) return;
    ++running;
    executor.post([self = shared_from_this()] { self->run_one(); });
  }

  // One key a task, so that the executor's threads are shared fairly.
  void run_one() {
    std::unique_lock lock(mutex);
    if (ready.empty() || stopped) {
      --running;
      changed.notify_all();
      return;
    }
    std::string key = std::move(ready.front());
    ready.pop_front();
    dirty.erase(key);
    processing.insert(key);
    lock.unlock();
    work(key);
    lock.lock();
    processing.erase(key);
    if (dirty.contains(key)) ready.push_back(std::move(key));
    if (ready.empty() || stopped) {
      --running;
      changed.notify_all();
      return;
    }
    lock.unlock();
    executor.post([self = shared_from_this()] { self->run_one(); });
  }

  void add_after(std::string key, Duration delay) {
    if (stopped) return;
    if (delay <= Duration::zero()) return add(std::move(key));
    TimePoint when = executor.clock().now() + delay;
    if (auto found = due.find(key); found != due.end()) {
      if (found->second <= when) return;
      forget_delay(found->second, key);
    } else if (dirty.size() + due.size() >= options.max_keys) {
      LOG(kError, options.name, "the work queue is full: {} is dropped", key);
      return;
    }
    due[key] = when;
    delayed[when].insert(std::move(key));
    arm();
  }

  void forget_delay(TimePoint when, const std::string& key) {
    auto at = delayed.find(when);
    at->second.erase(key);
    if (at->second.empty()) delayed.erase(at);
  }

  void arm() {
    if (delayed.empty()) return;
    TimePoint first = delayed.begin()->first;
    if (timer != 0) {
      if (timer_due <= first) return;
      executor.cancel(timer);
    }
    timer_due = first;
    timer = executor.after(std::max(first - executor.clock().now(), Duration::zero()), [weak = weak_from_this()] {
      if (auto self = weak.lock()) self->on_timer();
    });
  }

  void on_timer() {
    std::lock_guard lock(mutex);
    timer = 0;
    if (stopped) return;
    auto now = executor.clock().now();
    while (!delayed.empty() && delayed.begin()->first <= now) {
      auto keys = std::move(delayed.begin()->second);
      delayed.erase(delayed.begin());
      for (const auto& key : keys) {
        due.erase(key);
        add(key);
      }
    }
    arm();
  }

  Duration back_off(int failures) const {
    Duration delay = options.base_delay;
    for (int i = 0; i < failures && delay < options.max_delay; ++i) delay *= 2;
    return std::min(delay, options.max_delay);
  }
};

WorkQueue::WorkQueue(Executor& executor, WorkQueueOptions options, Work work)
    : state_(std::make_shared<State>(executor, std::move(options), std::move(work))) {}

WorkQueue::~WorkQueue() { stop(); }

void WorkQueue::start() {
  std::lock_guard lock(state_->mutex);
  if (state_->started || state_->stopped) return;
  state_->started = true;
  for (size_t i = 0; i < std::min<size_t>(state_->ready.size(), state_->options.workers); ++i) state_->start_worker();
}

void WorkQueue::add(std::string key) {
  std::lock_guard lock(state_->mutex);
  state_->add(std::move(key));
}

void WorkQueue::add_after(std::string key, Duration delay) {
  std::lock_guard lock(state_->mutex);
  state_->add_after(std::move(key), delay);
}

Duration WorkQueue::add_rate_limited(std::string key) {
  std::lock_guard lock(state_->mutex);
  Duration delay = state_->back_off(state_->failed[key]++);
  state_->add_after(std::move(key), delay);
  return delay;
}

void WorkQueue::forget(const std::string& key) {
  std::lock_guard lock(state_->mutex);
  state_->failed.erase(key);
}

int WorkQueue::failures(const std::string& key) const {
  std::lock_guard lock(state_->mutex);
  auto found = state_->failed.find(key);
  return found == state_->failed.end() ? 0 : found->second;
}

size_t WorkQueue::depth() const {
  std::lock_guard lock(state_->mutex);
  return state_->ready.size();
}

bool WorkQueue::idle() const {
  std::lock_guard lock(state_->mutex);
  return state_->dirty.empty() && state_->processing.empty();
}

void WorkQueue::stop() {
  std::unique_lock lock(state_->mutex);
  state_->stopped = true;
  if (state_->timer) state_->executor.cancel(state_->timer);
  state_->timer = 0;
  state_->ready.clear();
  state_->dirty.clear();
  state_->delayed.clear();
  state_->due.clear();
  // Under a simulated executor nothing runs while we are here.
  if (!state_->executor.simulated()) state_->changed.wait(lock, [&] { return state_->processing.empty(); });
}

}  // namespace reigen::client
