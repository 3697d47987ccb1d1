// SchedulingQueue: pods that wait for a node. Pure but for the time given to it; not thread-safe.
//
//   active:  to be decided now, by priority, then by arrival
//   backoff: tried without success; active again after 1 s, 2 s, 4 s ... 10 s
//   waiting: nothing has changed yet that may help; to active or backoff on such a change (Cause), or after five minutes
//   gated:   has scheduling gates
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>

#include "base/clock.h"
#include "scheduler/pod_counts.h"

namespace reigen::scheduler {

struct QueueOptions {
  Duration initial_backoff, max_backoff, waiting_timeout;
};

class SchedulingQueue {
 public:
  explicit SchedulingQueue(QueueOptions options) : options_(options) {}

  // A pod without a node, new or changed. A change of what it asks for makes a waiting pod active.
  void put(const PodPtr& pod, TimePoint now);
  void remove(const std::string& uid);
  bool contains(const std::string& uid) const { return pods_.contains(uid); }

  struct Item {
    PodPtr pod;
    int attempts = 0;  // with this one
    uint64_t sequence = 0;
  };
  // The next to decide; leaves the queue.
  std::optional<Item> pop(TimePoint now);
  // No node fits; `causes` may help.
  void wait(Item item, uint32_t causes, TimePoint now);
  // Failed for another reason: again after its back-off.
  void back_off(Item item, TimePoint now);
  // For an item that was made, not popped.
  uint64_t new_sequence() { return next_sequence_++; }
  // Something changed that may help pods which wait for it.
  void move(uint32_t causes, TimePoint now);
  // Moves whose time has come; returns when the next one is due.
  std::optional<TimePoint> advance(TimePoint now);

  struct Sizes {
    size_t active = 0, backing_off = 0, waiting = 0, gated = 0;
  };
  Sizes sizes() const { return {active_.size(), backoff_.size(), waiting_.size(), gated_}; }

 private:
  enum class Place : uint8_t { kActive, kBackoff, kWaiting, kGated };
  struct Order {
    int32_t priority;
    uint64_t sequence;
    std::string uid;
    bool operator<(const Order& other) const { return priority != other.priority ? priority > other.priority : sequence < other.sequence; }
  };
  struct Entry {
    Item item;
    Place place = Place::kActive;
    uint32_t causes = 0;
    TimePoint due{};  // end of the back-off, or of the waiting
    TimePoint backoff_until{};
  };
  Duration backoff(int attempts) const;
  void enter(Entry& entry, Place place, TimePoint due);
  void leave(Entry& entry);
  static Order order_of(const Entry& entry);

  QueueOptions options_;
  std::unordered_map<std::string, Entry> pods_;
  std::set<Order> active_;
  std::set<std::pair<TimePoint, uint64_t>> backoff_, waiting_;
  std::map<uint64_t, std::string> by_sequence_;  // of those in backoff and waiting
  size_t gated_ = 0;
  uint64_t next_sequence_ = 1;
};

int32_t priority_of(const api::corev1::Pod& pod);

}  // namespace reigen::scheduler
