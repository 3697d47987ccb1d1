// Sets of field paths, and their wire form FieldsV1: {"f:spec":{"f:containers":{"k:{\"name\":\"c\"}":{".":{},"f:image":{}}}}}.
//
// A path may be a member with or without members below it. Value semantics. Order and JSON as structured-merge-diff has them.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "api/value.h"
#include "base/result.h"

namespace reigen::api {

// One step of a path: a field or map key, a list element by its keys, a set element by its value, or an element by index.
struct PathElement {
  enum class Kind : unsigned char { kField, kKey, kValue, kIndex };
  Kind kind = Kind::kField;
  Value value;  // the name; an object of the keys in order of their names; the element; the index

  static PathElement field(std::string_view name) { return {Kind::kField, Value(name)}; }
  static PathElement key(Value keys) { return {Kind::kKey, std::move(keys)}; }
  static PathElement of_value(Value value) { return {Kind::kValue, std::move(value)}; }

  static int compare(const PathElement& a, const PathElement& b);
  friend bool operator==(const PathElement& a, const PathElement& b) { return compare(a, b) == 0; }
  friend bool operator<(const PathElement& a, const PathElement& b) { return compare(a, b) < 0; }
  // ".name", "[name=\"c\"]", "[=\"x\"]", "[0]"
  std::string to_string() const;
  // "f:name", "k:{...}", "v:...", "i:0"
  std::string wire() const;
  static Result<PathElement> parse(std::string_view wire);
};
using Path = std::vector<PathElement>;
std::string to_string(const Path& path);

class FieldSet {
 public:
  struct Node;

  FieldSet() = default;
  // Of plain field names.
  static FieldSet of(std::initializer_list<std::initializer_list<std::string_view>> paths);

  bool empty() const { return nodes_.empty(); }
  const std::vector<Node>& nodes() const { return nodes_; }
  std::vector<Node>& nodes() { return nodes_; }
  const Node* find(const PathElement& element) const;
  void insert(const Path& path);
  bool has(const Path& path) const;
  // Adds a step that sorts behind all others; nothing where it is neither a member nor has children.
  void append(PathElement element, bool member, FieldSet children);

  FieldSet united(const FieldSet& other) const;
  FieldSet intersected(const FieldSet& other) const;
  // Members of the other only, what lies below them stays.
  FieldSet minus(const FieldSet& other) const;
  // Members of the other with all that lies below.
  FieldSet minus_recursively(const FieldSet& other) const;
  // In the order Kubernetes lists conflicts: members of a level first, then what lies deeper.
  void each(const std::function<void(const Path&)>& visit) const;

  std::string to_json() const;
  void append_json(std::string& out) const;
  static Result<FieldSet> parse(std::string_view json);
  friend bool operator==(const FieldSet& a, const FieldSet& b);

 private:
  std::vector<Node> nodes_;  // sorted; each a member or with children, or both
};

struct FieldSet::Node {
  PathElement element;
  bool member = false;
  FieldSet children;
};

}  // namespace reigen::api
