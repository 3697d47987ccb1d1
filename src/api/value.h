// Value: a JSON document as a tree, the backing of patches, apply, custom resources and anything without a struct.
//
// Value semantics, deep copies, no locks: const access from several threads is safe. Integers and floating-point numbers stay
// apart as in Kubernetes' unstructured objects (an integer literal that fits int64 is an integer, everything else a double).
// Objects keep the order of insertion; equality does not look at it. 16 bytes a node; strings up to 14 bytes are stored inline.
#pragma once

#include <compare>
#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace reigen::api {

class Value {
 public:
  enum class Kind : unsigned char { kNull, kBool, kInt, kDouble, kString, kArray, kObject };
  struct Member;
  using Array = std::vector<Value>;
  class Object;

  Value() noexcept : kind_(Kind::kNull) { bits_.integer = 0; }
  Value(std::nullptr_t) noexcept : Value() {}
  template <std::same_as<bool> B>
  Value(B b) noexcept : kind_(Kind::kBool) {
    bits_.integer = b;
  }
  template <std::integral I>
    requires(!std::same_as<I, bool> && !std::same_as<I, char>)
  Value(I i) noexcept : kind_(Kind::kInt) {
    bits_.integer = static_cast<int64_t>(i);
  }
  Value(double d) noexcept : kind_(Kind::kDouble) { bits_.number = d; }
  Value(std::string_view text);
  Value(const std::string& text) : Value(std::string_view(text)) {}
  Value(const char* text) : Value(std::string_view(text)) {}
  Value(Array items);
  static Value array() { return Value(Array()); }
  static Value array(std::initializer_list<Value> items) { return Value(Array(items)); }
  static Value object();
  static Value object(std::initializer_list<std::pair<std::string_view, Value>> members);

  Value(const Value& other);
  Value(Value&& other) noexcept;
  Value& operator=(const Value& other);
  Value& operator=(Value&& other) noexcept;
  ~Value() {
    if (heap_) release();
  }

  Kind kind() const { return kind_; }
  bool is_null() const { return kind_ == Kind::kNull; }
  bool is_bool() const { return kind_ == Kind::kBool; }
  bool is_int() const { return kind_ == Kind::kInt; }
  bool is_double() const { return kind_ == Kind::kDouble; }
  bool is_number() const { return is_int() || is_double(); }
  bool is_string() const { return kind_ == Kind::kString; }
  bool is_array() const { return kind_ == Kind::kArray; }
  bool is_object() const { return kind_ == Kind::kObject; }

  // What the value holds, or the fallback where it is of another kind.
  bool bool_or(bool fallback) const { return is_bool() ? bits_.integer != 0 : fallback; }
  int64_t int_or(int64_t fallback) const { return is_int() ? bits_.integer : fallback; }
  double number_or(double fallback) const;
  // The text; empty for anything but a string. Valid until the value changes.
  std::string_view text() const;

  // Elements or members; 0 for scalars.
  size_t size() const;
  // The elements; an empty list for anything but an array. The mutable form makes an array of anything else.
  const Array& items() const;
  Array& items();
  void push_back(Value item) { items().push_back(std::move(item)); }

  // The members in order of insertion; none for anything but an object.
  std::span<const Member> members() const;
  std::span<Member> members();
  // nullptr where this is no object or has no such member.
  const Value* find(std::string_view key) const;
  Value* find(std::string_view key);
  bool has(std::string_view key) const { return find(key) != nullptr; }
  // The member, made (null) where absent; anything but an object becomes one.
  Value& operator[](std::string_view key);
  Value& set(std::string_view key, Value value) { return (*this)[key] = std::move(value); }
  // False where there was none.
  bool erase(std::string_view key);

  // Walks members by name. nullptr where a step is missing or no object.
  const Value* at(std::initializer_list<std::string_view> path) const;
  const Value* at(std::span<const std::string> path) const;
  Value* at(std::initializer_list<std::string_view> path);
  // Makes missing objects on the way.
  Value& make(std::initializer_list<std::string_view> path);
  bool erase(std::initializer_list<std::string_view> path);
  // text() of the value at the path, empty where absent.
  std::string_view text_at(std::initializer_list<std::string_view> path) const;

  // Deep. The integer 1 and the double 1.0 differ; the order of members does not matter.
  friend bool operator==(const Value& a, const Value& b);
  // A total order as structured-merge-diff has it: numbers (by value, whatever their kind), strings, booleans, lists, maps, null.
  static int compare(const Value& a, const Value& b);

 private:
  static constexpr size_t kInlineText = 14;
  struct HeapText;
  void release() noexcept;
  void copy_from(const Value& other);
  const char* inline_text() const { return reinterpret_cast<const char*>(this) + 2; }
  char* inline_text() { return reinterpret_cast<char*>(this) + 2; }

  // Byte 0: kind and whether bits_ owns memory; byte 1: length of an inline string; bytes 2 to 15: the inline string, or from 8 on bits_.
  Kind kind_ : 7;
  bool heap_ : 1 = false;
  unsigned char inline_length_ = 0;
  union Bits {
    int64_t integer;
    double number;
    HeapText* heap_text;
    Array* array;
    Object* object;
  } bits_;
};
static_assert(sizeof(Value) == 16);

struct Value::Member {
  Value name;  // always a string
  Value value;
  std::string_view key() const { return name.text(); }
};

// What JSON input may hold, and what was noticed beside the value.
struct JsonLimits {
  size_t max_depth = 1000;
  size_t max_bytes = 64u << 20;
};
struct JsonNotes {
  // Paths (`spec.containers[0].name`) of members given twice; the last one counts. At most 100 are kept.
  std::vector<std::string> duplicates;
};
// One JSON text and nothing after it but white space. kInvalidArgument carries the message of Go's encoding/json, for example
// "unexpected end of JSON input" or "invalid character 'x' looking for beginning of value". Bytes that are no UTF-8 and lone
// surrogates become U+FFFD as in Go.
Result<Value> parse_json(std::string_view text, const JsonLimits& limits = {}, JsonNotes* notes = nullptr);

// The message Go's encoding/json has for this text; empty where it is well-formed. For decoders that fail on bad input.
std::string go_json_error(std::string_view text);

struct JsonStyle {
  bool sorted = false;      // members by name, as Go prints maps
  bool escape_html = true;  // <, > and & as \u003c, ... as Go does
};
// Compact JSON as Go's encoding/json writes it.
std::string to_json(const Value& value, JsonStyle style = {});
void append_json(std::string& out, const Value& value, JsonStyle style = {});
// A string with its quotes, escaped as Go does.
void append_json_string(std::string& out, std::string_view text, bool escape_html = true);
// A double as Go prints it in JSON. NaN and infinities, which JSON has not, are written as null.
void append_json_double(std::string& out, double number);

}  // namespace reigen::api
