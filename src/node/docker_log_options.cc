#include "node/docker_log_options.h"

#include <fmt/core.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <string>

namespace reigen::node {
namespace {

constexpr int64_t kLocalBytes = 20'000'000;
constexpr int kLocalFiles = 5;
constexpr int kMostFiles = 1000;  // more would only be asked for by mistake

Fail wrong(const std::string& what) { return fail(Code::kInvalidArgument, "failed to initialize logging driver: " + what); }

std::optional<bool> parse_bool(std::string_view text) {
  for (std::string_view yes : {"1", "t", "T", "true", "TRUE", "True"}) {
    if (text == yes) return true;
  }
  for (std::string_view no : {"0", "f", "F", "false", "FALSE", "False"}) {
    if (text == no) return false;
  }
  return std::nullopt;
}

Result<int64_t> read_size(const std::string& text, bool local) {
  auto bytes = parse_docker_size(text, 1000);
  if (!bytes) return wrong(local ? fmt::format("invalid value for max-size: {0}: invalid size: '{0}'", text) : fmt::format("invalid size: '{}'", text));
  if (*bytes == 0) return wrong("max-size must be a positive number");
  return *bytes;
}

Result<int> read_files(const std::string& text, bool local) {
  int value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || text.empty()) {
    std::string why = fmt::format("strconv.Atoi: parsing \"{}\": invalid syntax", text);
    return wrong(local ? fmt::format("invalid value for max-file: {}: {}", text, why) : why);
  }
  if (value < 1) return wrong("max-file cannot be less than 1");
  return std::min(value, kMostFiles);
}

}  // namespace

Result<LogRotation> log_rotation(const api::dockerv1::LogConfig& config) {
  LogRotation out;
  if (config.type == "none") return out;
  bool local = config.type == "local";
  if (local) out = {kLocalBytes, kLocalFiles};
  if (const auto* size = config.config.get("max-size")) {
    TRY_ASSIGN(out.max_bytes, read_size(*size, local));
  }
  if (const auto* files = config.config.get("max-file")) {
    TRY_ASSIGN(out.max_files, read_files(*files, local));
  }
  if (const auto* compress = config.config.get("compress")) {
    auto wanted = parse_bool(*compress);
    if (!wanted) return wrong(fmt::format("strconv.ParseBool: parsing \"{}\": invalid syntax", *compress));
    if (*wanted && !local && (out.max_files < 2 || out.max_bytes == 0))
      return wrong("compress cannot be true when max-file is less than 2 or max-size is not set");
  }
  return out;
}

std::optional<int64_t> parse_docker_size(std::string_view text, int64_t base) {
  size_t digits = std::min(text.find_first_not_of("0123456789."), text.size());
  std::string number(text.substr(0, digits));
  double value = 0;
  auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), value);
  if (error != std::errc() || end != number.data() + number.size() || number.empty()) return std::nullopt;
  std::string unit(text.substr(digits));
  if (unit.starts_with(' ')) unit.erase(0, 1);
  std::transform(unit.begin(), unit.end(), unit.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  if (unit.ends_with('b')) unit.pop_back();
  if (unit.ends_with('i')) unit.pop_back();
  constexpr std::string_view kUnits = "kmgtp";
  if (unit.size() > 1 || (unit.size() == 1 && kUnits.find(unit[0]) == std::string_view::npos)) return std::nullopt;
  for (size_t i = 0; !unit.empty() && i <= kUnits.find(unit[0]); ++i) value *= static_cast<double>(base);
  if (value > 9e18) return std::nullopt;
  return static_cast<int64_t>(value);
}

}  // namespace reigen::node
