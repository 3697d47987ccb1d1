#include "store/watch_hub.h"

#include "store/key_index.h"

namespace reigen::store {

namespace {
constexpr size_t kAhead = 4;
}

size_t WatchHub::Hash::operator()(std::string_view text) const { return hash_bytes(text); }

void WatchHub::add(std::shared_ptr<Watcher> watcher) {
  auto [group, made] = groups_.try_emplace(watcher->prefix);
  if (made) ++lengths_[watcher->prefix.size()];
  group->second.watchers.push_back(std::move(watcher));
  ++size_;
}

void WatchHub::publish(const std::vector<EventPtr>& events) {
  if (groups_.empty()) return;
  std::vector<Group*> touched;
  for (const auto& event : events) {
    std::string_view key = event->key();
    for (auto& [length, count] : lengths_) {
      if (length > key.size()) break;
      auto found = groups_.find(key.substr(0, length));
      if (found == groups_.end()) continue;
      if (found->second.batch.empty()) touched.push_back(&found->second);
      found->second.batch.push_back(event);
    }
  }
  // A sink may cancel watches, but changes no group: that is what sweep() is for.
  for (auto* group : touched) deliver(*group);
}

void WatchHub::deliver(Group& group) {
  auto batch = std::move(group.batch);
  group.batch.clear();
  auto& watchers = group.watchers;
  for (size_t i = 0; i < watchers.size(); ++i) {
    // Of a thousand watchers none is in the cache any more.
    if (i + kAhead < watchers.size()) __builtin_prefetch(watchers[i + kAhead].get());
    auto& watcher = watchers[i];
    if (watcher->cancelled) continue;
    // A watch may begin at a revision of the future.
    size_t skip = 0;
    while (skip < batch.size() && batch[skip]->revision <= watcher->seen) ++skip;
    if (skip == batch.size()) continue;
    watcher->seen = batch.back()->revision;
    watcher->sink->on_events(std::span(batch).subspan(skip));
  }
}

void WatchHub::close_all(const Error& error) {
  auto groups = std::move(groups_);
  groups_.clear();
  lengths_.clear();
  size_ = 0;
  for (auto& [prefix, group] : groups) {
    for (auto& watcher : group.watchers) {
      if (!watcher->cancelled.exchange(true)) watcher->sink->on_closed(error);
    }
  }
}

void WatchHub::sweep() {
  for (auto it = groups_.begin(); it != groups_.end();) {
    auto& watchers = it->second.watchers;
    size_ -= std::erase_if(watchers, [](const auto& watcher) { return watcher->cancelled.load(); });
    if (!watchers.empty()) {
      ++it;
      continue;
    }
    auto length = lengths_.find(it->first.size());
    if (--length->second == 0) lengths_.erase(length);
    it = groups_.erase(it);
  }
}

}  // namespace reigen::store
