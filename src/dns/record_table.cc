#include "dns/record_table.h"

#include <algorithm>
#include <charconv>

namespace reigen::dns {
namespace {
constexpr std::string_view kMagic = "#reigen-dns 1 ";
constexpr std::string_view kCidr = "#cidr ";
constexpr std::string_view kV4Suffix = ".in-addr.arpa", kV6Suffix = ".ip6.arpa";
}  // namespace

std::string reverse_labels(std::string_view name) {
  std::string out;
  out.reserve(name.size());
  while (!name.empty()) {
    auto dot = name.rfind('.');
    if (!out.empty()) out += '.';
    out += dot == std::string_view::npos ? name : name.substr(dot + 1);
    name = dot == std::string_view::npos ? std::string_view() : name.substr(0, dot);
  }
  return out;
}

std::string reverse_name(const IpAddress& address) {
  std::string out;
  for (size_t i = address.size(); i-- > 0;) {
    uint8_t byte = address.data()[i];
    if (address.is_v4()) {
      out += std::to_string(byte) + (i ? "." : "");
      continue;
    }
    constexpr const char* kDigits = "0123456789abcdef";
    out += {kDigits[byte & 15], '.', kDigits[byte >> 4]};
    if (i) out += '.';
  }
  return out + std::string(address.is_v4() ? kV4Suffix : kV6Suffix);
}

std::optional<IpAddress> parse_reverse_name(std::string_view name) {
  bool v4 = name.ends_with(kV4Suffix);
  if (!v4 && !name.ends_with(kV6Suffix)) return std::nullopt;
  std::string text;
  std::string forward = reverse_labels(name.substr(0, name.size() - (v4 ? kV4Suffix : kV6Suffix).size()));
  if (v4) return IpAddress::parse(forward);
  std::erase(forward, '.');
  if (forward.size() != 32) return std::nullopt;
  for (size_t i = 0; i < 32; i += 4) text += (i ? ":" : "") + forward.substr(i, 4);
  return IpAddress::parse(text);
}

RecordTable::RecordTable(std::string_view text) : text_(text.substr(0, UINT32_MAX)) {
  size_t at = 0;
  while (at < text_.size()) {
    auto newline = text_.find('\n', at);
    if (newline == std::string_view::npos) break;
    std::string_view row = text_.substr(at, newline - at);
    if (row.starts_with(kMagic)) domain_ = row.substr(kMagic.size());
    else if (row.starts_with(kCidr)) {
      if (auto network = IpNetwork::parse(row.substr(kCidr.size()))) reverse_.push_back(*network);
    } else starts_.push_back(static_cast<uint32_t>(at));
    at = newline + 1;
  }
}

std::string_view RecordTable::line(size_t index) const {
  size_t start = starts_[index];
  return text_.substr(start, text_.find('\n', start) - start);
}

size_t RecordTable::lower_bound(std::string_view key) const {
  size_t low = 0, high = starts_.size();
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    if (line(middle) < key) low = middle + 1;
    else high = middle;
  }
  return low;
}

bool RecordTable::owns(std::string_view name) const {
  if (!valid()) return false;
  if (name == domain_ || (name.ends_with(domain_) && name[name.size() - domain_.size() - 1] == '.')) return true;
  auto address = parse_reverse_name(name);
  return address && std::ranges::any_of(reverse_, [&](const IpNetwork& network) { return network.contains(*address); });
}

std::vector<Line> RecordTable::find(std::string_view name) const {
  std::string key = reverse_labels(name) + " ";
  std::vector<Line> found;
  for (size_t i = lower_bound(key); i < starts_.size() && line(i).starts_with(key); i++) {
    std::string_view rest = line(i).substr(key.size());
    auto space = std::min(rest.find(' '), rest.size());
    found.push_back({rest.substr(0, space), rest.substr(std::min(rest.size(), space + 1))});
  }
  return found;
}

bool RecordTable::has_below(std::string_view name) const {
  std::string key = reverse_labels(name) + ".";
  size_t at = lower_bound(key);
  return at < starts_.size() && line(at).starts_with(key);
}

}  // namespace reigen::dns
