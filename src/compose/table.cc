#include "compose/table.h"

#include <fmt/core.h>

#include <algorithm>

namespace reigen::compose {

size_t text_width(std::string_view text) {
  return static_cast<size_t>(std::ranges::count_if(text, [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

std::string shorten(std::string_view text, size_t width) {
  if (text_width(text) <= width) return std::string(text);
  std::string out;
  size_t letters = 0;
  for (char c : text) {
    if ((static_cast<unsigned char>(c) & 0xc0) != 0x80 && ++letters == width) break;
    out += c;
  }
  return out + "…";
}

std::string format_table(const std::vector<std::vector<std::string>>& rows, size_t least) {
  std::vector<size_t> widths;
  for (const auto& row : rows)
    for (size_t i = 0; i < row.size(); ++i) {
      if (widths.size() <= i) widths.push_back(least);
      widths[i] = std::max(widths[i], text_width(row[i]) + 3);
    }
  std::string out;
  for (const auto& row : rows) {
    for (size_t i = 0; i < row.size(); ++i) {
      out += row[i];
      if (i + 1 < row.size()) out.append(widths[i] - text_width(row[i]), ' ');
    }
    out += '\n';
  }
  return out;
}

Status check_list_format(std::string_view format) {
  std::string lower(format);
  for (char& c : lower) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  if (lower.empty() || lower == "table" || lower == "pretty" || lower == "json") return {};
  return fail(Code::kInvalidArgument, fmt::format("format value \"{}\" could not be parsed: parsing failed", format));
}

Result<std::string> fill_template(std::string_view text, const api::Value& fields) {
  std::string out;
  while (!text.empty()) {
    size_t open = text.find("{{");
    for (auto plain = text.substr(0, open); !plain.empty(); plain.remove_prefix(1)) {
      if (plain.starts_with("\\t") || plain.starts_with("\\n")) {
        out += plain[1] == 't' ? '\t' : '\n';
        plain.remove_prefix(1);
      } else {
        out += plain[0];
      }
    }
    if (open == std::string_view::npos) break;
    size_t close = text.find("}}", open);
    if (close == std::string_view::npos) return fail(Code::kInvalidArgument, "template parsing error: unclosed action");
    auto action = text.substr(open + 2, close - open - 2);
    text.remove_prefix(close + 2);
    while (action.starts_with(' ')) action.remove_prefix(1);
    while (action.ends_with(' ')) action.remove_suffix(1);
    bool as_json = action.starts_with("json ");
    if (as_json) action.remove_prefix(5);
    const api::Value* field = action == "." ? &fields : action.starts_with('.') ? fields.find(action.substr(1)) : nullptr;
    if (!field)
      return fail(Code::kInvalidArgument, fmt::format("template parsing error: \"{}\" is not known here; {{{{.Name}}}} and {{{{json .}}}} are", action));
    if (field->is_string() && !as_json) out += field->text();
    else api::append_json(out, *field);
  }
  return out;
}

std::string human_duration(Duration duration) {
  int64_t seconds = std::chrono::duration_cast<std::chrono::seconds>(duration).count();
  if (seconds < 1) return "Less than a second";
  if (seconds == 1) return "1 second";
  if (seconds < 60) return fmt::format("{} seconds", seconds);
  int64_t minutes = seconds / 60;
  if (minutes == 1) return "About a minute";
  if (minutes < 60) return fmt::format("{} minutes", minutes);
  int64_t hours = (seconds + 1800) / 3600;
  if (hours == 1) return "About an hour";
  if (hours < 48) return fmt::format("{} hours", hours);
  if (hours < 24 * 14) return fmt::format("{} days", hours / 24);
  if (hours < 24 * 60) return fmt::format("{} weeks", hours / 24 / 7);
  if (hours < 24 * 365 * 2) return fmt::format("{} months", hours / 24 / 30);
  return fmt::format("{} years", hours / 24 / 365);
}

std::string human_size(int64_t bytes) {
  static constexpr const char* units[] = {"B", "kB", "MB", "GB", "TB", "PB"};
  double size = static_cast<double>(bytes);
  size_t i = 0;
  while (size >= 1000 && i + 1 < std::size(units)) {
    size /= 1000;
    ++i;
  }
  return fmt::format("{:.3g}{}", size, units[i]);
}

}  // namespace reigen::compose
