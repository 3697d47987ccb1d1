#include <array>
#include <charconv>

#include "api/cursor.h"
#include "api/json.h"

namespace reigen::api {
namespace {

void append_integer(std::string& out, int64_t value) {
  char buffer[24];
  auto [end, error] = std::to_chars(buffer, buffer + sizeof buffer, value);
  out.append(buffer, end);
}

void append_type_meta(std::string& out, const KindInfo& kind) {
  out.append("\"kind\":\"").append(kind.kind).append("\",\"apiVersion\":\"").append(kind.api_version).append("\",");
}

template <class B>
class Encoder {
 public:
  using Ref = typename B::Ref;
  Encoder(std::string& out, const EncodeOptions& options) : out_(out), options_(options) {}

  void object(const TypeDesc& type, Ref r, const KindInfo* kind) {
    if (type.json_form != JsonForm::kObject) return either(type, r);
    out_ += '{';
    if (kind) append_type_meta(out_, *kind);
    for (const FieldDesc& field : type.fields) {
      Ref value = B::field(r, field);
      if (field.omitempty && empty(*field.value, value)) continue;
      out_ += '"';
      out_ += field.name;
      out_ += "\":";
      if (field.value->kind == Kind::kList && (field.empty_list || field.type_meta)) list(field, value);
      else this->value(*field.value, value);
      out_ += ',';
    }
    close('}');
  }

 private:
  // What Go's omitempty leaves out; never a struct.
  static bool empty(const ValueType& type, Ref r) {
    std::string scratch;
    switch (type.kind) {
      case Kind::kString: return B::text(r).empty();
      case Kind::kInt32:
      case Kind::kInt64: return B::integer(type, r) == 0;
      case Kind::kDouble: return B::number(r) == 0;
      case Kind::kBool: return !B::boolean(r);
      case Kind::kBytes: return B::bytes(r, scratch).empty();
      case Kind::kPointer: return !B::pointee(type, r);
      case Kind::kList: return B::list_size(type, r) == 0;
      case Kind::kMap: return B::map_size(type, r) == 0;
      default: return false;
    }
  }

  // Replaces the comma after the last member, if there is one.
  void close(char bracket) {
    if (out_.back() == ',') out_.back() = bracket;
    else out_ += bracket;
  }

  void list(const FieldDesc& field, Ref r) {
    if (B::list_size(*field.value, r) == 0) {
      out_ += field.empty_list ? "[]" : "null";
      return;
    }
    const TypeDesc* element = field.value->element->type;
    const KindInfo* kind = field.type_meta && options_.element_type_meta && element ? kind_of_type(*element) : nullptr;
    out_ += '[';
    B::each_element(*field.value, r, [&](Ref item) {
      if (element) object(*element, item, kind);
      else value(*field.value->element, item);
      out_ += ',';
    });
    close(']');
  }

  static const KindInfo* kind_of_type(const TypeDesc& type) { return find_kind(type.group == "meta" ? "meta.k8s.io" : type.group, type.version, type.name); }

  void text(std::string_view text) {
    out_ += '"';
    out_ += text;
    out_ += '"';
  }

  void value(const ValueType& type, Ref r, bool element = false) {
    std::string scratch;
    switch (type.kind) {
      case Kind::kString: return append_json_string(out_, B::text(r));
      case Kind::kInt32:
      case Kind::kInt64: return append_integer(out_, B::integer(type, r));
      case Kind::kDouble: return append_json_double(out_, B::number(r));
      case Kind::kBool: out_ += B::boolean(r) ? "true" : "false"; return;
      case Kind::kBytes: return bytes(B::bytes(r, scratch), element);
      case Kind::kTime: return time(B::time(r));
      case Kind::kMicroTime: return time(B::micro_time(r));
      case Kind::kDuration: return text(B::duration(r).to_string());
      case Kind::kQuantity: return text(B::quantity(r).to_string());
      case Kind::kIntOrString: {
        IntOrString held;
        const IntOrString& v = B::int_or_string(r, held);
        return v.is_string ? append_json_string(out_, v.text) : append_integer(out_, v.number);
      }
      case Kind::kRaw: return append_embedded_json(out_, B::raw(r, scratch));
      case Kind::kStruct: return object(*type.type, r, nullptr);
      case Kind::kPointer:
        if (Ref pointee = B::pointee(type, r)) return value(*type.element, pointee);
        out_ += "null";
        return;
      case Kind::kList: return elements(type, r);
      case Kind::kMap: return entries(type, r);
    }
  }

  void bytes(std::string_view data, bool element) {
    if (data.empty() && !element) {
      out_ += "null";
      return;
    }
    out_ += '"';
    append_base64(out_, data);
    out_ += '"';
  }

  template <class T>
  void time(T time) {
    if (time.is_zero()) out_ += "null";
    else text(time.to_string());
  }

  void elements(const ValueType& type, Ref r) {
    if (B::list_size(type, r) == 0) {
      out_ += "null";
      return;
    }
    out_ += '[';
    B::each_element(type, r, [&](Ref item) {
      value(*type.element, item, true);
      out_ += ',';
    });
    close(']');
  }

  void entries(const ValueType& type, Ref r) {
    if (B::map_size(type, r) == 0) {
      out_ += "null";
      return;
    }
    out_ += '{';
    B::each_entry(type, r, [&](std::string_view key, Ref entry) {
      append_json_string(out_, key);
      out_ += ':';
      value(*type.element, entry, true);
      out_ += ',';
    });
    close('}');
  }

  // Types that are one thing or another in JSON. In a document they already are what they are.
  void either(const TypeDesc& type, Ref r) {
    if constexpr (B::kDocument) {
      if (r) append_json(out_, *r);
      else out_ += "null";
    } else {
      const FieldDesc& first = type.fields[0];
      const FieldDesc& second = type.fields[1];
      const FieldDesc& many = type.json_form == JsonForm::kOrBool ? first : second;
      const FieldDesc& schema = type.json_form == JsonForm::kOrBool ? second : first;
      Ref list = B::field(r, many);
      Ref one = B::field(r, schema);
      if (type.json_form == JsonForm::kOrBool) {
        if (B::pointee(*schema.value, one)) value(*schema.value, one);
        else out_ += B::boolean(list) ? "true" : "false";
      } else if (B::list_size(*many.value, list) > 0) {
        value(*many.value, list);
      } else {
        value(*schema.value, one);
      }
    }
  }

  std::string& out_;
  const EncodeOptions options_;
};

}  // namespace

void append_embedded_json(std::string& out, std::string_view raw) {
  if (raw.empty()) {
    out += "null";
    return;
  }
  static constexpr auto kSpecial = [] {
    std::array<bool, 256> special{};
    for (unsigned char c : {'<', '>', '&', '\xe2'}) special[c] = true;
    return special;
  }();
  size_t clean = 0;
  for (size_t i = 0; i < raw.size(); i++) {
    char c = raw[i];
    if (!kSpecial[static_cast<unsigned char>(c)]) continue;
    const char* escaped = c == '<' ? "\\u003c" : c == '>' ? "\\u003e" : c == '&' ? "\\u0026" : nullptr;
    size_t width = 1;
    if (!escaped) {
      bool separator = i + 2 < raw.size() && raw[i + 1] == '\x80' && (raw[i + 2] & ~1) == '\xa8';
      if (!separator) continue;
      escaped = raw[i + 2] == '\xa8' ? "\\u2028" : "\\u2029";
      width = 3;
    }
    out.append(raw, clean, i - clean).append(escaped);
    clean = i + width;
    i = clean - 1;
  }
  out.append(raw, clean);
}

void append_json(std::string& out, const TypeDesc& type, const void* data) { Encoder<StructBacking>(out, {}).object(type, data, nullptr); }

void append_json(std::string& out, const KindInfo& kind, const void* data, const EncodeOptions& options) {
  Encoder<StructBacking>(out, options).object(*kind.type, data, kind.type->has_type_meta ? &kind : nullptr);
}

void append_json(std::string& out, const TypeDesc& type, const Value& document) { Encoder<DocumentBacking>(out, {}).object(type, &document, nullptr); }

void append_json(std::string& out, const Object& object) {
  // Documents print as Go prints unstructured objects: members sorted, whatever they are.
  if (object.is_tree()) append_json(out, to_value(object), {.sorted = true});
  else append_json(out, object.kind(), object.data());
}

std::string encode_json(const Object& object) {
  std::string out;
  append_json(out, object);
  return out;
}

std::string indent_json(std::string_view compact) {
  std::string out;
  out.reserve(compact.size() * 2);
  size_t depth = 0;
  auto line = [&] { out.append(1, '\n').append(depth * 2, ' '); };
  for (size_t i = 0; i < compact.size(); i++) {
    char c = compact[i];
    if (c == '"') {
      size_t end = i + 1;
      while (end < compact.size() && compact[end] != '"') end += compact[end] == '\\' ? 2 : 1;
      out.append(compact.substr(i, end - i + 1));
      i = end;
    } else if (c == '{' || c == '[') {
      out += c;
      if (i + 1 < compact.size() && (compact[i + 1] == '}' || compact[i + 1] == ']')) out += compact[++i];
      else depth++, line();
    } else if (c == '}' || c == ']') {
      depth--, line();
      out += c;
    } else if (c == ',') {
      out += c, line();
    } else if (c == ':') {
      out += ": ";
    } else {
      out += c;
    }
  }
  return out;
}

}  // namespace reigen::api
