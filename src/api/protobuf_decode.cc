#include <cstring>
#include <memory>

#include <fmt/core.h>

#include "api/cursor.h"
#include "api/json.h"
#include "api/protobuf.h"
#include "api/protobuf_wire.h"

namespace reigen::api {
namespace {

template <class B>
class Decoder {
 public:
  using Mut = typename B::Mut;
  explicit Decoder(const ProtobufLimits& limits) : limits_(limits), elements_left_(limits.max_elements) {}
  Error error() const { return Error(code_, error_); }

  bool message(const TypeDesc& type, std::string_view bytes, Mut m) {
    if constexpr (B::kDocument) {
      if (type.json_form != JsonForm::kObject) return either(type, bytes, m);
    }
    if (++depth_ > limits_.max_depth) return bad("too deeply nested");
    B::start_struct(m);
    Wire wire(bytes);
    size_t hint = 0;
    while (!wire.done()) {
      unsigned number = 0, kind = 0;
      if (!wire.tag(number, kind)) return bad(fmt::format("{}: broken tag", type.name));
      const FieldDesc* found = find(type, number, hint);
      if (!found) {
        if (!wire.skip(kind)) return bad(fmt::format("{}: broken field {}", type.name, number));
        continue;
      }
      if (!field(*found, wire, kind, m)) return bad(fmt::format("{}.{}: broken bytes", type.name, found->name));
    }
    depth_--;
    return true;
  }

 private:
  bool bad(std::string text) {
    if (error_.empty()) error_ = "protobuf: " + std::move(text);
    return false;
  }

  static const FieldDesc* find(const TypeDesc& type, unsigned number, size_t& hint) {
    size_t count = type.own_fields.size();
    for (size_t i = 0; i < count; i++, hint = hint + 1 < count ? hint + 1 : 0)
      if (type.own_fields[hint].number == number) return &type.own_fields[hint];
    return nullptr;
  }

  bool either(const TypeDesc& type, std::string_view bytes, Mut m) {
    std::unique_ptr<void, void (*)(void*)> held(type.create(), type.destroy);
    Decoder<StructBacking> decoder(limits_);
    if (!decoder.message(type, bytes, held.get())) return bad("broken " + std::string(type.name));
    if constexpr (B::kDocument) *m = to_value(type, held.get());
    return true;
  }

  bool field(const FieldDesc& field, Wire& wire, unsigned kind, Mut m) {
    if (field.inlined) {
      std::string_view bytes;
      if (kind != 2 || !wire.bytes(bytes)) return false;
      if constexpr (B::kDocument) return message(*field.value->type, bytes, m);
      else return message(*field.value->type, bytes, B::field(m, field));
    }
    return value(*field.value, wire, kind, B::field(m, field));
  }

  bool value(const ValueType& type, Wire& wire, unsigned kind, Mut m) {
    uint64_t number = 0;
    std::string_view bytes;
    switch (type.kind) {
      case Kind::kInt32:
      case Kind::kInt64:
        if (kind != 0 || !wire.varint(number)) return false;
        B::set_integer(type, m, type.kind == Kind::kInt32 ? static_cast<int32_t>(number) : static_cast<int64_t>(number));
        return true;
      case Kind::kBool:
        if (kind != 0 || !wire.varint(number)) return false;
        B::set_boolean(m, number != 0);
        return true;
      case Kind::kDouble: {
        if (kind != 1 || !wire.fixed(8, number)) return false;
        double held;
        std::memcpy(&held, &number, sizeof held);
        B::set_number(m, held);
        return true;
      }
      case Kind::kPointer: return value(*type.element, wire, kind, B::ensure_pointee(type, m));
      case Kind::kList: return list(type, wire, kind, m);
      default: break;
    }
    if (kind != 2 || !wire.bytes(bytes)) return false;
    if (type.kind == Kind::kString) B::set_text(m, bytes);
    else if (type.kind == Kind::kBytes) B::set_bytes(m, std::string(bytes));
    else if (type.kind == Kind::kMap) return entry(type, bytes, m);
    else if (type.kind == Kind::kStruct) return message(*type.type, bytes, m);
    else return small(type, bytes, m);
    return true;
  }

  bool count_element() {
    if (elements_left_ == 0) {
      code_ = Code::kResourceExhausted;
      return bad("too many elements");
    }
    elements_left_--;
    return true;
  }

  bool list(const ValueType& type, Wire& wire, unsigned kind, Mut m) {
    std::string_view bytes;
    if constexpr (B::kDocument) {
      if (!m->is_array()) *m = Value::array();
    }
    if (type.wrapped) {
      if (kind != 2 || !wire.bytes(bytes)) return false;
      Wire inner(bytes);
      while (!inner.done()) {
        unsigned number = 0, inner_kind = 0;
        if (!inner.tag(number, inner_kind)) return false;
        if (number != 1) {
          if (!inner.skip(inner_kind)) return false;
          continue;
        }
        if (!count_element() || !value(*type.element, inner, inner_kind, B::append(type, m))) return false;
      }
      return true;
    }
    Kind element = type.element->kind;
    bool packable = element == Kind::kInt32 || element == Kind::kInt64 || element == Kind::kBool || element == Kind::kDouble;
    if (packable && kind == 2) {
      if (!wire.bytes(bytes)) return false;
      Wire inner(bytes);
      while (!inner.done())
        if (!count_element() || !value(*type.element, inner, element == Kind::kDouble ? 1 : 0, B::append(type, m))) return false;
      return true;
    }
    return count_element() && value(*type.element, wire, kind, B::append(type, m));
  }

  bool entry(const ValueType& type, std::string_view bytes, Mut m) {
    if (!count_element()) return false;
    B::start_map(type, m);
    Wire wire(bytes);
    std::string_view key;
    // The value may come before its key: find the key first.
    for (Wire keys(bytes); !keys.done();) {
      unsigned number = 0, kind = 0;
      if (!keys.tag(number, kind)) return false;
      if (number == 1 && kind == 2 ? !keys.bytes(key) : !keys.skip(kind)) return false;
    }
    Mut target = B::insert(type, m, key);
    while (!wire.done()) {
      unsigned number = 0, kind = 0;
      if (!wire.tag(number, kind)) return false;
      if (number == 2 ? !value(*type.element, wire, kind, target) : !wire.skip(kind)) return false;
    }
    if constexpr (B::kDocument) {  // a value left out is the type's zero
      if (target->is_null() && (type.element->kind == Kind::kString || type.element->kind == Kind::kBytes)) *target = Value("");
    }
    return true;
  }

  // Messages of a few scalars behind types that are no structs.
  bool small(const ValueType& type, std::string_view bytes, Mut m) {
    uint64_t numbers[4] = {};
    std::string_view texts[4];
    Wire wire(bytes);
    while (!wire.done()) {
      unsigned number = 0, kind = 0;
      if (!wire.tag(number, kind)) return false;
      bool known = number < 4;
      if (known && kind == 0 ? !wire.varint(numbers[number]) : known && kind == 2 ? !wire.bytes(texts[number]) : !wire.skip(kind)) return false;
    }
    auto seconds = static_cast<int64_t>(numbers[1]);
    auto nanos = static_cast<int32_t>(numbers[2]);
    switch (type.kind) {
      case Kind::kTime: return set_time(m, seconds, nanos);
      case Kind::kMicroTime:
        if (!in_range(seconds, nanos)) return bad("time out of range");
        B::set_micro_time(m, seconds == 0 && nanos == 0 ? MicroTime() : MicroTime(seconds * 1'000'000 + nanos / 1000));
        return true;
      case Kind::kDuration: B::set_duration(m, Duration(reigen::Duration(seconds))); return true;
      case Kind::kQuantity: {
        auto parsed = Quantity::parse(texts[1]);
        if (!parsed) return bad(parsed.error().message());
        B::set_quantity(m, *parsed);
        return true;
      }
      case Kind::kIntOrString: {
        IntOrString held(static_cast<int32_t>(numbers[2]));
        held.is_string = numbers[1] != 0;
        held.text = texts[3];
        B::set_int_or_string(m, std::move(held));
        return true;
      }
      case Kind::kRaw: B::set_raw(m, std::string(texts[1])); return true;
      default: return false;
    }
  }

  // Years 0 to 9999, which is what RFC 3339 can say.
  static bool in_range(int64_t seconds, int32_t nanos) { return seconds >= Time::kEarliest && seconds <= Time::kLatest && nanos >= 0 && nanos < 1'000'000'000; }
  bool set_time(Mut m, int64_t seconds, int32_t nanos) {
    if (!in_range(seconds, nanos)) return bad("time out of range");
    B::set_time(m, seconds == 0 && nanos == 0 ? Time() : Time(seconds));
    return true;
  }

  const ProtobufLimits& limits_;
  size_t elements_left_;
  int depth_ = 0;
  Code code_ = Code::kDataLoss;
  std::string error_;
};

template <class B>
Status decode(std::string_view bytes, const TypeDesc& type, typename B::Mut m, const ProtobufLimits& limits) {
  if (bytes.size() > limits.max_bytes)
    return fail(Code::kResourceExhausted, fmt::format("{} bytes of protobuf, more than the limit of {}", bytes.size(), limits.max_bytes));
  Decoder<B> decoder(limits);
  if (!decoder.message(type, bytes, m)) return fail(decoder.error());
  return {};
}

bool read_type_meta(std::string_view bytes, Envelope& envelope) {
  Wire wire(bytes);
  while (!wire.done()) {
    unsigned number = 0, kind = 0;
    if (!wire.tag(number, kind)) return false;
    std::string_view* target = number == 1 ? &envelope.api_version : number == 2 ? &envelope.kind : nullptr;
    if (target && kind == 2 ? !wire.bytes(*target) : !wire.skip(kind)) return false;
  }
  return true;
}

}  // namespace

Status decode_protobuf_message(std::string_view bytes, const TypeDesc& type, void* data, const ProtobufLimits& limits) {
  return decode<StructBacking>(bytes, type, data, limits);
}

Result<Value> decode_protobuf_document(std::string_view bytes, const TypeDesc& type, const ProtobufLimits& limits) {
  Value document;
  TRY(decode<DocumentBacking>(bytes, type, &document, limits));
  return document;
}

Result<Envelope> open_envelope(std::string_view bytes) {
  if (!bytes.starts_with(kProtobufMagic))
    return fail(Code::kInvalidArgument, "provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]");
  Envelope envelope;
  Wire wire(bytes.substr(kProtobufMagic.size()));
  auto broken = [] { return fail(Code::kDataLoss, "protobuf: broken envelope"); };
  while (!wire.done()) {
    unsigned number = 0, kind = 0;
    if (!wire.tag(number, kind)) return broken();
    std::string_view meta;
    std::string_view* targets[] = {nullptr, &meta, &envelope.raw, &envelope.content_encoding, &envelope.content_type};
    if (number > 4 || kind != 2) {
      if (!wire.skip(kind)) return broken();
      continue;
    }
    if (!wire.bytes(*targets[number])) return broken();
    if (number == 1 && !read_type_meta(meta, envelope)) return broken();
  }
  return envelope;
}

Result<Object> decode_protobuf(std::string_view bytes, const KindInfo& kind, const ProtobufLimits& limits) {
  TRY_ASSIGN(Envelope envelope, open_envelope(bytes));
  bool named = !envelope.kind.empty() || !envelope.api_version.empty();
  if (named && (envelope.kind != kind.kind || find_kind(envelope.api_version, envelope.kind) != &kind))
    return fail(Code::kInvalidArgument,
                fmt::format("bytes of {} {} where {} {} was expected", envelope.api_version, envelope.kind, kind.api_version, kind.kind));
  if (kind.tree) return fail(Code::kUnimplemented, fmt::format("{}.{} has no protobuf form", kind.kind, kind.api_version));
  Object object = Object::make(kind);
  TRY(decode_protobuf_message(envelope.raw, *kind.type, object.mut_data(), limits));
  return object;
}

Result<Object> decode_protobuf(std::string_view bytes, const ProtobufLimits& limits) {
  TRY_ASSIGN(Envelope envelope, open_envelope(bytes));
  const KindInfo* kind = find_kind(envelope.api_version, envelope.kind);
  if (!kind) return fail(Code::kNotFound, fmt::format("no kind \"{}\" is registered for version \"{}\"", envelope.kind, envelope.api_version));
  return decode_protobuf(bytes, *kind, limits);
}

}  // namespace reigen::api
