#include "build/dockerfile.h"

#include <algorithm>
#include <array>

#include "build/json_list.h"

namespace reigen::build {
namespace {

constexpr size_t kMaxText = 1 << 20;
constexpr size_t kMaxInstructions = 4096;

constexpr std::array kKeywords = {"ADD",   "ARG",        "CMD",     "COPY", "ENTRYPOINT", "ENV",        "EXPOSE", "FROM",   "HEALTHCHECK",
                                  "LABEL", "MAINTAINER", "ONBUILD", "RUN",  "SHELL",      "STOPSIGNAL", "USER",   "VOLUME", "WORKDIR"};

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r'; }

std::string_view trim(std::string_view text) {
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

std::string upper(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 32);
  return out;
}

Fail bad(size_t line, const std::string& why) { return fail(Code::kInvalidArgument, "dockerfile parse error line " + std::to_string(line) + ": " + why); }

class Parser {
 public:
  explicit Parser(std::string_view text) : rest_(text) {
    if (rest_.starts_with("\xef\xbb\xbf")) rest_.remove_prefix(3);
  }
  Result<Dockerfile> run();

 private:
  bool next_line(std::string_view& line);
  Status read_directives();
  std::string logical_line(std::string_view first);
  Status read_flags(Instruction& instruction);
  Status read_here_documents(Instruction& instruction);
  Result<Instruction> instruction(std::string_view first);

  std::string_view rest_;
  size_t line_ = 0;
  Dockerfile out_;
};

bool Parser::next_line(std::string_view& line) {
  if (rest_.empty()) return false;
  auto end = rest_.find('\n');
  line = rest_.substr(0, end);
  rest_ = end == std::string_view::npos ? std::string_view() : rest_.substr(end + 1);
  if (line.ends_with('\r')) line.remove_suffix(1);
  ++line_;
  return true;
}

// Directives are comments of the form `# key=value` before anything else.
Status Parser::read_directives() {
  std::string_view all = rest_, line;
  size_t number = line_;
  bool escape = false;
  while (next_line(line)) {
    auto text = trim(line);
    if (!text.starts_with('#')) break;
    text = trim(text.substr(1));
    auto equals = text.find('=');
    if (equals == std::string_view::npos) break;
    auto key = trim(text.substr(0, equals));
    auto value = trim(text.substr(equals + 1));
    if (key.find(' ') != std::string_view::npos) break;
    if (upper(key) != "ESCAPE") continue;
    if (escape) return fail(Code::kInvalidArgument, "only one escape parser directive can be used");
    escape = true;
    if (value != "`" && value != "\\") return fail(Code::kInvalidArgument, "invalid escape token '" + std::string(value) + "' does not match ` or \\");
    out_.escape = value[0];
  }
  rest_ = all;
  line_ = number;
  return {};
}

// Joins continuation lines; comments and empty lines between them are dropped.
std::string Parser::logical_line(std::string_view first) {
  std::string out;
  std::string_view line = first;
  bool begun = false, empty = false;
  auto end = [&] {
    if (empty && out_.warnings.empty()) out_.warnings.emplace_back("[WARNING]: Empty continuation line found in:");
    if (empty) out_.warnings.push_back("    " + out);
    while (!out.empty() && is_blank(out.back())) out.pop_back();
    return std::move(out);
  };
  while (true) {
    auto text = trim(line);
    empty = empty || (begun && text.empty());
    if (!(begun && (text.empty() || text.starts_with('#')))) {
      std::string_view kept = begun ? line : text;
      while (!kept.empty() && is_blank(kept.back())) kept.remove_suffix(1);
      bool more = kept.ends_with(out_.escape);
      if (more) kept.remove_suffix(1);
      out += kept;
      begun = true;
      if (!more) return end();
    }
    if (!next_line(line)) return end();
  }
}

Status Parser::read_flags(Instruction& instruction) {
  std::string_view rest = trim(instruction.rest);
  while (rest.starts_with("--")) {
    size_t end = 0;
    char quote = 0;
    while (end < rest.size() && (quote || !is_blank(rest[end]))) {
      if (quote && rest[end] == quote) quote = 0;
      else if (!quote && (rest[end] == '"' || rest[end] == '\'')) quote = rest[end];
      ++end;
    }
    auto flag = rest.substr(2, end - 2);
    rest = trim(rest.substr(end));
    if (flag.empty()) break;
    auto equals = flag.find('=');
    std::string value(equals == std::string_view::npos ? "" : flag.substr(equals + 1));
    std::erase_if(value, [](char c) { return c == '"'; });
    instruction.flags[std::string(flag.substr(0, equals))].push_back(value);
    if (equals == std::string_view::npos) instruction.bare_flags.emplace_back(flag);
  }
  instruction.rest = rest;
  return {};
}

Status Parser::read_here_documents(Instruction& instruction) {
  if (instruction.keyword != "RUN" && instruction.keyword != "COPY" && instruction.keyword != "ADD") return {};
  for (const auto& word : split_words(instruction.rest, out_.escape)) {
    std::string_view text = word;
    if (!text.starts_with("<<")) continue;
    text.remove_prefix(2);
    bool strip = text.starts_with('-');
    if (strip) text.remove_prefix(1);
    HereDocument here;
    if (text.size() >= 2 && (text[0] == '"' || text[0] == '\'') && text.back() == text[0]) {
      here.expand = false;
      text = text.substr(1, text.size() - 2);
    }
    if (text.empty() || text.find_first_of("<>\"'$&|;(") != std::string_view::npos) continue;
    here.name = text;
    std::string_view line;
    bool ended = false;
    while (!ended && next_line(line)) {
      while (strip && line.starts_with('\t')) line.remove_prefix(1);
      ended = line == here.name;
      if (!ended) here.content += std::string(line) + "\n";
    }
    if (!ended) return bad(instruction.line, "unterminated heredoc");
    instruction.here.push_back(std::move(here));
  }
  return {};
}

Result<Instruction> Parser::instruction(std::string_view first) {
  Instruction out;
  out.line = line_;
  out.text = logical_line(first);
  std::string_view text = trim(out.text);
  auto blank = std::ranges::find_if(text, is_blank);
  std::string_view word = text.substr(0, static_cast<size_t>(blank - text.begin()));
  out.keyword = upper(word);
  if (std::ranges::find(kKeywords, out.keyword) == kKeywords.end()) return bad(out.line, "unknown instruction: " + out.keyword.substr(0, 100));
  out.rest = trim(text.substr(word.size()));
  bool flags = out.keyword == "ADD" || out.keyword == "COPY" || out.keyword == "FROM" || out.keyword == "RUN" || out.keyword == "HEALTHCHECK";
  if (flags) TRY(read_flags(out));
  TRY(read_here_documents(out));
  constexpr std::array lists = {"ADD", "CMD", "COPY", "ENTRYPOINT", "RUN", "SHELL", "VOLUME"};
  if (out.rest.starts_with('[') && std::ranges::find(lists, out.keyword) != lists.end() && is_mixed_json_list(out.rest))
    return fail(Code::kInvalidArgument, "when using JSON array syntax, arrays must be comprised of strings only");
  out.json = out.rest.starts_with('[') && parse_json_list(out.rest, out.list);
  return out;
}

Result<Dockerfile> Parser::run() {
  TRY(read_directives());
  std::string_view line;
  while (next_line(line)) {
    auto text = trim(line);
    if (text.empty() || text.starts_with('#')) continue;
    if (out_.instructions.size() >= kMaxInstructions) return bad(line_, "more than 4096 instructions");
    TRY_ASSIGN(auto one, instruction(line));
    out_.instructions.push_back(std::move(one));
  }
  if (!out_.warnings.empty()) out_.warnings.emplace_back("[WARNING]: Empty continuation lines will become errors in a future release.");
  if (out_.instructions.empty()) return fail(Code::kInvalidArgument, "file with no instructions");
  return std::move(out_);
}

}  // namespace

Result<Dockerfile> parse_dockerfile(std::string_view text) {
  if (text.size() > kMaxText) return fail(Code::kInvalidArgument, "the Dockerfile is larger than 1 MiB");
  if (text.find('\0') != std::string_view::npos) return fail(Code::kInvalidArgument, "the Dockerfile is no text: it holds a zero byte");
  return Parser(text).run();
}

std::vector<std::string> split_words(std::string_view text, char escape) {
  std::vector<std::string> out;
  std::string word;
  bool begun = false;
  char quote = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (!quote && is_blank(c)) {
      if (begun) out.push_back(std::move(word));
      word.clear();
      begun = false;
      continue;
    }
    begun = true;
    word += c;
    if (c == escape && quote != '\'' && i + 1 < text.size()) {
      word += text[++i];
    } else if (quote) {
      if (c == quote) quote = 0;
    } else if (c == '"' || c == '\'') {
      quote = c;
    }
  }
  if (begun) out.push_back(std::move(word));
  return out;
}

}  // namespace reigen::build
