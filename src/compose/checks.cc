#include "compose/checks.h"

#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>

#include "compose/short_forms.h"

namespace reigen::compose {
namespace {

using api::Value;

std::string shape_names(unsigned shapes) {
  std::string out;
  std::vector<std::string> names;
  auto add = [&](unsigned shape, const char* name) {
    if (shapes & shape) names.emplace_back(name);
  };
  add(kText, "a string");
  add(kBool, "a boolean");
  add(kNumber, "a number");
  add(kList, "a list");
  add(kMap, "a mapping");
  add(kNull, "null");
  for (size_t i = 0; i < names.size(); ++i) (out += i == 0 ? "" : i + 1 == names.size() ? " or " : ", ") += names[i];
  return out;
}

unsigned shape_of(const Value& value) {
  switch (value.kind()) {
    case Value::Kind::kNull: return kNull;
    case Value::Kind::kBool: return kBool;
    case Value::Kind::kInt:
    case Value::Kind::kDouble: return kNumber;
    case Value::Kind::kString: return kText;
    case Value::Kind::kArray: return kList;
    default: return kMap;
  }
}

std::optional<bool> flag_of(std::string_view text) {
  std::string lower;
  for (char c : text) lower += c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  if (lower == "true" || lower == "y" || lower == "yes" || lower == "on" || lower == "1") return true;
  if (lower == "false" || lower == "n" || lower == "no" || lower == "off" || lower == "0") return false;
  return std::nullopt;
}

// The number of single-letter changes between two words, for "did you mean".
size_t distance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t corner = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      size_t next = std::min({row[j] + 1, row[j - 1] + 1, corner + (a[i - 1] == b[j - 1] ? 0 : 1)});
      corner = row[j];
      row[j] = next;
    }
  }
  return row[b.size()];
}

std::string suggestion(std::string_view name, std::span<const Key> keys) {
  if (name.size() > 64) return "";
  const Key* best = nullptr;
  size_t least = 3;
  for (const Key& key : keys) {
    size_t changes = distance(name, key.name);
    if (changes < least) {
      least = changes;
      best = &key;
    }
  }
  return best ? fmt::format(" (did you mean \"{}\"?)", best->name) : "";
}

std::string number_text(const Value& value) {
  if (value.is_bool()) return value.bool_or(false) ? "true" : "false";
  return api::to_json(value);
}

class Checker {
 public:
  Checker(const SourceFile& file, std::vector<Finding>& findings, bool keep_variables) : file_(file), findings_(findings), keep_variables_(keep_variables) {}

  Status check(Value& value, const Shaped& shape, const std::string& pointer, const std::string& dotted, const std::string& service) {
    if (keep_variables_ && value.is_string() && value.text().find('$') != std::string_view::npos) return {};
    if (auto tag = file_.tags.find(pointer); tag != file_.tags.end() && tag->second == "!reset") return {};
    if (!(shape_of(value) & shape.shapes)) return wrong(pointer, dotted, "must be " + shape_names(shape.shapes));
    if (value.is_object()) return check_map(value, shape, pointer, dotted, service);
    if (value.is_array()) {
      size_t i = 0;
      for (auto& item : value.items()) {
        if (shape.items) TRY(check(item, *shape.items, fmt::format("{}/{}", pointer, i), fmt::format("{}[{}]", dotted, i), service));
        ++i;
      }
      return {};
    }
    if (value.is_null() || keep_variables_) return {};
    TRY(cast(value, shape.cast, pointer, dotted));
    if (!shape.words.empty() && std::ranges::find(shape.words, value.text()) == shape.words.end()) {
      std::string allowed;
      for (auto word : shape.words) (allowed += allowed.empty() ? "" : ", ") += word;
      return wrong(pointer, dotted, fmt::format("\"{}\" must be one of {}", value.text(), allowed));
    }
    return {};
  }

 private:
  Fail wrong(const std::string& pointer, const std::string& dotted, const std::string& what) const {
    return fail(Code::kInvalidArgument, fmt::format("{}{} {}", file_.where(pointer), dotted, what));
  }

  Status check_map(Value& value, const Shaped& shape, const std::string& pointer, const std::string& dotted, const std::string& service) {
    if (!shape.keys.data() && !shape.members) return {};
    for (auto& member : value.members()) {
      std::string name(member.key());
      std::string at = pointer + "/" + name, path = dotted.empty() ? name : dotted + "." + name;
      if (!shape.members && name.starts_with("x-")) continue;
      std::string inside = dotted == "services" ? name : service;
      if (shape.members) {
        if (&shape == services_ && !is_name(name)) return wrong(at, path, "is no name for a service: letters, digits, '.', '_' and '-'");
        TRY(check(member.value, *shape.members, at, path, inside));
        continue;
      }
      auto key = std::ranges::find(shape.keys, std::string_view(name), &Key::name);
      if (key == shape.keys.end()) {
        std::string_view whole = dotted.empty() ? std::string_view("the file") : std::string_view(dotted);
        return fail(Code::kInvalidArgument,
                    fmt::format("{}{}: additional property \"{}\" is not allowed{}", file_.where(at), whole, name, suggestion(name, shape.keys)));
      }
      if (dotted.empty() && name == "services") services_ = key->value;
      TRY(check(member.value, *key->value, at, path, inside));
      if (key->treatment != Treatment::kHonoured && !member.value.is_null())
        findings_.push_back(
            {key->treatment, inside,
             fmt::format("{}{} {}: {}", file_.where(at), path, key->treatment == Treatment::kWarned ? "has no effect" : "is not supported", key->why)});
    }
    return {};
  }

  static bool is_name(std::string_view name) {
    return !name.empty() && std::ranges::all_of(name, [](char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '.' || c == '_' || c == '-'; });
  }

  Status cast(Value& value, Cast to, const std::string& pointer, const std::string& dotted) const {
    auto number = [&](bool integer) -> Status {
      if (value.is_int() || (value.is_double() && !integer)) return {};
      std::string text = value.is_string() ? std::string(value.text()) : number_text(value);
      double read = 0;
      auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), read);
      if (text.empty() || ec != std::errc() || end != text.data() + text.size()) return wrong(pointer, dotted, fmt::format("\"{}\" is no number", text));
      if (integer && read != std::floor(read)) return wrong(pointer, dotted, fmt::format("\"{}\" is no integer", text));
      if (read == std::floor(read) && std::abs(read) < 9e15) value = static_cast<int64_t>(read);
      else value = read;
      return {};
    };
    switch (to) {
      case Cast::kNone: return {};
      case Cast::kText:
        if (!value.is_string()) value = number_text(value);
        return {};
      case Cast::kBool:
        if (value.is_string()) {
          auto flag = flag_of(value.text());
          if (!flag) return wrong(pointer, dotted, fmt::format("\"{}\" is no boolean", value.text()));
          value = *flag;
        }
        return {};
      case Cast::kInteger: return number(true);
      case Cast::kNumber: return number(false);
      case Cast::kBytes: {
        auto bytes = parse_bytes(value.is_string() ? std::string(value.text()) : number_text(value));
        if (!bytes) return wrong(pointer, dotted, bytes.error().message());
        value = std::to_string(*bytes);
        return {};
      }
      case Cast::kDuration: {
        auto duration = parse_duration(value.text());
        if (!duration) return wrong(pointer, dotted, duration.error().message());
        value = format_duration(*duration);
        return {};
      }
      case Cast::kMode: {
        if (!value.is_string()) return number(true);
        int64_t mode = 0;
        auto text = value.text();
        auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), mode, 8);
        if (text.empty() || ec != std::errc() || end != text.data() + text.size())
          return wrong(pointer, dotted, fmt::format("\"{}\" is no octal number", text));
        value = mode;
        return {};
      }
    }
    return {};
  }

  const SourceFile& file_;
  std::vector<Finding>& findings_;
  const bool keep_variables_;
  const Shaped* services_ = nullptr;
};

// `net: container:x` may mean a service of the file.
void modernise_net(Value& service, const Value& services) {
  const Value* net = service.find("net");
  std::string mode = net ? std::string(net->text()) : "bridge";
  if (mode.starts_with("container:") && services.has(mode.substr(10))) mode = "service:" + mode.substr(10);
  service.erase("net");
  service.set("network_mode", mode);
}

void modernise(SourceFile& file) {
  Value services = std::move(file.tree);
  for (auto& member : services.members()) {
    Value& service = member.value;
    modernise_net(service, services);
    if (const Value* dockerfile = service.find("dockerfile")) {
      Value build = Value::object({{"context", service.text_at({"build"})}, {"dockerfile", dockerfile->text()}});
      service.erase("dockerfile");
      service.set("build", std::move(build));
    }
  }
  file.tree = Value::object();
  file.tree.set("services", std::move(services));
  std::map<std::string, int, std::less<>> lines;
  for (auto& [pointer, line] : file.lines) lines["/services" + pointer] = line;
  file.lines = std::move(lines);
}

}  // namespace

bool is_version_1(const Value& tree) {
  if (!tree.is_object() || tree.size() == 0) return false;
  for (const char* key : {"version", "services", "networks", "volumes", "secrets", "configs", "name", "include"})
    if (tree.has(key)) return false;
  return std::ranges::any_of(tree.members(), [](const auto& member) { return member.value.has("image") || member.value.has("build"); }) &&
         std::ranges::all_of(tree.members(), [](const auto& member) { return member.value.is_object(); });
}

Status check_file(SourceFile& file, std::vector<Finding>& findings, bool keep_variables) {
  Checker checker(file, findings, keep_variables);
  if (!is_version_1(file.tree)) return checker.check(file.tree, kFileShape, "", "", "");
  for (auto& member : file.tree.members()) {
    std::string name(member.key());
    TRY(checker.check(member.value, kServiceV1Shape, "/" + name, name, name));
  }
  modernise(file);
  return {};
}

}  // namespace reigen::compose
