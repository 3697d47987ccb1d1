#include "api/query.h"

#include <charconv>

#include <fmt/core.h>

#include "api/go_quote.h"
#include "api/metav1.h"
#include "api/scalars.h"

namespace reigen::api {
namespace {

bool parse_bool(std::string_view text) {
  if (text == "0") return false;
  if (text.size() != 5) return true;
  std::string lower;
  for (char c : text) lower += static_cast<char>(c | 0x20);
  return lower != "false";
}

template <class T>
Status parse_number(std::string_view text, void* value) {
  std::string_view digits = text;
  if (digits.starts_with('+') && digits.size() > 1 && digits[1] != '-') digits.remove_prefix(1);
  T parsed = 0;
  auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), parsed);
  bool all = end == digits.data() + digits.size() && !digits.empty();
  if (error == std::errc() && all) {
    *static_cast<T*>(value) = parsed;
    return {};
  }
  bool range = error == std::errc::result_out_of_range && all;
  return fail(Code::kInvalidArgument, fmt::format("strconv.ParseInt: parsing {}: {}", go_quote(text), range ? "value out of range" : "invalid syntax"));
}

Status set(const ValueType& type, void* value, std::string_view text) {
  switch (type.kind) {
    case Kind::kString: *static_cast<std::string*>(value) = text; return {};
    case Kind::kBool: *static_cast<bool*>(value) = parse_bool(text); return {};
    case Kind::kInt32: return parse_number<int32_t>(text, value);
    case Kind::kInt64: return parse_number<int64_t>(text, value);
    case Kind::kTime: {
      if (text.empty() || text == "null") return {};
      TRY_ASSIGN(*static_cast<Time*>(value), Time::parse(text));
      return {};
    }
    case Kind::kPointer: return set(*type.element, type.pointer->ensure(value), text);
    case Kind::kList: return set(*type.element, type.list->append(value), text);
    default: return {};  // structs have no form in a query
  }
}

void set_preconditions(QueryParameters parameters, metav1::DeleteOptions& options) {
  for (const auto& [name, value] : parameters) {
    if (value.empty() || (name != "uid" && name != "resourceVersion")) continue;
    auto& field = name == "uid" ? options.preconditions.ensure().uid : options.preconditions.ensure().resource_version;
    if (!field) field = value;
  }
}

}  // namespace

Status decode_query(QueryParameters parameters, const TypeDesc& type, void* data) {
  for (const FieldDesc& field : type.fields) {
    bool list = field.value->kind == Kind::kList;
    for (const auto& [name, value] : parameters) {
      if (name != field.name) continue;
      TRY(set(*field.value, static_cast<char*>(data) + field.offset, value));
      if (!list) break;
    }
  }
  if (&type == &type_of<metav1::DeleteOptions>()) set_preconditions(parameters, *static_cast<metav1::DeleteOptions*>(data));
  return {};
}

}  // namespace reigen::api
