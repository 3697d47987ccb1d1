// Sets of indexes as jobs write them: "0,2-5,9".

#include <charconv>

#include <fmt/core.h>

#include "api/go_quote.h"
#include "apiserver/validation/job.h"

namespace reigen::apiserver {
namespace {

struct Interval {
  int32_t first = 0, last = 0;
  std::string error;
};

// The next piece up to a comma; false at the end.
bool next_piece(std::string_view& rest, bool& more, std::string_view& piece) {
  if (!more) return false;
  size_t comma = rest.find(',');
  piece = rest.substr(0, comma);
  more = comma != std::string_view::npos;
  if (more) rest.remove_prefix(comma + 1);
  return true;
}

std::string parse_index(std::string_view text, int32_t completions, int32_t& value) {
  int64_t number = 0;
  std::string_view digits = text.starts_with('+') ? text.substr(1) : text;
  auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (error != std::errc() || end != digits.data() + digits.size()) return "cannot convert string to integer for index: " + api::go_quote(text);
  if (number >= completions) return "too large index: " + api::go_quote(text);
  value = static_cast<int32_t>(number);
  return {};
}

Interval parse_interval(std::string_view text, int32_t completions) {
  Interval out;
  size_t dash = text.find('-');
  if (dash != std::string_view::npos && text.find('-', dash + 1) != std::string_view::npos) {
    out.error = "the fragment " + api::go_quote(text) + " violates the requirement that an index interval can have at most two parts separated by '-'";
    return out;
  }
  out.error = parse_index(text.substr(0, dash), completions, out.first);
  out.last = out.first;
  if (!out.error.empty() || dash == std::string_view::npos) return out;
  out.error = parse_index(text.substr(dash + 1), completions, out.last);
  if (out.error.empty() && out.first >= out.last) out.error = fmt::format("non-increasing order, previous: {}, current: {}", out.first, out.last);
  return out;
}

std::vector<Interval> good_intervals(std::string_view text, int32_t completions) {
  std::vector<Interval> out;
  bool more = !text.empty();
  std::string_view piece;
  while (next_piece(text, more, piece)) {
    Interval interval = parse_interval(piece, completions);
    if (interval.error.empty()) out.push_back(std::move(interval));
  }
  return out;
}

}  // namespace

IndexCount count_indexes(std::string_view text, int32_t completions) {
  IndexCount out;
  int32_t last = -1;
  bool more = !text.empty(), first = true;
  std::string_view piece;
  while (next_piece(text, more, piece)) {
    Interval interval = parse_interval(piece, completions);
    if (!interval.error.empty()) return {0, interval.error};
    if (!first && last >= interval.first) return {0, fmt::format("non-increasing order, previous: {}, current: {}", last, interval.first)};
    out.count += interval.last - interval.first + 1;
    last = interval.last;
    first = false;
  }
  return out;
}

std::string find_index_overlap(std::string_view completed, std::string_view failed, int32_t completions) {
  auto a = good_intervals(completed, completions), b = good_intervals(failed, completions);
  for (size_t i = 0, j = 0; i < a.size() && j < b.size();) {
    if (a[i].first <= b[j].last && b[j].first <= a[i].last)
      return fmt::format("failedIndexes and completedIndexes overlap at index: {}", std::max(a[i].first, b[j].first));
    if (a[i].first <= b[j].first) ++i;
    else ++j;
  }
  return {};
}

}  // namespace reigen::apiserver
