// Protobuf in and out as Kubernetes' gogo-generated code writes it. Thread-safe; nothing is kept.
#pragma once

#include <string>
#include <string_view>

#include "api/json.h"
#include "api/object.h"
#include "base/result.h"

namespace reigen::api {

// Begins every stored or sent object; runtime.Unknown{typeMeta, raw, contentEncoding, contentType} follows.
inline constexpr std::string_view kProtobufMagic{"k8s\0", 4};

// With magic and envelope. Objects that are documents have no protobuf form: kUnimplemented.
Result<std::string> encode_protobuf(const Object& object);
void append_protobuf(std::string& out, const KindInfo& kind, const void* data);
// The message alone.
void append_protobuf_message(std::string& out, const TypeDesc& type, const void* data);

struct ProtobufLimits {
  int max_depth = 1000;
  size_t max_bytes = 64u << 20;
  // The sum of all list elements and map entries: each costs memory although it may be two bytes on the wire.
  size_t max_elements = 4u << 20;
};

// The kind as the envelope says; kNotFound where it is unknown, kDataLoss where bytes are wrong.
Result<Object> decode_protobuf(std::string_view bytes, const ProtobufLimits& limits = {});
// With or without an envelope's kind; another kind in the envelope is kInvalidArgument.
Result<Object> decode_protobuf(std::string_view bytes, const KindInfo& kind, const ProtobufLimits& limits = {});
Status decode_protobuf_message(std::string_view bytes, const TypeDesc& type, void* data, const ProtobufLimits& limits = {});

// Makes of the object what its protobuf form keeps: what encoding and decoding it would give, at a tenth of their cost. False: not known
// without doing so (documents, types without a protobuf form); the object may have changed.
bool settle_as_protobuf(Object& object);

// Documents of built-in types, through their table.
void append_protobuf(std::string& out, const KindInfo& kind, const Value& document);
Result<Value> decode_protobuf_document(std::string_view message, const TypeDesc& type, const ProtobufLimits& limits = {});

// Appends the JSON of a message, byte for byte what decoding it and append_json give, without making the struct. False, with `out` as
// it was: the bytes or the type are not of the common kind (fields in parts, types that are one thing or another, broken bytes), and
// must be decoded.
struct TranscodeOptions {
  const KindInfo* type_meta = nullptr;     // kind and apiVersion to begin with
  std::string_view resource_version = {};  // instead of the metadata's own
};
bool append_json_of_protobuf(std::string& out, const TypeDesc& type, std::string_view message, const TranscodeOptions& options = {});

struct Envelope {
  std::string_view api_version, kind, raw, content_encoding, content_type;  // within the bytes given
};
Result<Envelope> open_envelope(std::string_view bytes);

}  // namespace reigen::api
