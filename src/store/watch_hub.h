// WatchHub: who gets which events. Watchers are found by prefix, so that an event costs what its own watchers cost.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "store/store.h"

namespace reigen::store {

struct Watcher {
  Watcher(std::string prefix, Revision seen, std::shared_ptr<WatchSink> sink) : prefix(std::move(prefix)), sink(std::move(sink)), seen(seen) {}
  const std::string prefix;
  const std::shared_ptr<WatchSink> sink;
  Revision seen;  // delivered up to here; of the publishing thread
  std::atomic<bool> cancelled = false;
};

// All functions are called from the store's publishing thread, but size().
class WatchHub {
 public:
  void add(std::shared_ptr<Watcher> watcher);
  // Delivers the events of one commit, in revision order.
  void publish(const std::vector<EventPtr>& events);
  void close_all(const Error& error);
  // Forgets cancelled watchers.
  void sweep();
  size_t size() const { return size_; }

 private:
  struct Hash {
    using is_transparent = void;
    size_t operator()(std::string_view text) const;
  };
  struct Group {
    std::vector<std::shared_ptr<Watcher>> watchers;
    std::vector<EventPtr> batch;  // of the commit being published
  };
  void deliver(Group& group);

  std::unordered_map<std::string, Group, Hash, std::equal_to<>> groups_;  // by prefix
  std::map<size_t, size_t> lengths_;                                      // of the prefixes → number of groups
  std::atomic<size_t> size_ = 0;
};

}  // namespace reigen::store
