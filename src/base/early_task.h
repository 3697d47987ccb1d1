// EarlyTask<T>: work begun before its result is asked for. A thread of the executor does it if one is free by then, else who asks for the result: nobody
// waits for a task that has not begun, so that it is safe on the executor's own threads. Thread-safe; result() from one thread at a time.
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

#include "base/executor.h"

namespace reigen {

template <class T>
class EarlyTask {
 public:
  // What `work` uses lives until result() has returned.
  EarlyTask(Executor& executor, std::move_only_function<T()> work) : state_(std::make_shared<State>(std::move(work))) {
    executor.post([state = state_] { state->run(); });
  }

  // The result; runs the work if nobody has begun with it.
  T& result() {
    state_->run();
    std::unique_lock lock(state_->mutex);
    state_->changed.wait(lock, [this] { return state_->value.has_value(); });
    return *state_->value;
  }

 private:
  struct State {
    explicit State(std::move_only_function<T()> w) : work(std::move(w)) {}

    void run() {
      {
        std::lock_guard lock(mutex);
        if (std::exchange(begun, true)) return;
      }
      T made = work();
      std::lock_guard lock(mutex);
      value.emplace(std::move(made));
      changed.notify_all();
    }

    std::mutex mutex;
    std::condition_variable changed;
    std::move_only_function<T()> work;
    bool begun = false;
    std::optional<T> value;
  };
  std::shared_ptr<State> state_;
};

}  // namespace reigen
