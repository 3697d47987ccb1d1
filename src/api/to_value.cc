// A struct as the document its JSON parses to, without the text between.
#include "api/cursor.h"
#include "api/json.h"
#include "api/metav1.h"

namespace reigen::api {
namespace {

using B = StructBacking;

Value object(const TypeDesc& type, const void* data, const KindInfo* kind);

const KindInfo* element_kind(const FieldDesc& field) {
  const TypeDesc* type = field.type_meta ? field.value->element->type : nullptr;
  return type ? find_kind(type->group == "meta" ? "meta.k8s.io" : type->group, type->version, type->name) : nullptr;
}

template <class T>
Value time_value(T time) {
  return time.is_zero() ? Value() : Value(time.to_string());
}

// `element`: of a list or map, where empty bytes are an empty text and not null.
Value value(const ValueType& type, const void* r, const FieldDesc& field, bool element = false) {
  switch (type.kind) {
    case Kind::kString: return Value(B::text(r));
    case Kind::kInt32:
    case Kind::kInt64: return Value(B::integer(type, r));
    case Kind::kDouble: {
      // As the text would be read back: a whole number is an integer.
      std::string text;
      append_json_double(text, B::number(r));
      return parse_json(text).value_or(Value());
    }
    case Kind::kBool: return Value(B::boolean(r));
    case Kind::kBytes: {
      const std::string& data = B::get<Bytes>(r).data;
      return data.empty() && !element ? Value() : Value(base64_encode(data));
    }
    case Kind::kTime: return time_value(B::time(r));
    case Kind::kMicroTime: return time_value(B::micro_time(r));
    case Kind::kDuration: return Value(B::duration(r).to_string());
    case Kind::kQuantity: return Value(B::quantity(r).to_string());
    case Kind::kIntOrString: {
      const auto& held = B::get<IntOrString>(r);
      return held.is_string ? Value(held.text) : Value(held.number);
    }
    case Kind::kRaw: {
      const std::string& raw = B::get<RawExtension>(r).raw;
      return raw.empty() ? Value() : parse_json(raw).value_or(Value());
    }
    case Kind::kStruct: return object(*type.type, r, nullptr);
    case Kind::kPointer: {
      const void* pointee = B::pointee(type, r);
      return pointee ? value(*type.element, pointee, field) : Value();
    }
    case Kind::kList: {
      if (B::list_size(type, r) == 0) return field.empty_list && !element ? Value::array() : Value();
      const KindInfo* kind = element_kind(field);
      Value::Array items;
      items.reserve(B::list_size(type, r));
      B::each_element(type, r, [&](const void* item) { items.push_back(kind ? object(*kind->type, item, kind) : value(*type.element, item, field, true)); });
      return Value(std::move(items));
    }
    case Kind::kMap: {
      if (B::map_size(type, r) == 0) return Value();
      Value out = Value::object();
      B::each_entry(type, r, [&](std::string_view key, const void* entry) { out.set(key, value(*type.element, entry, field, true)); });
      return out;
    }
  }
  return Value();
}

bool left_out(const ValueType& type, const void* r) {
  switch (type.kind) {
    case Kind::kString: return B::text(r).empty();
    case Kind::kInt32:
    case Kind::kInt64: return B::integer(type, r) == 0;
    case Kind::kDouble: return B::number(r) == 0;
    case Kind::kBool: return !B::boolean(r);
    case Kind::kBytes: return B::get<Bytes>(r).empty();
    case Kind::kPointer: return !B::pointee(type, r);
    case Kind::kList: return B::list_size(type, r) == 0;
    case Kind::kMap: return B::map_size(type, r) == 0;
    default: return false;
  }
}

Value object(const TypeDesc& type, const void* data, const KindInfo* kind) {
  if (type.json_form != JsonForm::kObject) {
    std::string text;
    append_json(text, type, data);
    return parse_json(text).value_or(Value());
  }
  Value out = Value::object();
  if (kind) {
    out.set("kind", Value(kind->kind));
    out.set("apiVersion", Value(kind->api_version));
  }
  for (const FieldDesc& field : type.fields) {
    const void* r = B::field(data, field);
    if (field.omitempty && left_out(*field.value, r)) continue;
    out.set(field.name, value(*field.value, r, field));
  }
  return out;
}

}  // namespace

Value to_value(const TypeDesc& type, const void* data) { return object(type, data, nullptr); }

Value to_value(const Object& document) {
  if (!document.is_tree()) return object(document.type(), document.data(), document.type().has_type_meta ? &document.kind() : nullptr);
  Value out = document.tree();
  out.set("apiVersion", Value(document.kind().api_version));
  out.set("kind", Value(document.kind().kind));
  out.set("metadata", to_value(type_of<metav1::ObjectMeta>(), &document.meta()));
  return out;
}

}  // namespace reigen::api
