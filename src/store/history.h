// History: the events of the last minutes, for watches that resume and snapshots of the past. Not thread-safe.
#pragma once

#include <deque>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "store/store.h"

namespace reigen::store {

class History {
 public:
  explicit History(Revision compacted = 1) : compacted_(compacted) {}

  // Revisions ascend.
  void push(EventPtr event, TimePoint now);

  // Events up to this revision (inclusive) are gone.
  Revision compacted() const { return compacted_; }
  size_t size() const { return items_.size(); }
  size_t bytes() const { return bytes_; }  // what the history alone keeps in memory, about

  // Events below `prefix` with revision in (after, up_to], in order.
  void collect(std::string_view prefix, Revision after, Revision up_to, std::vector<EventPtr>& into) const;

  // For every key in [from, to) changed after `revision`: what it was then, null when it did not exist. Keys point into events.
  std::map<std::string_view, EntryPtr> state_at(Revision revision, std::string_view from, std::string_view to) const;

  // The revision to compact to so that nothing older than `horizon` and at most `max_bytes` stay, dropping at most `max_events`;
  // compacted() when there is nothing to drop.
  Revision cut(TimePoint horizon, size_t max_bytes, size_t max_events) const;
  // Drops events up to `revision` into `dropped` (to be freed outside of locks). Appends to `rows` those that nothing refers to any
  // more: superseded ones and deletions.
  void drop(Revision revision, std::vector<Revision>& rows, std::vector<EventPtr>& dropped);
  TimePoint oldest() const { return items_.front().when; }  // not when empty

 private:
  struct Item {
    EventPtr event;
    TimePoint when;
  };
  static size_t size_of(const Event& event);
  std::deque<Item>::const_iterator first_after(Revision revision) const;

  std::deque<Item> items_;
  size_t bytes_ = 0;
  Revision compacted_;
};

}  // namespace reigen::store
