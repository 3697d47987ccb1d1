#include "apiserver/media_type.h"

#include <algorithm>
#include <cstdlib>
#include <vector>

#include "http/message.h"

namespace reigen::apiserver {
namespace {

std::string_view trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

std::string_view unquote(std::string_view text) {
  if (text.size() >= 2 && text.front() == '"' && text.back() == '"') return text.substr(1, text.size() - 2);
  return text;
}

// One clause of an Accept header.
struct Clause {
  std::string_view type, as, group, version;
  double quality = 1;
  bool stream = false, pretty = false;
};

Clause parse_clause(std::string_view text) {
  Clause clause;
  size_t semicolon = text.find(';');
  clause.type = trim(text.substr(0, semicolon));
  while (semicolon != std::string_view::npos) {
    text = text.substr(semicolon + 1);
    semicolon = text.find(';');
    std::string_view parameter = trim(text.substr(0, semicolon));
    size_t equals = parameter.find('=');
    if (equals == std::string_view::npos) continue;
    std::string_view name = trim(parameter.substr(0, equals)), value = unquote(trim(parameter.substr(equals + 1)));
    if (name == "as") clause.as = value;
    if (name == "g") clause.group = value;
    if (name == "v") clause.version = value;
    if (name == "q") clause.quality = std::atof(std::string(value).c_str());
    if (name == "stream") clause.stream = value == "watch";
    if (name == "pretty") clause.pretty = value == "1";
  }
  return clause;
}

std::vector<Clause> parse_accept(std::string_view accept) {
  std::vector<Clause> clauses;
  while (!accept.empty()) {
    size_t comma = accept.find(',');
    std::string_view text = trim(accept.substr(0, comma));
    if (!text.empty()) clauses.push_back(parse_clause(text));
    accept = comma == std::string_view::npos ? std::string_view() : accept.substr(comma + 1);
  }
  std::stable_sort(clauses.begin(), clauses.end(), [](const Clause& a, const Clause& b) { return a.quality > b.quality; });
  return clauses;
}

std::optional<Encoding> encoding_of(std::string_view type) {
  if (type == "application/json" || type == "*/*" || type == "application/*") return Encoding::kJson;
  if (type == "application/yaml") return Encoding::kYaml;
  if (type == "application/vnd.kubernetes.protobuf") return Encoding::kProtobuf;
  return std::nullopt;
}

std::optional<Shape> shape_of(const Clause& clause, OutputChoices choices) {
  if (clause.as.empty()) return Shape::kPlain;
  if (choices.discovery && clause.group == "apidiscovery.k8s.io" && clause.as == "APIGroupDiscoveryList") {
    if (clause.version == "v2") return Shape::kDiscoveryV2;
    if (clause.version == "v2beta1") return Shape::kDiscoveryV2Beta1;
    return std::nullopt;
  }
  if (clause.group != "meta.k8s.io" || (clause.version != "v1" && clause.version != "v1beta1")) return std::nullopt;
  if (choices.table && clause.as == "Table") return Shape::kTable;
  if (choices.partial && clause.as == "PartialObjectMetadata") return Shape::kPartial;
  if (choices.partial_list && clause.as == "PartialObjectMetadataList") return Shape::kPartialList;
  return std::nullopt;
}

}  // namespace

std::string_view media_type_of(Encoding encoding) {
  switch (encoding) {
    case Encoding::kYaml: return "application/yaml";
    case Encoding::kProtobuf: return "application/vnd.kubernetes.protobuf";
    default: return "application/json";
  }
}

std::optional<OutputType> negotiate_output(std::string_view accept, OutputChoices choices) {
  if (accept.empty() || accept == "application/json" || accept == "*/*") return OutputType{};
  for (const Clause& clause : parse_accept(accept)) {
    auto encoding = encoding_of(clause.type);
    auto shape = shape_of(clause, choices);
    if (!encoding || !shape) continue;
    OutputType type;
    type.encoding = *encoding;
    type.shape = *shape;
    type.shape_version = clause.version == "v1beta1" ? "v1beta1" : "v1";
    type.watch_stream = clause.stream;
    type.pretty = clause.pretty;
    return type;
  }
  return std::nullopt;
}

std::string_view bare_media_type(std::string_view content_type) { return trim(content_type.substr(0, content_type.find(';'))); }

std::optional<Encoding> input_encoding(std::string_view content_type) {
  std::string_view type = bare_media_type(content_type);
  if (type.empty() || http::iequals(type, "application/json")) return Encoding::kJson;
  if (http::iequals(type, "application/yaml")) return Encoding::kYaml;
  if (http::iequals(type, "application/vnd.kubernetes.protobuf")) return Encoding::kProtobuf;
  return std::nullopt;
}

}  // namespace reigen::apiserver
