// Scheduler: chooses a node for every pod that names this scheduler and binds it there, as Kubernetes' default scheduler does.
//
// Reads pods, nodes, services and controllers through shared informers; writes bindings, pod conditions, nominations, evictions and
// events through the transport, asynchronously and many at a time. A decision counts as made at once (the pod is assumed on its node) and
// is taken back when the binding fails.
//
// Threads: everything runs on one strand of the executor; start() and stop() may be called from any other thread.
// Not looked at: volumes' node affinity and limits, resource claims, pod disruption budgets when preempting.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/executor.h"

namespace reigen::client {
class Transport;
class Informers;
}  // namespace reigen::client

namespace reigen::scheduler {

struct Options {
  std::string scheduler_name = "default-scheduler";
  size_t max_bindings = 1024;  // calls under way; beyond, scheduling waits
  Duration initial_backoff = std::chrono::seconds(1);
  Duration max_backoff = std::chrono::seconds(10);
  Duration unschedulable_timeout = std::chrono::minutes(5);  // then an unschedulable pod is tried again without a cause
};

struct Metrics {
  uint64_t attempts = 0, bound = 0, failed_bindings = 0, unschedulable = 0, preempted = 0;
  size_t active = 0, backing_off = 0, waiting = 0, gated = 0;  // pods in the queues
  size_t nodes = 0, classes = 0;
};

class Scheduler {
 public:
  // Transport, informers and executor outlive it. The informers are started by their owner, before or after.
  Scheduler(Options options, client::Transport& transport, client::Informers& informers, Executor& executor);
  ~Scheduler();  // stops
  Scheduler(const Scheduler&) = delete;
  Scheduler& operator=(const Scheduler&) = delete;

  // Schedules once the informers have synced. Returns at once.
  void start();
  // No call is started afterwards; waits for what runs. Not from a task of the executor, except under SimExecutor.
  void stop();
  Metrics metrics() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace reigen::scheduler
