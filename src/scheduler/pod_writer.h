// PodWriter: what the scheduler tells the API about pods, asynchronously: bindings, conditions, nominations, evictions, events.
#pragma once

#include <functional>
#include <string>

#include "client/event_recorder.h"
#include "client/transport.h"
#include "scheduler/scheduling_core.h"

namespace reigen::scheduler {

struct Binding {
  PodPtr pod;
  std::string node;
};

// Thread-safe. Calls under way may end after its destruction.
class PodWriter {
 public:
  PodWriter(std::string scheduler_name, client::Transport& transport, Executor& executor);

  // `done` is called once, from any thread. Records "Scheduled", or "FailedScheduling" with the error.
  void assign(Binding binding, std::function<void(const Binding&, Status)> done);
  // Condition, nomination, event; deletes the victims, each after it was marked.
  void unschedulable(const Decision& decision);

 private:
  void patch_status(const api::corev1::Pod& pod, std::string patch, client::CallDone done);
  void evict(const PodPtr& victim, const Decision& decision);

  std::string name_;
  client::Transport& transport_;
  Executor& executor_;
  std::shared_ptr<client::EventRecorder> recorder_;
};

}  // namespace reigen::scheduler
