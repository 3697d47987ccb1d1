// The loop every controller runs: keys come from informers, a worker brings one key at a time to the state wanted.
//
//   class ReplicaSets : public client::Reconciler { ... };
//
// How to write one:
//  1. Take informers from `Informers`, and in on_change() call loop.enqueue(key) — nothing else; for an owned object the owner's key.
//  2. reconcile(key) reads from informers only (`observe`), decides with a pure function of what was read and of the time (`plan`), and
//     writes what was decided (`apply`). Use PlannedReconciler, which keeps the three apart, so that `plan` is tested as a table.
//  3. After a write call loop.wrote(key, informer, answer): the key is not worked on again before the informer shows that write, so that
//     `observe` never misses what we did ourselves.
//  4. An error means: again, after the key's back-off. A state that needs a time means: return {.again_after = ...}.
// The key of an object that is gone is worked on too: an empty observation is normal.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/executor.h"
#include "base/guarded.h"
#include "client/informer.h"
#include "client/work_queue.h"

namespace reigen::client {

struct Next {
  Duration again_after = Duration::zero();  // zero: when something changes
};

class Reconciler {
 public:
  virtual ~Reconciler() = default;
  // Runs on a thread of the executor, for one key at a time but for different keys at the same time; may block on API calls.
  virtual Result<Next> reconcile(const std::string& key) = 0;
};

struct ControllerOptions {
  std::string name;  // "replicaset-controller"
  unsigned workers = 2;
  Duration base_delay = std::chrono::milliseconds(5);
  Duration max_delay = std::chrono::seconds(1000);
  int max_retries = -1;  // consecutive failures after which a key is given up until it changes; -1: never
  // How long a key waits for its own writes to show up. Then it goes on: the object may be gone, or outside of the selector.
  Duration own_write_timeout = std::chrono::seconds(10);
};

// Thread-safe. The reconciler outlives it (or stop() came before).
class ControllerLoop {
 public:
  ControllerLoop(Executor& executor, ControllerOptions options, Reconciler& reconciler);
  ~ControllerLoop();  // stops

  // Works once all these informers have synced. They outlive the loop.
  void start(std::vector<ObjectInformer*> informers = {});
  void stop();
  void enqueue(std::string key);
  void enqueue_after(std::string key, Duration delay);
  // A write for `key` answered with `object`: wait until `informer` has seen that version.
  void wrote(const std::string& key, ObjectInformer& informer, const api::Object& object);
  void wrote(const std::string& key, ObjectInformer& informer, std::string_view resource_version);

  struct Metrics {
    uint64_t runs = 0, failures = 0, given_up = 0, waits_for_own_write = 0;
    size_t depth = 0;
    Duration busy = Duration::zero();  // spent in reconcile()
  };
  Metrics metrics() const;
  bool idle() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

// Keeps reading, deciding and writing apart.
template <class Observed, class Plan>
class PlannedReconciler : public Reconciler {
 public:
  explicit PlannedReconciler(Clock& clock) : clock_(clock) {}

  // What the informers know about the key. nullopt: nothing to do.
  virtual Result<std::optional<Observed>> observe(const std::string& key) = 0;
  // Pure.
  virtual Plan plan(const Observed& observed, WallTime now) const = 0;
  virtual Result<Next> apply(const std::string& key, const Observed& observed, Plan plan) = 0;

  Result<Next> reconcile(const std::string& key) final {
    TRY_ASSIGN(std::optional<Observed> observed, observe(key));
    if (!observed) return Next{};
    return apply(key, *observed, plan(*observed, clock_.wall()));
  }

 private:
  Clock& clock_;
};

}  // namespace reigen::client
