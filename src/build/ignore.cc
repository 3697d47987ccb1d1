#include "build/ignore.h"

#include <optional>

#include "build/clean_path.h"

namespace reigen::build {
namespace {

constexpr size_t kMaxRules = 10'000;
constexpr size_t kMaxPattern = 4096;

// Matches one part (no '/' in the text). Classic backtracking with one star kept, so that it is linear times linear.
std::optional<bool> match_class(std::string_view pattern, size_t& p, char c) {
  ++p;
  bool negated = p < pattern.size() && pattern[p] == '^';
  if (negated) ++p;
  bool hit = false, any = false;
  while (p < pattern.size() && (pattern[p] != ']' || !any)) {
    if (pattern[p] == '\\' && p + 1 < pattern.size()) ++p;
    char low = pattern[p++], high = low;
    if (p + 1 < pattern.size() && pattern[p] == '-' && pattern[p + 1] != ']') {
      ++p;
      if (pattern[p] == '\\' && p + 1 < pattern.size()) ++p;
      high = pattern[p++];
    }
    any = true;
    hit = hit || (low <= c && c <= high);
  }
  if (p >= pattern.size()) return std::nullopt;
  ++p;
  return hit != negated;
}

bool match_part(std::string_view pattern, std::string_view text) {
  size_t p = 0, t = 0, star = std::string_view::npos, star_text = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      star_text = t;
      continue;
    }
    bool ok = false;
    size_t next = p;
    if (p < pattern.size()) {
      if (pattern[p] == '?') {
        ok = true;
        ++next;
      } else if (pattern[p] == '[') {
        auto in = match_class(pattern, next, text[t]);
        if (!in) return false;
        ok = *in;
      } else {
        if (pattern[next] == '\\' && next + 1 < pattern.size()) ++next;
        ok = pattern[next] == text[t];
        ++next;
      }
    }
    if (ok) {
      p = next;
      ++t;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      t = ++star_text;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

std::vector<std::string_view> parts_of(std::string_view path) {
  std::vector<std::string_view> out;
  while (true) {
    auto slash = path.find('/');
    out.push_back(path.substr(0, slash));
    if (slash == std::string_view::npos) return out;
    path.remove_prefix(slash + 1);
  }
}

}  // namespace

bool match_path(std::string_view pattern, std::string_view path, bool deep) {
  if (pattern.size() > kMaxPattern || path.size() > kMaxPattern) return false;
  auto p = parts_of(pattern), t = parts_of(path);
  // reach[j]: the parts of the pattern so far match the first j parts of the path.
  std::vector<char> reach(t.size() + 1, 0);
  reach[0] = 1;
  for (auto part : p) {
    std::vector<char> next(t.size() + 1, 0);
    if (deep && part == "**") {
      bool on = false;
      for (size_t j = 0; j <= t.size(); ++j) next[j] = on = on || reach[j];
    } else {
      for (size_t j = 0; j < t.size(); ++j) next[j + 1] = reach[j] && match_part(part, t[j]);
    }
    reach = std::move(next);
  }
  return reach[t.size()];
}

IgnoreList IgnoreList::parse(std::string_view text) {
  IgnoreList out;
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
  while (!text.empty() && out.rules_.size() < kMaxRules) {
    auto end = text.find('\n');
    auto line = text.substr(0, end);
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
    if (line.starts_with('#')) continue;
    auto blank = [](char c) { return c == ' ' || c == '\t' || c == '\r'; };
    while (!line.empty() && blank(line.front())) line.remove_prefix(1);
    while (!line.empty() && blank(line.back())) line.remove_suffix(1);
    if (line.empty()) continue;
    Rule rule;
    if (line.starts_with('!')) {
      rule.keep = true;
      line.remove_prefix(1);
    }
    rule.pattern = clean_path(line);
    if (rule.pattern.empty()) continue;
    out.exceptions_ = out.exceptions_ || rule.keep;
    out.rules_.push_back(std::move(rule));
  }
  return out;
}

bool IgnoreList::ignores(std::string_view path) const {
  bool out = false;
  for (const auto& rule : rules_) {
    if (rule.keep != out) continue;  // it would change nothing
    bool hit = match_path(rule.pattern, path, true);
    for (auto slash = path.find('/'); !hit && slash != std::string_view::npos; slash = path.find('/', slash + 1))
      hit = match_path(rule.pattern, path.substr(0, slash), true);
    if (hit) out = !rule.keep;
  }
  return out;
}

}  // namespace reigen::build
