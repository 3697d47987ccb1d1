// Executors: where work runs. ThreadExecutor has real threads; SimExecutor (sim_executor.h) one thread and a simulated clock.
//
// Components take an Executor& and never make threads. Work that must not overlap goes through a Strand.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/clock.h"

namespace reigen {

using Fn = std::move_only_function<void()>;
using TimerId = uint64_t;  // 0 is no timer

class Executor {
 public:
  virtual ~Executor() = default;

  // Runs fn soon on one of the executor's threads. Thread-safe. fn may block for a short while (a durable write), not for ever.
  virtual void post(Fn fn) = 0;

  // Runs fn once after `delay`. Thread-safe.
  virtual TimerId after(Duration delay, Fn fn) = 0;

  // Forgets a timer. Returns false when it already ran, is about to run, or never was. Thread-safe.
  virtual bool cancel(TimerId timer) = 0;

  virtual Clock& clock() = 0;

  // True when everything runs on one thread under a simulated clock: then nobody may wait for another task.
  virtual bool simulated() const { return false; }
};

// A fixed number of threads and a timer queue. The destructor stops: timers are dropped, posted work is finished, threads joined.
class ThreadExecutor final : public Executor {
 public:
  explicit ThreadExecutor(unsigned threads, std::string name = "exec");
  ~ThreadExecutor() override;
  ThreadExecutor(const ThreadExecutor&) = delete;
  ThreadExecutor& operator=(const ThreadExecutor&) = delete;

  void post(Fn fn) override;
  TimerId after(Duration delay, Fn fn) override;
  bool cancel(TimerId timer) override;
  Clock& clock() override { return system_clock(); }

  // As the destructor; work posted later is dropped. Must not be called from one of its own threads.
  void stop();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Runs its tasks one after the other, in the order posted, on the threads of an executor. Tasks already posted hold what they
// need: a Strand may be destroyed while tasks are pending, they still run. Use a TaskGroup to wait for them.
class Strand {
 public:
  explicit Strand(Executor& executor);
  ~Strand();

  void post(Fn fn);
  TimerId after(Duration delay, Fn fn);  // posts to the strand when due
  bool cancel(TimerId timer) { return executor_.cancel(timer); }
  Executor& executor() const { return executor_; }

 private:
  struct State;
  Executor& executor_;
  std::shared_ptr<State> state_;
};

// Owns the pending work of a component: last member of its owner. wrap() makes a task that does nothing once the group is
// stopped; stop() forbids new work and waits for what runs. Under a simulated executor stop() need not wait.
class TaskGroup {
 public:
  TaskGroup();
  ~TaskGroup();  // stops
  TaskGroup(const TaskGroup&) = delete;
  TaskGroup& operator=(const TaskGroup&) = delete;

  Fn wrap(Fn fn);
  // Must not be called from a task of the group itself.
  void stop();
  bool stopped() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace reigen
