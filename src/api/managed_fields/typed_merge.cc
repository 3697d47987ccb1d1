#include <algorithm>

#include <fmt/core.h>

#include "api/go_quote.h"
#include "api/managed_fields/typed.h"

namespace reigen::api {
namespace {

using Out = std::optional<Value>;

class Merger {
 public:
  Out node(const View& live, const View& config, const Schema& schema) {
    auto left = schema.shape(live), right = schema.shape(config);
    auto shape = config.absent() ? left : right;
    bool lists = shape == Schema::Shape::kList;
    bool atomic = schema.deduced() ? lists : schema.atomic();
    auto nothing = [&](const View& view) { return lists ? !view.is_list() || view.size() == 0 : !view.is_map() || view.size() == 0; };
    if (shape == Schema::Shape::kScalar || atomic || (nothing(live) && nothing(config))) return config.absent() ? live.to_value() : config.to_value();
    return lists ? items(live, config, schema) : members(live, config, schema);
  }

 private:
  Out members(const View& live, const View& config, const Schema& schema) {
    std::vector<View::Member> left, right;
    live.members(left);
    config.members(right);
    Value out = Value::object();
    auto a = left.begin(), b = right.begin();
    while (a != left.end() || b != right.end()) {
      int order = a == left.end() ? 1 : b == right.end() ? -1 : a->name.compare(b->name);
      auto name = order <= 0 ? a->name : b->name;
      if (auto merged = node(order <= 0 ? a->value : View(), order >= 0 ? b->value : View(), schema.member(name))) out.set(name, std::move(*merged));
      if (order <= 0) ++a;
      if (order >= 0) ++b;
    }
    return out.size() == 0 ? Out() : Out(std::move(out));
  }

  struct Item {
    PathElement element;
    View value;
  };

  static std::vector<Item> index(const View& list, const Schema& schema) {
    std::vector<Item> items;
    if (!list.is_list()) return items;
    for (size_t i = 0, count = list.size(); i < count; ++i)
      if (auto element = element_of(schema, list.item(i))) items.push_back({std::move(*element), list.item(i)});
    return items;
  }

  static const Item* find(const std::vector<Item>& items, const PathElement& element) {
    auto it = std::ranges::find(items, element, &Item::element);
    return it == items.end() ? nullptr : &*it;
  }

  // Keeps the live order where the configuration does not say another; the configuration's own order holds among its items.
  Out items(const View& live, const View& config, const Schema& schema) {
    auto left = index(live, schema), right = index(config, schema);
    std::vector<const PathElement*> shared;
    for (const auto& item : right)
      if (find(left, item.element)) shared.push_back(&item.element);
    size_t next = 0;
    std::vector<const Item*> merged;
    Value::Array out;
    auto emit = [&](const View& l, const View& r) {
      if (auto value = node(l, r, schema.element())) out.push_back(std::move(*value));
    };
    auto live_of = [&](const PathElement& element) {
      const Item* found = find(left, element);
      bool duplicate = std::ranges::count(left, element, &Item::element) > 1;
      return found && !duplicate ? found->value : View();
    };
    for (size_t l = 0, r = 0; l < left.size() || r < right.size();) {
      if (l < left.size() && r < right.size()) {
        if (left[l].element == right[r].element) {
          merged.push_back(&right[r]);
          emit(live_of(right[r].element), right[r].value);
          ++l, ++r;
          if (next < shared.size()) ++next;
          continue;
        }
        if (find(right, left[l].element) && next < shared.size() && !(*shared[next] == left[l].element)) {
          ++l;
          continue;
        }
      }
      if (l < left.size()) {
        const Item* configured = find(right, left[l].element);
        if (!configured) {
          emit(left[l].value, View());
          ++l;
          continue;
        }
        if (std::ranges::find(merged, configured) != merged.end()) ++l;
      }
      if (r < right.size()) {
        merged.push_back(&right[r]);
        emit(live_of(right[r].element), right[r].value);
        if (next < shared.size() && *shared[next] == right[r].element) ++next;
        ++r;
      }
    }
    return out.empty() ? Out() : Out(Value(std::move(out)));
  }
};

class Validator {
 public:
  void node(const View& view, const Schema& schema) {
    if (problems_.size() >= 20) return;
    switch (schema.shape(view)) {
      case Schema::Shape::kScalar: return scalar(view, schema);
      case Schema::Shape::kList: return list(view, schema);
      case Schema::Shape::kMap: break;
    }
    if (view.is_null()) return;
    if (!view.is_map()) return problem("expected map, got &{" + go_print(view.to_value()) + "}");
    std::vector<View::Member> members;
    view.members(members);
    for (const auto& member : members) {
      Path_ step(*this, "." + std::string(member.name));
      if (!schema.allows(member.name)) problem("field not declared in schema");
      else node(member.value, schema.member(member.name));
    }
  }
  std::string message() const {
    if (problems_.size() <= 1) return problems_.empty() ? std::string() : problems_[0];
    std::string out = "errors:";
    for (const auto& text : problems_) (out += "\n  ") += text;
    return out;
  }

 private:
  struct Path_ {
    Path_(Validator& validator, const std::string& step) : validator_(validator), length_(validator.path_.size()) { validator.path_ += step; }
    ~Path_() { validator_.path_.resize(length_); }
    Validator& validator_;
    size_t length_;
  };

  void problem(const std::string& text) { problems_.push_back(path_.empty() ? text : path_ + ": " + text); }

  void scalar(const View& view, const Schema& schema) {
    if (view.is_null() || schema.deduced()) return;
    Value value = view.is() == View::Is::kScalar ? view.scalar() : view.to_value();
    auto expect = [&](bool fits, std::string_view what) {
      if (!fits) problem(fmt::format("expected {}, got &value.valueUnstructured{{Value:{}}}", what, go_print(value)));
    };
    switch (schema.value->kind) {
      case Kind::kInt32:
      case Kind::kInt64:
      case Kind::kDouble:
        if (!value.is_number()) problem(fmt::format("expected numeric (int or float), got {}", go_type_name(value)));
        return;
      case Kind::kBool: return value.is_bool() ? void() : problem("expected boolean, got &{" + go_print(value) + "}");
      case Kind::kString:
      case Kind::kBytes:
      case Kind::kDuration: return expect(value.is_string(), "string");
      default: return value.is_object() || value.is_array() ? problem("expected any scalar, got &{" + go_print(value) + "}") : void();
    }
  }

  void list(const View& view, const Schema& schema) {
    if (view.is_null()) return;
    if (!view.is_list()) return problem("expected list, got &{" + go_print(view.to_value()) + "}");
    bool associative = !schema.deduced() && !schema.atomic();
    std::vector<PathElement> seen;
    for (size_t i = 0, count = view.size(); i < count; ++i) {
      View item = view.item(i);
      std::string step = fmt::format("[{}]", i);
      if (associative) {
        auto element = element_of(schema, item);
        if (!element) return problem(fmt::format("element {}: {}", i, element.error().message()));
        step = element->to_string();
        if (std::ranges::find(seen, *element) != seen.end()) problem("duplicate entries for key " + step);
        seen.push_back(std::move(*element));
      }
      Path_ here(*this, step);
      node(item, schema.element());
    }
  }

  std::string path_;
  std::vector<std::string> problems_;
};

}  // namespace

std::string validate(const View& object, const Schema& schema) {
  Validator validator;
  validator.node(object, schema);
  return validator.message();
}

Value merge(const View& live, const View& config, const Schema& schema) {
  auto merged = Merger().node(live, config, schema);
  return merged ? std::move(*merged) : Value::object();
}

Value remove_items(const Value& object, const FieldSet& set, const Schema& schema) {
  View view = View::of(object);
  auto shape = schema.shape(view);
  if (shape == Schema::Shape::kScalar) return object;
  bool lists = shape == Schema::Shape::kList;
  if (lists ? !object.is_array() : !object.is_object()) return Value();
  if (schema.deduced() ? lists : schema.atomic()) return Value();
  if (lists) {
    Value::Array out;
    for (const auto& item : object.items()) {
      auto element = element_of(schema, View::of(item));
      const FieldSet::Node* node = element ? set.find(*element) : nullptr;
      if (node && node->member) continue;
      out.push_back(node && !node->children.empty() ? remove_items(item, node->children, schema.element()) : item);
    }
    return out.empty() ? Value() : Value(std::move(out));
  }
  Value out = Value::object();
  for (const auto& member : object.members()) {
    const FieldSet::Node* node = set.find(PathElement::field(member.key()));
    if (node && node->member) continue;
    out.set(member.key(), node && !node->children.empty() ? remove_items(member.value, node->children, schema.member(member.key())) : member.value);
  }
  return out.size() == 0 ? Value() : out;
}

FieldSet with_named_fields(const FieldSet& set, const Schema& schema) {
  FieldSet out;
  for (const auto& node : set.nodes()) {
    bool declared = false;
    Schema child;
    if (node.element.kind == PathElement::Kind::kField) child = schema.member(node.element.value.text(), &declared);
    else if (node.element.kind == PathElement::Kind::kKey) child = schema.element();
    out.append(node.element, node.member || (declared && !node.children.empty()), with_named_fields(node.children, child));
  }
  return out;
}

}  // namespace reigen::api
