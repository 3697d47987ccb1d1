#include <algorithm>

#include "api/managed_fields/typed.h"

namespace reigen::api {
namespace {

// What was found below a node, and whether the node itself belongs to a set.
struct Delta {
  Comparison below;
  bool removed = false, modified = false, added = false;

  void take(PathElement element, Delta child) {
    below.failed |= child.below.failed;
    auto put = [&](FieldSet& set, bool member, FieldSet& children) {
      if (member || !children.empty()) set.append(element, member, std::move(children));
    };
    put(below.removed, child.removed, child.below.removed);
    put(below.modified, child.modified, child.below.modified);
    put(below.added, child.added, child.below.added);
  }
  bool nothing() const { return !removed && !modified && !added && below.removed.empty() && below.modified.empty() && below.added.empty() && !below.failed; }
};

class Comparer {
 public:
  Delta node(const View& before, const View& after, const Schema& schema) {
    Delta delta;
    bool leaf = false;
    auto left = schema.shape(before), right = schema.shape(after);
    if (after.absent()) {
      leaf = visit(left, before, after, schema, delta);
    } else if (before.absent() || left == right) {
      leaf = visit(right, before, after, schema, delta);
    } else {
      visit(left, before, after, schema, delta);
      leaf = visit(right, before, after, schema, delta);
    }
    if (!leaf) {
      if (before.absent()) delta.added = true;
      else if (after.absent()) delta.removed = true;
    }
    return delta;
  }

 private:
  // True where the node is one leaf.
  bool visit(Schema::Shape shape, const View& before, const View& after, const Schema& schema, Delta& delta) {
    bool lists = shape == Schema::Shape::kList;
    auto nothing = [&](const View& view) { return lists ? !view.is_list() || view.size() == 0 : !view.is_map() || is_empty_map(view); };
    bool atomic = schema.deduced() ? lists : schema.atomic();
    if (shape == Schema::Shape::kScalar || atomic || (nothing(before) && nothing(after))) {
      if (before.absent()) delta.added = true;
      else if (after.absent()) delta.removed = true;
      else if (!View::equal(before, after)) delta.modified = true;
      return true;
    }
    if (lists) items(before, after, schema, delta);
    else members(before, after, schema, delta);
    return false;
  }

  static bool is_empty_map(const View& view) {
    if (!view.struct_type()) return view.size() == 0;
    return std::ranges::all_of(view.struct_type()->fields, [&](const FieldDesc& f) { return view.field(f).absent(); });
  }

  void members(const View& before, const View& after, const Schema& schema, Delta& delta) {
    const TypeDesc* left_type = before.is_map() ? before.struct_type() : nullptr;
    const TypeDesc* right_type = after.is_map() ? after.struct_type() : nullptr;
    bool structs = schema.object() && (left_type || !before.is_map()) && (right_type || !after.is_map());
    if (structs && (!left_type || left_type == schema.object()) && (!right_type || right_type == schema.object())) {
      for (uint16_t index : schema.object()->by_name) {
        const FieldDesc& field = schema.object()->fields[index];
        member(field.name, left_type ? before.field(field) : View(), right_type ? after.field(field) : View(), schema.member(field), delta);
      }
      return;
    }
    std::vector<View::Member> left, right;
    before.members(left);
    after.members(right);
    auto a = left.begin(), b = right.begin();
    while (a != left.end() || b != right.end()) {
      int order = a == left.end() ? 1 : b == right.end() ? -1 : a->name.compare(b->name);
      auto name = order <= 0 ? a->name : b->name;
      member(name, order <= 0 ? a->value : View(), order >= 0 ? b->value : View(), schema.member(name), delta);
      if (order <= 0) ++a;
      if (order >= 0) ++b;
    }
  }

  void member(std::string_view name, const View& before, const View& after, const Schema& schema, Delta& delta) {
    if (before.absent() && after.absent()) return;
    Delta child = node(before, after, schema);
    if (!child.nothing()) delta.take(PathElement::field(name), std::move(child));
  }

  struct Item {
    PathElement element;
    View value;
  };

  std::vector<Item> index(const View& list, const Schema& schema, Delta& delta) {
    std::vector<Item> items;
    if (!list.is_list()) return items;
    items.reserve(list.size());
    for (size_t i = 0, count = list.size(); i < count; ++i) {
      View value = list.item(i);
      auto element = element_of(schema, value);
      if (element) items.push_back({std::move(*element), value});
      else delta.below.failed = true;
    }
    auto before = [](const Item& a, const Item& b) { return a.element < b.element; };
    if (!std::ranges::is_sorted(items, before)) std::stable_sort(items.begin(), items.end(), before);
    return items;
  }

  void items(const View& before, const View& after, const Schema& schema, Delta& delta) {
    auto left = index(before, schema, delta), right = index(after, schema, delta);
    size_t a = 0, b = 0;
    auto run = [](const std::vector<Item>& items, size_t from) {
      size_t to = from;
      while (to < items.size() && items[to].element == items[from].element) ++to;
      return to;
    };
    while (a < left.size() || b < right.size()) {
      int order = a == left.size() ? 1 : b == right.size() ? -1 : PathElement::compare(left[a].element, right[b].element);
      size_t a_end = order <= 0 ? run(left, a) : a, b_end = order >= 0 ? run(right, b) : b;
      const PathElement& element = order <= 0 ? left[a].element : right[b].element;
      group(std::span(left).subspan(a, a_end - a), std::span(right).subspan(b, b_end - b), element, schema.element(), delta);
      a = a_end;
      b = b_end;
    }
  }

  // The items of one key on both sides; more than one is a duplicate, which is owned as a whole.
  void group(std::span<const Item> left, std::span<const Item> right, const PathElement& element, const Schema& schema, Delta& delta) {
    Delta child;
    if (left.size() <= 1 && right.size() <= 1) {
      child = node(left.empty() ? View() : left[0].value, right.empty() ? View() : right[0].value, schema);
    } else if (left.size() >= 2 && right.size() >= 2) {
      child.modified = !std::ranges::equal(left, right, [](const Item& x, const Item& y) { return View::equal(x.value, y.value); });
    } else if (left.size() >= 2) {
      if (!right.empty()) child = node(View(), right[0].value, schema);
      child.removed = true;
    } else {
      if (!left.empty()) child = node(left[0].value, View(), schema);
      child.added = true;
    }
    if (!child.nothing()) delta.take(element, std::move(child));
  }
};

// The set below a node; `self` tells whether the node itself is a member.
FieldSet collect(const View& view, const Schema& schema, bool& self) {
  FieldSet set;
  auto shape = schema.shape(view);
  bool atomic = schema.deduced() ? shape == Schema::Shape::kList : schema.atomic();
  if (shape == Schema::Shape::kScalar || atomic) {
    self = true;
    return set;
  }
  if (shape == Schema::Shape::kMap) {
    std::vector<View::Member> members;
    view.members(members);
    for (const auto& member : members) {
      bool declared = false, own = false;
      Schema child = schema.member(member.name, &declared);
      FieldSet below = collect(member.value, child, own);
      own |= !declared || member.value.is_null() || (member.value.is_map() && member.value.size() == 0);
      set.append(PathElement::field(member.name), own, std::move(below));
    }
    return set;
  }
  if (!view.is_list()) return set;
  std::vector<std::pair<PathElement, View>> items;
  for (size_t i = 0, count = view.size(); i < count; ++i)
    if (auto element = element_of(schema, view.item(i))) items.emplace_back(std::move(*element), view.item(i));
  std::stable_sort(items.begin(), items.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  for (size_t i = 0; i < items.size();) {
    size_t end = i + 1;
    while (end < items.size() && items[end].first == items[i].first) ++end;
    bool own = false;
    FieldSet below = end == i + 1 ? collect(items[i].second, schema.element(), own) : FieldSet();
    set.append(std::move(items[i].first), true, std::move(below));
    i = end;
  }
  return set;
}

}  // namespace

Comparison compare(const View& before, const View& after, const Schema& schema) { return Comparer().node(before, after, schema).below; }

FieldSet field_set_of(const View& object, const Schema& schema) {
  bool self = false;
  return collect(object, schema, self);
}

}  // namespace reigen::api
