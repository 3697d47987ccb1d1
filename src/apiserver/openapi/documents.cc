#include "apiserver/openapi/documents.h"

#include "api/kind_info.h"
#include "api/metav1.h"
#include "apiserver/openapi/gnostic.h"
#include "apiserver/openapi/path_builder.h"
#include "apiserver/openapi/schema_builder.h"

namespace reigen::apiserver::openapi {
namespace {

using api::ResourceInfo;
using api::Value;

constexpr api::JsonStyle kStyle = {.sorted = false, .escape_html = false};

Value info() { return Value::object({{"title", "Kubernetes"}, {"version", "v1.32.0"}}); }

// Spares copies while the document grows.
constexpr size_t kV2Bytes = 5u << 18;
constexpr size_t kV3Bytes = 256u << 10;

void append_member(std::string& out, std::string_view name, const Value& value) {
  if (!out.ends_with('{')) out += ',';
  api::append_json_string(out, name, false);
  out += ':';
  api::append_json(out, value, kStyle);
}

void append_definitions(std::string& out, const ModelNames& models, Dialect dialect) {
  for (auto model : models) append_member(out, model, definition(model, dialect));
}

// Watch events are part of every group version though no operation names them.
ModelNames first_models() {
  ModelNames models;
  add_reachable(api::type_of<api::metav1::WatchEvent>(), models);
  return models;
}

}  // namespace

std::string make_v2_json() {
  std::string out;
  out.reserve(kV2Bytes);
  out += R"({"swagger":"2.0","info":)";
  api::append_json(out, info(), kStyle);
  out += R"(,"paths":{)";
  ModelNames models = first_models();
  build_paths(api::all_resources(), Dialect::kV2, models, [&](std::string_view path, const Value& item) { append_member(out, path, item); });
  out += R"(},"definitions":{)";
  append_definitions(out, models, Dialect::kV2);
  out += R"(},"securityDefinitions":{"BearerToken":{"description":"Bearer Token authentication","in":"header","name":"authorization","type":"apiKey"}},)"
         R"("security":[{"BearerToken":[]}]})";
  out += '\n';
  return out;
}

std::string make_v2_protobuf() {
  std::string out;
  append_gnostic_text(out, kDocumentSwagger, "2.0");
  append_gnostic_info(out, info());
  ModelNames models = first_models();
  std::string part;
  part.reserve(kV2Bytes / 2);
  build_paths(api::all_resources(), Dialect::kV2, models, [&](std::string_view path, const Value& item) { append_gnostic_path(part, path, item); });
  append_gnostic_text(out, kDocumentPaths, part);
  part.clear();
  for (auto model : models) append_gnostic_definition(part, model, definition(model, Dialect::kV2));
  append_gnostic_text(out, kDocumentDefinitions, part);
  return out;
}

std::vector<GroupVersionPath> group_versions() {
  std::vector<GroupVersionPath> out;
  for (const ResourceInfo* resource : api::all_resources()) {
    if (!out.empty() && out.back().group == resource->group && out.back().version == resource->version) continue;
    std::string path = resource->group.empty() ? "api/" : "apis/" + std::string(resource->group) + "/";
    out.push_back({resource->group, resource->version, path.append(resource->version)});
  }
  return out;
}

std::string make_v3_json(std::string_view group, std::string_view version) {
  std::vector<const ResourceInfo*> resources;
  for (const ResourceInfo* resource : api::all_resources())
    if (resource->group == group && resource->version == version) resources.push_back(resource);
  std::string out;
  out.reserve(kV3Bytes);
  out += R"({"openapi":"3.0.0","info":)";
  api::append_json(out, info(), kStyle);
  out += R"(,"paths":{)";
  ModelNames models = first_models();
  build_paths(resources, Dialect::kV3, models, [&](std::string_view path, const Value& item) { append_member(out, path, item); });
  out += R"(},"components":{"schemas":{)";
  append_definitions(out, models, Dialect::kV3);
  out += R"(},"securitySchemes":{"BearerToken":{"description":"Bearer Token authentication","in":"header","name":"authorization","type":"apiKey"}}}})";
  out += '\n';
  return out;
}

}  // namespace reigen::apiserver::openapi
