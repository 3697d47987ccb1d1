#include "api/managed_fields/creation.h"

#include <algorithm>

#include "api/managed_fields/tracking.h"

namespace reigen::api {
namespace {

// What the empty object has at the place: nothing, null, or the zero value.
enum class Before : unsigned char { kAbsent, kNull, kZero };

// A struct that Go's omitempty does not leave out even when empty.
bool always_present(const FieldDesc& field) {
  switch (field.value->kind) {
    case Kind::kStruct:
    case Kind::kTime:
    case Kind::kMicroTime:
    case Kind::kDuration:
    case Kind::kQuantity:
    case Kind::kIntOrString: return true;
    default: return !field.omitempty;
  }
}

Before zero_of(const FieldDesc& field) {
  if (!always_present(field)) return Before::kAbsent;
  switch (field.value->kind) {
    case Kind::kPointer:
    case Kind::kList:
    case Kind::kMap:
    case Kind::kTime:
    case Kind::kMicroTime:
    case Kind::kRaw: return Before::kNull;
    default: return Before::kZero;
  }
}

bool is_zero(const View& view, const ValueType* declared) {
  if (view.is_null()) return true;
  if (view.is() == View::Is::kScalar) {
    Value value = view.scalar();
    if (declared && declared->kind == Kind::kQuantity) return value.text() == "0";
    if (declared && declared->kind == Kind::kDuration) return value.text() == "0s";
    if (value.is_string()) return value.text().empty();
    return value == Value(0) || value == Value(0.0) || value == Value(false);
  }
  const TypeDesc* type = view.struct_type();
  return type && std::ranges::all_of(type->fields, [&](const FieldDesc& f) {
           View field = view.field(f);
           return field.absent() || is_zero(field, f.value);
         });
}

class Writer {
 public:
  Writer(std::string& out) : out_(out) {}
  bool failed() const { return failed_; }

  // Writes the node's set, "{...}". False (and nothing written) where the node has no part in it.
  bool node(const View& view, const Schema& schema, Before before, const FieldSet* reset, bool metadata = false) {
    auto shape = schema.shape(view);
    bool lists = shape == Schema::Shape::kList;
    bool atomic = schema.deduced() ? lists : schema.atomic();
    if (shape == Schema::Shape::kScalar || atomic || (lists ? !view.is_list() || view.size() == 0 : !view.is_map())) return leaf(view, schema, before);
    size_t start = out_.size();
    out_ += '{';
    bool member = before == Before::kAbsent && !metadata;
    if (member) out_ += "\".\":{}";
    if (lists) items(view, schema);
    else if (view.struct_type()) fields(view, schema, before, reset, metadata);
    else entries(view, schema);
    if (!member && out_.size() == start + 1) {
      out_.resize(start);
      return false;
    }
    out_ += '}';
    // A member without anything below is an empty set.
    constexpr std::string_view kOnlySelf = "{\".\":{}}";
    if (std::string_view(out_).substr(start) == kOnlySelf) out_.replace(start, kOnlySelf.size(), "{}");
    return true;
  }

 private:
  bool leaf(const View& view, const Schema& schema, Before before) {
    if (before != Before::kAbsent && is_zero(view, schema.value)) return false;
    out_ += "{}";
    return true;
  }

  // Writes `"key":` and what `value` writes; takes the key back where that is nothing.
  template <class Key, class Node>
  void entry(Key key, Node value) {
    size_t start = out_.size();
    if (out_.back() != '{') out_ += ',';
    key();
    out_ += ':';
    if (!value()) out_.resize(start);
  }

  static bool is_server_metadata(std::string_view name) {
    static constexpr std::string_view kNames[] = {"clusterName",     "creationTimestamp", "generation", "managedFields", "name", "namespace",
                                                  "resourceVersion", "selfLink",          "uid"};
    return std::ranges::find(kNames, name) != std::end(kNames);
  }

  void fields(const View& view, const Schema& schema, Before before, const FieldSet* reset, bool metadata) {
    const TypeDesc& type = *view.struct_type();
    bool root = schema.root != nullptr;
    for (uint16_t index : type.by_name) {
      const FieldDesc& field = type.fields[index];
      View value = view.field(field);
      if (value.absent() || (metadata && is_server_metadata(field.name))) continue;
      const FieldSet::Node* below = reset ? reset->find(PathElement::field(field.name)) : nullptr;
      if (below && below->member) continue;
      Before zero = before == Before::kZero ? zero_of(field) : Before::kAbsent;
      entry([&] { ((out_ += "\"f:") += field.name) += '"'; },
            [&] { return node(value, schema.member(field), zero, below ? &below->children : nullptr, root && field.name == "metadata"); });
    }
  }

  void entries(const View& view, const Schema& schema) {
    std::vector<View::Member> members;
    view.members(members);
    for (const auto& member : members)
      entry([&] { append_json_string(out_, std::string("f:").append(member.name), false); },
            [&] { return node(member.value, schema.member(member.name), Before::kAbsent, nullptr); });
  }

  void items(const View& view, const Schema& schema) {
    std::vector<std::pair<PathElement, View>> items;
    size_t count = view.size();
    items.reserve(count);
    for (size_t i = 0; i < count; ++i) {
      View item = view.item(i);
      auto element = element_of(schema, item);
      if (element) items.emplace_back(std::move(*element), item);
      else failed_ = true;
    }
    auto less = [](const auto& a, const auto& b) { return a.first < b.first; };
    if (!std::ranges::is_sorted(items, less)) std::stable_sort(items.begin(), items.end(), less);
    for (size_t i = 0; i < items.size();) {
      size_t end = i + 1;
      while (end < items.size() && items[end].first == items[i].first) ++end;
      entry([&] { append_json_string(out_, items[i].first.wire(), false); },
            [&] {
              if (end == i + 1) return node(items[i].second, schema.element(), Before::kAbsent, nullptr);
              out_ += "{}";
              return true;
            });
      i = end;
    }
  }

  std::string& out_;
  bool failed_ = false;
};

}  // namespace

std::optional<std::string> created_fields(const View& object, const Schema& schema, const FieldSet* reset) {
  std::string out;
  out.reserve(2048);
  Writer writer(out);
  writer.node(object, schema, Before::kZero, reset);
  if (writer.failed()) return std::nullopt;
  return out;
}

}  // namespace reigen::api
