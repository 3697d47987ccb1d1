#include "scheduler/node_matcher.h"

#include <algorithm>
#include <charconv>

namespace reigen::scheduler {
namespace {

std::optional<int64_t> parse_number(const std::string& text) {
  int64_t number = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

}  // namespace

NodeMatcher::NodeMatcher(const api::corev1::PodSpec& spec, NodeTable& nodes) : nodes_(nodes) {
  for (const auto& [key, value] : spec.node_selector) {
    Requirement requirement{.op = Operator::kIn, .column = &nodes.labels(key)};
    requirement.ids.push_back(requirement.column->find(value));
    selector_.all.push_back(std::move(requirement));
  }
  if (!spec.affinity || !spec.affinity->node_affinity) return;
  const auto& affinity = *spec.affinity->node_affinity;
  if (affinity.required_during_scheduling_ignored_during_execution) {
    has_required_ = true;
    std::set<std::string> names;
    bool all_named = true;
    for (const auto& term : affinity.required_during_scheduling_ignored_during_execution->node_selector_terms) {
      if (term.match_expressions.empty() && term.match_fields.empty()) continue;
      required_.push_back(compile(term));
      bool named = false;
      for (const auto& field : term.match_fields) {
        if (field.key != "metadata.name" || field.operator_ != "In") continue;
        named = true;
        names.insert(field.values.begin(), field.values.end());
      }
      all_named &= named;
    }
    if (all_named && !required_.empty()) names_ = std::move(names);
  }
  for (const auto& term : affinity.preferred_during_scheduling_ignored_during_execution) {
    if (term.weight == 0 || (term.preference.match_expressions.empty() && term.preference.match_fields.empty())) continue;
    preferred_.push_back(compile(term.preference));
    preferred_.back().weight = term.weight;
  }
}

NodeMatcher::Requirement NodeMatcher::compile(const api::corev1::NodeSelectorRequirement& from, bool field) {
  static constexpr std::pair<std::string_view, Operator> kOperators[] = {{"In", Operator::kIn},         {"NotIn", Operator::kNotIn},
                                                                         {"Exists", Operator::kExists}, {"DoesNotExist", Operator::kDoesNotExist},
                                                                         {"Gt", Operator::kGt},         {"Lt", Operator::kLt}};
  Requirement made;
  for (const auto& [name, op] : kOperators)
    if (name == from.operator_) made.op = op;
  if (field) {
    if (from.key != "metadata.name") made.op = Operator::kNever;
    made.texts = from.values;
    return made;
  }
  made.column = &nodes_.labels(from.key);
  for (const auto& value : from.values)
    if (auto id = made.column->find(value)) made.ids.push_back(id);
  if (made.op == Operator::kGt || made.op == Operator::kLt) {
    auto number = from.values.size() == 1 ? parse_number(from.values[0]) : std::nullopt;
    if (!number) made.op = Operator::kNever;
    made.number = number.value_or(0);
  }
  return made;
}

NodeMatcher::Conjunction NodeMatcher::compile(const api::corev1::NodeSelectorTerm& term) {
  Conjunction made;
  for (const auto& requirement : term.match_expressions) made.all.push_back(compile(requirement, false));
  for (const auto& requirement : term.match_fields) made.all.push_back(compile(requirement, true));
  return made;
}

bool NodeMatcher::holds(const Requirement& requirement, Slot slot) const {
  if (requirement.op == Operator::kNever) return false;
  if (!requirement.column) {
    const auto& name = nodes_.node(slot)->metadata.name;
    bool in = std::find(requirement.texts.begin(), requirement.texts.end(), name) != requirement.texts.end();
    return requirement.op == Operator::kIn ? in : requirement.op == Operator::kNotIn && !in;
  }
  uint32_t id = requirement.column->at(slot);
  bool in = id != LabelColumn::kAbsent && std::find(requirement.ids.begin(), requirement.ids.end(), id) != requirement.ids.end();
  switch (requirement.op) {
    case Operator::kIn: return in;
    case Operator::kNotIn: return !in;
    case Operator::kExists: return id != LabelColumn::kAbsent;
    case Operator::kDoesNotExist: return id == LabelColumn::kAbsent;
    default: break;
  }
  if (id == LabelColumn::kAbsent) return false;
  auto number = parse_number(requirement.column->text(id));
  return number && (requirement.op == Operator::kGt ? *number > requirement.number : *number < requirement.number);
}

bool NodeMatcher::holds(const Conjunction& conjunction, Slot slot) const {
  return std::all_of(conjunction.all.begin(), conjunction.all.end(), [&](const auto& requirement) { return holds(requirement, slot); });
}

bool NodeMatcher::matches(Slot slot) const {
  if (!holds(selector_, slot)) return false;
  if (!has_required_) return true;
  return std::any_of(required_.begin(), required_.end(), [&](const auto& term) { return holds(term, slot); });
}

int64_t NodeMatcher::preference(Slot slot) const {
  int64_t sum = 0;
  for (const auto& term : preferred_)
    if (holds(term, slot)) sum += term.weight;
  return sum;
}

}  // namespace reigen::scheduler
