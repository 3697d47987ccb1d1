#include "build/dockerfile_check.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <map>

#include "build/clean_path.h"
#include "build/stage.h"

namespace reigen::build {
namespace {

std::string lower(std::string text) {
  std::ranges::transform(text, text.begin(), [](unsigned char c) { return std::tolower(c); });
  return text;
}

Fail bad(const Instruction& instruction, const std::string& why) {
  return fail(Code::kInvalidArgument, "dockerfile parse error line " + std::to_string(instruction.line) + ": " + why);
}

const std::vector<std::string>& flags_of(const std::string& keyword) {
  static const std::map<std::string, std::vector<std::string>> known = {
      {"ADD", {"chown", "chmod", "link"}},
      {"COPY", {"chown", "chmod", "link", "from"}},
      {"FROM", {"platform"}},
      {"HEALTHCHECK", {"interval", "timeout", "start-period", "start-interval", "retries"}},
      {"RUN", {"mount", "network", "security"}},
  };
  static const std::vector<std::string> none;
  auto it = known.find(keyword);
  return it == known.end() ? none : it->second;
}

Status check_flags(const Instruction& instruction) {
  const auto& known = flags_of(instruction.keyword);
  for (const auto& [flag, values] : instruction.flags) {
    if (std::ranges::find(known, flag) == known.end()) return bad(instruction, "Unknown flag: " + flag);
    if (values.size() > 1 && flag != "mount") return bad(instruction, "Duplicate flag specified: " + flag);
  }
  for (const auto& flag : instruction.bare_flags)
    if (flag != "link") return bad(instruction, "Missing a value on flag: " + flag);
  // Other instructions have none: what looks like one is one that is not known.
  if (known.empty() && instruction.rest.starts_with("--")) {
    std::string flag = instruction.rest.substr(2, instruction.rest.find_first_of(" \t=", 2) - 2);
    if (!flag.empty()) return bad(instruction, "Unknown flag: " + flag);
  }
  return {};
}

Status check_from(const Instruction& instruction, char escape) {
  auto words = split_words(instruction.rest, escape);
  if (words.size() != 1 && !(words.size() == 3 && lower(words[1]) == "as")) return bad(instruction, "FROM requires either one or three arguments");
  if (words.size() == 1) return {};
  constexpr std::string_view letters = "abcdefghijklmnopqrstuvwxyz";
  std::string name = lower(words[2]);
  bool right = letters.find(name[0]) != std::string_view::npos && name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-_.") == std::string::npos;
  if (!right) return bad(instruction, "invalid name for build stage: \"" + words[2] + "\", name can't start with a number or contain symbols");
  return {};
}

// How many arguments an instruction needs.
Status check_count(const Instruction& instruction, char escape) {
  const auto& keyword = instruction.keyword;
  size_t count = instruction.json ? instruction.list.size() : split_words(instruction.rest, escape).size();
  if ((keyword == "COPY" || keyword == "ADD") && count < 2)
    return bad(instruction, keyword + " requires at least two arguments, but only one was provided. Destination could not be determined");
  for (const char* one : {"ARG", "ENV", "EXPOSE", "HEALTHCHECK", "LABEL", "ONBUILD", "SHELL", "VOLUME"})
    if (keyword == one && count == 0) return bad(instruction, keyword + " requires at least one argument");
  for (const char* one : {"MAINTAINER", "STOPSIGNAL", "USER", "WORKDIR"})
    if (keyword == one && instruction.rest.empty()) return bad(instruction, keyword + " requires exactly one argument");
  return {};
}

Status check_arguments(const Instruction& instruction, char escape) {
  const auto& keyword = instruction.keyword;
  if (keyword == "FROM") return check_from(instruction, escape);
  TRY(check_count(instruction, escape));
  auto located = [&](Status done) { return done ? Status() : Status(bad(instruction, std::string(done.error().message()))); };
  if (keyword == "SHELL" && !instruction.json) return bad(instruction, "SHELL requires the arguments to be in JSON form");
  if (keyword == "ONBUILD") return located(check_trigger(instruction));
  if (keyword == "HEALTHCHECK") {
    auto check = parse_health_check(instruction, escape);
    return located(check ? Status() : Status(fail(std::move(check).error())));
  }
  if (keyword == "ENV" || keyword == "LABEL") {
    TRY_ASSIGN(auto pairs, split_pairs(instruction, escape));
    if (std::ranges::any_of(pairs, [](const auto& pair) { return pair.first.empty(); })) return bad(instruction, keyword + " names can not be blank");
  }
  auto words = instruction.json ? instruction.list : split_words(instruction.rest, escape);
  if (keyword == "ARG" && std::ranges::any_of(words, [](const auto& word) { return word.starts_with('='); }))
    return bad(instruction, "ARG names can not be blank");
  if (keyword == "VOLUME" && std::ranges::any_of(words, [](const auto& word) { return word.find_first_not_of(" \t") == std::string::npos; }))
    return bad(instruction, "VOLUME specified can not be an empty string");
  return {};
}

// What Docker's parser refuses before any instruction is looked at.
Status check_pairs(const Dockerfile& file) {
  for (const auto& instruction : file.instructions) {
    if ((instruction.keyword != "ENV" && instruction.keyword != "LABEL") || instruction.rest.empty()) continue;
    if (auto pairs = split_pairs(instruction, file.escape); !pairs) return fail(std::move(pairs).error().context("failed to parse Dockerfile"));
  }
  return {};
}

bool is_target(const std::vector<std::string>& stages, const std::string& target) {
  if (std::ranges::find(stages, lower(target)) != stages.end()) return true;
  size_t index = 0;
  auto [end, error] = std::from_chars(target.data(), target.data() + target.size(), index);
  return error == std::errc() && end == target.data() + target.size() && index < stages.size();
}

// A change is no file: what is wrong with it is told without the line.
std::string without_line(std::string_view text) {
  if (!text.starts_with("dockerfile parse error line ")) return std::string(text);
  auto colon = text.find(": ");
  return std::string(colon == std::string_view::npos ? text : text.substr(colon + 2));
}

}  // namespace

Status check_instruction(const Instruction& instruction, char escape) {
  TRY(check_flags(instruction));
  return check_arguments(instruction, escape);
}

Result<Dockerfile> check_dockerfile(std::string_view text, const std::string& target) {
  auto file = parse_dockerfile(text);
  if (!file) {
    bool line = file.error().message().starts_with("dockerfile parse error");
    return fail(line ? std::move(file).error() : std::move(file).error().context("failed to parse Dockerfile"));
  }
  TRY(check_pairs(*file));
  std::vector<std::string> stages;
  for (const auto& instruction : file->instructions) {
    TRY(check_instruction(instruction, file->escape));
    if (instruction.keyword == "FROM") {
      auto words = split_words(instruction.rest, file->escape);
      stages.push_back(words.size() == 3 ? lower(words[2]) : "");
    } else if (stages.empty() && instruction.keyword != "ARG") {
      return fail(Code::kInvalidArgument, "no build stage in current context");
    }
  }
  if (stages.empty()) return fail(Code::kInvalidArgument, "no build stage in current context");
  if (!target.empty() && !is_target(stages, target)) return fail(Code::kInvalidArgument, "failed to reach build target " + target + " in Dockerfile");
  return file;
}

Result<image::ImageConfig> apply_changes(const image::ImageConfig& config, const std::vector<std::string>& changes) {
  if (changes.empty()) return config;
  constexpr std::array allowed = {"CMD", "ENTRYPOINT", "ENV", "EXPOSE", "HEALTHCHECK", "LABEL", "ONBUILD", "STOPSIGNAL", "USER", "VOLUME", "WORKDIR"};
  std::string text;
  for (const auto& change : changes) text += change + "\n";
  for (const auto& change : changes) {
    std::string word = lower(change.substr(0, change.find_first_of(" \t\n")));
    bool plain = !word.empty() && std::ranges::all_of(word, [](char c) { return c >= 'a' && c <= 'z'; });
    if (plain && std::ranges::none_of(allowed, [&](const char* one) { return lower(one) == word; }))
      return fail(Code::kInvalidArgument, word + " is not a valid change command");
  }
  TRY_ASSIGN(auto file, parse_dockerfile(text));
  Stage stage;
  stage.config = config;
  stage.escape = file.escape;
  for (const auto& instruction : file.instructions)
    if (std::ranges::find(allowed, instruction.keyword) == allowed.end())
      return fail(Code::kInvalidArgument, lower(instruction.keyword) + " is not a valid change command");
  for (const auto& instruction : file.instructions) {
    if (auto right = check_instruction(instruction, file.escape); !right) return fail(Code::kInvalidArgument, without_line(right.error().message()));
    if (instruction.keyword != "WORKDIR") {
      TRY(apply_metadata(stage, instruction, {}));
      continue;
    }
    TRY_ASSIGN(auto path, expand_word(instruction.rest, stage.escape, stage.lookup()));
    stage.config.working_dir = changed_folder(stage.config.working_dir, path);
  }
  return std::move(stage.config);
}

}  // namespace reigen::build
