#include "network/names.h"

#include <fmt/core.h>

namespace reigen::network {
namespace {

uint64_t fnv1a(std::string_view text) {
  uint64_t hash = 0xcbf29ce484222325u;
  for (unsigned char byte : text) hash = (hash ^ byte) * 0x100000001b3u;
  return hash ^ hash >> 29;
}

}  // namespace

std::string instance_digits(const std::string& instance) { return fmt::format("{:06x}", fnv1a(instance) & 0xffffff); }

std::string name_digits(std::string_view text) { return fmt::format("{:07x}", fnv1a(text) & 0xfffffff); }

std::string link_prefix(const std::string& instance) { return "rg" + instance_digits(instance); }

std::string link_name(const std::string& instance, const std::string& sandbox, unsigned attempt) {
  return link_prefix(instance) + name_digits(fmt::format("{}/{}", sandbox, attempt));
}

std::string pods_table(const std::string& instance) { return "reigen-" + instance + "-pods"; }
std::string services_table(const std::string& instance) { return "reigen-" + instance; }
std::string rule_mark(const std::string& instance) { return "reigen:" + instance; }
std::string address_label(const std::string& instance) { return "lo:rg" + instance_digits(instance); }

std::string link_alias(const std::string& instance, const AliasRecord& record) {
  std::string alias = fmt::format("reigen:{}:{}:", instance, record.sandbox);
  for (size_t i = 0; i < record.addresses.size(); i++) alias += (i ? "," : "") + record.addresses[i].str();
  return alias;
}

std::optional<AliasRecord> parse_link_alias(const std::string& instance, std::string_view alias) {
  std::string head = fmt::format("reigen:{}:", instance);
  if (!alias.starts_with(head)) return std::nullopt;
  alias.remove_prefix(head.size());
  auto colon = alias.find(':');
  if (colon == std::string_view::npos) return std::nullopt;
  AliasRecord record;
  record.sandbox = alias.substr(0, colon);
  alias.remove_prefix(colon + 1);
  while (!alias.empty()) {
    auto comma = std::min(alias.find(','), alias.size());
    auto address = IpAddress::parse(alias.substr(0, comma));
    if (!address) return std::nullopt;
    record.addresses.push_back(*address);
    alias.remove_prefix(std::min(alias.size(), comma + 1));
  }
  return record;
}

}  // namespace reigen::network
