#include "store/history.h"

#include <algorithm>

namespace reigen::store {

size_t History::size_of(const Event& event) {
  constexpr size_t kEvent = 96, kEntry = 176;
  size_t bytes = kEvent;
  if (event.previous) bytes += kEntry + event.previous->key.size() + event.previous->value->size();
  return bytes;
}

void History::push(EventPtr event, TimePoint now) {
  bytes_ += size_of(*event);
  items_.push_back({std::move(event), now});
}

std::deque<History::Item>::const_iterator History::first_after(Revision revision) const {
  return std::upper_bound(items_.begin(), items_.end(), revision, [](Revision r, const Item& item) { return r < item.event->revision; });
}

void History::collect(std::string_view prefix, Revision after, Revision up_to, std::vector<EventPtr>& into) const {
  for (auto it = first_after(after); it != items_.end() && it->event->revision <= up_to; ++it) {
    if (it->event->key().starts_with(prefix)) into.push_back(it->event);
  }
}

std::map<std::string_view, EntryPtr> History::state_at(Revision revision, std::string_view from, std::string_view to) const {
  std::map<std::string_view, EntryPtr> states;
  for (auto it = first_after(revision); it != items_.end(); ++it) {
    std::string_view key = it->event->key();
    // The first change after the revision replaced what was there at the revision.
    if (key >= from && (to.empty() || key < to)) states.emplace(key, it->event->previous);
  }
  return states;
}

Revision History::cut(TimePoint horizon, size_t max_bytes, size_t max_events) const {
  size_t bytes = bytes_, n = 0;
  Revision revision = compacted_;
  for (auto it = items_.begin(); it != items_.end() && n < max_events; ++it, ++n) {
    if (it->when >= horizon && bytes <= max_bytes) break;
    bytes -= size_of(*it->event);
    revision = it->event->revision;
  }
  return revision;
}

void History::drop(Revision revision, std::vector<Revision>& rows, std::vector<EventPtr>& dropped) {
  while (!items_.empty() && items_.front().event->revision <= revision) {
    const Event& event = *items_.front().event;
    if (event.previous) rows.push_back(event.previous->mod_revision);
    if (!event.entry) rows.push_back(event.revision);
    bytes_ -= size_of(event);
    dropped.push_back(std::move(items_.front().event));
    items_.pop_front();
  }
  compacted_ = std::max(compacted_, revision);
}

}  // namespace reigen::store
