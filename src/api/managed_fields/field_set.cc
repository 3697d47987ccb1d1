#include "api/managed_fields/field_set.h"

#include <algorithm>

#include <fmt/core.h>

#include "api/go_quote.h"

namespace reigen::api {
namespace {

using Kind = PathElement::Kind;

int three_way(auto a, auto b) { return a < b ? -1 : (b < a ? 1 : 0); }

// Keys come sorted by name.
int compare_keys(const Value& a, const Value& b) {
  auto left = a.members(), right = b.members();
  for (size_t i = 0; i < left.size() && i < right.size(); ++i) {
    if (int order = three_way(left[i].key(), right[i].key())) return order;
    if (int order = Value::compare(left[i].value, right[i].value)) return order;
  }
  return three_way(left.size(), right.size());
}

std::string print_scalar(const Value& value) { return value.is_string() ? go_quote(value.text()) : to_json(value); }

bool precedes(const FieldSet::Node& node, const PathElement& element) { return node.element < element; }

void visit_all(const FieldSet& set, Path& prefix, const std::function<void(const Path&)>& visit) {
  for (const auto& node : set.nodes()) {
    if (!node.member) continue;
    prefix.push_back(node.element);
    visit(prefix);
    prefix.pop_back();
  }
  for (const auto& node : set.nodes()) {
    if (node.children.empty()) continue;
    prefix.push_back(node.element);
    visit_all(node.children, prefix, visit);
    prefix.pop_back();
  }
}

Result<FieldSet> from_value(const Value& value, bool& member) {
  FieldSet set;
  if (!value.is_object()) return fail(Code::kInvalidArgument, "a field set must be an object");
  for (const auto& entry : value.members()) {
    if (entry.key() == ".") {
      member = true;
      continue;
    }
    auto key = entry.key();
    if (key.size() >= 2 && key[1] == ':' && std::string_view("fkvi").find(key[0]) == std::string_view::npos) continue;
    TRY_ASSIGN(auto element, PathElement::parse(key));
    bool child_member = false;
    TRY_ASSIGN(auto children, from_value(entry.value, child_member));
    if (children.empty()) child_member = true;
    auto& nodes = set.nodes();
    if (nodes.empty() || nodes.back().element < element) {
      nodes.push_back({std::move(element), child_member, std::move(children)});
    } else {
      FieldSet one;
      one.append(std::move(element), child_member, std::move(children));
      set = set.united(one);
    }
  }
  return set;
}

}  // namespace

int PathElement::compare(const PathElement& a, const PathElement& b) {
  if (a.kind != b.kind) return three_way(a.kind, b.kind);
  switch (a.kind) {
    case Kind::kField: return three_way(a.value.text(), b.value.text());
    case Kind::kKey: return compare_keys(a.value, b.value);
    default: return Value::compare(a.value, b.value);
  }
}

std::string PathElement::to_string() const {
  switch (kind) {
    case Kind::kField: return fmt::format(".{}", value.text());
    case Kind::kValue: return fmt::format("[={}]", print_scalar(value));
    case Kind::kIndex: return fmt::format("[{}]", value.int_or(0));
    case Kind::kKey: break;
  }
  std::string out = "[";
  for (const auto& member : value.members()) {
    if (out.size() > 1) out += ',';
    out += fmt::format("{}={}", member.key(), print_scalar(member.value));
  }
  return out += ']';
}

std::string to_string(const Path& path) {
  std::string out;
  for (const auto& element : path) out += element.to_string();
  return out;
}

std::string PathElement::wire() const {
  switch (kind) {
    case Kind::kField: return "f:" + std::string(value.text());
    case Kind::kKey: return "k:" + to_json(value);
    case Kind::kValue: return "v:" + to_json(value);
    case Kind::kIndex: return "i:" + to_json(value);
  }
  return {};
}

Result<PathElement> PathElement::parse(std::string_view wire) {
  if (wire.size() < 2) return fail(Code::kInvalidArgument, "key must be 2 characters long:");
  if (wire[1] != ':') return fail(Code::kInvalidArgument, fmt::format("missing colon: {}", wire));
  auto rest = wire.substr(2);
  if (wire[0] == 'f') return field(rest);
  TRY_ASSIGN(auto value, parse_json(rest));
  switch (wire[0]) {
    case 'v': return of_value(std::move(value));
    case 'i':
      if (!value.is_int()) return fail(Code::kInvalidArgument, fmt::format("no index: {}", wire));
      return PathElement{Kind::kIndex, std::move(value)};
    case 'k': break;
    default: return fail(Code::kInvalidArgument, "unknown path element type");
  }
  if (!value.is_object()) return fail(Code::kInvalidArgument, fmt::format("no keys: {}", wire));
  bool sorted = std::ranges::is_sorted(value.members(), {}, [](const Value::Member& m) { return m.key(); });
  if (!sorted) {
    Value again = *parse_json(to_json(value, {.sorted = true}));
    value = std::move(again);
  }
  return key(std::move(value));
}

FieldSet FieldSet::of(std::initializer_list<std::initializer_list<std::string_view>> paths) {
  FieldSet set;
  for (const auto& names : paths) {
    Path path;
    for (auto name : names) path.push_back(PathElement::field(name));
    set.insert(path);
  }
  return set;
}

const FieldSet::Node* FieldSet::find(const PathElement& element) const {
  auto it = std::lower_bound(nodes_.begin(), nodes_.end(), element, precedes);
  return it != nodes_.end() && it->element == element ? &*it : nullptr;
}

void FieldSet::insert(const Path& path) {
  FieldSet* here = this;
  for (size_t i = 0; i < path.size(); ++i) {
    auto it = std::lower_bound(here->nodes_.begin(), here->nodes_.end(), path[i], precedes);
    if (it == here->nodes_.end() || !(it->element == path[i])) it = here->nodes_.insert(it, Node{path[i], false, {}});
    if (i + 1 == path.size()) it->member = true;
    here = &it->children;
  }
}

bool FieldSet::has(const Path& path) const {
  const FieldSet* here = this;
  for (size_t i = 0; i < path.size(); ++i) {
    const Node* node = here->find(path[i]);
    if (!node) return false;
    if (i + 1 == path.size()) return node->member;
    here = &node->children;
  }
  return false;
}

void FieldSet::append(PathElement element, bool member, FieldSet children) {
  if (member || !children.empty()) nodes_.push_back({std::move(element), member, std::move(children)});
}

FieldSet FieldSet::united(const FieldSet& other) const {
  FieldSet out;
  out.nodes_.reserve(std::max(nodes_.size(), other.nodes_.size()));
  auto a = nodes_.begin(), b = other.nodes_.begin();
  while (a != nodes_.end() && b != other.nodes_.end()) {
    int order = PathElement::compare(a->element, b->element);
    if (order < 0) {
      out.nodes_.push_back(*a++);
    } else if (order > 0) {
      out.nodes_.push_back(*b++);
    } else {
      out.nodes_.push_back({a->element, a->member || b->member, a->children.united(b->children)});
      ++a, ++b;
    }
  }
  out.nodes_.insert(out.nodes_.end(), a, nodes_.end());
  out.nodes_.insert(out.nodes_.end(), b, other.nodes_.end());
  return out;
}

FieldSet FieldSet::intersected(const FieldSet& other) const {
  FieldSet out;
  auto a = nodes_.begin(), b = other.nodes_.begin();
  while (a != nodes_.end() && b != other.nodes_.end()) {
    int order = PathElement::compare(a->element, b->element);
    if (order == 0) out.append(a->element, a->member && b->member, a->children.intersected(b->children));
    if (order <= 0) ++a;
    if (order >= 0) ++b;
  }
  return out;
}

FieldSet FieldSet::minus(const FieldSet& other) const {
  FieldSet out;
  auto b = other.nodes_.begin();
  for (const auto& node : nodes_) {
    while (b != other.nodes_.end() && b->element < node.element) ++b;
    if (b == other.nodes_.end() || !(b->element == node.element)) out.nodes_.push_back(node);
    else out.append(node.element, node.member && !b->member, node.children.minus(b->children));
  }
  return out;
}

FieldSet FieldSet::minus_recursively(const FieldSet& other) const {
  FieldSet out;
  auto b = other.nodes_.begin();
  for (const auto& node : nodes_) {
    while (b != other.nodes_.end() && b->element < node.element) ++b;
    if (b == other.nodes_.end() || !(b->element == node.element)) out.nodes_.push_back(node);
    else if (!b->member) out.append(node.element, node.member, node.children.minus_recursively(b->children));
  }
  return out;
}

void FieldSet::each(const std::function<void(const Path&)>& visit) const {
  Path prefix;
  visit_all(*this, prefix, visit);
}

void FieldSet::append_json(std::string& out) const {
  out += '{';
  bool first = true;
  for (const auto& node : nodes_) {
    if (!first) out += ',';
    first = false;
    append_json_string(out, node.element.wire(), false);
    out += ':';
    if (node.children.empty()) {
      out += "{}";
      continue;
    }
    size_t start = out.size();
    node.children.append_json(out);
    if (node.member) out.insert(start + 1, "\".\":{},");
  }
  out += '}';
}

std::string FieldSet::to_json() const {
  std::string out;
  append_json(out);
  return out;
}

Result<FieldSet> FieldSet::parse(std::string_view json) {
  TRY_ASSIGN(auto value, parse_json(json, {.max_depth = 200}));
  bool member = false;
  return from_value(value, member);
}

bool operator==(const FieldSet& a, const FieldSet& b) {
  return std::ranges::equal(a.nodes_, b.nodes_,
                            [](const auto& x, const auto& y) { return x.member == y.member && x.element == y.element && x.children == y.children; });
}

}  // namespace reigen::api
