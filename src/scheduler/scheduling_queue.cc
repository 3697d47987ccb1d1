#include "scheduler/scheduling_queue.h"

#include <algorithm>
#include <vector>

#include "api/metav1.h"

namespace reigen::scheduler {
namespace {

bool asks_the_same(const api::corev1::Pod& a, const api::corev1::Pod& b) {
  return a.metadata.labels == b.metadata.labels && a.spec == b.spec && a.metadata.annotations == b.metadata.annotations;
}

}  // namespace

int32_t priority_of(const api::corev1::Pod& pod) { return pod.spec.priority.value_or(0); }

Duration SchedulingQueue::backoff(int attempts) const {
  auto delay = options_.initial_backoff;
  for (int i = 1; i < attempts && delay < options_.max_backoff; ++i) delay *= 2;
  return std::min(delay, options_.max_backoff);
}

SchedulingQueue::Order SchedulingQueue::order_of(const Entry& entry) {
  return {priority_of(*entry.item.pod), entry.item.sequence, entry.item.pod->metadata.uid};
}

void SchedulingQueue::enter(Entry& entry, Place place, TimePoint due) {
  entry.place = place;
  entry.due = due;
  switch (place) {
    case Place::kActive: active_.insert(order_of(entry)); return;
    case Place::kGated: ++gated_; return;
    case Place::kBackoff: backoff_.emplace(due, entry.item.sequence); break;
    case Place::kWaiting: waiting_.emplace(due, entry.item.sequence); break;
  }
  by_sequence_[entry.item.sequence] = entry.item.pod->metadata.uid;
}

void SchedulingQueue::leave(Entry& entry) {
  switch (entry.place) {
    case Place::kActive: active_.erase(order_of(entry)); return;
    case Place::kGated: --gated_; return;
    case Place::kBackoff: backoff_.erase({entry.due, entry.item.sequence}); break;
    case Place::kWaiting: waiting_.erase({entry.due, entry.item.sequence}); break;
  }
  by_sequence_.erase(entry.item.sequence);
}

void SchedulingQueue::put(const PodPtr& pod, TimePoint now) {
  bool gated = !pod->spec.scheduling_gates.empty();
  auto [at, added] = pods_.try_emplace(pod->metadata.uid);
  auto& entry = at->second;
  if (added) {
    entry.item = {pod, 0, next_sequence_++};
    enter(entry, gated ? Place::kGated : Place::kActive, now);
    return;
  }
  bool changed = !asks_the_same(*entry.item.pod, *pod);
  leave(entry);
  entry.item.pod = pod;
  auto place = entry.place;
  if (gated) {
    place = Place::kGated;
  } else if (place == Place::kGated) {
    place = Place::kActive;
  } else if (place == Place::kWaiting && changed) {
    place = entry.backoff_until > now ? Place::kBackoff : Place::kActive;
    if (place == Place::kBackoff) entry.due = entry.backoff_until;
  }
  enter(entry, place, entry.due);
}

void SchedulingQueue::remove(const std::string& uid) {
  auto found = pods_.find(uid);
  if (found == pods_.end()) return;
  leave(found->second);
  pods_.erase(found);
}

std::optional<SchedulingQueue::Item> SchedulingQueue::pop(TimePoint now) {
  advance(now);
  if (active_.empty()) return std::nullopt;
  auto uid = active_.begin()->uid;
  auto found = pods_.find(uid);
  active_.erase(active_.begin());
  auto item = std::move(found->second.item);
  pods_.erase(found);
  ++item.attempts;
  return item;
}

void SchedulingQueue::wait(Item item, uint32_t causes, TimePoint now) {
  auto [at, added] = pods_.try_emplace(item.pod->metadata.uid);
  if (!added) return;
  auto& entry = at->second;
  entry.backoff_until = now + backoff(item.attempts);
  entry.item = std::move(item);
  entry.causes = causes;
  enter(entry, Place::kWaiting, now + options_.waiting_timeout);
}

void SchedulingQueue::back_off(Item item, TimePoint now) {
  auto [at, added] = pods_.try_emplace(item.pod->metadata.uid);
  if (!added) return;
  auto& entry = at->second;
  entry.backoff_until = now + backoff(item.attempts);
  entry.item = std::move(item);
  enter(entry, Place::kBackoff, entry.backoff_until);
}

void SchedulingQueue::move(uint32_t causes, TimePoint now) {
  std::vector<uint64_t> moving;
  for (const auto& [due, sequence] : waiting_)
    if (pods_.at(by_sequence_.at(sequence)).causes & causes) moving.push_back(sequence);
  for (auto sequence : moving) {
    auto& entry = pods_.at(by_sequence_.at(sequence));
    leave(entry);
    if (entry.backoff_until > now) {
      enter(entry, Place::kBackoff, entry.backoff_until);
    } else {
      enter(entry, Place::kActive, now);
    }
  }
}

std::optional<TimePoint> SchedulingQueue::advance(TimePoint now) {
  for (auto* queue : {&backoff_, &waiting_}) {
    while (!queue->empty() && queue->begin()->first <= now) {
      auto& entry = pods_.at(by_sequence_.at(queue->begin()->second));
      leave(entry);
      enter(entry, Place::kActive, now);
    }
  }
  std::optional<TimePoint> next;
  for (auto* queue : {&backoff_, &waiting_})
    if (!queue->empty() && (!next || queue->begin()->first < *next)) next = queue->begin()->first;
  return next;
}

}  // namespace reigen::scheduler
