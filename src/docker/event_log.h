// EventLog: what happened, for `docker events`: the last 256 events and whoever follows. Thread-safe.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "api/value.h"
#include "base/clock.h"
#include "base/executor.h"
#include "base/guarded.h"

namespace reigen::docker {

struct Event {
  std::string type;                                             // container, image, network, volume, builder, daemon
  std::string action;                                           // "start", "exec_create: sh -c x", "health_status: healthy"
  std::string id;                                               // Actor.ID
  std::vector<std::pair<std::string, std::string>> attributes;  // Actor.Attributes; shown sorted by name
  WallTime time{};                                              // zero: filled in by add()
  bool again = false;                                           // the create of what was there already
};
// The JSON a client gets, without a line's end; the members `status`, `id`, `from` stand beside the new form where they did.
api::Value event_json(const Event& event);

class EventLog {
 public:
  explicit EventLog(Clock& clock) : clock_(clock) {}

  static constexpr size_t kKept = 256;
  static constexpr size_t kQueue = 1024;  // events a follower may be behind; then it is cut off

  using EventPtr = std::shared_ptr<const Event>;
  class Follower {
   public:
    // Events since the last call, in order. `lost`: it was cut off, what follows is not complete.
    std::vector<EventPtr> take(bool& lost);

   private:
    friend class EventLog;
    struct Queue {
      std::deque<EventPtr> events;
      bool lost = false;
      bool told = false;  // wake ran, take not yet
    };
    Guarded<Queue> queue_;
    std::function<void()> wake_;
  };

  // Times never go backwards, so that since and until cut where a client saw them.
  void add(Event event);
  // Events of the past from `since` on (none with zero) are in the queue already. `wake` runs on the thread that adds; be short. Dropping the
  // pointer ends it.
  std::shared_ptr<Follower> follow(WallTime since, std::function<void()> wake);
  std::vector<EventPtr> past(WallTime since, WallTime until) const;
  size_t followers() const;

 private:
  struct State {
    std::deque<EventPtr> kept;
    std::vector<std::weak_ptr<Follower>> followers;
    WallTime last{};
  };
  Clock& clock_;
  mutable Guarded<State> state_;
};

}  // namespace reigen::docker
