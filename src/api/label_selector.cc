#include "api/label_selector.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <set>

#include <fmt/core.h>

#include "api/validation.h"

namespace reigen::api {
namespace {

using Operator = LabelRequirement::Operator;

std::string join(const std::vector<std::string>& parts, std::string_view separator) {
  std::string out;
  for (size_t i = 0; i < parts.size(); ++i) (out += i ? separator : "") += parts[i];
  return out;
}

std::optional<int64_t> whole_number(std::string_view text) {
  if (text.starts_with('+')) text.remove_prefix(1);
  int64_t number;
  auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (ec != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

// Go's %#v of a []string.
BadValue print_list(const std::vector<std::string>& values) {
  std::string out = "[]string{";
  for (size_t i = 0; i < values.size(); ++i) (out += i ? ", " : "") += BadValue(values[i]).text();
  return BadValue::raw(out + "}");
}

void check_values(FieldErrors& errors, Operator op, const std::vector<std::string>& values) {
  FieldPath path("values");
  switch (op) {
    case Operator::kIn:
    case Operator::kNotIn:
      if (values.empty()) errors.push_back(FieldError::invalid(path, print_list(values), "for 'in', 'notin' operators, values set can't be empty"));
      return;
    case Operator::kEquals:
    case Operator::kDoubleEquals:
    case Operator::kNotEquals:
      if (values.size() != 1) errors.push_back(FieldError::invalid(path, print_list(values), "exact-match compatibility requires one single value"));
      return;
    case Operator::kExists:
    case Operator::kDoesNotExist:
      if (!values.empty()) errors.push_back(FieldError::invalid(path, print_list(values), "values set must be empty for exists and does not exist"));
      return;
    case Operator::kGreaterThan:
    case Operator::kLessThan: break;
  }
  if (values.size() != 1) errors.push_back(FieldError::invalid(path, print_list(values), "for 'Gt', 'Lt' operators, exactly one value is required"));
  for (size_t i = 0; i < values.size(); ++i)
    if (!whole_number(values[i])) errors.push_back(FieldError::invalid(path.index(i), values[i], "for 'Gt', 'Lt' operators, the value must be an integer"));
}

enum class Token : unsigned char {
  kError,
  kEnd,
  kClosed,
  kComma,
  kNot,
  kDoubleEquals,
  kEquals,
  kGreater,
  kIdentifier,
  kIn,
  kLess,
  kNotEquals,
  kNotIn,
  kOpen,
};

struct Item {
  Token token;
  std::string_view text;
};

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }
bool is_special(char c) { return std::string_view("=!(),><").find(c) != std::string_view::npos; }

std::optional<Token> special_token(std::string_view text) {
  static constexpr std::pair<std::string_view, Token> kTokens[] = {
      {")", Token::kClosed},  {",", Token::kComma}, {"!", Token::kNot},        {"==", Token::kDoubleEquals}, {"=", Token::kEquals},
      {">", Token::kGreater}, {"<", Token::kLess},  {"!=", Token::kNotEquals}, {"(", Token::kOpen},
  };
  for (const auto& [spelling, token] : kTokens)
    if (spelling == text) return token;
  return std::nullopt;
}

std::vector<Item> scan(std::string_view text) {
  std::vector<Item> items;
  // A NUL ends the text, as in Go's lexer.
  text = text.substr(0, text.find('\0'));
  size_t at = 0;
  for (;;) {
    while (at < text.size() && is_space(text[at])) ++at;
    if (at == text.size()) break;
    size_t start = at;
    if (is_special(text[at])) {
      // The longest operator wins; every single special character is one.
      size_t length = start + 1 < text.size() && special_token(text.substr(start, 2)) ? 2 : 1;
      items.push_back({*special_token(text.substr(start, length)), text.substr(start, length)});
      at += length;
      continue;
    }
    while (at < text.size() && !is_special(text[at]) && !is_space(text[at])) ++at;
    auto word = text.substr(start, at - start);
    items.push_back({word == "in" ? Token::kIn : word == "notin" ? Token::kNotIn : Token::kIdentifier, word});
  }
  items.push_back({Token::kEnd, ""});
  return items;
}

class Parser {
 public:
  explicit Parser(std::string_view text) : items_(scan(text)) {}

  Result<std::vector<LabelRequirement>> run() {
    std::vector<LabelRequirement> requirements;
    for (;;) {
      Item ahead = peek();
      if (ahead.token == Token::kEnd) return requirements;
      if (!starts_requirement(ahead.token)) return bad(fmt::format("found '{}', expected: !, identifier, or 'end of string'", ahead.text));
      auto requirement = parse_requirement();
      if (!requirement) return fail(std::move(requirement).error().context("unable to parse requirement"));
      requirements.push_back(std::move(*requirement));
      Item next = take();
      if (next.token == Token::kEnd) return requirements;
      if (next.token != Token::kComma) return bad(fmt::format("found '{}', expected: ',' or 'end of string'", next.text));
      if (Item after = peek(); !starts_requirement(after.token)) return bad(fmt::format("found '{}', expected: identifier after ','", after.text));
    }
  }

 private:
  static bool starts_requirement(Token token) { return token == Token::kIdentifier || token == Token::kNot; }
  static Fail bad(std::string message) { return fail(Code::kInvalidArgument, std::move(message)); }

  // Keywords count as identifiers but where an operator is expected.
  Item peek(bool operators = false) const {
    Item item = items_[std::min(at_, items_.size() - 1)];
    if (!operators && (item.token == Token::kIn || item.token == Token::kNotIn)) item.token = Token::kIdentifier;
    return item;
  }
  Item take(bool operators = false) {
    Item item = peek(operators);
    ++at_;
    return item;
  }

  Result<LabelRequirement> parse_requirement() {
    Item key = take();
    bool negated = key.token == Token::kNot;
    if (negated) key = take();
    if (key.token != Token::kIdentifier) return bad(fmt::format("found '{}', expected: identifier", key.text));
    if (auto messages = is_qualified_name(key.text); !messages.empty()) return bad(FieldError::invalid(FieldPath(), key.text, join(messages, "; ")).message());
    Token next = peek().token;
    if (negated) return LabelRequirement::make(std::string(key.text), Operator::kDoesNotExist, {});
    if (next == Token::kEnd || next == Token::kComma) return LabelRequirement::make(std::string(key.text), Operator::kExists, {});
    TRY_ASSIGN(Operator op, parse_operator());
    std::set<std::string> values;
    if (op == Operator::kIn || op == Operator::kNotIn) {
      TRY_ASSIGN(values, parse_values());
    } else {
      TRY_ASSIGN(values, parse_exact_value());
    }
    return LabelRequirement::make(std::string(key.text), op, {values.begin(), values.end()});
  }

  Result<Operator> parse_operator() {
    Item item = take(true);
    switch (item.token) {
      case Token::kIn: return Operator::kIn;
      case Token::kNotIn: return Operator::kNotIn;
      case Token::kEquals: return Operator::kEquals;
      case Token::kDoubleEquals: return Operator::kDoubleEquals;
      case Token::kNotEquals: return Operator::kNotEquals;
      case Token::kGreater: return Operator::kGreaterThan;
      case Token::kLess: return Operator::kLessThan;
      default: return bad(fmt::format("found '{}', expected: in, notin, =, ==, !=, gt, lt", item.text));
    }
  }

  Result<std::set<std::string>> parse_values() {
    if (Item open = take(); open.token != Token::kOpen) return bad(fmt::format("found '{}' expected: '('", open.text));
    Item first = peek();
    switch (first.token) {
      case Token::kIdentifier:
      case Token::kComma: {
        TRY_ASSIGN(auto values, parse_identifiers());
        if (take().token != Token::kClosed) return bad(fmt::format("found '{}', expected: ')'", first.text));
        return values;
      }
      case Token::kClosed: take(); return std::set<std::string>{""};
      default: return bad(fmt::format("found '{}', expected: ',', ')' or identifier", first.text));
    }
  }

  Result<std::set<std::string>> parse_identifiers() {
    std::set<std::string> values;
    for (;;) {
      Item item = take();
      if (item.token == Token::kIdentifier) {
        values.emplace(item.text);
        Item next = peek();
        if (next.token == Token::kComma) continue;
        if (next.token == Token::kClosed) return values;
        return bad(fmt::format("found '{}', expected: ',' or ')'", next.text));
      }
      if (item.token != Token::kComma) return bad(fmt::format("found '{}', expected: ',', or identifier", item.text));
      if (values.empty()) values.emplace("");
      Token next = peek().token;
      if (next == Token::kClosed) {
        values.emplace("");
        return values;
      }
      if (next == Token::kComma) {
        take();
        values.emplace("");
      }
    }
  }

  Result<std::set<std::string>> parse_exact_value() {
    Token next = peek().token;
    if (next == Token::kEnd || next == Token::kComma) return std::set<std::string>{""};
    Item item = take();
    if (item.token != Token::kIdentifier) return bad(fmt::format("found '{}', expected: identifier", item.text));
    return std::set<std::string>{std::string(item.text)};
  }

  std::vector<Item> items_;
  size_t at_ = 0;
};

}  // namespace

Result<LabelRequirement> LabelRequirement::make(std::string key, Operator op, std::vector<std::string> values) {
  FieldErrors errors;
  if (auto messages = is_qualified_name(key); !messages.empty()) errors.push_back(FieldError::invalid(FieldPath("key"), key, join(messages, "; ")));
  check_values(errors, op, values);
  FieldPath path("values");
  for (size_t i = 0; i < values.size(); ++i) {
    FieldPath item = path.index(i);
    if (auto messages = is_label_value(values[i]); !messages.empty()) errors.push_back(FieldError::invalid(item.key(key), values[i], join(messages, "; ")));
  }
  if (!errors.empty()) return fail(Code::kInvalidArgument, aggregate_message(errors));
  std::ranges::sort(values);
  return LabelRequirement(std::move(key), op, std::move(values));
}

bool LabelRequirement::matches(const std::string* value) const {
  switch (op_) {
    case Operator::kEquals:
    case Operator::kDoubleEquals:
    case Operator::kIn: return value && std::ranges::find(values_, *value) != values_.end();
    case Operator::kNotEquals:
    case Operator::kNotIn: return !value || std::ranges::find(values_, *value) == values_.end();
    case Operator::kExists: return value;
    case Operator::kDoesNotExist: return !value;
    case Operator::kGreaterThan:
    case Operator::kLessThan: break;
  }
  if (!value || values_.size() != 1) return false;
  auto left = whole_number(*value), right = whole_number(values_[0]);
  if (!left || !right) return false;
  return op_ == Operator::kGreaterThan ? *left > *right : *left < *right;
}

std::string LabelRequirement::to_string() const {
  switch (op_) {
    case Operator::kExists: return key_;
    case Operator::kDoesNotExist: return "!" + key_;
    case Operator::kEquals: return key_ + "=" + join(values_, ",");
    case Operator::kDoubleEquals: return key_ + "==" + join(values_, ",");
    case Operator::kNotEquals: return key_ + "!=" + join(values_, ",");
    case Operator::kGreaterThan: return key_ + ">" + join(values_, ",");
    case Operator::kLessThan: return key_ + "<" + join(values_, ",");
    case Operator::kIn: return key_ + " in (" + join(values_, ",") + ")";
    case Operator::kNotIn: return key_ + " notin (" + join(values_, ",") + ")";
  }
  return {};
}

LabelSelector LabelSelector::nothing() {
  LabelSelector selector;
  selector.nothing_ = true;
  return selector;
}

Result<LabelSelector> LabelSelector::parse(std::string_view text) {
  TRY_ASSIGN(auto requirements, Parser(text).run());
  LabelSelector selector;
  selector.requirements_ = std::move(requirements);
  std::ranges::stable_sort(selector.requirements_, {}, &LabelRequirement::key_);
  return selector;
}

LabelSelector LabelSelector::from_map(const Map<std::string>& labels) {
  LabelSelector selector;
  for (const auto& [key, value] : labels) selector.requirements_.push_back(LabelRequirement(key, Operator::kEquals, {value}));
  return selector;
}

void LabelSelector::add(LabelRequirement requirement) {
  auto at = std::ranges::upper_bound(requirements_, requirement.key_, {}, &LabelRequirement::key_);
  requirements_.insert(at, std::move(requirement));
}

bool LabelSelector::matches(const Map<std::string>& labels) const {
  if (nothing_) return false;
  return std::ranges::all_of(requirements_, [&](const auto& requirement) { return requirement.matches(labels.get(requirement.key())); });
}

std::string LabelSelector::to_string() const {
  std::string out;
  for (const auto& requirement : requirements_) (out += out.empty() ? "" : ",") += requirement.to_string();
  return out;
}

}  // namespace reigen::api
