#include "compose/flags.h"

#include <fmt/core.h>

#include <algorithm>
#include <charconv>

namespace reigen::compose {
namespace {

std::string shown_name(const std::string& name, char letter) { return letter ? fmt::format("-{}, --{}", letter, name) : "--" + name; }

Fail bad_argument(const std::string& value, const std::string& shown, const char* parser) {
  return fail(Code::kInvalidArgument,
              fmt::format("invalid argument \"{}\" for \"{}\" flag: strconv.{}: parsing \"{}\": invalid syntax", value, shown, parser, value));
}

}  // namespace

Flags& Flags::flag(bool* target, std::string name, char letter, std::string help) {
  auto set = [target, shown = shown_name(name, letter)](const std::string& value) -> Status {
    static constexpr std::string_view yes[] = {"1", "t", "T", "true", "TRUE", "True"}, no[] = {"0", "f", "F", "false", "FALSE", "False"};
    *target = std::ranges::find(yes, value) != std::end(yes);
    if (*target || std::ranges::find(no, value) != std::end(no)) return {};
    return bad_argument(value, shown, "ParseBool");
  };
  flags_.push_back({std::move(name), letter, std::move(help), "", set});
  return *this;
}

Flags& Flags::text(std::string* target, std::string name, char letter, std::string help) {
  flags_.push_back({std::move(name), letter, std::move(help), "string", [target](const std::string& value) -> Status {
                      *target = value;
                      return {};
                    }});
  return *this;
}

Flags& Flags::list(std::vector<std::string>* target, std::string name, char letter, std::string help) {
  flags_.push_back({std::move(name), letter, std::move(help), "stringArray", [target](const std::string& value) -> Status {
                      target->push_back(value);
                      return {};
                    }});
  return *this;
}

Flags& Flags::number(std::optional<int>* target, std::string name, char letter, std::string help) {
  auto set = [target, shown = shown_name(name, letter)](const std::string& value) -> Status {
    int number = 0;
    auto [end, ec] = std::from_chars(value.data(), value.data() + value.size(), number);
    if (value.empty() || ec != std::errc() || end != value.data() + value.size()) return bad_argument(value, shown, "ParseInt");
    *target = number;
    return {};
  };
  flags_.push_back({std::move(name), letter, std::move(help), "int", set});
  return *this;
}

std::string Flags::help() const {
  std::string out = fmt::format("Usage:  reigen compose {}\n\n{}\n\nOptions:\n", usage_, summary_);
  for (const auto& flag : flags_) {
    std::string left = flag.letter ? fmt::format("  -{}, --{}", flag.letter, flag.name) : fmt::format("      --{}", flag.name);
    if (!flag.kind.empty()) left += " " + flag.kind;
    out += fmt::format("{:<33} {}\n", left, flag.help);
  }
  return out;
}

Status Flags::set_long(const std::vector<std::string>& arguments, size_t& i) {
  std::string_view word = std::string_view(arguments[i]).substr(2);
  size_t equals = word.find('=');
  auto found = std::ranges::find(flags_, word.substr(0, equals), &Flag::name);
  if (found == flags_.end()) return fail(Code::kInvalidArgument, fmt::format("unknown flag: --{}", word.substr(0, equals)));
  if (equals != std::string_view::npos) return found->set(std::string(word.substr(equals + 1)));
  if (found->kind.empty()) return found->set("true");
  if (i + 1 >= arguments.size()) return fail(Code::kInvalidArgument, "flag needs an argument: --" + found->name);
  return found->set(arguments[++i]);
}

Status Flags::set_short(const std::vector<std::string>& arguments, size_t& i) {
  const std::string& word = arguments[i];
  for (size_t at = 1; at < word.size(); ++at) {
    auto found = std::ranges::find(flags_, word[at], &Flag::letter);
    if (found == flags_.end()) return fail(Code::kInvalidArgument, fmt::format("unknown shorthand flag: '{}' in {}", word[at], word));
    if (found->kind.empty()) {
      TRY(found->set("true"));
      continue;
    }
    std::string rest = word.substr(at + 1);
    if (rest.starts_with('=')) rest.erase(0, 1);
    if (!rest.empty()) return found->set(rest);
    if (i + 1 >= arguments.size()) return fail(Code::kInvalidArgument, fmt::format("flag needs an argument: '{}' in {}", word[at], word));
    return found->set(arguments[++i]);
  }
  return {};
}

Result<std::optional<std::vector<std::string>>> Flags::parse(const std::vector<std::string>& arguments, bool interspersed) {
  std::vector<std::string> words;
  for (size_t i = 0; i < arguments.size(); ++i) {
    const std::string& word = arguments[i];
    if (word == "--") {
      words.insert(words.end(), arguments.begin() + static_cast<ptrdiff_t>(i) + 1, arguments.end());
      break;
    }
    bool own_h = std::ranges::any_of(flags_, [](const Flag& flag) { return flag.letter == 'h'; });
    if (word == "--help" || (word == "-h" && !own_h)) {
      fmt::print("{}", help());
      return std::optional<std::vector<std::string>>();
    }
    if (word.starts_with("--")) {
      TRY(set_long(arguments, i));
    } else if (word.size() > 1 && word[0] == '-') {
      TRY(set_short(arguments, i));
    } else {
      words.push_back(word);
      if (interspersed) continue;
      words.insert(words.end(), arguments.begin() + static_cast<ptrdiff_t>(i) + 1, arguments.end());
      break;
    }
  }
  return std::optional(std::move(words));
}

}  // namespace reigen::compose
