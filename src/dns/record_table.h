// The records of the cluster as a sorted text, and look-ups in it.
//
// A line is "<name, its labels reversed> <type> <data>\n": "local.cluster.svc.default.web A 10.43.0.9". Reversed names bring everything
// below a name together, so that a name without records but with others below it is told from one that is not there. The first lines begin
// with '#': "#reigen-dns 1 <cluster domain>", then "#cidr <network>" for each network whose reverse names are ours.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ip.h"

namespace reigen::dns {

std::string reverse_labels(std::string_view name);
// "9.0.43.10.in-addr.arpa", or its form in ip6.arpa.
std::string reverse_name(const IpAddress& address);
// The address of such a name.
std::optional<IpAddress> parse_reverse_name(std::string_view name);

struct Line {
  std::string_view type;
  std::string_view data;
};

// A view into a text that outlives it; makes an index of 4 bytes a line.
class RecordTable {
 public:
  RecordTable() = default;
  explicit RecordTable(std::string_view text);

  bool valid() const { return !domain_.empty(); }
  const std::string& domain() const { return domain_; }
  // Is answered by us: below the cluster domain, or the reverse name of an address in our networks.
  bool owns(std::string_view name) const;
  std::vector<Line> find(std::string_view name) const;
  bool has_below(std::string_view name) const;

 private:
  std::string_view line(size_t index) const;
  size_t lower_bound(std::string_view key) const;

  std::string_view text_;
  std::vector<uint32_t> starts_;
  std::string domain_;
  std::vector<IpNetwork> reverse_;
};

}  // namespace reigen::dns
