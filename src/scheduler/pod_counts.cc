#include "scheduler/pod_counts.h"

#include <algorithm>

#include "api/metav1.h"

namespace reigen::scheduler {
namespace {

void bump(Counts& counts, Slot slot, int by) {
  if (slot >= counts.size()) counts.resize(slot + 1, 0);
  counts[slot] += by;
}

// "key=value" of the first requirement that wants one value; "" when there is none.
std::string index_label(const api::LabelSelector& selector) {
  using Operator = api::LabelRequirement::Operator;
  for (const auto& requirement : selector.requirements()) {
    bool equals = requirement.op() == Operator::kEquals || requirement.op() == Operator::kDoubleEquals || requirement.op() == Operator::kIn;
    if (equals && requirement.values().size() == 1) return requirement.key() + "=" + requirement.values()[0];
  }
  return {};
}

Term make_term(TermKind kind, const api::corev1::PodAffinityTerm& from, const api::corev1::Pod& pod, int32_t weight, const FindNamespaces& find_namespaces) {
  Term term{.kind = kind, .topology_key = from.topology_key, .weight = weight};
  term.set.namespaces = from.namespaces;
  if (from.namespace_selector) {
    auto selector = api::LabelSelector::from(*from.namespace_selector);
    if (selector && selector->empty()) term.set.all_namespaces = true;
    if (selector && !selector->empty())
      for (auto& name : find_namespaces(*selector)) term.set.namespaces.push_back(std::move(name));
  } else if (from.namespaces.empty()) {
    term.set.namespaces = {pod.metadata.namespace_};
  }
  std::sort(term.set.namespaces.begin(), term.set.namespaces.end());
  auto labels = api::LabelSelector::from(from.label_selector.get());
  term.set.labels = labels ? std::move(*labels) : api::LabelSelector::nothing();
  return term;
}

}  // namespace

bool PodSet::contains(const api::corev1::Pod& pod) const {
  if (skip_terminating && pod.metadata.deletion_timestamp) return false;
  if (!all_namespaces && !std::binary_search(namespaces.begin(), namespaces.end(), pod.metadata.namespace_)) return false;
  return labels.matches(pod.metadata.labels);
}

std::string PodSet::key() const {
  std::string key = all_namespaces ? "*" : "";
  if (skip_terminating) key += '-';
  if (labels.is_nothing()) key += '!';
  for (const auto& name : namespaces) key.append(name).append(1, ',');
  return key.append(1, '\0').append(labels.to_string());
}

std::string Term::key() const { return std::to_string(static_cast<int>(kind)) + '/' + std::to_string(weight) + '/' + topology_key + '/' + set.key(); }

std::vector<Term> terms_of(const api::corev1::Pod& pod, const FindNamespaces& find_namespaces) {
  std::vector<Term> terms;
  const auto& affinity = pod.spec.affinity;
  if (!affinity) return terms;
  auto add = [&](TermKind kind, const auto& term, int32_t weight) { terms.push_back(make_term(kind, term, pod, weight, find_namespaces)); };
  if (const auto* with = affinity->pod_affinity.get()) {
    for (const auto& term : with->required_during_scheduling_ignored_during_execution) add(TermKind::kRequiredAffinity, term, 0);
    for (const auto& term : with->preferred_during_scheduling_ignored_during_execution) add(TermKind::kPreferredAffinity, term.pod_affinity_term, term.weight);
  }
  if (const auto* against = affinity->pod_anti_affinity.get()) {
    for (const auto& term : against->required_during_scheduling_ignored_during_execution) add(TermKind::kRequiredAntiAffinity, term, 0);
    for (const auto& term : against->preferred_during_scheduling_ignored_during_execution)
      add(TermKind::kPreferredAntiAffinity, term.pod_affinity_term, term.weight);
  }
  return terms;
}

CounterId PodCounts::count(const PodSet& set) {
  auto [at, added] = ids_.try_emplace(set.key(), static_cast<CounterId>(counters_.size()));
  if (!added) return at->second;
  counters_.push_back({set, {}});
  auto& counter = counters_.back();
  placed_([&](const PodPtr& pod, Slot slot) {
    if (counter.set.contains(*pod)) bump(counter.counts, slot, 1);
  });
  auto label = index_label(set.labels);
  (label.empty() ? others_ : by_label_[label]).push_back(at->second);
  return at->second;
}

std::vector<uint32_t> PodCounts::carried_for(const api::corev1::Pod& pod) const {
  std::vector<uint32_t> found;
  for (uint32_t i = 0; i < carried_.size(); ++i)
    if (carried_[i].total > 0 && carried_[i].term.set.contains(pod)) found.push_back(i);
  return found;
}

void PodCounts::change_matching(const std::vector<CounterId>& ids, const api::corev1::Pod& pod, Slot slot, int by) {
  for (auto id : ids)
    if (counters_[id].set.contains(pod)) bump(counters_[id].counts, slot, by);
}

void PodCounts::change(const api::corev1::Pod& pod, Slot slot, int by) {
  if (!counters_.empty()) {
    change_matching(others_, pod, slot, by);
    std::string label;
    for (const auto& [key, value] : pod.metadata.labels) {
      if (by_label_.empty()) break;
      label.assign(key).append(1, '=').append(value);
      auto found = by_label_.find(label);
      if (found != by_label_.end()) change_matching(found->second, pod, slot, by);
    }
  }
  if (pod.spec.affinity) carry(pod, slot, by);
}

void PodCounts::carry(const api::corev1::Pod& pod, Slot slot, int by) {
  for (auto& term : terms_of(pod, find_namespaces_)) {
    auto [at, added] = carried_ids_.try_emplace(term.key(), static_cast<uint32_t>(carried_.size()));
    if (added) carried_.push_back({std::move(term), {}, 0});
    bump(carried_[at->second].counts, slot, by);
    carried_[at->second].total += by;
  }
}

void PodCounts::clear() {
  counters_.clear();
  ids_.clear();
  by_label_.clear();
  others_.clear();
  carried_.clear();
  carried_ids_.clear();
  placed_([&](const PodPtr& pod, Slot slot) {
    if (pod->spec.affinity) carry(*pod, slot, 1);
  });
}

}  // namespace reigen::scheduler
