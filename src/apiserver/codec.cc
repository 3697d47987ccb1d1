#include "apiserver/codec.h"

#include "api/defaults.h"
#include "api/errors.h"
#include "api/json.h"
#include "api/metav1.h"
#include "api/protobuf.h"
#include "api/value.h"
#include "api/yaml.h"
#include "apiserver/conversion.h"

namespace reigen::apiserver {
namespace {

constexpr std::string_view kAccepted = "application/json, application/yaml, application/vnd.kubernetes.protobuf";

std::string hex(std::string_view bytes) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string out;
  for (unsigned char byte : bytes) (out += kDigits[byte >> 4]) += kDigits[byte & 15];
  return out;
}

// A body as kube-apiserver shows it in an error: an object's text, other bytes as hexadecimal digits, both cut.
std::string shown(std::string_view body) {
  constexpr size_t kMax = 30;
  if (body.empty()) return "<empty>";
  std::string_view cut = body.substr(0, kMax);
  return (body.front() == '{' ? std::string(cut) : hex(cut)) + (body.size() > kMax ? " ..." : "");
}

Fail unrecognized(const api::KindInfo& expected, std::string_view body, std::string_view why) {
  return reigen::fail(api::bad_request("the object provided is unrecognized (must be of type " + std::string(expected.kind) + "): " + std::string(why) + " (" +
                                       shown(body) + ")"));
}

Fail not_handled(std::string_view version, std::string_view kind, const api::KindInfo& expected, std::string_view why) {
  return reigen::fail(api::bad_request(std::string(kind) + " in version \"" + std::string(version) + "\" cannot be handled as a " + std::string(expected.kind) +
                                       ": " + std::string(why)));
}

std::string_view version_part(std::string_view api_version) {
  size_t slash = api_version.find('/');
  return slash == std::string_view::npos ? api_version : api_version.substr(slash + 1);
}
std::string_view group_part(std::string_view api_version) {
  size_t slash = api_version.find('/');
  return slash == std::string_view::npos ? std::string_view() : api_version.substr(0, slash);
}

// "v1.Secret", "core.ConfigMap": the Go types that a mismatch names.
std::string internal_name(const api::KindInfo& kind) {
  std::string_view group = kind.group.empty() ? std::string_view("core") : kind.group.substr(0, kind.group.find('.'));
  return std::string(group) + "." + std::string(kind.kind);
}

// The document's kind must be the expected one (empty: taken as that).
Status check_kind(std::string_view api_version, std::string_view kind, const api::KindInfo& expected) {
  std::string why = kind_mismatch(api_version, kind, expected);
  if (why.empty()) return {};
  if (api_version.empty()) api_version = expected.api_version;
  if (kind.empty()) kind = expected.kind;
  if (kind == expected.kind && group_part(api_version) == expected.group && api::find_kind(api_version, kind))
    return reigen::fail(api::bad_request("the API version in the data (" + std::string(api_version) + ") does not match the expected API version (" +
                                         std::string(expected.api_version) + ")"));
  return not_handled(version_part(api_version), kind, expected, why);
}

std::string joined(const std::vector<std::string>& texts) {
  std::string out;
  for (const std::string& text : texts) out += (out.empty() ? "" : ", ") + text;
  return out;
}

struct Parsed {
  api::Object object;
  std::vector<std::string> strict;
  size_t yaml_duplicates = 0;  // so many of the findings come first and are YAML's
};

std::string strict_text(const Parsed& parsed) {
  std::vector<std::string> texts = parsed.strict;
  if (parsed.yaml_duplicates > 0) texts[0] = "yaml: unmarshal errors:\n  " + texts[0];
  return joined(texts);
}

Result<Parsed> parse_json_body(std::string_view text, std::string_view body, const api::KindInfo& expected, bool yaml) {
  api::DecodeNotes notes;
  auto object = api::decode_json(text, expected, &notes);
  bool as_expected = object && notes.kind == expected.kind && notes.api_version == expected.api_version;
  if (!as_expected) {
    // What is wrong with the kind is said before what is wrong with the object.
    auto meta = api::peek_type_meta(text);
    if (!meta) {
      std::string why = "couldn't get version/kind; json parse error: " + meta.error().message();
      return yaml ? unrecognized(expected, body, meta.error().message()) : unrecognized(expected, body, why);
    }
    TRY(check_kind(meta->api_version, meta->kind, expected));
  }
  if (!object) return not_handled(version_part(expected.api_version), expected.kind, expected, object.error().message());
  return Parsed{std::move(*object), std::move(notes.strict), 0};
}

Result<Parsed> parse_yaml_body(std::string_view body, const api::KindInfo& expected) {
  api::YamlNotes notes;
  auto value = api::parse_yaml(body, {}, &notes);
  if (!value) {
    std::string_view why = value.error().message();
    constexpr std::string_view kPrefix = "error converting YAML to JSON: ";
    if (why.starts_with(kPrefix)) why.remove_prefix(kPrefix.size());
    return unrecognized(expected, body, why);
  }
  auto parsed = parse_json_body(value->is_null() ? "{}" : api::to_json(*value), body, expected, true);
  if (parsed && !notes.duplicates.empty()) {
    // The first of them stands in the text of a failed unmarshalling.
    parsed->strict.insert(parsed->strict.begin(), notes.duplicates.begin(), notes.duplicates.end());
    parsed->yaml_duplicates = notes.duplicates.size();
  }
  return parsed;
}

Result<Parsed> parse_protobuf_body(std::string_view body, const api::KindInfo& expected) {
  if (!body.starts_with(api::kProtobufMagic))
    return unrecognized(expected, body, body.empty() ? "empty data" : "provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]");
  auto envelope = api::open_envelope(body);
  if (!envelope) return unrecognized(expected, body, envelope.error().message());
  TRY(check_kind(envelope->api_version, envelope->kind, expected));
  auto object = api::decode_protobuf(body, expected);
  if (!object) return unrecognized(expected, body, object.error().message());
  return Parsed{std::move(*object), {}, 0};
}

}  // namespace

std::string kind_mismatch(std::string_view api_version, std::string_view kind, const api::KindInfo& expected) {
  if (api_version.empty()) api_version = expected.api_version;
  if (kind.empty()) kind = expected.kind;
  if (api_version == expected.api_version && kind == expected.kind) return {};
  const api::KindInfo* other = api::find_kind(api_version, kind);
  if (!other)
    return "no kind \"" + std::string(kind) + "\" is registered for version \"" + std::string(api_version) +
           "\" in scheme \"k8s.io/kubernetes/pkg/api/legacyscheme/scheme.go:30\"";
  return "converting (" + std::string(other->type->go_name) + ") to (" + internal_name(expected) + "): unknown conversion";
}

Error unsupported_body() {
  return api::unsupported_media_type("the body of the request was in an unknown format - accepted media types include: " + std::string(kAccepted));
}

Error not_acceptable(std::string_view accept) {
  bool known = accept.find("application/json") != std::string_view::npos || accept.find("application/yaml") != std::string_view::npos ||
               accept.find("application/vnd.kubernetes.protobuf") != std::string_view::npos || accept.find('*') != std::string_view::npos;
  if (!known) {
    api::ApiStatus status;
    status.code = 406;
    status.reason = "NotAcceptable";
    status.message = "406: Not Acceptable\n\nAvailable representations: " + std::string(kAccepted);
    status.has_details = true;
    return api::to_error(std::move(status));
  }
  return api::not_acceptable("only the following media types are accepted: " + std::string(kAccepted));
}

Result<api::Object> decode_body(std::string_view body, Encoding encoding, const api::KindInfo& expected, FieldValidation validation,
                                std::vector<std::string>& findings) {
  Result<Parsed> parsed = encoding == Encoding::kJson   ? parse_json_body(body, body, expected, false)
                          : encoding == Encoding::kYaml ? parse_yaml_body(body, expected)
                                                        : parse_protobuf_body(body, expected);
  if (!parsed) return reigen::fail(std::move(parsed).error());
  if (!parsed->strict.empty() && validation == FieldValidation::kStrict)
    return not_handled(version_part(expected.api_version), expected.kind, expected, "strict decoding error: " + strict_text(*parsed));
  if (validation == FieldValidation::kWarn) findings = std::move(parsed->strict);
  api::apply_defaults(parsed->object);
  return std::move(parsed->object);
}

std::string encode_stored(const api::Object& object) {
  std::string bytes;
  api::append_protobuf(bytes, object.kind(), object.data());
  return bytes;
}

Result<api::Object> decode_stored(std::string_view bytes, const api::KindInfo& stored, int64_t revision) {
  auto object = api::decode_protobuf(bytes);
  if (!object) return reigen::fail(Error(Code::kDataLoss, object.error().message()));
  TRY_ASSIGN(api::Object wanted, convert(std::move(*object), stored));
  wanted.mut_meta().resource_version = std::to_string(revision);
  return wanted;
}

Status append_stored_json(std::string& out, std::string_view bytes, const api::KindInfo& stored, int64_t revision) {
  auto envelope = api::open_envelope(bytes);
  if (envelope && stored.type && envelope->kind == stored.kind && envelope->api_version == stored.api_version) {
    std::string version = std::to_string(revision);
    if (api::append_json_of_protobuf(out, *stored.type, envelope->raw, {.type_meta = &stored, .resource_version = version})) return {};
  }
  TRY_ASSIGN(api::Object object, decode_stored(bytes, stored, revision));
  api::append_json(out, object);
  return {};
}

std::string encode_json(const api::Object& object) { return api::encode_json(object); }

std::string json_to_yaml(std::string_view json) {
  auto value = api::parse_json(json);
  return value ? api::to_yaml(*value) : std::string(json);
}

std::string pretty_json(std::string_view json) { return api::indent_json(json); }

Result<std::string> json_to_protobuf(std::string_view json) {
  TRY_ASSIGN(api::Object object, api::decode_json(json));
  return api::encode_protobuf(object);
}

std::string encode_answer(const api::Object& object, Encoding encoding, bool pretty) {
  if (encoding == Encoding::kProtobuf) {
    auto bytes = api::encode_protobuf(object);
    if (bytes) return std::move(*bytes);
  }
  std::string json = api::encode_json(object);
  if (encoding == Encoding::kYaml) return json_to_yaml(json);
  if (pretty) return pretty_json(json);
  return json += '\n';
}

}  // namespace reigen::apiserver
