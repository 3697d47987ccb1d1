#include "build/variables.h"

#include <cctype>

#include "build/dockerfile.h"

namespace reigen::build {
namespace {

constexpr size_t kMaxOutput = 1 << 20;
constexpr int kMaxDepth = 50;

class Expander {
 public:
  Expander(std::string_view text, char escape, const Lookup& lookup, bool quotes, int depth = 0)
      : text_(text), escape_(escape), lookup_(lookup), quotes_(quotes), depth_(depth) {}

  Result<std::string> run() {
    if (depth_ > kMaxDepth) return fail(Code::kInvalidArgument, "variables are nested too deep");
    while (at_ < text_.size()) {
      TRY(step());
      if (out_.size() > kMaxOutput) return fail(Code::kInvalidArgument, "expands to more than 1 MiB");
    }
    if (quote_) {
      std::string kind = quote_ == '"' ? "double-quote" : "single-quote";
      return fail(Code::kInvalidArgument, "unexpected end of statement while looking for matching " + kind);
    }
    return std::move(out_);
  }

 private:
  Status step() {
    char c = text_[at_];
    if (quotes_ && quote_ == '\'') {
      ++at_;
      if (c == '\'') quote_ = 0;
      else out_ += c;
      return {};
    }
    if (c == escape_ && at_ + 1 < text_.size()) {
      char next = text_[at_ + 1];
      at_ += 2;
      // Inside double quotes, and in text, only what would mean something is escaped.
      bool special = next == '$' || next == escape_ || (quotes_ && next == '"');
      if (!special && (quote_ == '"' || !quotes_)) out_ += c;
      out_ += next;
      return {};
    }
    if (quotes_ && (c == '"' || (c == '\'' && quote_ == 0))) {
      quote_ = quote_ == c ? 0 : c;
      ++at_;
      return {};
    }
    if (c == '$') return variable();
    out_ += c;
    ++at_;
    return {};
  }

  static bool name_char(char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_'; }

  std::string name() {
    size_t begin = at_;
    while (at_ < text_.size() && name_char(text_[at_])) ++at_;
    return std::string(text_.substr(begin, at_ - begin));
  }

  Status variable() {
    ++at_;
    if (at_ < text_.size() && text_[at_] == '{') {
      ++at_;
      return braced();
    }
    std::string key = name();
    if (key.empty()) out_ += '$';
    else out_ += lookup_(key).value_or("");
    return {};
  }

  Status braced() {
    std::string key = name();
    if (key.empty()) return fail(Code::kInvalidArgument, "syntax error: bad substitution");
    if (at_ >= text_.size()) return fail(Code::kInvalidArgument, "syntax error: missing '}'");
    if (text_[at_] == '}') {
      ++at_;
      out_ += lookup_(key).value_or("");
      return {};
    }
    bool colon = text_[at_] == ':';
    if (colon) ++at_;
    char operation = at_ < text_.size() ? text_[at_++] : '\0';
    size_t begin = at_;
    int open = 1;
    while (at_ < text_.size()) {
      if (text_[at_] == escape_ && at_ + 1 < text_.size()) ++at_;
      else if (text_[at_] == '$' && at_ + 1 < text_.size() && text_[at_ + 1] == '{') ++open;
      else if (text_[at_] == '}' && --open == 0) break;
      ++at_;
    }
    if (at_ >= text_.size()) return fail(Code::kInvalidArgument, "syntax error: missing '}'");
    auto word = text_.substr(begin, at_ - begin);
    ++at_;
    return apply(key, colon, operation, word);
  }

  Status apply(const std::string& key, bool colon, char operation, std::string_view word) {
    auto value = lookup_(key);
    bool there = value && !(colon && value->empty());
    if (operation != '-' && operation != '+' && operation != '?')
      return fail(Code::kInvalidArgument, std::string("unsupported modifier (") + operation + ") in substitution");
    if (operation == '-' && there) {
      out_ += *value;
      return {};
    }
    if (operation == '+' && !there) return {};
    if (operation == '?' && there) {
      out_ += *value;
      return {};
    }
    TRY_ASSIGN(auto text, Expander(word, escape_, lookup_, quotes_, depth_ + 1).run());
    if (operation == '?') return fail(Code::kInvalidArgument, key + ": " + (text.empty() ? "not set" : text));
    out_ += text;
    return {};
  }

  std::string_view text_;
  char escape_;
  const Lookup& lookup_;
  bool quotes_;
  int depth_;
  size_t at_ = 0;
  char quote_ = 0;
  std::string out_;
};

}  // namespace

Result<std::string> expand_word(std::string_view word, char escape, const Lookup& lookup) {
  auto out = Expander(word, escape, lookup, true).run();
  if (out) return out;
  std::string shown;
  for (char c : word) shown += c == '"' || c == '\\' ? std::string("\\") + c : std::string(1, c);
  return fail(std::move(out).error().context("failed to process \"" + shown + "\""));
}
Result<std::string> expand_text(std::string_view text, char escape, const Lookup& lookup) { return Expander(text, escape, lookup, false).run(); }

Result<std::vector<std::string>> expand_words(std::string_view text, char escape, const Lookup& lookup) {
  std::vector<std::string> out;
  for (const auto& word : split_words(text, escape)) {
    TRY_ASSIGN(auto value, expand_word(word, escape, lookup));
    // Only a bare variable is split again.
    bool bare = word.find('$') != std::string::npos && word.find_first_of("\"'") == std::string::npos;
    if (!bare) {
      out.push_back(std::move(value));
      continue;
    }
    size_t start = 0;
    while ((start = value.find_first_not_of(" \t", start)) != std::string::npos) {
      size_t end = std::min(value.find_first_of(" \t", start), value.size());
      out.push_back(value.substr(start, end - start));
      start = end;
    }
  }
  return out;
}

}  // namespace reigen::build
