#include "apiserver/openapi/gnostic.h"

#include <array>
#include <utility>

namespace reigen::apiserver::openapi {
namespace {

using api::Value;

void append_varint(std::string& out, uint64_t value) {
  for (; value >= 0x80; value >>= 7) out += static_cast<char>(value | 0x80);
  out += static_cast<char>(value);
}

void append_bytes(std::string& out, int field, std::string_view bytes) {
  append_varint(out, static_cast<uint64_t>(field) << 3 | 2);
  append_varint(out, bytes.size());
  out += bytes;
}

void append_flag(std::string& out, int field, bool value) {
  if (!value) return;
  append_varint(out, static_cast<uint64_t>(field) << 3);
  out += '\1';
}

void append_text(std::string& out, int field, const Value& value, std::string_view member) {
  if (auto text = value.text_at({member}); !text.empty()) append_bytes(out, field, text);
}

void append_texts(std::string& out, int field, const Value& value, std::string_view member) {
  const Value* texts = value.find(member);
  if (!texts) return;
  for (const auto& text : texts->items()) append_bytes(out, field, text.text());
}

bool flag(const Value& value, std::string_view member) {
  const Value* found = value.find(member);
  return found && found->bool_or(false);
}

// Any: its text is YAML, and JSON is YAML.
std::string any(const Value& value) {
  std::string out;
  append_bytes(out, 2, api::to_json(value, {.sorted = true, .escape_html = false}));
  return out;
}

std::string named(std::string_view name, std::string_view message) {
  std::string out;
  append_bytes(out, 1, name);
  append_bytes(out, 2, message);
  return out;
}

void append_extensions(std::string& out, int field, const Value& value) {
  for (const auto& member : value.members())
    if (member.key().starts_with("x-")) append_bytes(out, field, named(member.key(), any(member.value)));
}

std::string wrapped(std::string_view message) {
  std::string out;
  append_bytes(out, 1, message);
  return out;
}

std::string schema(const Value& value) {
  std::string out;
  append_text(out, 1, value, "$ref");
  append_text(out, 2, value, "format");
  append_text(out, 4, value, "description");
  append_texts(out, 19, value, "required");
  if (const Value* values = value.find("enum"))
    for (const auto& one : values->items()) append_bytes(out, 20, any(one));
  if (const Value* more = value.find("additionalProperties")) append_bytes(out, 21, wrapped(schema(*more)));
  if (auto type = value.text_at({"type"}); !type.empty()) append_bytes(out, 22, wrapped(type));
  if (const Value* items = value.find("items")) append_bytes(out, 23, wrapped(schema(*items)));
  if (const Value* properties = value.find("properties")) {
    std::string all;
    for (const auto& member : properties->members()) append_bytes(all, 1, named(member.key(), schema(member.value)));
    append_bytes(out, 25, all);
  }
  append_extensions(out, 31, value);
  return out;
}

std::string body_parameter(const Value& value) {
  std::string out;
  append_text(out, 1, value, "description");
  append_text(out, 2, value, "name");
  append_text(out, 3, value, "in");
  append_flag(out, 4, flag(value, "required"));
  if (const Value* found = value.find("schema")) append_bytes(out, 5, schema(*found));
  return out;
}

// The two messages number their fields differently.
std::string query_parameter(const Value& value) {
  std::string out;
  append_flag(out, 1, flag(value, "required"));
  append_text(out, 2, value, "in");
  append_text(out, 3, value, "description");
  append_text(out, 4, value, "name");
  append_text(out, 6, value, "type");
  append_flag(out, 20, flag(value, "uniqueItems"));
  return out;
}

std::string path_parameter(const Value& value) {
  std::string out;
  append_flag(out, 1, flag(value, "required"));
  append_text(out, 2, value, "in");
  append_text(out, 3, value, "description");
  append_text(out, 4, value, "name");
  append_text(out, 5, value, "type");
  append_flag(out, 19, flag(value, "uniqueItems"));
  return out;
}

// ParametersItem { Parameter { BodyParameter | NonBodyParameter { ... } } }
std::string parameters_item(const Value& value) {
  auto in = value.text_at({"in"});
  std::string parameter;
  if (in == "body") {
    append_bytes(parameter, 1, body_parameter(value));
  } else {
    std::string non_body;
    if (in == "query") append_bytes(non_body, 3, query_parameter(value));
    else append_bytes(non_body, 4, path_parameter(value));
    append_bytes(parameter, 2, non_body);
  }
  return wrapped(parameter);
}

void append_parameters(std::string& out, int field, const Value& value) {
  const Value* parameters = value.find("parameters");
  if (!parameters) return;
  for (const auto& parameter : parameters->items()) append_bytes(out, field, parameters_item(parameter));
}

std::string responses(const Value& value) {
  std::string out;
  for (const auto& member : value.members()) {
    std::string response;
    append_text(response, 1, member.value, "description");
    if (const Value* found = member.value.find("schema")) append_bytes(response, 2, wrapped(schema(*found)));
    append_bytes(out, 1, named(member.key(), wrapped(response)));
  }
  return out;
}

std::string operation(const Value& value) {
  std::string out;
  append_texts(out, 1, value, "tags");
  append_text(out, 3, value, "description");
  append_text(out, 5, value, "operationId");
  append_texts(out, 6, value, "produces");
  append_texts(out, 7, value, "consumes");
  append_parameters(out, 8, value);
  if (const Value* found = value.find("responses")) append_bytes(out, 9, responses(*found));
  append_texts(out, 10, value, "schemes");
  append_extensions(out, 13, value);
  return out;
}

}  // namespace

void append_gnostic_text(std::string& document, int field, std::string_view text) { append_bytes(document, field, text); }

void append_gnostic_info(std::string& document, const Value& info) {
  std::string out;
  append_text(out, 1, info, "title");
  append_text(out, 2, info, "version");
  append_bytes(document, 2, out);
}

void append_gnostic_path(std::string& paths, std::string_view path, const Value& item) {
  constexpr std::array<std::pair<std::string_view, int>, 7> kMethods = {
      {{"get", 2}, {"put", 3}, {"post", 4}, {"delete", 5}, {"options", 6}, {"head", 7}, {"patch", 8}}};
  std::string out;
  for (auto [method, field] : kMethods)
    if (const Value* found = item.find(method)) append_bytes(out, field, operation(*found));
  append_parameters(out, 9, item);
  append_bytes(paths, 2, named(path, out));
}

void append_gnostic_definition(std::string& definitions, std::string_view name, const Value& value) {
  append_bytes(definitions, 1, named(name, schema(value)));
}

}  // namespace reigen::apiserver::openapi
