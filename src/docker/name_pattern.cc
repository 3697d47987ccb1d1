#include "docker/name_pattern.h"

#include <fmt/core.h>

#include <optional>
#include <string>

namespace reigen::docker {

namespace {

bool is_word(unsigned char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }

}  // namespace

// Recursive descent into pieces of program whose jumps are relative, so that they can be moved and repeated.
class PatternParser {
 public:
  PatternParser(std::string_view text, NamePattern& out) : text_(text), out_(out) {}

  Status parse() {
    if (text_.size() > NamePattern::kMaxText) return wrong("expression too long");
    if (text_.starts_with("(?i)")) {
      text_.remove_prefix(4);
      any_case_ = true;
    }
    TRY_ASSIGN(Code_ program, alternatives(0));
    if (!text_.empty()) return wrong("unexpected )");
    program.push_back({Op::kMatch});
    out_.program_ = std::move(program);
    return {};
  }

 private:
  using Op = NamePattern::Op;
  using Set = NamePattern::Set;
  using Code_ = std::vector<NamePattern::Instruction>;

  static Fail wrong(std::string_view what) { return fail(Code::kInvalidArgument, fmt::format("error parsing regexp: {}", what)); }
  Status bound(const Code_& code) const {
    if (code.size() > NamePattern::kMaxProgram) return wrong("expression too large");
    return {};
  }

  Result<Code_> alternatives(int depth) {
    if (depth > NamePattern::kMaxDepth) return wrong("expression nests too deeply");
    TRY_ASSIGN(Code_ left, sequence(depth));
    while (!text_.empty() && text_[0] == '|') {
      text_.remove_prefix(1);
      TRY_ASSIGN(Code_ right, sequence(depth));
      Code_ both;
      both.push_back({Op::kSplit, 1, static_cast<int32_t>(left.size()) + 2});
      both.insert(both.end(), left.begin(), left.end());
      both.push_back({Op::kJump, static_cast<int32_t>(right.size()) + 1});
      both.insert(both.end(), right.begin(), right.end());
      TRY(bound(both));
      left = std::move(both);
    }
    return left;
  }

  Result<Code_> sequence(int depth) {
    Code_ out;
    while (!text_.empty() && text_[0] != '|' && text_[0] != ')') {
      TRY_ASSIGN(Code_ piece, atom(depth));
      TRY_ASSIGN(piece, repeated(std::move(piece)));
      out.insert(out.end(), piece.begin(), piece.end());
      TRY(bound(out));
    }
    return out;
  }

  Result<Code_> atom(int depth) {
    char c = take();
    switch (c) {
      case '(': return group(depth);
      case '[': return bracket();
      case '.': {
        Set any;
        any.set();
        any.reset('\n');
        return one(any);
      }
      case '^': return Code_{{Op::kBegin}};
      case '$': return Code_{{Op::kEnd}};
      case '*':
      case '+':
      case '?': return wrong(fmt::format("missing argument to repetition operator: `{}`", c));
      case '\\': return escape();
      default: return one(single(static_cast<unsigned char>(c)));
    }
  }

  Result<Code_> group(int depth) {
    if (text_.starts_with("?")) {
      if (text_.starts_with("?:")) {
        text_.remove_prefix(2);
      } else if (text_.starts_with("?P<") && text_.find('>') != std::string_view::npos) {
        text_.remove_prefix(text_.find('>') + 1);
      } else {
        return wrong("invalid or unsupported Perl syntax");
      }
    }
    TRY_ASSIGN(Code_ inside, alternatives(depth + 1));
    if (text_.empty()) return wrong("missing closing )");
    text_.remove_prefix(1);
    return inside;
  }

  Result<Code_> escape() {
    if (text_.empty()) return wrong("trailing backslash at end of expression");
    char c = take();
    switch (c) {
      case 'A': return Code_{{Op::kBegin}};
      case 'z': return Code_{{Op::kEnd}};
      case 'b': return Code_{{Op::kWordBorder}};
      case 'B': return Code_{{Op::kNoWordBorder}};
      default: break;
    }
    if (auto set = class_of(c)) return one(*set);
    TRY_ASSIGN(unsigned char literal, literal_of(c));
    return one(single(literal));
  }

  static std::optional<Set> class_of(char c) {
    Set set;
    for (unsigned i = 0; i < 256; ++i) {
      auto b = static_cast<unsigned char>(i);
      bool in = false;
      switch (c | 0x20) {
        case 'd': in = b >= '0' && b <= '9'; break;
        case 'w': in = is_word(b); break;
        case 's': in = b == ' ' || (b >= '\t' && b <= '\r' && b != '\v'); break;
        default: return std::nullopt;
      }
      set[i] = in;
    }
    if (c == 'D' || c == 'W' || c == 'S') return ~set;
    return c == 'd' || c == 'w' || c == 's' ? std::optional(set) : std::nullopt;
  }

  static Result<unsigned char> literal_of(char c) {
    switch (c) {
      case 'n': return '\n';
      case 't': return '\t';
      case 'r': return '\r';
      case 'f': return '\f';
      case 'v': return '\v';
      default: break;
    }
    if (is_word(static_cast<unsigned char>(c)) && c != '_') return wrong(fmt::format("invalid escape sequence: `\\{}`", c));
    return static_cast<unsigned char>(c);
  }

  Result<Code_> bracket() {
    Set set;
    bool negated = text_.starts_with("^");
    if (negated) text_.remove_prefix(1);
    for (bool first = true; first || text_.empty() || text_[0] != ']'; first = false) {
      if (text_.empty()) return wrong("missing closing ]");
      char c = take();
      unsigned char low = static_cast<unsigned char>(c);
      if (c == '\\') {
        if (text_.empty()) return wrong("missing closing ]");
        char escaped = take();
        if (auto known = class_of(escaped)) {
          set |= *known;
          continue;
        }
        TRY_ASSIGN(low, literal_of(escaped));
      }
      unsigned char high = low;
      if (text_.size() > 1 && text_[0] == '-' && text_[1] != ']') {
        text_.remove_prefix(1);
        high = static_cast<unsigned char>(take());
        if (high == '\\' && !text_.empty()) {
          TRY_ASSIGN(high, literal_of(take()));
        }
        if (high < low) return wrong("invalid character class range");
      }
      for (unsigned i = low; i <= high; ++i) set |= single(static_cast<unsigned char>(i));
    }
    text_.remove_prefix(1);
    return one(negated ? ~set : set);
  }

  Result<Code_> repeated(Code_ piece) {
    while (!text_.empty()) {
      int low = 0;
      int high = -1;
      char c = text_[0];
      if (c == '*' || c == '+' || c == '?') {
        text_.remove_prefix(1);
        low = c == '+' ? 1 : 0;
        high = c == '?' ? 1 : -1;
      } else if (c != '{' || !counts(low, high)) {
        return piece;
      }
      if (text_.starts_with("?")) text_.remove_prefix(1);  // lazy: whether it matches is the same
      TRY_ASSIGN(piece, repeat(piece, low, high));
    }
    return piece;
  }

  // "{n}", "{n,}", "{n,m}"; anything else is taken as it is.
  bool counts(int& low, int& high) {
    size_t close = text_.find('}');
    if (close == std::string_view::npos || close > 10) return false;
    std::string_view inside = text_.substr(1, close - 1);
    auto number = [](std::string_view digits, int& out) {
      out = 0;
      if (digits.empty()) return false;
      for (char c : digits) {
        if (c < '0' || c > '9') return false;
        out = out * 10 + (c - '0');
      }
      return out <= 1000;
    };
    size_t comma = inside.find(',');
    if (!number(inside.substr(0, comma), low)) return false;
    high = low;
    if (comma != std::string_view::npos) {
      high = -1;
      if (comma + 1 < inside.size() && !number(inside.substr(comma + 1), high)) return false;
    }
    text_.remove_prefix(close + 1);
    return true;
  }

  Result<Code_> repeat(const Code_& piece, int low, int high) const {
    if (high >= 0 && high < low) return wrong("invalid repeat count");
    size_t copies = static_cast<size_t>(high < 0 ? low + 1 : high);
    if (copies * (piece.size() + 1) > NamePattern::kMaxProgram) return wrong("invalid repeat count");
    Code_ out;
    for (int i = 0; i < low; ++i) out.insert(out.end(), piece.begin(), piece.end());
    auto size = static_cast<int32_t>(piece.size());
    if (high < 0) {
      out.push_back({Op::kSplit, 1, size + 2});
      out.insert(out.end(), piece.begin(), piece.end());
      out.push_back({Op::kJump, -size - 1});
      return out;
    }
    for (int i = low; i < high; ++i) {
      out.push_back({Op::kSplit, 1, size + 1});
      out.insert(out.end(), piece.begin(), piece.end());
    }
    return out;
  }

  Set single(unsigned char c) const {
    Set set;
    set.set(c);
    if (any_case_ && ((c | 0x20) >= 'a' && (c | 0x20) <= 'z')) set.set(c ^ 0x20);
    return set;
  }
  Code_ one(const Set& set) {
    out_.sets_.push_back(set);
    return {{Op::kSet, static_cast<int32_t>(out_.sets_.size()) - 1}};
  }
  char take() {
    char c = text_[0];
    text_.remove_prefix(1);
    return c;
  }

  std::string_view text_;
  NamePattern& out_;
  bool any_case_ = false;
};

Result<NamePattern> NamePattern::parse(std::string_view text) {
  NamePattern out;
  TRY(PatternParser(text, out).parse());
  return out;
}

// Adds what can be reached from `start` without a character.
void NamePattern::follow(size_t start, std::string_view text, size_t position, std::vector<uint32_t>& threads, std::vector<uint32_t>& seen,
                         bool& matched) const {
  auto round = static_cast<uint32_t>(position + 1);
  std::vector<uint32_t> open{static_cast<uint32_t>(start)};
  auto word_at = [&](size_t at) { return at < text.size() && is_word(static_cast<unsigned char>(text[at])); };
  while (!open.empty()) {
    uint32_t at = open.back();
    open.pop_back();
    if (seen[at] == round) continue;
    seen[at] = round;
    const Instruction& step = program_[at];
    auto go = [&](int32_t offset) { open.push_back(static_cast<uint32_t>(static_cast<int64_t>(at) + offset)); };
    bool border = (position > 0 && word_at(position - 1)) != word_at(position);
    switch (step.op) {
      case Op::kSet: threads.push_back(at); break;
      case Op::kMatch: matched = true; return;
      case Op::kJump: go(step.first); break;
      case Op::kSplit:
        go(step.second);
        go(step.first);
        break;
      case Op::kBegin:
        if (position == 0) go(1);
        break;
      case Op::kEnd:
        if (position == text.size()) go(1);
        break;
      case Op::kWordBorder:
        if (border) go(1);
        break;
      case Op::kNoWordBorder:
        if (!border) go(1);
        break;
    }
  }
}

bool NamePattern::found_in(std::string_view text) const {
  std::vector<uint32_t> threads, next;
  std::vector<uint32_t> seen(program_.size(), 0);  // the position, from 1 on, an instruction was reached at last
  bool matched = false;
  for (size_t position = 0;; ++position) {
    follow(0, text, position, threads, seen, matched);
    if (matched) return true;
    if (position == text.size()) return false;
    next.clear();
    for (uint32_t at : threads) {
      if (!sets_[static_cast<size_t>(program_[at].first)][static_cast<unsigned char>(text[position])]) continue;
      follow(at + 1, text, position + 1, next, seen, matched);
      if (matched) return true;
    }
    threads.swap(next);
  }
}

}  // namespace reigen::docker
