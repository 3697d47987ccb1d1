// SimExecutor: one thread, a simulated clock, a seeded order. The base of tests/sim and of deterministic unit tests.
#pragma once

#include <cstdint>
#include <map>
#include <random>
#include <vector>

#include "base/executor.h"

namespace reigen {

// Not thread-safe: everything happens on the thread that calls run_*.
class SimExecutor final : public Executor {
 public:
  // Ready tasks run in an order drawn from the seed; seed 0 keeps the order in which they were posted.
  explicit SimExecutor(uint64_t seed = 0);
  ~SimExecutor() override;

  void post(Fn fn) override;
  TimerId after(Duration delay, Fn fn) override;
  bool cancel(TimerId timer) override;
  Clock& clock() override;
  bool simulated() const override { return true; }

  // Runs what is ready, without moving the clock. Returns the number of tasks run; stops after `limit`.
  size_t run_ready(size_t limit = 1'000'000);
  // Runs everything due within `span` of simulated time.
  void run_for(Duration span);
  // Runs until done() holds or `span` has passed. Returns done().
  bool run_until(const std::function<bool()>& done, Duration span);
  // Forgets all pending work, as a crash does.
  void drop_all();

 private:
  class SimClock;
  std::unique_ptr<SimClock> clock_;
  std::mt19937_64 random_;
  bool shuffle_;
  std::vector<Fn> ready_;
  std::map<std::pair<TimePoint, TimerId>, Fn> timers_;
  std::map<TimerId, TimePoint> due_;
  TimerId next_timer_ = 1;
  bool step();  // one ready task; false when there is none
  bool advance(TimePoint limit);
};

}  // namespace reigen
