#include <cstring>
#include <memory>

#include <fmt/core.h>

#include "api/cursor.h"
#include "api/json.h"
#include "api/protobuf.h"

namespace reigen::api {
namespace {

// A buffer that is filled from its end, as gogo's code does, so that a message's length is known when it is written.
class ReverseBuffer {
 public:
  size_t size() const { return capacity_ - at_; }
  std::string_view view() const { return {data_.get() + at_, size()}; }

  void bytes(std::string_view text) {
    reserve(text.size());
    at_ -= text.size();
    if (!text.empty()) std::memcpy(data_.get() + at_, text.data(), text.size());
  }
  void varint(uint64_t value) {
    reserve(10);
    if (value < 0x80) {
      data_[--at_] = static_cast<char>(value);
      return;
    }
    size_t length = 1;
    for (uint64_t rest = value; rest >= 0x80; rest >>= 7) ++length;
    char* to = data_.get() + (at_ -= length);
    for (; value >= 0x80; value >>= 7) *to++ = static_cast<char>(value | 0x80);
    *to = static_cast<char>(value);
  }
  void fixed64(uint64_t value) {
    char encoded[8];
    for (char& c : encoded) {
      c = static_cast<char>(value);
      value >>= 8;
    }
    bytes({encoded, sizeof encoded});
  }
  void tag(unsigned number, unsigned wire) { varint(number << 3 | wire); }
  void field_varint(unsigned number, uint64_t value) {
    varint(value);
    tag(number, 0);
  }
  void field_bytes(unsigned number, std::string_view text) {
    bytes(text);
    close(number, size() - text.size());
  }
  // Ends (begins, on the wire) a message that started when size() was `before`.
  void close(unsigned number, size_t before) {
    varint(size() - before);
    tag(number, 2);
  }

 private:
  void reserve(size_t more) {
    if (at_ < more) grow(more);
  }
  void grow(size_t more) {
    size_t used = size();
    size_t capacity = std::max<size_t>(capacity_ * 2, used + more + 1024);
    std::unique_ptr<char[]> wider(new char[capacity]);
    if (used) std::memcpy(wider.get() + capacity - used, data_.get() + at_, used);
    data_ = std::move(wider);
    at_ = capacity - used;
    capacity_ = capacity;
  }
  std::unique_ptr<char[]> data_;
  size_t capacity_ = 0;
  size_t at_ = 0;
};

template <class B>
class Encoder {
 public:
  using Ref = typename B::Ref;
  explicit Encoder(ReverseBuffer& out) : out_(out) {}

  void message(const TypeDesc& type, Ref r) {
    if constexpr (B::kDocument) {
      if (type.json_form != JsonForm::kObject) return either(type, r);
    }
    for (auto field = type.own_fields.rbegin(); field != type.own_fields.rend(); ++field) {
      if (!field->inlined) {
        value(field->number, *field->value, B::field(r, *field));
        continue;
      }
      size_t before = out_.size();
      if constexpr (B::kDocument) message(*field->value->type, r);
      else message(*field->value->type, B::field(r, *field));
      out_.close(field->number, before);
    }
  }

 private:
  // What is one thing or another in JSON has its fields only as a struct.
  void either(const TypeDesc& type, Ref r) {
    std::unique_ptr<void, void (*)(void*)> held(type.create(), type.destroy);
    if (r && !decode_json_into(to_json(*r), type, held.get())) return;
    Encoder<StructBacking>(out_).message(type, held.get());
  }

  void value(unsigned number, const ValueType& type, Ref r) {
    std::string scratch;
    switch (type.kind) {
      case Kind::kString: return out_.field_bytes(number, B::text(r));
      case Kind::kInt32:
      case Kind::kInt64: return out_.field_varint(number, static_cast<uint64_t>(B::integer(type, r)));
      case Kind::kBool: return out_.field_varint(number, B::boolean(r));
      case Kind::kDouble: {
        double number_value = B::number(r);
        uint64_t bits;
        std::memcpy(&bits, &number_value, sizeof bits);
        out_.fixed64(bits);
        return out_.tag(number, 1);
      }
      case Kind::kBytes: {
        std::string_view data = B::bytes(r, scratch);
        if (!data.empty() || in_map_) out_.field_bytes(number, data);
        return;
      }
      case Kind::kPointer:
        if (Ref pointee = B::pointee(type, r)) value(number, *type.element, pointee);
        return;
      case Kind::kList: return list(number, type, r);
      case Kind::kMap: return map(number, type, r);
      default: break;
    }
    size_t before = out_.size();
    inner(type, r);
    out_.close(number, before);
  }

  // The types that are a message of their own.
  void inner(const ValueType& type, Ref r) {
    std::string scratch;
    IntOrString held;
    switch (type.kind) {
      case Kind::kStruct: return message(*type.type, r);
      case Kind::kTime:
        if (Time time = B::time(r); !time.is_zero()) timestamp(time.seconds, 0);
        return;
      case Kind::kMicroTime:
        if (MicroTime time = B::micro_time(r); !time.is_zero()) {
          int64_t micros = time.micros % 1'000'000, seconds = time.micros / 1'000'000;
          if (micros < 0) micros += 1'000'000, seconds--;
          timestamp(seconds, micros * 1000);
        }
        return;
      case Kind::kDuration: return out_.field_varint(1, static_cast<uint64_t>(B::duration(r).nanos));
      case Kind::kQuantity: return out_.field_bytes(1, B::quantity(r).to_string());
      case Kind::kIntOrString: {
        const IntOrString& v = B::int_or_string(r, held);
        out_.field_bytes(3, v.text);
        out_.field_varint(2, static_cast<uint64_t>(static_cast<int64_t>(v.number)));
        return out_.field_varint(1, v.is_string);
      }
      case Kind::kRaw:
        if (std::string_view raw = B::raw(r, scratch); !raw.empty()) out_.field_bytes(1, raw);
        return;
      default: return;
    }
  }

  void timestamp(int64_t seconds, int64_t nanos) {
    out_.field_varint(2, static_cast<uint64_t>(nanos));
    out_.field_varint(1, static_cast<uint64_t>(seconds));
  }

  void list(unsigned number, const ValueType& type, Ref r) {
    size_t size = B::list_size(type, r);
    if (type.wrapped) {
      if (size == 0 && !in_map_) return;
      size_t before = out_.size();
      for (size_t i = size; i-- > 0;) value(1, *type.element, B::element(type, r, i));
      return out_.close(number, before);
    }
    for (size_t i = size; i-- > 0;) value(number, *type.element, B::element(type, r, i));
  }

  void map(unsigned number, const ValueType& type, Ref r) {
    B::each_entry_reversed(type, r, [&](std::string_view key, Ref entry) {
      size_t before = out_.size();
      bool outer = std::exchange(in_map_, true);
      value(2, *type.element, entry);
      in_map_ = outer;
      out_.field_bytes(1, key);
      out_.close(number, before);
    });
  }

  ReverseBuffer& out_;
  bool in_map_ = false;  // directly: a map's value is written even when empty
};

template <class B>
void append_envelope(std::string& out, const KindInfo& kind, typename B::Ref r) {
  ReverseBuffer buffer;
  buffer.field_bytes(4, "");
  buffer.field_bytes(3, "");
  size_t before = buffer.size();
  Encoder<B>(buffer).message(*kind.type, r);
  buffer.close(2, before);
  before = buffer.size();
  bool named = kind.type->has_type_meta;
  buffer.field_bytes(2, named ? kind.kind : "");
  buffer.field_bytes(1, named ? kind.api_version : "");
  buffer.close(1, before);
  buffer.bytes(kProtobufMagic);
  out.append(buffer.view());
}

}  // namespace

void append_protobuf(std::string& out, const KindInfo& kind, const void* data) { append_envelope<StructBacking>(out, kind, data); }
void append_protobuf(std::string& out, const KindInfo& kind, const Value& document) { append_envelope<DocumentBacking>(out, kind, &document); }

void append_protobuf_message(std::string& out, const TypeDesc& type, const void* data) {
  ReverseBuffer buffer;
  Encoder<StructBacking>(buffer).message(type, data);
  out.append(buffer.view());
}

Result<std::string> encode_protobuf(const Object& object) {
  if (object.is_tree() || (object.type().own_fields.empty() && !object.type().fields.empty()))
    return fail(Code::kUnimplemented, fmt::format("{}.{} has no protobuf form", object.kind().kind, object.kind().api_version));
  std::string out;
  append_protobuf(out, object.kind(), object.data());
  return out;
}

}  // namespace reigen::api
