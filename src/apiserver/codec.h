// Objects to and from bytes: request bodies, stored values, answers.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "api/object.h"
#include "apiserver/conversion.h"
#include "apiserver/media_type.h"
#include "apiserver/request_options.h"
#include "base/result.h"

namespace reigen::apiserver {

// Why a document of that apiVersion and kind (empty: as expected) cannot be read as the expected one; empty where it can.
std::string kind_mismatch(std::string_view api_version, std::string_view kind, const api::KindInfo& expected);

// The body of a create or update as an object of `expected`, with schema defaults. `findings` gets the texts of strict decoding when
// validation is kWarn; with kStrict they are an error. Errors carry the statuses of kube-apiserver (400).
Result<api::Object> decode_body(std::string_view body, Encoding encoding, const api::KindInfo& expected, FieldValidation validation,
                                std::vector<std::string>& findings);

// 415 with the media types a body may have.
Error unsupported_body();
// 406 with the media types an answer may have.
// `accept`: of the request; a form nobody knows is answered otherwise than a known one in a shape that is not served.
Error not_acceptable(std::string_view accept);

// Kubernetes' envelope around protobuf; resourceVersion left out.
std::string encode_stored(const api::Object& object);
// kDataLoss when the bytes are no object of a known kind. The result is of `stored`, with resourceVersion set.
Result<api::Object> decode_stored(std::string_view bytes, const api::KindInfo& stored, int64_t revision);
// The same object's JSON, appended; without decoding where that can be done.
Status append_stored_json(std::string& out, std::string_view bytes, const api::KindInfo& stored, int64_t revision);

// With kind and apiVersion; JSON without a final newline.
std::string encode_json(const api::Object& object);
// In the given encoding, ready to be sent.
std::string encode_answer(const api::Object& object, Encoding encoding, bool pretty);
// Compact JSON as YAML, or indented by two.
std::string json_to_yaml(std::string_view json);
std::string pretty_json(std::string_view json);
// A JSON text in protobuf's envelope for Status, by decoding it: for answers that exist as JSON.
Result<std::string> json_to_protobuf(std::string_view json);

}  // namespace reigen::apiserver
