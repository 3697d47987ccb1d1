// StartsUnderWay: the containers a start was asked for that is not answered yet, and the requests that wait for its end. Docker holds a container's lock
// while it starts, so that a request that acts on its process comes after the start it meets (moby's daemon/start.go). Thread-safe.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "base/guarded.h"

namespace reigen::docker {

class StartsUnderWay {
 public:
  using Then = std::move_only_function<void()>;

  void begin(const std::string& container) { ++state_.lock()->operator[](container).starts; }

  // Runs what waits when it was the last of them, on this thread.
  void end(const std::string& container) {
    std::vector<Then> waiting;
    {
      auto state = state_.lock();
      auto entry = state->find(container);
      if (--entry->second.starts > 0) return;
      waiting = std::move(entry->second.waiting);
      state->erase(entry);
    }
    for (auto& then : waiting) then();
  }

  // Keeps `then` for the end of the starts under way; false, with `then` as it was, when there is none.
  bool after(const std::string& container, Then& then) {
    auto state = state_.lock();
    auto entry = state->find(container);
    if (entry == state->end()) return false;
    entry->second.waiting.push_back(std::move(then));
    return true;
  }

 private:
  struct Entry {
    int starts = 0;
    std::vector<Then> waiting;
  };
  Guarded<std::map<std::string, Entry>> state_;
};

}  // namespace reigen::docker
