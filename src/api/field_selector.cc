#include "api/field_selector.h"

#include <algorithm>

#include <fmt/core.h>

namespace reigen::api {
namespace {

std::vector<std::string> split_terms(std::string_view text) {
  std::vector<std::string> terms;
  std::string term;
  bool escaped = false;
  for (char c : text) {
    if (!escaped && c == ',') {
      terms.push_back(std::move(term));
      term.clear();
      continue;
    }
    escaped = !escaped && c == '\\';
    term += c;
  }
  terms.push_back(std::move(term));
  return terms;
}

Result<std::string> unescape(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (c == ',' || c == '=') return fail(Code::kInvalidArgument, fmt::format("invalid field selector: unescaped character in value: {}", static_cast<int>(c)));
    if (c != '\\') {
      out += c;
      continue;
    }
    if (++i == text.size()) return fail(Code::kInvalidArgument, "invalid field selector: invalid escape sequence: \\");
    if (text[i] != '\\' && text[i] != ',' && text[i] != '=') {
      size_t length = 1;
      while (i + length < text.size() && (static_cast<unsigned char>(text[i + length]) & 0xc0) == 0x80) ++length;
      return fail(Code::kInvalidArgument, fmt::format("invalid field selector: invalid escape sequence: \\{}", text.substr(i, length)));
    }
    out += text[i];
  }
  return out;
}

}  // namespace

Result<FieldSelector> FieldSelector::parse(std::string_view text) {
  FieldSelector selector;
  auto terms = split_terms(text);
  std::ranges::sort(terms);
  for (const auto& term : terms) {
    if (term.empty()) continue;
    size_t at = std::string::npos;
    for (size_t i = 0; i < term.size() && at == std::string::npos; ++i)
      if (term[i] == '=' || (term[i] == '!' && i + 1 < term.size() && term[i + 1] == '=')) at = i;
    if (at == std::string::npos) return fail(Code::kInvalidArgument, fmt::format("invalid selector: '{}'; can't understand '{}'", text, term));
    bool equal = term[at] == '=';
    size_t length = equal && term.compare(at, 2, "==") != 0 ? 1 : 2;
    TRY_ASSIGN(auto value, unescape(std::string_view(term).substr(at + length)));
    if (at == 0 && value.empty()) continue;
    selector.requirements_.push_back({term.substr(0, at), equal, std::move(value)});
  }
  return selector;
}

FieldSelector FieldSelector::equals(std::string field, std::string value) {
  FieldSelector selector;
  selector.requirements_.push_back({std::move(field), true, std::move(value)});
  return selector;
}

bool FieldSelector::matches(const std::function<std::string(std::string_view)>& lookup) const {
  return std::ranges::all_of(requirements_, [&](const auto& r) { return (lookup(r.field) == r.value) == r.equal; });
}

std::optional<std::string> FieldSelector::exact(std::string_view field) const {
  for (const auto& requirement : requirements_)
    if (requirement.equal && requirement.field == field) return requirement.value;
  return std::nullopt;
}

std::string FieldSelector::to_string() const {
  std::string out;
  for (const auto& r : requirements_) out += fmt::format("{}{}{}{}", out.empty() ? "" : ",", r.field, r.equal ? "=" : "!=", escape_field_value(r.value));
  return out;
}

std::string escape_field_value(std::string_view value) {
  std::string out;
  for (char c : value) {
    if (c == '\\' || c == ',' || c == '=') out += '\\';
    out += c;
  }
  return out;
}

}  // namespace reigen::api
