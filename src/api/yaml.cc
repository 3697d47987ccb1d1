#include "api/yaml.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>
#include <optional>
#include <sstream>

#include <fmt/core.h>

namespace reigen::api {
namespace {

bool one_of(std::string_view text, std::initializer_list<std::string_view> words) { return std::ranges::find(words, text) != words.end(); }

std::optional<int64_t> parse_integer(std::string_view text) {
  std::string plain;
  for (char c : text)
    if (c != '_') plain += c;
  std::string_view digits = plain;
  bool negative = digits.starts_with('-');
  if (negative || digits.starts_with('+')) digits.remove_prefix(1);
  int base = 10;
  auto prefix = digits.substr(0, 2);
  if (prefix == "0b") base = 2;
  else if (prefix == "0o") base = 8;
  else if (prefix == "0x" || prefix == "0X") base = 16;
  if (base != 10) digits.remove_prefix(2);
  else if (digits.size() > 1 && digits[0] == '0') base = 8;
  if (digits.empty() || digits[0] == '-' || digits[0] == '+') return std::nullopt;
  uint64_t number = 0;
  auto [end, ec] = std::from_chars(digits.data(), digits.data() + digits.size(), number, base);
  uint64_t limit = static_cast<uint64_t>(INT64_MAX) + (negative ? 1 : 0);
  if (ec != std::errc() || end != digits.data() + digits.size() || number > limit) return std::nullopt;
  return negative ? static_cast<int64_t>(0 - number) : static_cast<int64_t>(number);
}

// YAML 1.1 floats: digits with a point or an exponent, or an integer too large for one.
std::optional<double> parse_float(std::string_view text) {
  std::string plain;
  for (char c : text)
    if (c != '_') plain += c;
  std::string_view rest = plain;
  if (rest.starts_with('-') || rest.starts_with('+')) rest.remove_prefix(1);
  bool digits = false;
  for (char c : rest) {
    if (c >= '0' && c <= '9') digits = true;
    else if (c != '.' && c != 'e' && c != 'E' && c != '+' && c != '-') return std::nullopt;
  }
  if (!digits || (rest[0] != '.' && !(rest[0] >= '0' && rest[0] <= '9'))) return std::nullopt;
  std::string_view whole = plain;
  if (whole.starts_with('+')) whole.remove_prefix(1);
  double number;
  auto [end, ec] = std::from_chars(whole.data(), whole.data() + whole.size(), number);
  if (ec != std::errc() || end != whole.data() + whole.size()) return std::nullopt;
  return number;
}

// A plain scalar by YAML 1.1's rules, as go-yaml resolves it.
Value resolve(std::string_view text, bool words_are_text = false) {
  if (text.empty() || one_of(text, {"~", "null", "Null", "NULL"})) return Value();
  if (one_of(text, {"true", "True", "TRUE"})) return Value(true);
  if (one_of(text, {"false", "False", "FALSE"})) return Value(false);
  if (!words_are_text && one_of(text, {"y", "Y", "yes", "Yes", "YES", "on", "On", "ON"})) return Value(true);
  if (!words_are_text && one_of(text, {"n", "N", "no", "No", "NO", "off", "Off", "OFF"})) return Value(false);
  char first = text[0];
  if (!(first >= '0' && first <= '9') && first != '-' && first != '+' && first != '.') return Value(text);
  if (auto integer = parse_integer(text)) return Value(*integer);
  if (auto number = parse_float(text)) return Value(*number);
  return Value(text);
}

class Builder : public YAML::EventHandler {
 public:
  Builder(const YamlLimits& limits, size_t bytes, YamlNotes* notes) : limits_(limits), budget_(std::max(limits.max_nodes, bytes)), notes_(notes) {}

  Value take() { return std::move(root_); }
  bool saw_content() const { return content_; }

  int begins_at() const { return begins_at_; }  // in the text; of the first event

  void OnDocumentStart(const YAML::Mark& mark) override { begins_at_ = mark.pos; }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    if (!at_key()) note(mark, "");
    place(Value(), mark, anchor);
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    if (!at_key()) note(mark, "");
    auto found = anchors_.find(anchor);
    if (found == anchors_.end()) stop(mark, "unknown anchor");
    spend(found->second.nodes, mark);
    place(Value(found->second.value), mark, 0);
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor, const std::string& text) override {
    bool local = tag.size() > 1 && tag[0] == '!';
    bool plain = tag == "?" || tag.empty() || local;
    bool key = !frames_.empty() && frames_.back().is_map && !frames_.back().key;
    Value value = plain ? resolve(text, limits_.words_are_text) : Value(text);
    if (!key) note(mark, tag);
    if (tag == "tag:yaml.org,2002:int" || tag == "tag:yaml.org,2002:float" || tag == "tag:yaml.org,2002:bool" || tag == "tag:yaml.org,2002:null")
      value = resolve(text);
    if (key && plain && text == "<<") {
      frames_.back().key = Key{"", true, mark.line};
      spend(1, mark);
      return;
    }
    place(std::move(value), mark, anchor);
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor, YAML::EmitterStyle::value) override {
    note(mark, tag);
    open(Value::array(), false, mark, anchor);
  }
  void OnSequenceEnd() override { close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor, YAML::EmitterStyle::value) override {
    note(mark, tag);
    open(Value::object(), true, mark, anchor);
  }
  void OnMapEnd() override {
    for (auto& merged : frames_.back().merged)
      for (auto& member : merged.members())
        if (!frames_.back().value.has(member.key())) frames_.back().value.set(member.key(), std::move(member.value));
    close();
  }

 private:
  struct Key {
    std::string name;
    bool merge = false;
    int line = 0;
  };
  struct Frame {
    Value value;
    bool is_map;
    YAML::anchor_t anchor;
    YAML::Mark mark;
    size_t start;  // nodes spent before
    std::optional<Key> key;
    std::vector<Value> merged;
  };
  struct Anchor {
    Value value;
    size_t nodes;
  };

  bool at_key() const { return !frames_.empty() && frames_.back().is_map && !frames_.back().key; }

  // A value begins here: where it stands.
  void note(const YAML::Mark& mark, const std::string& tag) {
    if (!notes_ || !notes_->want_marks || frames_.empty()) return;
    std::string path;
    int line = mark.line;
    for (const auto& frame : frames_) {
      if (!frame.is_map) {
        (path += '/') += std::to_string(frame.value.size());
      } else if (frame.key && !frame.key->merge) {
        path += '/';
        for (char c : frame.key->name) path += c == '~' ? "~0" : c == '/' ? "~1" : std::string(1, c);
        line = &frame == &frames_.back() ? frame.key->line : line;
      } else {
        return;  // a key, or what is merged
      }
    }
    notes_->marks.push_back({std::move(path), line + 1, tag.size() > 1 && tag[0] == '!' ? tag : ""});
  }

  [[noreturn]] static void stop(const YAML::Mark& mark, const std::string& what) { throw YAML::ParserException(mark, what); }

  void spend(size_t nodes, const YAML::Mark& mark) {
    spent_ += nodes;
    if (spent_ > budget_) stop(mark, "document contains excessive aliasing");
  }

  void open(Value value, bool is_map, const YAML::Mark& mark, YAML::anchor_t anchor) {
    content_ = true;
    if (frames_.size() >= limits_.max_depth) stop(mark, "exceeded max depth");
    if (!frames_.empty() && frames_.back().is_map && !frames_.back().key) stop(mark, "invalid map key: it must be a scalar");
    spend(1, mark);
    frames_.push_back({std::move(value), is_map, anchor, mark, spent_ - 1, {}, {}});
  }

  void close() {
    Frame frame = std::move(frames_.back());
    frames_.pop_back();
    if (frame.anchor) anchors_[frame.anchor] = {frame.value, spent_ - frame.start};
    attach(std::move(frame.value), frame.mark);
  }

  void place(Value value, const YAML::Mark& mark, YAML::anchor_t anchor) {
    if (!value.is_null()) content_ = true;
    spend(1, mark);
    if (anchor) anchors_[anchor] = {value, 1};
    attach(std::move(value), mark);
  }

  void attach(Value value, const YAML::Mark& mark) {
    if (frames_.empty()) {
      root_ = std::move(value);
      return;
    }
    Frame& frame = frames_.back();
    if (!frame.is_map) {
      frame.value.push_back(std::move(value));
      return;
    }
    if (!frame.key) {
      frame.key = Key{key_text(value, mark), false, mark.line};
      return;
    }
    Key key = std::move(*frame.key);
    frame.key.reset();
    if (key.merge) return merge(frame, std::move(value), mark);
    size_t before = frame.value.size();
    Value& slot = frame.value[key.name];
    if (frame.value.size() == before && notes_ && notes_->duplicates.size() < 100)
      notes_->duplicates.push_back(fmt::format("line {}: key \"{}\" already set in map", key.line + 1, key.name));
    slot = std::move(value);
  }

  static void merge(Frame& frame, Value value, const YAML::Mark& mark) {
    if (value.is_object()) {
      frame.merged.push_back(std::move(value));
      return;
    }
    for (auto& item : value.items()) {
      if (!item.is_object()) break;
      frame.merged.push_back(std::move(item));
    }
    if (!value.is_array()) stop(mark, "map merge requires map or sequence of maps as the value");
  }

  static std::string key_text(const Value& key, const YAML::Mark& mark) {
    if (key.is_string()) return std::string(key.text());
    if (key.is_object() || key.is_array()) stop(mark, "invalid map key: it must be a scalar");
    return to_json(key);
  }

  const YamlLimits& limits_;
  size_t budget_;
  YamlNotes* notes_;
  size_t spent_ = 0;
  bool content_ = false;
  int begins_at_ = 0;
  Value root_;
  std::vector<Frame> frames_;
  std::map<YAML::anchor_t, Anchor> anchors_;
};

// The parser's message in go-yaml's clothes; its own texts stay where go-yaml has none we know.
std::string message_of(const YAML::Exception& error) {
  std::string what = error.msg;
  if (what == "end of sequence flow not found") what = "did not find expected ',' or ']'";
  else if (what == "end of map flow not found") what = "did not find expected ',' or '}'";
  else if (what == "end of map not found") what = "did not find expected key";
  else if (what == "end of sequence not found") what = "did not find expected '-' indicator";
  else if (what == "illegal map value") what = "mapping values are not allowed in this context";
  int line = error.mark.is_null() ? 0 : error.mark.line;
  if (line <= 0) return fmt::format("error converting YAML to JSON: yaml: {}", what);
  return fmt::format("error converting YAML to JSON: yaml: line {}: {}", line, what);
}

// Reads up to `max` documents.
Result<std::vector<Value>> read(std::string_view text, const YamlLimits& limits, YamlNotes* notes, size_t max) {
  if (text.size() > limits.max_bytes)
    return fail(Code::kResourceExhausted, fmt::format("YAML of {} bytes: at most {} are taken", text.size(), limits.max_bytes));
  std::vector<Value> documents;
  try {
    std::istringstream stream{std::string(text)};
    YAML::Parser parser(stream);
    for (int previous = -1; documents.size() < max;) {
      Builder builder(limits, text.size(), notes);
      if (!parser.HandleNextDocument(builder)) break;
      // Before some tokens the library finds one empty document after the other.
      if (builder.begins_at() <= previous) return fail(Code::kInvalidArgument, "error converting YAML to JSON: yaml: did not find expected <document start>");
      previous = builder.begins_at();
      if (builder.saw_content()) documents.push_back(builder.take());
    }
  } catch (const YAML::Exception& error) {
    return fail(Code::kInvalidArgument, message_of(error));
  } catch (const std::exception& error) {
    return fail(Code::kInvalidArgument, fmt::format("error converting YAML to JSON: yaml: {}", error.what()));
  }
  return documents;
}

bool needs_quotes(std::string_view text) {
  if (text.empty() || !resolve(text).is_string()) return true;
  if (text.front() == ' ' || text.back() == ' ' || text.back() == ':' || one_of(text, {"-", "?", "=", "<<"})) return true;
  if (std::string_view("-?:,[]{}#&*!|>'\"%@`").find(text.front()) != std::string_view::npos && !(text.size() > 1 && text.front() == '-' && text[1] != ' '))
    return true;
  if (text.find(": ") != std::string_view::npos || text.find(" #") != std::string_view::npos) return true;
  return std::ranges::any_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

void emit_scalar(std::string& out, const Value& value, size_t indent) {
  if (!value.is_string()) {
    append_json(out, value);
    return;
  }
  auto text = value.text();
  bool block = text.find('\n') != std::string_view::npos && text.front() != ' ' && text.front() != '\n' &&
               std::ranges::none_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x20 && c != '\n' && c != '\t'; });
  if (!block) {
    if (needs_quotes(text)) append_json_string(out, text, false);
    else out += text;
    return;
  }
  bool newline = text.ends_with('\n');
  out += !newline ? "|-" : text.ends_with("\n\n") ? "|+" : "|";
  if (newline) text.remove_suffix(1);
  for (;;) {
    size_t end = text.find('\n');
    auto line = text.substr(0, end);
    out += '\n';
    if (!line.empty()) (out += std::string(indent, ' ')) += line;
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
  }
}

bool is_block(const Value& value) { return (value.is_array() || value.is_object()) && value.size() != 0; }

// `at_start`: the first line continues one that has its indent already (behind "- ").
void emit(std::string& out, const Value& value, size_t indent, bool at_start) {
  auto begin_line = [&] {
    if (!at_start) out.append(indent, ' ');
    at_start = false;
  };
  for (const auto& item : value.items()) {
    begin_line();
    out += "- ";
    if (is_block(item)) {
      emit(out, item, indent + 2, true);
    } else {
      emit_scalar(out, item, indent + 2);
      out += '\n';
    }
  }
  for (const auto& member : value.members()) {
    begin_line();
    if (needs_quotes(member.key())) append_json_string(out, member.key(), false);
    else out += member.key();
    out += ':';
    if (is_block(member.value)) {
      out += '\n';
      emit(out, member.value, member.value.is_array() ? indent : indent + 2, false);
    } else {
      out += ' ';
      emit_scalar(out, member.value, indent + 2);
      out += '\n';
    }
  }
}

}  // namespace

Result<Value> parse_yaml(std::string_view text, const YamlLimits& limits, YamlNotes* notes) {
  TRY_ASSIGN(auto documents, read(text, limits, notes, 1));
  return documents.empty() ? Value() : std::move(documents[0]);
}

Result<std::vector<Value>> parse_yaml_stream(std::string_view text, const YamlLimits& limits, YamlNotes* notes) { return read(text, limits, notes, SIZE_MAX); }

std::string to_yaml(const Value& value) {
  std::string out;
  if (is_block(value)) {
    emit(out, value, 0, false);
  } else {
    emit_scalar(out, value, 2);
    out += '\n';
  }
  return out;
}

}  // namespace reigen::api
