#include "docker/wire_form.h"

#include <fmt/core.h>

#include <limits>
#include <map>
#include <string>
#include <vector>

#include "http/message.h"

namespace reigen::docker {

namespace {

using api::FieldDesc;
using api::Kind;
using api::TypeDesc;
using api::Value;
using api::ValueType;

std::string_view json_kind(const Value& value) {
  switch (value.kind()) {
    case Value::Kind::kBool: return "bool";
    case Value::Kind::kInt:
    case Value::Kind::kDouble: return "number";
    case Value::Kind::kString: return "string";
    case Value::Kind::kArray: return "array";
    default: return "object";
  }
}

// Bounds of Go's integer types, by the name in the schema.
struct Bounds {
  int64_t low = std::numeric_limits<int64_t>::min();
  int64_t high = std::numeric_limits<int64_t>::max();
};
Bounds bounds_of(std::string_view name) {
  if (name == "uint16") return {0, std::numeric_limits<uint16_t>::max()};
  if (name == "uint32") return {0, std::numeric_limits<uint32_t>::max()};
  if (name.starts_with("uint")) return {0};
  if (name == "int32") return {std::numeric_limits<int32_t>::min(), std::numeric_limits<int32_t>::max()};
  return {};
}

// Go's strslice.StrSlice.
bool is_word_list(std::string_view name) { return name.ends_with("StrSlice"); }

// "map[string]*EndpointSettings" → "*EndpointSettings"; "*int" → "int".
std::string_view element_name(std::string_view name) {
  if (name.starts_with("*")) return name.substr(1);
  if (name.starts_with("[]")) return name.substr(2);
  if (name.starts_with("map[string]")) return name.substr(11);
  return is_word_list(name) ? "string" : name;
}

bool is_empty(const Value& value) {
  switch (value.kind()) {
    case Value::Kind::kNull: return true;
    case Value::Kind::kBool: return !value.bool_or(false);
    case Value::Kind::kInt: return value.int_or(0) == 0;
    case Value::Kind::kDouble: return value.number_or(0) == 0;
    case Value::Kind::kString: return value.text().empty();
    default: return value.size() == 0;
  }
}

class Former {
 public:
  Result<Value> object(const TypeDesc& type, const Value& sent) {
    if (sent.is_null()) return object_of(type, {});
    if (!sent.is_object()) return wrong(sent, type.name);
    std::vector<const Value*> given(type.fields.size(), nullptr);
    for (const auto& member : sent.members()) {
      if (auto* field = find(type, member.key())) given[static_cast<size_t>(field - type.fields.data())] = &member.value;
    }
    return object_of(type, given);
  }

 private:
  static const FieldDesc* find(const TypeDesc& type, std::string_view name) {
    if (const auto* exact = type.find(name)) return exact;
    for (const auto& field : type.fields) {
      if (http::iequals(field.name, name)) return &field;
    }
    return nullptr;
  }

  Result<Value> object_of(const TypeDesc& type, const std::vector<const Value*>& given) {
    static const Value kNothing;
    Value out = Value::object();
    for (size_t i = 0; i < type.fields.size(); ++i) {
      const FieldDesc& field = type.fields[i];
      const Value* sent = i < given.size() && given[i] ? given[i] : &kNothing;
      path_.push_back(field.name);
      auto outer = std::exchange(struct_, type.name);
      TRY_ASSIGN(Value formed, form(*field.value, *sent, field.type_name));
      struct_ = outer;
      path_.pop_back();
      if (field.name == "ConsoleSize") formed = console_size(formed);
      bool dropped = field.value->kind == Kind::kPointer ? formed.is_null() : is_empty(formed) && field.value->kind != Kind::kStruct;
      if (field.omitempty && (dropped || (field.name == "ConsoleSize" && is_zero_size(formed)))) continue;
      out.set(field.name, std::move(formed));
    }
    return out;
  }

  Result<Value> form(const ValueType& type, const Value& sent, std::string_view name) {
    switch (type.kind) {
      case Kind::kString:
        if (sent.is_null()) return Value("");
        return sent.is_string() ? Result<Value>(sent) : wrong(sent, name);
      case Kind::kBool:
        if (sent.is_null()) return Value(false);
        return sent.is_bool() ? Result<Value>(sent) : wrong(sent, name);
      case Kind::kInt32:
      case Kind::kInt64: return integer(sent, name);
      case Kind::kDouble:
        if (sent.is_null()) return Value(0.0);
        return sent.is_number() ? Result<Value>(sent) : wrong(sent, name);
      case Kind::kPointer:
        if (sent.is_null()) return Value();
        return form(*type.element, sent, element_name(name));
      case Kind::kStruct: return object(*type.type, sent);
      case Kind::kList: return list(type, sent, name);
      case Kind::kMap: return map(type, sent, name);
      default: return sent;
    }
  }

  Result<Value> integer(const Value& sent, std::string_view name) {
    if (sent.is_null()) return Value(0);
    if (!sent.is_number()) return wrong(sent, name);
    auto [low, high] = bounds_of(name);
    if (sent.is_int() && sent.int_or(0) >= low && sent.int_or(0) <= high) return sent;
    return refuse(fmt::format("number {}", api::to_json(sent)), name);
  }

  // A StrSlice takes one string for a list of it.
  Result<Value> list(const ValueType& type, const Value& sent, std::string_view name) {
    if (sent.is_null()) return Value();
    if (is_word_list(name) && sent.is_string()) return Value::array({sent});
    if (!sent.is_array()) return wrong(sent, is_word_list(name) ? "[]string" : name);
    Value out = Value::array();
    for (const auto& item : sent.items()) {
      TRY_ASSIGN(Value formed, form(*type.element, item, element_name(name)));
      out.push_back(std::move(formed));
    }
    return out;
  }

  // Go prints maps by key.
  Result<Value> map(const ValueType& type, const Value& sent, std::string_view name) {
    if (sent.is_null()) return Value();
    if (!sent.is_object()) return wrong(sent, name);
    std::map<std::string_view, const Value*> sorted;
    for (const auto& member : sent.members()) sorted[member.key()] = &member.value;
    Value out = Value::object();
    for (const auto& [key, value] : sorted) {
      TRY_ASSIGN(Value formed, form(*type.element, *value, element_name(name)));
      out.set(key, std::move(formed));
    }
    return out;
  }

  static Value console_size(const Value& formed) {
    auto at = [&](size_t i) { return i < formed.items().size() ? formed.items()[i].int_or(0) : 0; };
    return Value::array({at(0), at(1)});
  }
  static bool is_zero_size(const Value& size) { return size.items()[0].int_or(0) == 0 && size.items()[1].int_or(0) == 0; }

  Fail wrong(const Value& sent, std::string_view type) { return refuse(json_kind(sent), type); }
  Fail refuse(std::string_view what, std::string_view type) {
    std::string where;
    for (auto step : path_) where += fmt::format(".{}", step);
    if (where.empty()) return fail(Code::kInvalidArgument, fmt::format("invalid JSON: json: cannot unmarshal {} into Go value of type {}", what, type));
    return fail(Code::kInvalidArgument,
                fmt::format("invalid JSON: json: cannot unmarshal {} into Go struct field {}{} of type {}", what, struct_, where, type));
  }

  std::vector<std::string_view> path_;
  std::string_view struct_;
};

}  // namespace

Result<Value> wire_form(const TypeDesc& type, const Value& sent) { return Former().object(type, sent); }

}  // namespace reigen::docker
