#include "compose/interpolation.h"

#include <fmt/core.h>

namespace reigen::compose {
namespace {

constexpr size_t kMaxDepth = 32;
constexpr size_t kMaxText = 16 << 20;  // of a result: nested defaults may double it at each level

bool begins_name(char c) { return c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool in_name(char c) { return begins_name(c) || (c >= '0' && c <= '9'); }

size_t name_length(std::string_view text) {
  if (text.empty() || !begins_name(text[0])) return 0;
  size_t n = 1;
  while (n < text.size() && in_name(text[n])) ++n;
  return n;
}

class Interpolator {
 public:
  // `lenient`: what is required may be missing.
  Interpolator(const Environment& environment, InterpolationNotes* notes, bool lenient = false) : environment_(environment), notes_(notes), lenient_(lenient) {}

  Result<std::string> run(std::string_view text, size_t depth) {
    if (depth > kMaxDepth) return fail(Code::kInvalidArgument, "variables are nested too deeply");
    std::string out;
    while (!text.empty()) {
      size_t dollar = text.find('$');
      out += text.substr(0, dollar);
      if (out.size() > kMaxText) return fail(Code::kInvalidArgument, "variables make a text of more than 16 MiB");
      if (dollar == std::string_view::npos) break;
      text.remove_prefix(dollar + 1);
      TRY(one(text, out, depth));
    }
    return out;
  }

 private:
  // Behind a dollar; takes what belongs to it.
  Status one(std::string_view& text, std::string& out, size_t depth) {
    if (text.starts_with('$')) {
      out += '$';
      text.remove_prefix(1);
      return {};
    }
    if (size_t n = name_length(text); n > 0) {
      out += plain(text.substr(0, n));
      text.remove_prefix(n);
      return {};
    }
    // "$(date)" and "$1" are none of ours.
    if (!text.starts_with('{')) {
      out += '$';
      return {};
    }
    size_t end = closing(text);
    if (end == std::string_view::npos) return invalid();
    TRY_ASSIGN(std::string value, braced(text.substr(1, end - 1), depth));
    out += value;
    text.remove_prefix(end + 1);
    return {};
  }

  static Fail invalid() { return fail(Code::kInvalidArgument, "invalid template"); }

  // The brace that closes the one `text` begins with; pairs within are skipped, as in ${X:-{"a": 1}}.
  static size_t closing(std::string_view text) {
    size_t open = 0;
    for (size_t i = 0; i < text.size(); ++i) {
      if (text[i] == '{') ++open;
      if (text[i] == '}' && --open == 0) return i;
    }
    return std::string_view::npos;
  }

  std::string plain(std::string_view name) {
    if (notes_) notes_->used.try_emplace(std::string(name));
    auto found = environment_.find(name);
    if (found != environment_.end()) return found->second;
    if (notes_) notes_->unset.insert(std::string(name));
    return "";
  }

  Result<std::string> braced(std::string_view inside, size_t depth) {
    size_t n = name_length(inside);
    if (n == 0) return invalid();
    std::string name(inside.substr(0, n));
    std::string_view rest = inside.substr(n);
    if (rest.empty()) return plain(name);
    bool also_empty = rest.starts_with(':');
    if (also_empty) rest.remove_prefix(1);
    if (rest.empty()) return invalid();
    char operation = rest[0];
    std::string_view argument = rest.substr(1);
    auto found = environment_.find(name);
    bool there = found != environment_.end() && !(also_empty && found->second.empty());
    if (notes_) {
      VariableUse& use = notes_->used[name];
      if (operation == '-') use.fallback = std::string(argument);
      if (operation == '+') use.alternate = std::string(argument);
      if (operation == '?') use.required = true;
    }
    std::string value = found != environment_.end() ? found->second : "";
    if (operation == '-') return there ? Result<std::string>(std::move(value)) : run(argument, depth + 1);
    if (operation == '+') return there ? run(argument, depth + 1) : Result<std::string>(std::move(value));
    if (operation != '?') return invalid();
    if (there || lenient_) return value;
    TRY_ASSIGN(std::string why, run(argument, depth + 1));
    return fail(Code::kInvalidArgument, fmt::format("required variable {} is missing a value{}{}", name, why.empty() ? "" : ": ", why));
  }

  const Environment& environment_;
  InterpolationNotes* notes_;
  const bool lenient_;
};

struct TreeWalk {
  const Environment& environment;
  InterpolationNotes* notes;
  const std::function<std::string(const std::string&)>& where;

  Status walk(api::Value& value, const std::string& pointer, const std::string& dotted) {
    if (value.is_string()) {
      if (value.text().find('$') == std::string_view::npos) return {};
      auto done = interpolate(value.text(), environment, notes);
      if (!done) return fail(std::move(done).error().context(where(pointer) + dotted));
      value = std::move(*done);
      return {};
    }
    if (value.is_array()) {
      size_t i = 0;
      for (auto& item : value.items()) {
        TRY(walk(item, fmt::format("{}/{}", pointer, i), fmt::format("{}[{}]", dotted, i)));
        ++i;
      }
    }
    for (auto& member : value.members()) {
      std::string key(member.key());
      TRY(walk(member.value, pointer + "/" + key, dotted.empty() ? key : dotted + "." + key));
    }
    return {};
  }
};

}  // namespace

Result<std::string> interpolate(std::string_view text, const Environment& environment, InterpolationNotes* notes) {
  auto done = Interpolator(environment, notes).run(text, 0);
  if (!done && done.error().message() == "invalid template")
    return fail(Code::kInvalidArgument, fmt::format("invalid interpolation format: \"{}\"; you may need to escape any $ with another $", text.substr(0, 200)));
  return done;
}

void note_variables(const api::Value& tree, InterpolationNotes& notes) {
  static const Environment nothing;
  auto unset = notes.unset;
  if (tree.is_string() && tree.text().find('$') != std::string_view::npos) (void)Interpolator(nothing, &notes, true).run(tree.text(), 0);
  notes.unset = std::move(unset);
  for (const auto& item : tree.items()) note_variables(item, notes);
  for (const auto& member : tree.members()) note_variables(member.value, notes);
}

Status interpolate_tree(api::Value& tree, const Environment& environment, InterpolationNotes* notes,
                        const std::function<std::string(const std::string&)>& where) {
  return TreeWalk{environment, notes, where}.walk(tree, "", "");
}

}  // namespace reigen::compose
