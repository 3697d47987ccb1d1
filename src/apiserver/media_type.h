// Media types of requests and answers: what Accept and Content-Type ask for.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace reigen::apiserver {

enum class Encoding : unsigned char { kJson, kYaml, kProtobuf };
std::string_view media_type_of(Encoding encoding);  // application/json, application/yaml, application/vnd.kubernetes.protobuf

// The form of an answer.
enum class Shape : unsigned char { kPlain, kTable, kPartial, kPartialList, kDiscoveryV2, kDiscoveryV2Beta1 };

struct OutputType {
  Encoding encoding = Encoding::kJson;
  Shape shape = Shape::kPlain;
  std::string_view shape_version = "v1";  // v1 or v1beta1 of meta.k8s.io
  bool watch_stream = false;              // protobuf with ;stream=watch
  bool pretty = false;
};

// What shapes the endpoint can give, beside the plain one.
struct OutputChoices {
  bool table = false, partial = false, partial_list = false, discovery = false;
};

// The first acceptable choice by quality, as kube-apiserver negotiates; nothing: 406. An empty Accept is JSON.
std::optional<OutputType> negotiate_output(std::string_view accept, OutputChoices choices);
// nothing: 415. An empty Content-Type is JSON.
std::optional<Encoding> input_encoding(std::string_view content_type);
// The media type without parameters, in lower case as it came.
std::string_view bare_media_type(std::string_view content_type);

}  // namespace reigen::apiserver
