#include "scheduler/scheduling_core.h"

#include <algorithm>

#include "api/metav1.h"

namespace reigen::scheduler {
namespace {

constexpr size_t kMaxClasses = 128;  // rankings kept; beyond, those used least recently go

bool ended(const api::corev1::Pod& pod) { return pod.status.phase == api::corev1::PodPhase::Succeeded || pod.status.phase == api::corev1::PodPhase::Failed; }

}  // namespace

SchedulingCore::SchedulingCore(std::string scheduler_name, QueueOptions options)
    : scheduler_name_(std::move(scheduler_name)),
      placed_(nodes_),
      counts_([this](const api::LabelSelector& selector) { return find_namespaces(selector); }, [this](const auto& visit) { placed_.for_each(visit); }),
      queue_(options) {
  placed_.on_count([this](const api::corev1::Pod& pod, Slot slot, int by) { by > 0 ? counts_.add(pod, slot) : counts_.remove(pod, slot); });
}

std::vector<std::string> SchedulingCore::find_namespaces(const api::LabelSelector& selector) const {
  std::vector<std::string> names;
  for (const auto& [name, labels] : namespaces_)
    if (selector.matches(labels)) names.push_back(name);
  return names;
}

void SchedulingCore::node_changed(const NodePtr& previous, const NodePtr& current) {
  if (current) {
    if (nodes_.put(current)) causes_ |= kNodeChanged;
  } else if (previous) {
    nodes_.remove(previous->metadata.name);
    causes_ |= kNodeChanged;
  }
}

void SchedulingCore::namespace_changed(const std::string& name, const api::Map<std::string>* labels) {
  auto found = namespaces_.find(name);
  if (labels ? found != namespaces_.end() && found->second == *labels : found == namespaces_.end()) return;
  if (labels) {
    namespaces_[name] = *labels;
  } else {
    namespaces_.erase(found);
  }
  // What namespace selectors mean may differ: all sets are counted anew.
  classes_.clear();
  counts_.clear();
  causes_ |= kPodChanged;
}

bool SchedulingCore::ours(const api::corev1::Pod& pod) const { return pod.spec.scheduler_name == scheduler_name_; }

void SchedulingCore::place(const PodPtr& pod, const std::string& node, bool assumed, bool nominated, std::shared_ptr<const Claim> claim) {
  const auto* known = placed_.find(pod->metadata.uid);
  bool counted = known && !known->nominated;
  if (!nominated && !counted) {
    ++priorities_[priority_of(*pod)];
    causes_ |= kPodChanged;
  }
  placed_.place({.pod = pod, .node = node, .claim = std::move(claim), .assumed = assumed, .nominated = nominated});
}

bool SchedulingCore::unplace(const std::string& uid) {
  const auto* known = placed_.find(uid);
  if (!known) return false;
  if (!known->nominated) {
    auto found = priorities_.find(priority_of(*known->pod));
    if (--found->second == 0) priorities_.erase(found);
  }
  causes_ |= kPodLeft | kPodChanged;
  return placed_.remove(uid);
}

void SchedulingCore::pod_changed(const PodPtr& previous, const PodPtr& current, TimePoint now) {
  const auto& pod = current ? *current : *previous;
  const auto& uid = pod.metadata.uid;
  // A pod of the same name that was made anew, with the deletion unseen.
  if (previous && current && previous->metadata.uid != uid) pod_changed(previous, nullptr, now);
  if (!current || ended(pod)) {
    queue_.remove(uid);
    attempts_.erase(uid);
    unplace(uid);
    return;
  }
  if (pod.spec.node_name.empty()) return pending(current, now);
  queue_.remove(uid);
  attempts_.erase(uid);
  const auto* known = placed_.find(uid);
  bool relabelled = known && known->pod->metadata.labels != pod.metadata.labels;
  auto claim = std::make_shared<const Claim>(claim_of(pod.spec));
  if (known && known->claim->requests == claim->requests) claim = known->claim;
  place(current, pod.spec.node_name, false, false, std::move(claim));
  if (relabelled) causes_ |= kPodChanged;
}

void SchedulingCore::pending(const PodPtr& pod, TimePoint now) {
  const auto& uid = pod->metadata.uid;
  const auto* known = placed_.find(uid);
  if (known && known->assumed) return;  // older than our decision
  if (!ours(*pod)) return;
  if (pod->metadata.deletion_timestamp) {
    queue_.remove(uid);
    unplace(uid);
    return;
  }
  if (!known && !pod->status.nominated_node_name.empty()) {
    auto claim = std::make_shared<const Claim>(claim_of(pod->spec));
    place(pod, pod->status.nominated_node_name, false, true, std::move(claim));
  }
  queue_.put(pod, now);
}

SchedulingCore::Class& SchedulingCore::class_of(const PodPtr& pod) {
  auto owners = pod->spec.topology_spread_constraints.empty() ? owners_.of(*pod) : nullptr;
  auto carried = counts_.carried_for(*pod);
  auto [at, added] = classes_.try_emplace(class_key(*pod, owners.get(), carried));
  if (added) {
    auto made = make_class(pod, owners.get(), std::move(carried), [this](const auto& selector) { return find_namespaces(selector); });
    at->second.ranking = std::make_unique<ClassRanking>(std::move(made), nodes_, counts_);
  }
  at->second.ranking->last_used = ++uses_;
  return at->second;
}

void SchedulingCore::forget_old_classes() {
  if (classes_.size() <= kMaxClasses) return;
  std::vector<uint64_t> uses;
  for (const auto& [key, entry] : classes_) uses.push_back(entry.ranking->last_used);
  auto middle = uses.begin() + static_cast<std::ptrdiff_t>(uses.size() / 4);
  std::nth_element(uses.begin(), middle, uses.end());
  std::erase_if(classes_, [oldest = *middle](const auto& entry) { return entry.second.ranking->last_used < oldest; });
}

const ClassRanking::Diagnosis& SchedulingCore::diagnose(Class& of) {
  if (of.failed_shape != nodes_.shape_version() || of.failed_change != nodes_.next_change()) {
    of.diagnosis = of.ranking->diagnose();
    of.failed_shape = nodes_.shape_version();
    of.failed_change = nodes_.next_change();
  }
  return of.diagnosis;
}

void SchedulingCore::preempt(const PodPtr& pod, Class& of, const std::string& nominated, Decision& decision) {
  const auto candidates = of.diagnosis.resolvable;
  if (pod->spec.preemption_policy.value_or("") == "Never") {
    decision.message += " preemption: not eligible due to preemptionPolicy=Never.";
    return;
  }
  auto priority = priority_of(*pod);
  if (Slot slot = nominated.empty() ? kNoSlot : nodes_.find(nominated); slot != kNoSlot) {
    for (const auto* entry : placed_.on(slot)) {
      if (!entry->pod->metadata.deletion_timestamp || priority_of(*entry->pod) >= priority) continue;
      decision.message += " preemption: not eligible due to a terminating pod on the nominated node.";
      decision.nominated = nominated;
      return;
    }
  }
  if (candidates.empty() || priorities_.empty() || priorities_.begin()->first >= priority) {
    decision.message += " preemption: " + no_victims_message(candidates.size(), nodes_.size());
    return;
  }
  auto found = find_victims(*pod, *of.ranking, candidates, nodes_, placed_, counts_);
  if (found.node == kNoSlot) {
    decision.message += " preemption: " + found.message;
    return;
  }
  decision.nominated = nodes_.node(found.node)->metadata.name;
  decision.victims = std::move(found.victims);
  for (const auto& uid : found.displaced) unplace(uid);
}

std::optional<Decision> SchedulingCore::next(TimePoint now) {
  auto item = queue_.pop(now);
  if (!item) return std::nullopt;
  const PodPtr pod = item->pod;
  const auto& uid = pod->metadata.uid;
  forget_old_classes();
  auto& of = class_of(pod);
  std::string nominated;
  if (const auto* held = placed_.find(uid); held && held->nominated) {
    nominated = held->node;
    placed_.remove(uid);
  }
  Slot slot = nominated.empty() ? kNoSlot : nodes_.find(nominated);
  if (slot == kNoSlot || !of.ranking->feasible(slot)) {
    bool still_full = of.failed_shape == nodes_.shape_version() && of.failed_change == nodes_.next_change();
    slot = still_full ? kNoSlot : of.ranking->best();
  }
  Decision decision{.pod = pod};
  if (slot != kNoSlot) {
    decision.node = nodes_.node(slot)->metadata.name;
    attempts_[uid] = item->attempts;
    place(pod, decision.node, true, false, of.ranking->pod_class().claim);
    return decision;
  }
  const auto& diagnosis = diagnose(of);
  decision.message = diagnosis.message;
  uint32_t causes = diagnosis.causes;
  if (nodes_.size() > 0) preempt(pod, of, nominated, decision);
  if (!decision.nominated.empty()) place(pod, decision.nominated, false, true, of.ranking->pod_class().claim);
  queue_.wait(std::move(*item), decision.nominated.empty() ? causes : causes | kPodLeft, now);
  return decision;
}

void SchedulingCore::binding_failed(const PodPtr& pod, bool again, TimePoint now) {
  const auto& uid = pod->metadata.uid;
  const auto* known = placed_.find(uid);
  if (!known || !known->assumed) return;  // gone, or bound after all
  unplace(uid);
  int attempts = attempts_.contains(uid) ? attempts_[uid] : 1;
  attempts_.erase(uid);
  if (again) queue_.back_off({.pod = pod, .attempts = attempts, .sequence = queue_.new_sequence()}, now);
}

std::optional<TimePoint> SchedulingCore::advance(TimePoint now) {
  if (causes_) queue_.move(std::exchange(causes_, 0), now);
  return queue_.advance(now);
}

}  // namespace reigen::scheduler
