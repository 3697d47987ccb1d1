// EventRecorder: tells users what happened to an object, as core/v1 Events (`kubectl describe`, `kubectl get events`).
//
// Events are sent asynchronously. As in client-go's correlator: a repeated event is one object whose count grows; more than ten
// that differ only in their message within ten minutes become one "(combined from similar events): ..."; one object gets a burst of 25
// and then one every five minutes. Beyond its bounds (queue 1000) events are dropped.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "api/object.h"
#include "base/executor.h"
#include "client/transport.h"

namespace reigen::api::corev1 {
struct ObjectReference;
}

namespace reigen::client {

struct EventSource {
  std::string component;  // "scheduler"; reportingComponent and source.component
  std::string host;       // the node's name for what happens on a node, otherwise ""
};

// What an event is about. `field_path` is "spec.containers{web}" for a container.
api::corev1::ObjectReference reference_to(const api::Object& object, std::string_view field_path = "");

class EventRecorder {
 public:
  EventRecorder(Transport& transport, Executor& executor, EventSource source);
  ~EventRecorder();  // drops what was not sent
  EventRecorder(const EventRecorder&) = delete;
  EventRecorder& operator=(const EventRecorder&) = delete;

  // Thread-safe, never blocks. `type` is "Normal" or "Warning".
  void event(const api::Object& about, std::string_view type, std::string_view reason, std::string message);
  void event(const api::corev1::ObjectReference& about, std::string_view type, std::string_view reason, std::string message);
  template <class T>
  void event(const std::shared_ptr<const T>& about, std::string_view type, std::string_view reason, std::string message) {
    event(api::Object::of(about), type, reason, std::move(message));
  }
  bool idle() const;  // nothing waits to be sent

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace reigen::client
