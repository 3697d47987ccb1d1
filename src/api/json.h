// JSON in and out, for objects of any kind.
//
// Out: byte for byte what Go's encoding/json writes for the Kubernetes types. In: what sigs.k8s.io/json accepts (names are
// case-sensitive, the last duplicate counts), with Go's error texts. Thread-safe; nothing is kept.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "api/object.h"
#include "base/result.h"

namespace reigen::api {

class Value;

// Compact, with kind and apiVersion of the object's kind first.
std::string encode_json(const Object& object);
void append_json(std::string& out, const Object& object);
// JSON from elsewhere, already compact: only what Go's encoder escapes in embedded JSON changes. Nothing is null.
void append_embedded_json(std::string& out, std::string_view raw);
// A struct of the type; no kind and apiVersion.
void append_json(std::string& out, const TypeDesc& type, const void* data);
struct EncodeOptions {
  // The objects inside StatefulSet's volumeClaimTemplates and PartialObjectMetadataList carry kind and apiVersion, which a Kubernetes
  // server adds on the way out.
  bool element_type_meta = true;
};
// A kind's struct, with kind and apiVersion.
void append_json(std::string& out, const KindInfo& kind, const void* data, const EncodeOptions& options = {});

// A generated struct: with kind and apiVersion where it is a kind's.
template <class T>
  requires(!std::is_same_v<T, Object>)
std::string encode_json(const T& value) {
  std::string out;
  if constexpr (requires { T::kKind; }) append_json(out, kind_of<T>(), &value);
  else append_json(out, type_of<T>(), &value);
  return out;
}

// The same JSON text, indented by two blanks as Go's json.Indent does ("pretty").
std::string indent_json(std::string_view compact);

struct DecodeOptions {
  size_t max_depth = 1000;       // nested objects and lists; deeper is kInvalidArgument "exceeded max depth"
  size_t max_bytes = 64u << 20;  // longer is kResourceExhausted
};

// What a decoder noticed beside the object.
struct DecodeNotes {
  // `unknown field "spec.foo"`, `duplicate field "metadata.name"`: in the order met, each once, 100 at most.
  std::vector<std::string> strict;
  // As the document says; empty where it does not.
  std::string api_version;
  std::string kind;
};

// kInvalidArgument with Go's text: a syntax error ("invalid character ..."), or the first wrong type ("json: cannot unmarshal string
// into Go struct field PodSpec.spec.priority of type int32"). The document's own kind and apiVersion are not compared.
Result<Object> decode_json(std::string_view text, const KindInfo& kind, DecodeNotes* notes = nullptr, const DecodeOptions& options = {});
// The kind as the document says; kNotFound where it is unknown: `no kind "X" is registered for version "v1"`.
Result<Object> decode_json(std::string_view text, DecodeNotes* notes = nullptr, const DecodeOptions& options = {});
// Into a struct of the type, on top of what it holds.
Status decode_json_into(std::string_view text, const TypeDesc& type, void* data, DecodeNotes* notes = nullptr, const DecodeOptions& options = {});
template <class T>
Result<T> decode_json_as(std::string_view text, DecodeNotes* notes = nullptr, const DecodeOptions& options = {}) {
  T value;
  TRY(decode_json_into(text, type_of<T>(), &value, notes, options));
  return value;
}

// kind and apiVersion of a document, without decoding the rest. kInvalidArgument where it is no JSON object.
struct TypeMetaText {
  std::string api_version;
  std::string kind;
};
Result<TypeMetaText> peek_type_meta(std::string_view text);

// Between objects and documents. A document of an object is what its JSON parses to.
Value to_value(const Object& object);
Value to_value(const TypeDesc& type, const void* data);
Result<Object> from_value(const Value& document, const KindInfo& kind, DecodeNotes* notes = nullptr);

// A document through the table of its type, as if it were a struct: absent members get the zero value where Go would write it,
// members outside the table are left out (tests, and built-in kinds that come as documents).
void append_json(std::string& out, const TypeDesc& type, const Value& document);
// Decodes into a document by the table: unknown members are noted and left out (kept where the table says so), types are checked,
// quantities made canonical.
Result<Value> decode_json_document(std::string_view text, const TypeDesc& type, DecodeNotes* notes = nullptr, const DecodeOptions& options = {});

}  // namespace reigen::api
