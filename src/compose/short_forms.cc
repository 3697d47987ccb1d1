#include "compose/short_forms.h"

#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>
#include <optional>

#include "base/ip.h"

namespace reigen::compose {
namespace {

using api::Value;

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

// Digits with at most one point; advances.
std::optional<double> take_number(std::string_view& text) {
  size_t n = 0;
  while (n < text.size() && (is_digit(text[n]) || text[n] == '.')) ++n;
  double number = 0;
  auto [end, ec] = std::from_chars(text.data(), text.data() + n, number, std::chars_format::fixed);
  if (n == 0 || ec != std::errc() || end != text.data() + n) return std::nullopt;
  text.remove_prefix(n);
  return number;
}

double unit_seconds(std::string_view unit) {
  if (unit == "ns") return 1e-9;
  if (unit == "us" || unit == "µs" || unit == "μs") return 1e-6;
  if (unit == "ms") return 1e-3;
  if (unit == "s") return 1;
  if (unit == "m") return 60;
  if (unit == "h") return 3600;
  if (unit == "d") return 86400;
  return unit == "w" ? 604800 : 0;
}

struct PortRange {
  uint16_t first = 0, last = 0;
};

std::optional<PortRange> parse_range(std::string_view text) {
  PortRange range;
  auto take = [](std::string_view digits, uint16_t& port) {
    auto [end, ec] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
    return !digits.empty() && ec == std::errc() && end == digits.data() + digits.size();
  };
  size_t dash = text.find('-');
  if (!take(text.substr(0, dash), range.first)) return std::nullopt;
  range.last = range.first;
  if (dash != std::string_view::npos && !take(text.substr(dash + 1), range.last)) return std::nullopt;
  if (range.last < range.first) return std::nullopt;
  return range;
}

Value port_entry(std::string_view address, int target, const std::string& published, const std::string& protocol) {
  Value port = Value::object({{"mode", "ingress"}});
  if (!address.empty()) port.set("host_ip", address);
  port.set("target", target);
  if (!published.empty()) port.set("published", published);
  port.set("protocol", protocol);
  return port;
}

struct PortParts {
  std::string address, published, target, protocol = "tcp";
};

Result<PortParts> split_port(std::string_view text) {
  PortParts parts;
  std::string_view rest = text;
  if (size_t slash = rest.rfind('/'); slash != std::string_view::npos) {
    parts.protocol = std::string(rest.substr(slash + 1));
    std::ranges::transform(parts.protocol, parts.protocol.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
    rest = rest.substr(0, slash);
    if (parts.protocol.empty()) parts.protocol = "tcp";
  }
  if (parts.protocol != "tcp" && parts.protocol != "udp" && parts.protocol != "sctp") return fail(Code::kInvalidArgument, "invalid proto: " + parts.protocol);
  size_t colon = rest.rfind(':');
  parts.target = std::string(rest.substr(colon == std::string_view::npos ? 0 : colon + 1));
  if (parts.target.empty()) return fail(Code::kInvalidArgument, fmt::format("no port specified: {}<empty>", text));
  if (colon == std::string_view::npos) return parts;
  rest = rest.substr(0, colon);
  colon = rest.rfind(':');
  parts.published = std::string(rest.substr(colon == std::string_view::npos ? 0 : colon + 1));
  if (colon == std::string_view::npos) return parts;
  rest = rest.substr(0, colon);
  if (rest.starts_with('[') && rest.ends_with(']')) rest = rest.substr(1, rest.size() - 2);
  if (!rest.empty() && !IpAddress::parse(rest)) return fail(Code::kInvalidArgument, fmt::format("invalid IP address: {}", rest));
  parts.address = std::string(rest);
  return parts;
}

void set_volume_option(Value& volume, std::string_view option) {
  if (option == "ro") volume.set("read_only", true);
  else if (option == "rw") volume.erase("read_only");
  else if (option == "nocopy") volume.make({"volume"}).set("nocopy", true);
  else if (option == "z" || option == "Z") volume.make({"bind"}).set("selinux", option);
  else if (option == "private" || option == "rprivate" || option == "shared" || option == "rshared" || option == "slave" || option == "rslave")
    volume.make({"bind"}).set("propagation", option);
}

bool is_path(std::string_view source) {
  if (source.empty()) return false;
  if (source[0] == '.' || source[0] == '/' || source[0] == '~' || source.starts_with("\\\\")) return true;
  return source.size() > 2 && is_letter(source[0]) && source[1] == ':' && source[2] == '\\';
}

std::string_view unquoted_part(std::string_view& rest) {
  // A drive letter's colon is no separator.
  size_t from = rest.size() > 2 && is_letter(rest[0]) && rest[1] == ':' && rest[2] == '\\' ? 2 : 0;
  size_t colon = rest.find(':', from);
  auto part = rest.substr(0, colon);
  rest = colon == std::string_view::npos ? std::string_view() : rest.substr(colon + 1);
  return part;
}

}  // namespace

Result<Duration> parse_duration(std::string_view text) {
  auto wrong = [&] { return fail(Code::kInvalidArgument, fmt::format("invalid duration \"{}\"", text)); };
  std::string_view rest = text;
  bool negative = rest.starts_with('-');
  if (negative || rest.starts_with('+')) rest.remove_prefix(1);
  if (rest == "0") return Duration::zero();
  if (rest.empty()) return wrong();
  double seconds = 0;
  while (!rest.empty()) {
    auto number = take_number(rest);
    if (!number) return wrong();
    size_t n = 0;
    while (n < rest.size() && !is_digit(rest[n]) && rest[n] != '.') ++n;
    double unit = unit_seconds(rest.substr(0, n));
    if (unit == 0) return wrong();
    seconds += *number * unit;
    rest.remove_prefix(n);
  }
  if (!(seconds <= 9e9)) return wrong();
  return Duration(std::llround((negative ? -seconds : seconds) * 1e9));
}

std::string format_duration(Duration duration) {
  int64_t ns = duration.count();
  if (ns == 0) return "0s";
  std::string out = ns < 0 ? "-" : "";
  if (ns < 0) ns = -ns;
  auto decimal = [&](int64_t unit, const char* name) {
    out += std::to_string(ns / unit);
    if (int64_t part = ns % unit; part != 0) {
      std::string digits = std::to_string(unit + part).substr(1);
      while (digits.ends_with('0')) digits.pop_back();
      out += "." + digits;
    }
    return out + name;
  };
  if (ns < 1'000) return decimal(1, "ns");
  if (ns < 1'000'000) return decimal(1'000, "µs");
  if (ns < 1'000'000'000) return decimal(1'000'000, "ms");
  int64_t minutes = ns / 60'000'000'000;
  if (minutes >= 60) out += fmt::format("{}h", minutes / 60);
  if (minutes > 0) out += fmt::format("{}m", minutes % 60);
  ns %= 60'000'000'000;
  return decimal(1'000'000'000, "s");
}

Result<int64_t> parse_bytes(std::string_view text) {
  auto wrong = [&] { return fail(Code::kInvalidArgument, fmt::format("invalid size: '{}'", text)); };
  std::string_view rest = text;
  if (rest == "-1") return -1;
  auto number = take_number(rest);
  if (!number) return wrong();
  if (rest.starts_with(' ')) rest.remove_prefix(1);
  std::string unit;
  for (char c : rest) unit += c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  double scale = 1;
  if (!unit.empty() && unit != "b") {
    size_t power = std::string_view("kmgtp").find(unit[0]);
    if (power == std::string_view::npos || (unit.size() > 1 && unit.substr(1) != "b" && unit.substr(1) != "ib")) return wrong();
    scale = std::pow(1024.0, static_cast<double>(power + 1));
  }
  if (*number * scale > 9e18) return wrong();
  return static_cast<int64_t>(*number * scale);
}

Result<Value::Array> parse_port(std::string_view text) {
  TRY_ASSIGN(PortParts parts, split_port(text));
  auto target = parse_range(parts.target);
  if (!target || target->first == 0) return fail(Code::kInvalidArgument, "invalid containerPort: " + parts.target);
  std::optional<PortRange> published;
  if (!parts.published.empty()) {
    published = parse_range(parts.published);
    if (!published) return fail(Code::kInvalidArgument, "invalid hostPort: " + parts.published);
  }
  int count = target->last - target->first;
  if (count > 0 && published && published->last - published->first != count)
    return fail(Code::kInvalidArgument, fmt::format("invalid ranges specified for container and host Ports: {} and {}", parts.target, parts.published));
  if (count >= kMaxPorts) return fail(Code::kInvalidArgument, fmt::format("invalid containerPort: {}: a range of more than {} ports", parts.target, kMaxPorts));
  std::map<std::string, Value> by_target;  // in the order of their texts, as Compose has them
  for (int i = 0; i <= count; ++i) {
    std::string from = !published ? "" : count > 0 ? std::to_string(published->first + i) : std::to_string(published->first);
    if (published && count == 0 && published->last != published->first) from = parts.published;
    by_target.emplace(std::to_string(target->first + i), port_entry(parts.address, target->first + i, from, parts.protocol));
  }
  Value::Array ports;
  for (auto& [key, port] : by_target) ports.push_back(std::move(port));
  return ports;
}

Result<Value> parse_volume(std::string_view text) {
  auto wrong = [&](std::string_view why) { return fail(Code::kInvalidArgument, fmt::format("invalid spec: {}: {}", text, why)); };
  if (text.empty()) return fail(Code::kInvalidArgument, "invalid empty volume spec");
  std::string_view rest = text;
  std::vector<std::string_view> parts;
  bool more = true;
  while (more) {
    size_t before = rest.size();
    auto part = unquoted_part(rest);
    if (part.empty()) return wrong("empty section between colons");
    more = before > part.size();
    parts.push_back(part);
    if (parts.size() > 3) return wrong("too many colons");
  }
  Value volume = Value::object({{"type", "volume"}});
  std::string_view source = parts.size() > 1 ? parts[0] : "";
  if (!source.empty()) volume.set("source", source);
  volume.set("target", parts.size() > 1 ? parts[1] : parts[0]);
  if (is_path(source)) {
    volume.set("type", "bind");
    volume.set("bind", Value::object({{"create_host_path", true}}));
  } else {
    volume.set("volume", Value::object());
  }
  std::string_view options = parts.size() > 2 ? parts[2] : "";
  while (!options.empty()) {
    size_t comma = options.find(',');
    set_volume_option(volume, options.substr(0, comma));
    options = comma == std::string_view::npos ? "" : options.substr(comma + 1);
  }
  return volume;
}

Result<Value> parse_device(std::string_view text) {
  size_t first = text.find(':');
  std::string_view source = text.substr(0, first), target = source, permissions = "rwm";
  if (first != std::string_view::npos) {
    auto rest = text.substr(first + 1);
    size_t second = rest.find(':');
    if (second != std::string_view::npos) permissions = rest.substr(second + 1);
    target = rest.substr(0, second);
    if (permissions.find(':') != std::string_view::npos || target.empty())
      return fail(Code::kInvalidArgument, fmt::format("confusing device mapping, please use long syntax: {}", text));
    // "/dev/a:rwm" has no target.
    if (second == std::string_view::npos && target.find_first_not_of("rwm") == std::string_view::npos) {
      permissions = target;
      target = source;
    }
  }
  if (source.empty()) return fail(Code::kInvalidArgument, fmt::format("invalid device \"{}\"", text));
  return Value::object({{"source", source}, {"target", target}, {"permissions", permissions}});
}

Result<std::vector<std::string>> split_words(std::string_view line) {
  std::vector<std::string> words;
  std::string word;
  bool begun = false;
  char quote = 0;
  for (size_t i = 0; i < line.size(); ++i) {
    char c = line[i];
    if (c == '\\' && quote != '\'') {
      if (++i == line.size()) return fail(Code::kInvalidArgument, fmt::format("invalid command line string: {}", line));
      word += line[i];
      begun = true;
    } else if (quote != 0) {
      if (c == quote) quote = 0;
      else word += c;
    } else if (c == '\'' || c == '"') {
      quote = c;
      begun = true;
    } else if (c == ' ' || c == '\t' || c == '\n' || c == '\r') {
      if (begun) words.push_back(std::move(word));
      word.clear();
      begun = false;
    } else {
      word += c;
      begun = true;
    }
  }
  if (quote != 0) return fail(Code::kInvalidArgument, fmt::format("invalid command line string: {}", line));
  if (begun) words.push_back(std::move(word));
  return words;
}

}  // namespace reigen::compose
