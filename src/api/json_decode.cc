#include <charconv>
#include <cstdlib>
#include <deque>

#include <fmt/core.h>
#include <simdjson.h>

#include "api/cursor.h"
#include "api/json.h"
#include "api/json_reader.h"
#include "api/metav1.h"

namespace reigen::api {
namespace {

constexpr size_t kMaxStrict = 100;

// Replaces what is no UTF-8 by U+FFFD, byte by byte, as Go does.
std::string sanitized(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size();) {
    size_t length = 1;
    while (length < 4 && i + length < text.size() && (text[i + length] & 0xc0) == 0x80 && !simdjson::validate_utf8(text.data() + i, length)) length++;
    if (simdjson::validate_utf8(text.data() + i, length)) {
      out.append(text, i, length);
      i += length;
    } else {
      out += "\xef\xbf\xbd";
      i++;
    }
  }
  return out;
}

template <class B>
class Decoder {
 public:
  using Mut = typename B::Mut;
  Decoder(std::string_view text, size_t max_depth, DecodeNotes* notes) : reader_(text, max_depth), notes_(notes) {}

  // False on a syntax error; wrong types are in error().
  bool run(const TypeDesc& type, Mut m) {
    char c = reader_.peek();
    if (c == 'n' && type.json_form == JsonForm::kObject) return reader_.literal("null") && reader_.at_end();
    owner_ = nullptr;
    top_ = &type;
    return object(type, m) && reader_.at_end();
  }
  const std::string& error() const { return error_; }

 private:
  struct Step {
    std::string_view name;
    size_t index = 0;
    bool is_field = false;  // a struct's field: part of the path in type errors
    bool is_index = false;
  };

  std::string path(std::string_view last) const {
    std::string out;
    for (const Step& step : path_) {
      if (step.is_index) {
        out += fmt::format("[{}]", step.index);
        continue;
      }
      if (!out.empty()) out += '.';
      out += step.name;
    }
    if (!out.empty()) out += '.';
    return out.append(last);
  }

  void note(std::string_view what, std::string_view name) {
    if (!notes_ || notes_->strict.size() >= kMaxStrict) return;
    std::string text = fmt::format("{} field \"{}\"", what, path(name));
    for (const std::string& seen : notes_->strict)
      if (seen == text) return;
    notes_->strict.push_back(std::move(text));
  }

  // The Go type of what stands `depth_` elements below the current field.
  std::string go_type(const ValueType& type) const {
    if (!field_) return std::string(top_->go_name);
    std::string_view name = field_->type_name;
    const ValueType* at = field_->value;
    while (at != &type && at->element) {
      size_t prefix = at->kind == Kind::kPointer ? 1 : at->kind == Kind::kList ? 2 : 11;
      if (name.size() <= prefix || (name[0] != '*' && name[0] != '[' && !name.starts_with("map["))) name = "";
      else name.remove_prefix(prefix);
      at = at->element;
    }
    if (!name.empty()) return std::string(name);
    if (type.kind == Kind::kStruct) return std::string(type.type->go_name);
    return type.kind == Kind::kString ? "string" : "interface {}";
  }

  void save(std::string message) {
    if (error_.empty()) error_ = std::move(message);
  }
  void type_error(std::string_view found, const ValueType& type) { save_type_error(found, go_type(type)); }
  void save_type_error(std::string_view found, const std::string& go) {
    if (!error_.empty()) return;
    if (!owner_) return save(fmt::format("json: cannot unmarshal {} into Go value of type {}", found, go));
    std::string fields;
    for (const Step& step : path_) {
      if (!step.is_field) continue;
      if (!fields.empty()) fields += '.';
      fields += step.name;
    }
    save(fmt::format("json: cannot unmarshal {} into Go struct field {}.{} of type {}", found, owner_->name, fields, go));
  }

  // What stands next, as Go names it in type errors; takes it.
  bool skip_wrong(std::string& found, bool with_number = false) {
    char c = reader_.peek();
    found = c == '"' ? "string" : c == '{' ? "object" : c == '[' ? "array" : c == 't' || c == 'f' ? "bool" : "number";
    if (found != "number" || !with_number) return reader_.skip();
    std::string_view literal;
    if (!reader_.number(literal)) return false;
    found.append(" ").append(literal);
    return true;
  }
  bool wrong(const ValueType& type, bool with_number = false) {
    std::string found;
    if (!skip_wrong(found, with_number)) return false;
    type_error(found, type);
    return true;
  }

  bool value(const ValueType& type, Mut m) {
    if (reader_.peek() == 'n' && type.kind != Kind::kPointer) {
      if (!reader_.literal("null")) return false;
      B::set_null(type, m);
      return true;
    }
    switch (type.kind) {
      case Kind::kString: return text(type, m);
      case Kind::kInt32:
      case Kind::kInt64: return integer(type, m);
      case Kind::kDouble: return number(type, m);
      case Kind::kBool: return boolean(type, m);
      case Kind::kBytes: return bytes(type, m);
      case Kind::kTime: return parsed_text(m, "string", [](std::string_view t) { return Time::parse(t); }, [](Mut at, Time v) { B::set_time(at, v); });
      case Kind::kMicroTime:
        return parsed_text(m, "string", [](std::string_view t) { return MicroTime::parse(t); }, [](Mut at, MicroTime v) { B::set_micro_time(at, v); });
      case Kind::kDuration:
        return parsed_text(m, "string", [](std::string_view t) { return Duration::parse(t); }, [](Mut at, Duration v) { B::set_duration(at, v); });
      case Kind::kQuantity: return quantity(m);
      case Kind::kIntOrString: return int_or_string(m);
      case Kind::kRaw: return raw(m);
      case Kind::kStruct: return object(*type.type, m);
      case Kind::kPointer: return pointer(type, m);
      case Kind::kList: return list(type, m);
      case Kind::kMap: return map(type, m);
    }
    return false;
  }

  bool pointer(const ValueType& type, Mut m) {
    if (reader_.peek() == 'n') {
      if (!reader_.literal("null")) return false;
      B::set_null(type, m);
      return true;
    }
    return value(*type.element, B::ensure_pointee(type, m));
  }

  bool text(const ValueType& type, Mut m) {
    if (reader_.peek() != '"') return wrong(type);
    std::string_view text;
    if (!reader_.string(text)) return false;
    B::set_text(m, text);
    return true;
  }

  bool is_number() {
    char c = reader_.peek();
    return c == '-' || (c >= '0' && c <= '9');
  }

  bool integer(const ValueType& type, Mut m) {
    if (!is_number()) return wrong(type);
    std::string_view literal;
    if (!reader_.number(literal)) return false;
    int64_t parsed = 0;
    auto [end, error] = std::from_chars(literal.data(), literal.data() + literal.size(), parsed);
    bool fits = error == std::errc() && end == literal.data() + literal.size();
    if (fits && type.kind == Kind::kInt32) fits = parsed >= INT32_MIN && parsed <= INT32_MAX;
    if (fits) B::set_integer(type, m, parsed);
    else type_error(fmt::format("number {}", literal), type);
    return true;
  }

  bool number(const ValueType& type, Mut m) {
    if (!is_number()) return wrong(type);
    std::string_view literal;
    if (!reader_.number(literal)) return false;
    double parsed = 0;
    auto [end, error] = std::from_chars(literal.data(), literal.data() + literal.size(), parsed);
    if (error == std::errc()) B::set_number(m, parsed);
    else if (std::string text(literal); error == std::errc::result_out_of_range && std::abs(std::strtod(text.c_str(), nullptr)) < 1)
      B::set_number(m, std::strtod(text.c_str(), nullptr));
    else type_error(fmt::format("number {}", literal), type);
    return true;
  }

  bool boolean(const ValueType& type, Mut m) {
    char c = reader_.peek();
    if (c != 't' && c != 'f') return wrong(type);
    if (!reader_.literal(c == 't' ? "true" : "false")) return false;
    B::set_boolean(m, c == 't');
    return true;
  }

  bool bytes(const ValueType& type, Mut m) {
    char c = reader_.peek();
    if (c == '[') return byte_list(m);
    if (c != '"') return wrong(type);
    std::string_view text;
    if (!reader_.string(text)) return false;
    auto decoded = base64_decode(text);
    if (decoded) B::set_bytes(m, std::move(*decoded));
    else save(decoded.error().message());
    return true;
  }

  // Go also takes a list of numbers for []byte.
  bool byte_list(Mut m) {
    std::string out;
    if (!reader_.take('[') || !reader_.enter()) return false;
    if (!reader_.take(']')) {
      do {
        if (!is_number()) {
          std::string found;
          if (!skip_wrong(found)) return false;
          save_type_error(found, "uint8");
          continue;
        }
        std::string_view literal;
        if (!reader_.number(literal)) return false;
        int value = 0;
        auto [end, error] = std::from_chars(literal.data(), literal.data() + literal.size(), value);
        if (error != std::errc() || end != literal.data() + literal.size() || value < 0 || value > 255)
          save_type_error(fmt::format("number {}", literal), "uint8");
        out += static_cast<char>(value);
      } while (reader_.take(','));
      if (!reader_.take(']')) return false;
    }
    reader_.leave();
    B::set_bytes(m, std::move(out));
    return true;
  }

  // Types that read a JSON string themselves: Go's messages there know nothing of the field.
  template <class Parse, class Set>
  bool parsed_text(Mut m, std::string_view go, Parse parse, Set set) {
    if (reader_.peek() != '"') {
      std::string found;
      if (!skip_wrong(found)) return false;
      save(fmt::format("json: cannot unmarshal {} into Go value of type {}", found, go));
      return true;
    }
    std::string_view text;
    if (!reader_.string(text)) return false;
    auto parsed = parse(text);
    if (parsed) set(m, *parsed);
    else save(parsed.error().message());
    return true;
  }

  bool quantity(Mut m) {
    std::string_view text;
    std::string other;
    if (reader_.peek() == '"') {
      if (!reader_.string(text)) return false;
    } else {
      if (!reader_.raw(other)) return false;
      text = other;
    }
    while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
    while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
    auto parsed = Quantity::parse(text);
    if (parsed) B::set_quantity(m, *parsed);
    else save(parsed.error().message());
    return true;
  }

  bool int_or_string(Mut m) {
    if (reader_.peek() == '"') {
      std::string_view text;
      if (!reader_.string(text)) return false;
      B::set_int_or_string(m, IntOrString(std::string(text)));
      return true;
    }
    std::string found;
    std::string_view literal;
    if (!is_number()) {
      if (!skip_wrong(found)) return false;
    } else {
      if (!reader_.number(literal)) return false;
      int32_t number = 0;
      auto [end, error] = std::from_chars(literal.data(), literal.data() + literal.size(), number);
      if (error == std::errc() && end == literal.data() + literal.size()) {
        B::set_int_or_string(m, IntOrString(number));
        return true;
      }
      found = fmt::format("number {}", literal);
    }
    save(fmt::format("json: cannot unmarshal {} into Go value of type int32", found));
    return true;
  }

  bool raw(Mut m) {
    std::string out;
    if (!reader_.raw(out)) return false;
    B::set_raw(m, std::move(out));
    return true;
  }

  bool list(const ValueType& type, Mut m) {
    if (reader_.peek() != '[') return wrong(type);
    if (!reader_.take('[') || !reader_.enter()) return false;
    B::start_list(type, m);
    if (!reader_.take(']')) {
      path_.push_back({.is_index = true});
      for (size_t i = 0;; i++) {
        path_.back().index = i;
        if (!value(*type.element, B::append(type, m))) return false;
        if (reader_.take(',')) continue;
        if (!reader_.take(']')) return false;
        break;
      }
      path_.pop_back();
    }
    reader_.leave();
    return true;
  }

  // A key that outlives the next string.
  std::string_view keep(std::string_view key, const char* before) {
    if (key.data() > before && key.data() < reader_.position()) return key;
    return kept_.emplace_back(key);
  }

  bool map(const ValueType& type, Mut m) {
    if (reader_.peek() != '{') return wrong(type);
    if (!reader_.take('{') || !reader_.enter()) return false;
    B::start_map(type, m);
    if (!reader_.take('}')) {
      for (;;) {
        std::string_view key;
        reader_.peek();
        const char* before = reader_.position();
        if (!reader_.string(key) || !reader_.take(':')) return false;
        key = keep(key, before);
        if (B::has_key(type, m, key)) note("duplicate", key);
        path_.push_back({.name = key});
        if (!value(*type.element, B::insert(type, m, key))) return false;
        path_.pop_back();
        if (reader_.take(',')) continue;
        if (!reader_.take('}')) return false;
        break;
      }
    }
    reader_.leave();
    return true;
  }

  // Which fields of an object were met.
  struct Seen {
    uint64_t bits[4] = {};
    bool add(size_t index) {
      if (index >= 256) return true;
      uint64_t bit = uint64_t{1} << (index & 63);
      bool fresh = !(bits[index >> 6] & bit);
      bits[index >> 6] |= bit;
      return fresh;
    }
  };

  bool object(const TypeDesc& type, Mut m) {
    if (type.json_form != JsonForm::kObject) return either(type, m);
    if (reader_.peek() != '{') {
      std::string found;
      if (!skip_wrong(found)) return false;
      save_type_error(found, std::string(type.go_name));
      return true;
    }
    if (!reader_.take('{') || !reader_.enter()) return false;
    B::start_struct(m);
    const TypeDesc* owner = std::exchange(owner_, &type);
    const FieldDesc* field = field_;
    if (!reader_.take('}')) {
      Seen seen;
      size_t hint = 0;
      do {
        if (!member(type, m, seen, hint)) return false;
      } while (reader_.take(','));
      if (!reader_.take('}')) return false;
    }
    owner_ = owner;
    field_ = field;
    reader_.leave();
    return true;
  }

  bool member(const TypeDesc& type, Mut m, Seen& seen, size_t& hint) {
    std::string_view key;
    if (!reader_.string(key)) return false;
    const FieldDesc* field = type.find(key, hint);
    if (!field) return other_member(type, m, key, seen);
    if (!reader_.take(':')) return false;
    size_t index = static_cast<size_t>(field - type.fields.data());
    hint = index + 1;
    if (!seen.add(index)) note("duplicate", field->name);
    if constexpr (B::kDocument) {
      if (reader_.peek() == 'n') return reader_.literal("null");
    }
    path_.push_back({.name = field->name, .is_field = true});
    field_ = field;
    owner_ = &type;
    bool ok = value(*field->value, B::field(m, *field));
    path_.pop_back();
    return ok;
  }

  bool other_member(const TypeDesc& type, Mut m, std::string_view key, Seen& seen) {
    if (type.has_type_meta && (key == "kind" || key == "apiVersion")) return type_meta(type, m, key == "kind", seen);
    if constexpr (B::kDocument) {
      if (type.preserve_unknown) {
        std::string name(key), text;
        if (!reader_.take(':') || !reader_.raw(text)) return false;
        if (m->has(name)) note("duplicate", name);
        B::set_raw(&(*m)[name], text);
        return true;
      }
    }
    note("unknown", key);
    return reader_.take(':') && reader_.skip();
  }

  bool type_meta(const TypeDesc& type, Mut m, bool kind, Seen& seen) {
    std::string_view name = kind ? "kind" : "apiVersion";
    if (!seen.add(kind ? 255 : 254)) note("duplicate", name);
    if (!reader_.take(':')) return false;
    if (reader_.peek() == 'n') return reader_.literal("null");
    if (reader_.peek() != '"') {
      std::string found;
      if (!skip_wrong(found)) return false;
      path_.push_back({.name = name, .is_field = true});
      owner_ = &type;
      save_type_error(found, "string");
      path_.pop_back();
      return true;
    }
    std::string_view text;
    if (!reader_.string(text)) return false;
    if (path_.empty() && notes_) (kind ? notes_->kind : notes_->api_version) = text;
    if constexpr (B::kDocument) (*m)[name] = Value(text);
    return true;
  }

  bool either(const TypeDesc& type, Mut m) {
    if constexpr (B::kDocument) {
      return raw(m);
    } else {
      const FieldDesc& first = type.fields[0];
      const FieldDesc& second = type.fields[1];
      char c = reader_.peek();
      if (c == 'n') return reader_.literal("null");
      if (type.json_form == JsonForm::kOrBool) {
        if (c == '{') {
          B::set_boolean(B::field(m, first), true);
          return value(*second.value, B::field(m, second));
        }
        if (c == 't' || c == 'f') return boolean(*first.value, B::field(m, first));
        save("boolean or JSON schema expected");
        return reader_.skip();
      }
      if (c == '{') return value(*first.value, B::field(m, first));
      if (c == '[') return value(*second.value, B::field(m, second));
      return reader_.skip();
    }
  }

  JsonReader reader_;
  DecodeNotes* notes_;
  std::string error_;
  std::vector<Step> path_;
  std::deque<std::string> kept_;
  const TypeDesc* owner_ = nullptr;
  const TypeDesc* top_ = nullptr;
  const FieldDesc* field_ = nullptr;
};

template <class B>
Status decode(std::string_view text, const TypeDesc& type, typename B::Mut m, DecodeNotes* notes, const DecodeOptions& options) {
  if (text.size() > options.max_bytes)
    return fail(Code::kResourceExhausted, fmt::format("{} bytes of JSON, more than the limit of {}", text.size(), options.max_bytes));
  std::string clean;
  std::string_view input = text;
  if (!simdjson::validate_utf8(text.data(), text.size())) input = clean = sanitized(text);
  Decoder<B> decoder(input, options.max_depth, notes);
  if (!decoder.run(type, m)) {
    std::string message = go_json_error(text);
    return fail(Code::kInvalidArgument, message.empty() ? "exceeded max depth" : std::move(message));
  }
  if (!decoder.error().empty()) return fail(Code::kInvalidArgument, decoder.error());
  return {};
}

}  // namespace

Status decode_json_into(std::string_view text, const TypeDesc& type, void* data, DecodeNotes* notes, const DecodeOptions& options) {
  return decode<StructBacking>(text, type, data, notes, options);
}

Result<Value> decode_json_document(std::string_view text, const TypeDesc& type, DecodeNotes* notes, const DecodeOptions& options) {
  Value document;
  TRY(decode<DocumentBacking>(text, type, &document, notes, options));
  return document;
}

namespace {

Result<Object> decode_tree(std::string_view text, const KindInfo& kind, DecodeNotes* notes, const DecodeOptions& options) {
  TRY_ASSIGN(Value document, decode_json_document(text, *kind.type, notes, options));
  metav1::ObjectMeta meta;
  if (const Value* found = document.find("metadata")) TRY(decode_json_into(to_json(*found), type_of<metav1::ObjectMeta>(), &meta, nullptr, options));
  for (std::string_view name : {"metadata", "kind", "apiVersion"}) document.erase(name);
  return Object::of_tree(kind, std::move(meta), std::move(document));
}

}  // namespace

Result<Object> decode_json(std::string_view text, const KindInfo& kind, DecodeNotes* notes, const DecodeOptions& options) {
  if (kind.tree) return decode_tree(text, kind, notes, options);
  Object object = Object::make(kind);
  TRY(decode_json_into(text, *kind.type, object.mut_data(), notes, options));
  return object;
}

Result<Object> decode_json(std::string_view text, DecodeNotes* notes, const DecodeOptions& options) {
  TRY_ASSIGN(TypeMetaText meta, peek_type_meta(text));
  const KindInfo* kind = find_kind(meta.api_version, meta.kind);
  if (!kind) return fail(Code::kNotFound, fmt::format("no kind \"{}\" is registered for version \"{}\"", meta.kind, meta.api_version));
  return decode_json(text, *kind, notes, options);
}

Result<TypeMetaText> peek_type_meta(std::string_view text) {
  JsonReader reader(text, DecodeOptions().max_depth);
  auto syntax = [&] {
    std::string message = go_json_error(text);
    return fail(Code::kInvalidArgument, message.empty() ? "exceeded max depth" : std::move(message));
  };
  TypeMetaText meta;
  if (reader.peek() != '{') {
    char c = reader.peek();
    if (!reader.skip() || !reader.at_end()) return syntax();
    std::string_view found = c == '"' ? "string" : c == '[' ? "array" : c == 't' || c == 'f' ? "bool" : "number";
    if (c == 'n') return meta;
    return fail(Code::kInvalidArgument, fmt::format("json: cannot unmarshal {} into Go value of type struct {{ APIVersion string "
                                                    "\"json:\\\"apiVersion,omitempty\\\"\"; Kind string \"json:\\\"kind,omitempty\\\"\" }}",
                                                    found));
  }
  std::string wrong;
  reader.take('{');
  if (!reader.take('}')) {
    do {
      std::string_view key;
      reader.peek();
      if (!reader.string(key)) return syntax();
      std::string* target = key == "kind" ? &meta.kind : key == "apiVersion" ? &meta.api_version : nullptr;
      std::string name(target ? key : std::string_view());
      if (!reader.take(':')) return syntax();
      char c = reader.peek();
      std::string_view value;
      if (target && c == '"') {
        if (!reader.string(value)) return syntax();
        *target = value;
        continue;
      }
      if (!reader.skip()) return syntax();
      if (target && c != 'n' && wrong.empty())
        wrong = fmt::format("json: cannot unmarshal {} into Go struct field .{} of type string",
                            c == '{'               ? "object"
                            : c == '['             ? "array"
                            : c == 't' || c == 'f' ? "bool"
                                                   : "number",
                            name);
    } while (reader.take(','));
    if (!reader.take('}')) return syntax();
  }
  if (!reader.at_end()) return syntax();
  if (!wrong.empty()) return fail(Code::kInvalidArgument, std::move(wrong));
  return meta;
}

Result<Object> from_value(const Value& document, const KindInfo& kind, DecodeNotes* notes) { return decode_json(to_json(document), kind, notes); }

}  // namespace reigen::api
