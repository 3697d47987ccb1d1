// EventRecorder: Events of the node's pods and of the node, with kubelet's reasons; the same event again only counts up.
#pragma once

#include <memory>
#include <string>

#include "api/corev1.h"
#include "base/executor.h"

namespace reigen::client {
class Transport;
}

namespace reigen::node {

class EventRecorder {
 public:
  EventRecorder(client::Transport& transport, Executor& executor, std::string component, std::string host);
  ~EventRecorder();

  // Written soon, from a strand. At most 1000 wait; more are dropped (events are advice). Thread-safe.
  void event(api::corev1::ObjectReference about, bool warning, std::string reason, std::string message);
  void pod_event(const api::corev1::Pod& pod, bool warning, std::string reason, std::string message);
  // fieldPath as kubelet: spec.containers{name} or spec.initContainers{name}
  void container_event(const api::corev1::Pod& pod, const api::corev1::Container& container, bool warning, std::string reason, std::string message);

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace reigen::node
