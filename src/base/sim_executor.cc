#include "base/sim_executor.h"

#include <algorithm>

#include "base/far_times.h"

namespace reigen {

class SimExecutor::SimClock final : public Clock {
 public:
  TimePoint now() const override { return now_; }
  WallTime wall() const override {
    // Simulated calendars start at 2024-01-01T00:00:00Z.
    return WallTime(std::chrono::seconds(1704067200)) + (now_ - TimePoint{});
  }
  TimePoint now_ = TimePoint(std::chrono::seconds(1000));
};

SimExecutor::SimExecutor(uint64_t seed) : clock_(std::make_unique<SimClock>()), random_(seed), shuffle_(seed != 0) {}
SimExecutor::~SimExecutor() = default;

void SimExecutor::post(Fn fn) { ready_.push_back(std::move(fn)); }

TimerId SimExecutor::after(Duration delay, Fn fn) {
  auto due = clock_->now_ + std::clamp(delay, Duration(0), kLongestDelay);
  TimerId id = next_timer_++;
  timers_.emplace(std::pair(due, id), std::move(fn));
  due_.emplace(id, due);
  return id;
}

bool SimExecutor::cancel(TimerId timer) {
  auto found = due_.find(timer);
  if (found == due_.end()) return false;
  timers_.erase(std::pair(found->second, timer));
  due_.erase(found);
  return true;
}

Clock& SimExecutor::clock() { return *clock_; }

bool SimExecutor::step() {
  if (ready_.empty()) return false;
  size_t pick = shuffle_ ? random_() % ready_.size() : 0;
  Fn fn = std::move(ready_[pick]);
  ready_.erase(ready_.begin() + static_cast<std::ptrdiff_t>(pick));
  fn();
  return true;
}

size_t SimExecutor::run_ready(size_t limit) {
  size_t count = 0;
  while (count < limit && step()) ++count;
  return count;
}

// Moves the clock to the next timer not after `limit` and makes it ready.
bool SimExecutor::advance(TimePoint limit) {
  if (timers_.empty() || timers_.begin()->first.first > limit) return false;
  auto node = timers_.extract(timers_.begin());
  due_.erase(node.key().second);
  clock_->now_ = std::max(clock_->now_, node.key().first);
  ready_.push_back(std::move(node.mapped()));
  return true;
}

void SimExecutor::run_for(Duration span) {
  run_until([] { return false; }, span);
}

bool SimExecutor::run_until(const std::function<bool()>& done, Duration span) {
  auto limit = clock_->now_ + span;
  while (!done()) {
    if (step()) continue;
    if (!advance(limit)) {
      clock_->now_ = std::max(clock_->now_, limit);
      return done();
    }
  }
  return true;
}

void SimExecutor::drop_all() {
  auto ready = std::move(ready_);
  auto timers = std::move(timers_);
  ready_.clear();
  timers_.clear();
  due_.clear();
}

}  // namespace reigen
