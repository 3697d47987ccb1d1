// Small helpers over simdjson for documents from strangers. For .cc files only.
#pragma once

#include <simdjson.h>

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace reigen::image {

inline constexpr size_t kMaxDocument = 4 << 20;
inline constexpr size_t kMaxItems = 4096;

// Parses a document whose top must be an object (or, `array`, an array). `what` names it in errors.
inline Result<simdjson::dom::element> parse_document(simdjson::dom::parser& parser, std::string_view json, std::string_view what, bool array = false) {
  if (json.size() > kMaxDocument) return fail(Code::kInvalidArgument, std::string(what) + " is larger than 4 MiB");
  simdjson::dom::element root;
  if (auto error = parser.parse(json.data(), json.size()).get(root))
    return fail(Code::kInvalidArgument, std::string(what) + " is no valid JSON: " + simdjson::error_message(error));
  if (array ? !root.is_array() : !root.is_object()) return fail(Code::kInvalidArgument, std::string(what) + " is no JSON " + (array ? "array" : "object"));
  return root;
}

// Absent and null are empty; another type is an error that names the field.
inline Status read_string(simdjson::dom::element object, const char* key, std::string& out) {
  simdjson::dom::element value;
  if (object[key].get(value) || value.is_null()) return {};
  std::string_view text;
  if (value.get(text)) return fail(Code::kInvalidArgument, std::string("field ") + key + " is no string");
  out = text;
  return {};
}

inline Status read_integer(simdjson::dom::element object, const char* key, int64_t& out) {
  simdjson::dom::element value;
  if (object[key].get(value) || value.is_null()) return {};
  if (value.get(out)) return fail(Code::kInvalidArgument, std::string("field ") + key + " is no integer");
  return {};
}

inline Status read_boolean(simdjson::dom::element object, const char* key, bool& out) {
  simdjson::dom::element value;
  if (object[key].get(value) || value.is_null()) return {};
  if (value.get(out)) return fail(Code::kInvalidArgument, std::string("field ") + key + " is no boolean");
  return {};
}

// `set` becomes true when it is there and not null.
inline Status read_strings(simdjson::dom::element object, const char* key, std::vector<std::string>& out, bool* set = nullptr) {
  simdjson::dom::element value;
  if (object[key].get(value) || value.is_null()) return {};
  std::string_view single;
  if (set) *set = true;
  if (!value.get(single)) {  // as old builders wrote a single command
    out.emplace_back(single);
    return {};
  }
  simdjson::dom::array list;
  if (value.get(list)) return fail(Code::kInvalidArgument, std::string("field ") + key + " is no list");
  for (auto item : list) {
    std::string_view text;
    if (item.get(text)) return fail(Code::kInvalidArgument, std::string("field ") + key + " holds what is no string");
    if (out.size() >= kMaxItems) return fail(Code::kInvalidArgument, std::string("field ") + key + " has more than 4096 entries");
    out.emplace_back(text);
  }
  return {};
}

}  // namespace reigen::image
