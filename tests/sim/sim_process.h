// SimProcess: the executor of one simulated process over the simulation's only thread. kill() is `kill -9`: nothing of it runs any more.
#pragma once

#include <map>
#include <memory>

#include "base/sim_executor.h"

namespace reigen::sim {

class SimProcess final : public Executor {
 public:
  explicit SimProcess(SimExecutor& machine) : machine_(machine), state_(std::make_shared<State>()) {}
  ~SimProcess() override { kill(); }

  void post(Fn fn) override {
    auto id = keep(std::move(fn));
    if (id) machine_.post([state = state_, id] { run(*state, id); });
  }
  TimerId after(Duration delay, Fn fn) override {
    auto id = keep(std::move(fn));
    if (!id) return 0;
    auto timer = machine_.after(delay, [state = state_, id] { run(*state, id); });
    state_->timers[timer] = id;
    return timer;
  }
  bool cancel(TimerId timer) override {
    auto found = state_->timers.find(timer);
    if (found == state_->timers.end() || !machine_.cancel(timer)) return false;
    auto dropped = state_->work.extract(found->second);
    state_->timers.erase(timer);
    return true;
  }
  Clock& clock() override { return machine_.clock(); }
  bool simulated() const override { return true; }

  void kill() {
    state_->dead = true;
    // What a task owns may post again while it is destroyed.
    while (!state_->work.empty()) auto dropped = state_->work.extract(state_->work.begin());
  }

 private:
  struct State {
    std::map<uint64_t, Fn> work;
    std::map<TimerId, uint64_t> timers;
    uint64_t next = 1;
    bool dead = false;
  };
  uint64_t keep(Fn fn) {
    if (state_->dead) return 0;
    state_->work.emplace(state_->next, std::move(fn));
    return state_->next++;
  }
  static void run(State& state, uint64_t id) {
    auto task = state.work.extract(id);
    if (task && !state.dead) task.mapped()();
  }
  SimExecutor& machine_;
  std::shared_ptr<State> state_;
};

}  // namespace reigen::sim
