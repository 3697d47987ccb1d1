#include "compose/env_file.h"

#include <fmt/core.h>

#include <algorithm>

#include "base/files.h"

namespace reigen::compose {
namespace {

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\v' || c == '\f'; }

std::string_view trim(std::string_view text) {
  while (!text.empty() && (is_blank(text.front()) || text.front() == '\n')) text.remove_prefix(1);
  while (!text.empty() && (is_blank(text.back()) || text.back() == '\n')) text.remove_suffix(1);
  return text;
}

class Parser {
 public:
  Parser(std::string_view text, const Environment& outer) : text_(text), outer_(outer) {
    if (text_.starts_with("\xEF\xBB\xBF")) text_.remove_prefix(3);
  }

  Result<Environment> run() {
    for (skip_blank(); !text_.empty(); skip_blank()) TRY(statement());
    return std::move(values_);
  }

 private:
  void skip_blank() {
    while (!text_.empty()) {
      if (text_[0] == '\n') ++line_;
      if (text_[0] == '#') {
        text_.remove_prefix(std::min(text_.find('\n'), text_.size()));
      } else if (text_[0] == '\n' || is_blank(text_[0])) {
        text_.remove_prefix(1);
      } else {
        return;
      }
    }
  }

  Fail wrong(const std::string& what) const { return fail(Code::kInvalidArgument, fmt::format("line {}: {}", line_, what)); }

  Status statement() {
    if (text_.starts_with("export") && text_.size() > 6 && is_blank(text_[6])) {
      text_.remove_prefix(7);
      while (!text_.empty() && is_blank(text_[0])) text_.remove_prefix(1);
    }
    size_t end = 0;
    while (end < text_.size() && text_[end] != '=' && text_[end] != ':' && text_[end] != '\n') {
      auto c = static_cast<unsigned char>(text_[end]);
      if (!is_blank(text_[end]) && !std::isalnum(c) && c < 0x80 && std::string_view("_.-[]").find(text_[end]) == std::string_view::npos)
        return wrong(fmt::format("unexpected character \"{}\" in variable name \"{}\"", text_[end], text_.substr(0, text_.find('\n'))));
      ++end;
    }
    bool inherited = end == text_.size() || text_[end] == '\n';
    std::string key(trim(text_.substr(0, end)));
    if (key.find(' ') != std::string::npos) return wrong("key cannot contain a space");
    if (key.empty()) return wrong("a value without a name");
    text_.remove_prefix(std::min(end + (inherited ? 0 : 1), text_.size()));
    if (inherited) {
      if (auto found = outer_.find(key); found != outer_.end()) values_[key] = found->second;
      return {};
    }
    while (!text_.empty() && is_blank(text_[0])) text_.remove_prefix(1);
    TRY_ASSIGN(std::string read, value());
    values_[key] = std::move(read);
    return {};
  }

  Result<std::string> value() {
    if (text_.starts_with('"') || text_.starts_with('\'')) return quoted(text_[0]);
    size_t end = std::min(text_.find('\n'), text_.size());
    std::string_view line = text_.substr(0, end);
    text_.remove_prefix(end);
    if (size_t comment = line.find(" #"); comment != std::string_view::npos) line = line.substr(0, comment);
    if (line.starts_with('#')) line = "";
    return expand(trim(line));
  }

  Result<std::string> quoted(char quote) {
    int began = line_;
    std::string raw;
    for (size_t i = 1; i < text_.size(); ++i) {
      char c = text_[i];
      if (c == '\n') ++line_;
      if (c == '\\' && i + 1 < text_.size()) {
        char next = text_[++i];
        if (next == '\n') ++line_;
        if (quote == '"') unescape(next, raw);
        else if (next == quote) raw += next;
        else (raw += '\\') += next;
      } else if (c == quote) {
        text_.remove_prefix(i + 1);
        if (quote == '"') return expand(raw);
        return raw;
      } else {
        raw += c;
      }
    }
    line_ = began;
    return wrong(fmt::format("unterminated quoted value {}", text_.substr(0, text_.find('\n'))));
  }

  static void unescape(char c, std::string& out) {
    switch (c) {
      case 'n': out += '\n'; break;
      case 't': out += '\t'; break;
      case 'r': out += '\r'; break;
      case 'a': out += '\a'; break;
      case 'b': out += '\b'; break;
      case 'f': out += '\f'; break;
      case 'v': out += '\v'; break;
      case '$': out += "$$"; break;
      case '"':
      case '\\': out += c; break;
      default: (out += '\\') += c;
    }
  }

  Result<std::string> expand(std::string_view raw) {
    if (raw.find('$') == std::string_view::npos) return std::string(raw);
    Environment known = values_;
    for (const auto& [key, value] : outer_) known[key] = value;
    auto done = interpolate(raw, known);
    if (!done) return wrong(done.error().message());
    return done;
  }

  std::string_view text_;
  const Environment& outer_;
  Environment values_;
  int line_ = 1;
};

}  // namespace

Result<Environment> parse_env_file(std::string_view text, const Environment& outer) { return Parser(text, outer).run(); }

Result<Environment> parse_raw_env_file(std::string_view text, const Environment& outer) {
  Environment values;
  while (!text.empty()) {
    size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    while (!line.empty() && is_blank(line.front())) line.remove_prefix(1);
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.empty() || line[0] == '#') continue;
    size_t equals = line.find('=');
    std::string key(line.substr(0, equals));
    if (equals != std::string_view::npos) {
      values[key] = std::string(line.substr(equals + 1));
    } else if (auto found = outer.find(key); found != outer.end()) {
      values[key] = found->second;
    }
  }
  return values;
}

Result<Environment> read_env_file(const std::string& path, const Environment& outer, bool raw) {
  auto text = read_file(path);
  if (!text && text.error().code() == Code::kNotFound) return fail(Code::kNotFound, fmt::format("env file {} not found", path));
  if (!text) return fail(std::move(text).error());
  auto values = raw ? parse_raw_env_file(*text, outer) : parse_env_file(*text, outer);
  if (!values) return fail(std::move(values).error().context("failed to read " + path));
  return values;
}

}  // namespace reigen::compose
