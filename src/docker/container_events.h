// ContainerEvents: what changes of Containers mean in Docker's events: create, start, die, oom, pause, unpause, health_status, destroy, and the
// connects and mounts around a run.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "api/dockerv1.h"
#include "base/guarded.h"
#include "docker/event_log.h"

namespace reigen::apiserver {
struct ProbeNotice;
}

namespace reigen::docker {

// What one change says, in Docker's order. Pure; either may be null.
std::vector<Event> events_of_change(const api::dockerv1::Container* previous, const api::dockerv1::Container* current);
// One of a handler: the container's name, image and labels are its attributes, with `more`.
Event container_event(const api::dockerv1::Container& container, std::string action, std::vector<std::pair<std::string, std::string>> more = {});

// What Docker tells of a health check: exec_create and exec_start, then exec_die.
void add_probe_events(EventLog& log, const api::dockerv1::Container& container, const apiserver::ProbeNotice& probe);
// "exec_start: sh -c x" has a blank behind the program's name even without arguments.
std::string shown_command(const std::vector<std::string>& command);

// Thread-safe.
class ContainerEvents {
 public:
  explicit ContainerEvents(EventLog& log) : log_(log) {}

  // While one lives, the events that changes of this container mean wait: those of the handler come first.
  class Hold {
   public:
    Hold(ContainerEvents& events, std::string container);
    Hold(Hold&& other) noexcept : events_(std::exchange(other.events_, nullptr)), container_(std::move(other.container_)) {}
    ~Hold() { release(); }
    void release();

   private:
    ContainerEvents* events_;
    std::string container_;
  };
  Hold hold(std::string container) { return {*this, std::move(container)}; }

  // By the informer's handler. Before begin() (the first list) nothing is told.
  void changed(const std::shared_ptr<const api::dockerv1::Container>& previous, const std::shared_ptr<const api::dockerv1::Container>& current);
  void begin();

 private:
  struct Held {
    int holds = 0;
    std::vector<Event> events;
  };
  struct State {
    bool begun = false;
    std::map<std::string, Held> held;
  };
  EventLog& log_;
  Guarded<State> state_;
};

}  // namespace reigen::docker
