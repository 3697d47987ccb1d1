// WorkQueue: keys to work on. A key that is added often while it waits is worked on once; a key is never worked on by two workers at
// the same time; what is added while it is worked on is worked on again afterwards.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/executor.h"

namespace reigen::client {

struct WorkQueueOptions {
  std::string name;      // for the log
  unsigned workers = 1;  // keys worked on at the same time
  // add_rate_limited: base * 2^(earlier ones since forget()), at most max (client-go's default limiter).
  Duration base_delay = std::chrono::milliseconds(5);
  Duration max_delay = std::chrono::seconds(1000);
  size_t max_keys = 1 << 20;  // waiting and delayed; beyond, keys are dropped with an error in the log
};

// Thread-safe. `work` runs on threads of the executor and may block; under SimExecutor on its only thread.
class WorkQueue {
 public:
  using Work = std::function<void(const std::string& key)>;

  WorkQueue(Executor& executor, WorkQueueOptions options, Work work);
  ~WorkQueue();  // stops
  WorkQueue(const WorkQueue&) = delete;
  WorkQueue& operator=(const WorkQueue&) = delete;

  // Nothing is worked on before; keys may be added.
  void start();
  void add(std::string key);
  // Adds the key after the delay; an earlier time already set for the key stays.
  void add_after(std::string key, Duration delay);
  // After a failure: adds the key after its back-off. Returns the delay.
  Duration add_rate_limited(std::string key);
  // The key is well: its back-off begins anew.
  void forget(const std::string& key);
  int failures(const std::string& key) const;

  size_t depth() const;  // waiting now, without delayed ones
  bool idle() const;     // nothing waits or is worked on; delayed keys do not count
  // Drops what waits and waits for the workers. Not from a worker.
  void stop();

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace reigen::client
