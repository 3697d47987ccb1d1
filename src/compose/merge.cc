#include "compose/merge.h"

#include <fmt/core.h>

#include <algorithm>
#include <set>
#include <string_view>
#include <vector>

namespace reigen::compose {
namespace {

using api::Value;

enum class Rule : unsigned char { kDefault, kReplace, kNullToo, kLogging, kPools };

// By the path below a service or resource; '*' is any name.
Rule rule_of(std::string_view path) {
  if (path == "command" || path == "entrypoint" || path == "healthcheck.test") return Rule::kReplace;
  if (path == "environment" || path == "build.args") return Rule::kNullToo;
  if (path == "logging") return Rule::kLogging;
  return path == "ipam.config" ? Rule::kPools : Rule::kDefault;
}

// Lists whose items have a key; empty for those that are only appended.
std::string item_key(std::string_view list, const Value& item) {
  static const std::set<std::string_view> sets = {"cap_add",  "cap_drop", "dns",  "dns_opt",     "dns_search", "expose",     "links",
                                                  "profiles", "tmpfs",    "tags", "extra_hosts", "build.tags", "label_file", "build.platforms"};
  if (item.is_string() && (list == "ports" || list == "volumes" || list == "devices")) return std::string(item.text());  // with variables in it
  if (list == "ports")
    return fmt::format("{}:{}:{}/{}", item.text_at({"host_ip"}), item.text_at({"published"}), item.find("target") ? item.find("target")->int_or(0) : 0,
                       item.text_at({"protocol"}));
  if (list == "volumes" || list == "devices") return std::string(item.text_at({"target"}));
  if (list == "secrets" || list == "configs") {
    auto target = item.text_at({"target"});
    return std::string(target.empty() ? item.text_at({"source"}) : target);
  }
  if (list == "env_file") return std::string(item.text_at({"path"}));
  bool set = sets.contains(list) || list.ends_with(".aliases") || list.ends_with(".link_local_ips");
  return set ? std::string(item.text()) : "";
}

void merge_lists(Value& base, Value& over, std::string_view path) {
  Value::Array merged;
  std::map<std::string, size_t> places;
  auto add = [&](Value& item) {
    std::string key = item_key(path, item);
    auto [place, fresh] = key.empty() ? std::pair(places.end(), true) : places.try_emplace(key, merged.size());
    if (fresh) merged.push_back(std::move(item));
    else merged[place->second] = std::move(item);
  };
  for (auto& item : base.items()) add(item);
  for (auto& item : over.items()) add(item);
  base = Value(std::move(merged));
}

void merge_values(Value& base, Value& over, const std::string& path);

void merge_pools(Value& base, Value& over) {
  for (auto& pool : over.items()) {
    auto same = std::ranges::find_if(base.items(), [&](const Value& known) { return known.text_at({"subnet"}) == pool.text_at({"subnet"}); });
    if (same == base.items().end()) base.push_back(std::move(pool));
    else merge_values(*same, pool, "pool");
  }
}

void merge_maps(Value& base, Value& over, const std::string& path, bool null_too) {
  for (auto& member : over.members()) {
    Value* known = base.find(member.key());
    if (!known) base.set(member.key(), std::move(member.value));
    else if (member.value.is_null() && null_too) *known = Value();
    else if (!member.value.is_null()) merge_values(*known, member.value, path.empty() ? std::string(member.key()) : path + "." + std::string(member.key()));
  }
}

void merge_values(Value& base, Value& over, const std::string& path) {
  Rule rule = rule_of(path);
  if (rule == Rule::kLogging && base.text_at({"driver"}) != over.text_at({"driver"}) && base.has("driver") && over.has("driver")) rule = Rule::kReplace;
  if (rule == Rule::kReplace || base.kind() != over.kind() || (!base.is_object() && !base.is_array())) {
    base = std::move(over);
  } else if (rule == Rule::kPools) {
    merge_pools(base, over);
  } else if (base.is_array()) {
    merge_lists(base, over, path);
  } else {
    merge_maps(base, over, path, rule == Rule::kNullToo);
  }
}

std::vector<std::string> split_pointer(std::string_view pointer) {
  std::vector<std::string> parts;
  while (pointer.starts_with('/')) {
    pointer.remove_prefix(1);
    auto part = pointer.substr(0, pointer.find('/'));
    std::string plain;
    for (size_t i = 0; i < part.size(); ++i) {
      if (part[i] == '~' && i + 1 < part.size()) plain += part[++i] == '1' ? '/' : '~';
      else plain += part[i];
    }
    parts.push_back(std::move(plain));
    pointer.remove_prefix(part.size());
  }
  return parts;
}

void erase_at(Value& tree, const std::vector<std::string>& parts, size_t from) {
  Value* at = &tree;
  for (size_t i = from; at && i + 1 < parts.size(); ++i) at = at->find(parts[i]);
  if (at && from < parts.size()) at->erase(parts.back());
}

}  // namespace

void drop_repeats(Value& service) {
  for (auto& member : service.members()) {
    Value none = Value::array();
    if (member.value.is_array()) merge_lists(member.value, none, member.key());
  }
}

void merge_services(Value& base, Value override_service) { merge_values(base, override_service, ""); }

void merge_files(Value& base, Value override_tree) {
  for (auto& section : override_tree.members()) {
    Value* known = base.find(section.key());
    bool named =
        section.key() == "services" || section.key() == "networks" || section.key() == "volumes" || section.key() == "secrets" || section.key() == "configs";
    if (!known || !named || !known->is_object()) {
      if (!known || !section.value.is_null()) base.set(section.key(), std::move(section.value));
      continue;
    }
    for (auto& member : section.value.members()) {
      Value* there = known->find(member.key());
      if (!there) known->set(member.key(), std::move(member.value));
      else if (there->is_null()) *there = std::move(member.value);
      else if (!member.value.is_null()) merge_values(*there, member.value, "");
    }
  }
}

void apply_tags(Value& base, Value& file, const std::map<std::string, std::string>& tags) {
  for (const auto& [pointer, tag] : tags) {
    auto parts = split_pointer(pointer);
    erase_at(base, parts, 0);
    if (tag == "!reset") erase_at(file, parts, 0);
  }
}

void apply_service_tags(Value& base_service, const std::string& service, const std::map<std::string, std::string>& tags) {
  for (const auto& [pointer, tag] : tags) {
    auto parts = split_pointer(pointer);
    if (parts.size() > 2 && parts[0] == "services" && parts[1] == service) erase_at(base_service, parts, 2);
  }
}

}  // namespace reigen::compose
