#include "compose/config_view.h"

#include <algorithm>
#include <charconv>
#include <vector>

#include "api/json.h"
#include "compose/key_table.h"

namespace reigen::compose {
namespace {

using api::Value;

// Those that say something even when they are false, 0 or empty.
bool always_said(std::string_view key) {
  return key == "init" || key == "attach" || key == "required" || key == "command" || key == "entrypoint" || key == "scale" || key == "replicas" ||
         key == "volume" || key == "tmpfs" || key == "bind" || key == "image" || key == "services" || key == "soft" || key == "hard" || key == "parallelism" ||
         key == "enable_ipv4" || key == "enable_ipv6" || key == "retries";
}

bool says_nothing(std::string_view key, const Value& value) {
  if (value.is_null()) return true;
  if (value.is_string()) return value.text().empty();
  if (always_said(key)) return false;
  if (value.is_bool()) return !value.bool_or(true);
  if (value.is_number()) return value.number_or(1) == 0;
  return value.size() == 0;
}

Value ordered(const Value& value, const Shaped* shape, bool escape);

void add_sorted(Value& out, const Value& map, bool escape, const auto& shape_of, const auto& wanted) {
  std::vector<std::string_view> names;
  for (const auto& member : map.members())
    if (wanted(member.key())) names.push_back(member.key());
  std::ranges::sort(names);
  for (auto name : names) out.set(name, ordered(*map.find(name), shape_of(name), escape));
}

Value ordered(const Value& value, const Shaped* shape, bool escape) {
  if (value.is_string() && escape) {
    std::string text;
    for (char c : value.text()) text += c == '$' ? "$$" : std::string(1, c);
    return text;
  }
  if (value.is_array()) {
    Value list = Value::array();
    for (const auto& item : value.items()) list.push_back(ordered(item, shape ? shape->items : nullptr, escape));
    return list;
  }
  if (!value.is_object()) return value;
  Value out = Value::object();
  bool known = shape && shape->keys.data();
  if (known) {
    for (const Key& key : shape->keys) {
      const Value* member = value.find(key.name);
      if (!member || says_nothing(key.name, *member)) continue;
      Value& shown = out.set(key.name, ordered(*member, key.value, escape));
      if (key.name == "extra_hosts" && shown.is_array()) std::ranges::sort(shown.items(), {}, [](const Value& host) { return host.text(); });
      if (key.name == "mem_swappiness" && shown.is_number()) shown = api::to_json(shown);  // a text, as Compose has it
    }
  }
  const Shaped* members = shape ? shape->members : nullptr;
  add_sorted(out, value, escape, [&](std::string_view) { return members; }, [&](std::string_view name) { return !known || name.starts_with("x-"); });
  return out;
}

bool matches_number(std::string_view text) {
  std::string plain;
  for (char c : text)
    if (c != '_') plain += c;
  std::string_view rest = plain;
  if (rest.starts_with('-') || rest.starts_with('+')) rest.remove_prefix(1);
  if (rest.empty()) return false;
  if (rest.size() > 2 && rest[0] == '0') {
    int base = rest[1] == 'x' || rest[1] == 'X' ? 16 : rest[1] == 'o' ? 8 : rest[1] == 'b' ? 2 : 0;
    uint64_t number;
    auto [end, ec] = std::from_chars(rest.data() + 2, rest.data() + rest.size(), number, base ? base : 10);
    if (base && ec == std::errc() && end == rest.data() + rest.size()) return true;
  }
  if (rest == ".inf" || rest == ".Inf" || rest == ".INF" || rest == ".nan" || rest == ".NaN" || rest == ".NAN") return true;
  if (!(rest[0] >= '0' && rest[0] <= '9') && rest[0] != '.') return false;
  double number;
  auto [end, ec] = std::from_chars(rest.data(), rest.data() + rest.size(), number);
  return ec != std::errc::invalid_argument && end == rest.data() + rest.size();
}

// "22:22" was a number once; "2001-01-01" is a date.
bool matches_old_number(std::string_view text) {
  size_t digits = text.find_first_not_of("0123456789_");
  if (digits == std::string_view::npos || digits == 0) return false;
  if (text.find_first_not_of("0123456789_:.") == std::string_view::npos && text[digits] == ':') return true;
  return digits == 4 && text.size() >= 8 && text[4] == '-' && (text[6] == '-' || text[7] == '-') &&
         text.find_first_not_of("0123456789-:.TtZz+ ") == std::string_view::npos;
}

bool reads_as_other(std::string_view text) {
  static constexpr std::string_view words[] = {"",    "~",   "null", "Null", "NULL", "true", "True", "TRUE", "false", "False", "FALSE", "y",   "Y",   "yes",
                                               "Yes", "YES", "on",   "On",   "ON",   "n",    "N",    "no",   "No",    "NO",    "off",   "Off", "OFF", "<<"};
  return std::ranges::find(words, text) != std::end(words) || matches_number(text) || matches_old_number(text);
}

bool needs_quotes(std::string_view text) {
  if (text.front() == ' ' || text.back() == ' ') return true;
  if (std::string_view("#,[]{}&*!|>'\"%@`").find(text.front()) != std::string_view::npos) return true;
  if (std::string_view("-?:").find(text.front()) != std::string_view::npos && (text.size() == 1 || text[1] == ' ')) return true;
  if (text.starts_with("---") || text.starts_with("...")) return true;
  return text.find(": ") != std::string_view::npos || text.back() == ':' || text.find(" #") != std::string_view::npos;
}

bool has_special(std::string_view text) {
  return std::ranges::any_of(text, [](char c) { return (static_cast<unsigned char>(c) < 0x20 && c != '\n') || c == 0x7f; });
}

void write_scalar(std::string& out, const Value& value, size_t indent) {
  if (!value.is_string()) return api::append_json(out, value, {.escape_html = false});
  auto text = value.text();
  if (reads_as_other(text) || has_special(text)) return api::append_json_string(out, text, false);
  if (text.find('\n') == std::string_view::npos) {
    if (!needs_quotes(text)) {
      out += text;
      return;
    }
    out += '\'';
    for (char c : text) out += c == '\'' ? "''" : std::string(1, c);
    out += '\'';
    return;
  }
  if (text.front() == ' ' || text.front() == '\n' || text.find(" \n") != std::string_view::npos) return api::append_json_string(out, text, false);
  bool newline = text.ends_with('\n');
  out += !newline ? "|-" : text.ends_with("\n\n") ? "|+" : "|";
  if (newline) text.remove_suffix(1);
  for (size_t end = 0; end != std::string_view::npos; text.remove_prefix(end == std::string_view::npos ? 0 : end + 1)) {
    end = text.find('\n');
    out += '\n';
    if (auto line = text.substr(0, end); !line.empty()) (out += std::string(indent, ' ')) += line;
  }
}

bool is_block(const Value& value) { return (value.is_array() || value.is_object()) && value.size() > 0; }

void write_block(std::string& out, const Value& value, size_t indent, bool at_start) {
  auto begin = [&] {
    if (!at_start) out.append(indent, ' ');
    at_start = false;
  };
  for (const auto& item : value.items()) {
    begin();
    out += "- ";
    if (is_block(item)) {
      write_block(out, item, indent + 2, true);
      continue;
    }
    write_scalar(out, item, indent + 2);
    out += '\n';
  }
  for (const auto& member : value.members()) {
    begin();
    write_scalar(out, Value(member.key()), indent + 2);
    out += ':';
    if (is_block(member.value)) {
      out += '\n';
      write_block(out, member.value, indent + 2, false);
      continue;
    }
    out += ' ';
    write_scalar(out, member.value, indent + 2);
    out += '\n';
  }
}

void write_json_value(std::string& out, const Value& value, size_t indent) {
  if (!is_block(value)) return api::append_json(out, value);
  out += value.is_array() ? "[" : "{";
  bool first = true;
  auto begin = [&] {
    out += first ? "\n" : ",\n";
    first = false;
    out.append(indent + 2, ' ');
  };
  for (const auto& item : value.items()) {
    begin();
    write_json_value(out, item, indent + 2);
  }
  for (const auto& member : value.members()) {
    begin();
    api::append_json_string(out, member.key());
    out += ": ";
    write_json_value(out, member.value, indent + 2);
  }
  (out += '\n').append(indent, ' ');
  out += value.is_array() ? "]" : "}";
}

}  // namespace

Value config_tree(const Value& tree, bool escape) { return ordered(tree, &kFileShape, escape); }

Value sorted_tree(const Value& tree) {
  if (tree.is_array()) {
    Value list = Value::array();
    for (const auto& item : tree.items()) list.push_back(sorted_tree(item));
    return list;
  }
  if (!tree.is_object()) return tree;
  std::vector<std::string_view> names;
  for (const auto& member : tree.members()) names.push_back(member.key());
  std::ranges::sort(names);
  Value out = Value::object();
  for (auto name : names) out.set(name, sorted_tree(*tree.find(name)));
  return out;
}

std::string write_yaml(const Value& tree) {
  std::string out;
  if (!is_block(tree)) {
    write_scalar(out, tree, 2);
    return out + "\n";
  }
  write_block(out, tree, 0, false);
  return out;
}

std::string write_json(const Value& tree) {
  std::string out;
  write_json_value(out, tree, 0);
  return out;
}

}  // namespace reigen::compose
