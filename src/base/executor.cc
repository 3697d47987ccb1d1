#include "base/executor.h"

#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <thread>
#include <vector>

#include <pthread.h>

#include "base/check.h"
#include "base/far_times.h"

namespace reigen {

struct ThreadExecutor::State {
  std::mutex mutex;
  std::condition_variable wake;
  std::deque<Fn> ready;
  std::multimap<TimePoint, std::pair<TimerId, Fn>> timers;
  std::map<TimerId, std::multimap<TimePoint, std::pair<TimerId, Fn>>::iterator> timer_of;
  TimerId next_timer = 1;
  bool stopping = false;
  bool someone_waits_for_timer = false;
  std::vector<std::thread> threads;

  // Moves due timers to the ready queue. The mutex is held.
  void collect_due(TimePoint now) {
    while (!timers.empty() && timers.begin()->first <= now) {
      auto node = timers.begin();
      timer_of.erase(node->second.first);
      ready.push_back(std::move(node->second.second));
      timers.erase(node);
    }
  }

  void run() {
    std::unique_lock lock(mutex);
    while (true) {
      if (!timers.empty()) collect_due(system_clock().now());
      if (!ready.empty()) {
        Fn fn = std::move(ready.front());
        ready.pop_front();
        if (!ready.empty()) wake.notify_one();
        lock.unlock();
        fn();
        fn = nullptr;
        lock.lock();
        continue;
      }
      if (stopping) return;
      // One thread alone waits with a deadline, so that a timer wakes one thread and not all.
      if (!timers.empty() && !someone_waits_for_timer) {
        someone_waits_for_timer = true;
        auto due = timers.begin()->first;
        wake.wait_until(lock, due);
        someone_waits_for_timer = false;
      } else {
        wake.wait(lock);
      }
    }
  }
};

ThreadExecutor::ThreadExecutor(unsigned threads, std::string name) : state_(std::make_unique<State>()) {
  CHECK(threads > 0);
  for (unsigned i = 0; i < threads; ++i) {
    state_->threads.emplace_back([state = state_.get()] { state->run(); });
    ::pthread_setname_np(state_->threads.back().native_handle(), name.substr(0, 15).c_str());
  }
}

ThreadExecutor::~ThreadExecutor() { stop(); }

void ThreadExecutor::post(Fn fn) {
  {
    std::lock_guard lock(state_->mutex);
    if (state_->stopping) return;
    state_->ready.push_back(std::move(fn));
  }
  state_->wake.notify_one();
}

TimerId ThreadExecutor::after(Duration delay, Fn fn) {
  auto due = system_clock().now() + within_reach(delay);
  TimerId id;
  bool first;
  {
    std::lock_guard lock(state_->mutex);
    if (state_->stopping) return 0;
    id = state_->next_timer++;
    auto node = state_->timers.emplace(due, std::pair(id, std::move(fn)));
    state_->timer_of.emplace(id, node);
    first = node == state_->timers.begin();
  }
  // The thread that waits with a deadline must see an earlier one; which thread that is, nobody knows.
  if (first) state_->wake.notify_all();
  return id;
}

bool ThreadExecutor::cancel(TimerId timer) {
  Fn dropped;
  std::lock_guard lock(state_->mutex);
  auto found = state_->timer_of.find(timer);
  if (found == state_->timer_of.end()) return false;
  dropped = std::move(found->second->second.second);
  state_->timers.erase(found->second);
  state_->timer_of.erase(found);
  return true;
}

void ThreadExecutor::stop() {
  {
    std::lock_guard lock(state_->mutex);
    if (state_->stopping) return;
    state_->stopping = true;
    state_->timer_of.clear();
    state_->timers.clear();
  }
  state_->wake.notify_all();
  for (auto& thread : state_->threads) thread.join();
  state_->threads.clear();
}

struct Strand::State : std::enable_shared_from_this<Strand::State> {
  explicit State(Executor& executor) : executor(executor) {}
  Executor& executor;
  std::mutex mutex;
  std::deque<Fn> queue;
  bool running = false;

  void post(Fn fn) {
    {
      std::lock_guard lock(mutex);
      queue.push_back(std::move(fn));
      if (running) return;
      running = true;
    }
    schedule();
  }

  void schedule() {
    executor.post([self = shared_from_this()] { self->run(); });
  }

  // Runs a few tasks, then gives the thread back, so that a busy strand cannot starve the others.
  void run() {
    for (int i = 0; i < 16; ++i) {
      Fn fn;
      {
        std::lock_guard lock(mutex);
        if (queue.empty()) {
          running = false;
          return;
        }
        fn = std::move(queue.front());
        queue.pop_front();
      }
      fn();
    }
    {
      std::lock_guard lock(mutex);
      if (queue.empty()) {
        running = false;
        return;
      }
    }
    schedule();
  }
};

Strand::Strand(Executor& executor) : executor_(executor), state_(std::make_shared<State>(executor)) {}
Strand::~Strand() = default;
void Strand::post(Fn fn) { state_->post(std::move(fn)); }

TimerId Strand::after(Duration delay, Fn fn) {
  return executor_.after(delay, [state = state_, fn = std::move(fn)]() mutable { state->post(std::move(fn)); });
}

struct TaskGroup::State {
  std::mutex mutex;
  std::condition_variable idle;
  int running = 0;
  bool stopped = false;
};

TaskGroup::TaskGroup() : state_(std::make_shared<State>()) {}
TaskGroup::~TaskGroup() { stop(); }

Fn TaskGroup::wrap(Fn fn) {
  return [state = state_, fn = std::move(fn)]() mutable {
    {
      std::lock_guard lock(state->mutex);
      if (state->stopped) return;
      ++state->running;
    }
    fn();
    fn = nullptr;
    std::lock_guard lock(state->mutex);
    if (--state->running == 0) state->idle.notify_all();
  };
}

void TaskGroup::stop() {
  std::unique_lock lock(state_->mutex);
  state_->stopped = true;
  state_->idle.wait(lock, [&] { return state_->running == 0; });
}

bool TaskGroup::stopped() const {
  std::lock_guard lock(state_->mutex);
  return state_->stopped;
}

}  // namespace reigen
