#include "scheduler/topology_view.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace reigen::scheduler {
namespace {

constexpr float kSpreadWeight = 2, kAffinityWeight = 2;
constexpr int64_t kHardAffinityWeight = 1;
constexpr float kFull = 100;

// The pods that are in all of these sets.
PodSet intersection(const std::vector<const PodSet*>& sets) {
  PodSet all = *sets[0];
  for (size_t i = 1; i < sets.size(); ++i) {
    const auto& other = *sets[i];
    if (other.labels.is_nothing()) all.labels = api::LabelSelector::nothing();
    for (const auto& requirement : other.labels.requirements())
      if (!all.labels.is_nothing()) all.labels.add(requirement);
    if (other.all_namespaces) continue;
    std::vector<std::string> both;
    if (all.all_namespaces) {
      both = other.namespaces;
    } else {
      std::set_intersection(all.namespaces.begin(), all.namespaces.end(), other.namespaces.begin(), other.namespaces.end(), std::back_inserter(both));
    }
    all.all_namespaces = false;
    all.namespaces = std::move(both);
  }
  return all;
}

}  // namespace

std::string_view to_string(TopologyVerdict verdict) {
  switch (verdict) {
    case TopologyVerdict::kOk: return "";
    case TopologyVerdict::kSpreadLabelMissing: return "node(s) didn't match pod topology spread constraints (missing required label)";
    case TopologyVerdict::kSpread: return "node(s) didn't match pod topology spread constraints";
    case TopologyVerdict::kAffinity: return "node(s) didn't match pod affinity rules";
    case TopologyVerdict::kAntiAffinity: return "node(s) didn't match pod anti-affinity rules";
    case TopologyVerdict::kExistingAntiAffinity: return "node(s) didn't satisfy existing pods anti-affinity rules";
  }
  return "";
}

bool resolvable(TopologyVerdict verdict) {
  return verdict == TopologyVerdict::kSpread || verdict == TopologyVerdict::kAntiAffinity || verdict == TopologyVerdict::kExistingAntiAffinity;
}

int64_t TopologyView::Domains::at(Slot slot) const {
  uint32_t id = column->at(slot);
  return id == LabelColumn::kAbsent || id >= counts.size() ? 0 : counts[id];
}

TopologyView::TopologyView(const PodClass& of, NodeTable& nodes, PodCounts& counts, const NodeMatcher& matcher)
    : class_(of), nodes_(nodes), counts_(counts), matcher_(matcher) {
  if (of.simple()) return;
  for (const auto& constraint : of.spread) add_spread(constraint);
  add_terms();
  add_carried();
}

TopologyView::Domains TopologyView::sum(const Counts& counts, const std::string& topology_key) const {
  Domains domains{.column = &nodes_.labels(topology_key)};
  domains.counts.assign(domains.column->ids(), 0);
  Slot end = static_cast<Slot>(std::min<size_t>(counts.size(), nodes_.slots()));
  for (Slot slot = 0; slot < end; ++slot) {
    uint32_t id = domains.column->at(slot);
    if (counts[slot] == 0 || id == LabelColumn::kAbsent) continue;
    domains.counts[id] += counts[slot];
    domains.total += counts[slot];
  }
  return domains;
}

bool TopologyView::spread_counts_node(const SpreadConstraint& constraint, Slot slot) const {
  if (constraint.honor_affinity && !matcher_.matches(slot)) return false;
  return !constraint.honor_taints || !untolerated(class_.sample->spec, nodes_.taint_set(nodes_.taints[slot]));
}

void TopologyView::add_spread(const SpreadConstraint& constraint) {
  Spread spread{.constraint = &constraint};
  const auto& counts = counts_.counts(counts_.count(constraint.set));
  auto& domains = spread.domains;
  domains.column = &nodes_.labels(constraint.topology_key);
  domains.counts.assign(domains.column->ids(), 0);
  spread.present.assign(domains.column->ids(), 0);
  // A node counts for a constraint only where it has the labels of all of the same kind.
  std::vector<const LabelColumn*> needed;
  for (const auto& other : class_.spread)
    if (other.required == constraint.required && !class_.default_spread) needed.push_back(&nodes_.labels(other.topology_key));
  for (Slot slot = 0; slot < nodes_.slots(); ++slot) {
    uint32_t id = domains.column->at(slot);
    if (!nodes_.live(slot) || id == LabelColumn::kAbsent || !spread_counts_node(constraint, slot)) continue;
    if (std::any_of(needed.begin(), needed.end(), [&](const auto* column) { return column->at(slot) == LabelColumn::kAbsent; })) continue;
    spread.present[id] = 1;
    domains.counts[id] += count_at(counts, slot);
  }
  int64_t minimum = std::numeric_limits<int64_t>::max();
  int32_t number = 0;
  for (size_t id = 1; id < spread.present.size(); ++id) {
    if (!spread.present[id]) continue;
    ++number;
    minimum = std::min(minimum, domains.counts[id]);
  }
  spread.minimum = number == 0 || number < constraint.min_domains ? 0 : minimum;
  (constraint.required ? required_ : preferred_).push_back(std::move(spread));
}

void TopologyView::add_terms() {
  std::vector<const PodSet*> required;
  for (const auto& term : class_.terms)
    if (term.kind == TermKind::kRequiredAffinity) required.push_back(&term.set);
  CounterId all_of_them = required.empty() ? 0 : counts_.count(intersection(required));
  int64_t total = 0;
  for (const auto& term : class_.terms) {
    auto counter = term.kind == TermKind::kRequiredAffinity ? all_of_them : counts_.count(term.set);
    auto domains = sum(counts_.counts(counter), term.topology_key);
    switch (term.kind) {
      case TermKind::kRequiredAffinity:
        total += domains.total;
        affinity_.push_back(std::move(domains));
        break;
      case TermKind::kRequiredAntiAffinity: anti_affinity_.push_back(std::move(domains)); break;
      case TermKind::kPreferredAffinity:
      case TermKind::kPreferredAntiAffinity:
        domains.weight = term.kind == TermKind::kPreferredAffinity ? term.weight : -term.weight;
        scored_.push_back(std::move(domains));
        break;
    }
  }
  first_of_its_kind_ = total == 0 && std::all_of(required.begin(), required.end(), [&](const auto* set) { return set->contains(*class_.sample); });
}

void TopologyView::add_carried() {
  for (auto index : class_.carried) {
    const auto& carried = counts_.carried(index);
    if (carried.total == 0) continue;
    auto domains = sum(carried.counts, carried.term.topology_key);
    switch (carried.term.kind) {
      case TermKind::kRequiredAntiAffinity: existing_anti_affinity_.push_back(std::move(domains)); continue;
      case TermKind::kRequiredAffinity: domains.weight = kHardAffinityWeight; break;
      case TermKind::kPreferredAffinity: domains.weight = carried.term.weight; break;
      case TermKind::kPreferredAntiAffinity: domains.weight = -carried.term.weight; break;
    }
    scored_.push_back(std::move(domains));
  }
}

TopologyVerdict TopologyView::spread_verdict(Slot slot) const {
  for (const auto& spread : required_) {
    uint32_t id = spread.domains.column->at(slot);
    if (id == LabelColumn::kAbsent) return TopologyVerdict::kSpreadLabelMissing;
    int64_t skew = spread.domains.counts[id] + (spread.constraint->matches_self ? 1 : 0) - spread.minimum;
    if (skew > spread.constraint->max_skew) return TopologyVerdict::kSpread;
  }
  return TopologyVerdict::kOk;
}

bool TopologyView::affinity_holds(Slot slot) const {
  bool all = true;
  for (const auto& domains : affinity_) {
    if (domains.column->at(slot) == LabelColumn::kAbsent) return false;
    all &= domains.at(slot) > 0;
  }
  return all || first_of_its_kind_;
}

TopologyVerdict TopologyView::verdict(Slot slot) const {
  if (class_.simple()) return TopologyVerdict::kOk;
  if (auto spread = spread_verdict(slot); spread != TopologyVerdict::kOk) return spread;
  auto taken = [&](const Domains& domains) { return domains.at(slot) > 0; };
  if (!affinity_holds(slot)) return TopologyVerdict::kAffinity;
  if (std::any_of(anti_affinity_.begin(), anti_affinity_.end(), taken)) return TopologyVerdict::kAntiAffinity;
  if (std::any_of(existing_anti_affinity_.begin(), existing_anti_affinity_.end(), taken)) return TopologyVerdict::kExistingAntiAffinity;
  return TopologyVerdict::kOk;
}

std::vector<float> TopologyView::spread_scores(const std::vector<Slot>& usable) const {
  std::vector<float> sums(usable.size(), 0);
  std::vector<uint8_t> ignored(usable.size(), 0);
  if (preferred_.empty()) return sums;
  for (const auto& spread : preferred_) {
    std::vector<uint8_t> seen(spread.domains.column->ids(), 0);
    size_t domains = 0;
    for (Slot slot : usable)
      if (uint32_t id = spread.domains.column->at(slot); id != LabelColumn::kAbsent && !std::exchange(seen[id], 1)) ++domains;
    float weight = std::log(static_cast<float>(domains + 2));
    for (size_t i = 0; i < usable.size(); ++i) {
      if (spread.domains.column->at(usable[i]) == LabelColumn::kAbsent) {
        ignored[i] |= !class_.default_spread;
        continue;
      }
      sums[i] += static_cast<float>(spread.domains.at(usable[i])) * weight + static_cast<float>(spread.constraint->max_skew - 1);
    }
  }
  float least = std::numeric_limits<float>::max(), most = 0;
  for (size_t i = 0; i < sums.size(); ++i) {
    if (ignored[i]) continue;
    sums[i] = std::round(sums[i]);
    least = std::min(least, sums[i]);
    most = std::max(most, sums[i]);
  }
  for (size_t i = 0; i < sums.size(); ++i) {
    if (ignored[i]) {
      sums[i] = 0;
    } else {
      sums[i] = most == 0 ? kFull : kFull * (most + least - sums[i]) / most;
    }
  }
  return sums;
}

void TopologyView::add_affinity_scores(const std::vector<Slot>& usable, std::vector<float>& scores) const {
  if (scored_.empty()) return;
  std::vector<int64_t> sums(usable.size(), 0);
  for (const auto& domains : scored_)
    for (size_t i = 0; i < usable.size(); ++i) sums[i] += domains.weight * domains.at(usable[i]);
  auto [least, most] = std::minmax_element(sums.begin(), sums.end());
  if (*least == *most) return;
  float low = static_cast<float>(*least), span = static_cast<float>(*most - *least);
  for (size_t i = 0; i < usable.size(); ++i) scores[i] += kAffinityWeight * kFull * (static_cast<float>(sums[i]) - low) / span;
}

std::vector<float> TopologyView::scores(const std::vector<Slot>& usable) const {
  auto scores = spread_scores(usable);
  for (auto& score : scores) score *= kSpreadWeight;
  add_affinity_scores(usable, scores);
  return scores;
}

}  // namespace reigen::scheduler
