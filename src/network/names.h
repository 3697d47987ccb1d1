// How everything an instance makes on a host is named, so that it can be found again without any record.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ip.h"

namespace reigen::network {

// Six hexadecimal digits (FNV-1a of the instance).
std::string instance_digits(const std::string& instance);
// Seven of any text, for the rest of a link's name.
std::string name_digits(std::string_view text);
// "rg" and the digits: what all its links begin with.
std::string link_prefix(const std::string& instance);
// The host's link of a sandbox, 15 characters. `attempt` tells names apart whose hashes collide.
std::string link_name(const std::string& instance, const std::string& sandbox, unsigned attempt);

std::string pods_table(const std::string& instance);      // reigen-<instance>-pods
std::string services_table(const std::string& instance);  // reigen-<instance>
// The comment of rules that we put into tables of others.
std::string rule_mark(const std::string& instance);
// The label of the cluster DNS address on the loopback link.
std::string address_label(const std::string& instance);

struct AliasRecord {
  std::string sandbox;
  std::vector<IpAddress> addresses;
};
std::string link_alias(const std::string& instance, const AliasRecord& record);
// Nothing when the alias is not this instance's.
std::optional<AliasRecord> parse_link_alias(const std::string& instance, std::string_view alias);

}  // namespace reigen::network
