#include <gtest/gtest.h>

#include <set>
#include <string>

#include "api/kind_info.h"
#include "api/value.h"
#include "apiserver/openapi/documents.h"
#include "apiserver/openapi/openapi_provider.h"
#include "base/executor.h"
#include "base/sim_executor.h"

namespace reigen::apiserver {
namespace {

using api::Value;

Value parsed(const std::string& text) {
  auto value = api::parse_json(text);
  EXPECT_TRUE(value) << value.error().message();
  return value ? std::move(*value) : Value();
}

void collect_references(const Value& value, std::set<std::string>& out) {
  if (value.is_array()) {
    for (const auto& item : value.items()) collect_references(item, out);
  }
  for (const auto& member : value.members()) {
    if (member.key() == "$ref" && member.value.is_string()) out.insert(std::string(member.value.text()));
    else collect_references(member.value, out);
  }
}

void expect_all_defined(const Value& document, std::string_view prefix, const Value& definitions) {
  std::set<std::string> references;
  collect_references(document, references);
  EXPECT_GT(references.size(), 5u);
  for (const auto& reference : references) {
    ASSERT_TRUE(reference.starts_with(prefix)) << reference;
    EXPECT_TRUE(definitions.has(reference.substr(prefix.size()))) << reference;
  }
}

const Value& at(const Value& value, std::initializer_list<std::string_view> path) {
  const Value* found = value.at(path);
  static const Value none;
  EXPECT_TRUE(found) << *(path.end() - 1);
  return found ? *found : none;
}

const Value* operation_parameter(const Value& operation, std::string_view name) {
  const Value* parameters = operation.find("parameters");
  if (!parameters) return nullptr;
  for (const auto& parameter : parameters->items())
    if (parameter.text_at({"name"}) == name) return &parameter;
  return nullptr;
}

TEST(OpenApiV2, DefinesEverythingItNames) {
  std::string text = openapi::make_v2_json();
  EXPECT_LT(text.size(), 4u << 20);
  Value document = parsed(text);
  const Value& definitions = at(document, {"definitions"});
  expect_all_defined(document, "#/definitions/", definitions);
  for (const auto* resource : api::all_resources()) {
    if (resource->kind->kind.ends_with("Options")) continue;
    EXPECT_TRUE(definitions.has(resource->kind->type->model_name)) << resource->kind->kind;
  }
}

TEST(OpenApiV2, DescribesTypesAsKubectlReadsThem) {
  Value document = parsed(openapi::make_v2_json());
  const Value& pod_spec = at(document, {"definitions", "io.k8s.api.core.v1.PodSpec"});
  EXPECT_EQ(api::to_json(at(pod_spec, {"required"})), R"(["containers"])");
  const Value& containers = at(pod_spec, {"properties", "containers"});
  EXPECT_EQ(containers.text_at({"x-kubernetes-patch-merge-key"}), "name");
  EXPECT_EQ(containers.text_at({"x-kubernetes-patch-strategy"}), "merge");
  EXPECT_EQ(containers.text_at({"x-kubernetes-list-type"}), "map");
  EXPECT_EQ(api::to_json(at(containers, {"x-kubernetes-list-map-keys"})), R"(["name"])");
  const Value& volumes = at(pod_spec, {"properties", "volumes"});
  EXPECT_EQ(volumes.text_at({"x-kubernetes-patch-strategy"}), "merge,retainKeys");
  EXPECT_EQ(at(document, {"definitions", "io.k8s.api.core.v1.LocalObjectReference"}).text_at({"x-kubernetes-map-type"}), "atomic");
  const Value& pod = at(document, {"definitions", "io.k8s.api.core.v1.Pod"});
  EXPECT_EQ(api::to_json(at(pod, {"x-kubernetes-group-version-kind"})), R"([{"group":"","kind":"Pod","version":"v1"}])");
  EXPECT_EQ(at(document, {"definitions", "io.k8s.apimachinery.pkg.util.intstr.IntOrString"}).text_at({"format"}), "int-or-string");
  EXPECT_EQ(at(document, {"definitions", "io.k8s.api.core.v1.Secret", "properties", "data", "additionalProperties"}).text_at({"format"}), "byte");
}

TEST(OpenApiV2, OperationsTellDryRunAndValidation) {
  Value document = parsed(openapi::make_v2_json());
  const Value& patch = at(document, {"paths", "/apis/apps/v1/namespaces/{namespace}/deployments/{name}", "patch"});
  EXPECT_EQ(patch.text_at({"operationId"}), "patchAppsV1NamespacedDeployment");
  EXPECT_EQ(patch.text_at({"x-kubernetes-group-version-kind", "kind"}), "Deployment");
  EXPECT_TRUE(operation_parameter(patch, "dryRun"));
  EXPECT_TRUE(operation_parameter(patch, "fieldValidation"));
  EXPECT_TRUE(operation_parameter(patch, "body"));
  auto id = [&](std::string_view path, std::string_view method) { return document.text_at({"paths", path, method, "operationId"}); };
  EXPECT_EQ(id("/api/v1/pods", "get"), "listCoreV1PodForAllNamespaces");
  EXPECT_EQ(id("/api/v1/namespaces/{namespace}/pods", "delete"), "deleteCoreV1CollectionNamespacedPod");
  EXPECT_EQ(id("/api/v1/namespaces/{namespace}/pods/{name}/exec", "post"), "connectCoreV1PostNamespacedPodExec");
  EXPECT_EQ(id("/api/v1/namespaces/{namespace}/serviceaccounts/{name}/token", "post"), "createCoreV1NamespacedServiceAccountToken");
  EXPECT_EQ(id("/apis/rbac.authorization.k8s.io/v1/clusterroles/{name}", "put"), "replaceRbacAuthorizationV1ClusterRole");
}

TEST(OpenApiV2, EverythingIsDescribed) {
  Value document = parsed(openapi::make_v2_json());
  for (const auto& definition : at(document, {"definitions"}).members()) {
    EXPECT_NE(definition.value.text_at({"description"}), "") << definition.key();
    const Value* properties = definition.value.find("properties");
    if (!properties) continue;
    for (const auto& property : properties->members()) EXPECT_NE(property.value.text_at({"description"}), "") << definition.key() << " " << property.key();
  }
  EXPECT_EQ(document.text_at({"definitions", "io.k8s.api.core.v1.PodSpec", "properties", "nodeName", "description"}),
            "The node; set by the scheduler, or by who needs no scheduler.");
}

TEST(OpenApiV3, EveryGroupVersionIsComplete) {
  for (const auto& one : openapi::group_versions()) {
    SCOPED_TRACE(one.path);
    Value document = parsed(openapi::make_v3_json(one.group, one.version));
    expect_all_defined(document, "#/components/schemas/", at(document, {"components", "schemas"}));
    for (const auto* resource : api::all_resources()) {
      if (resource->group != one.group || resource->version != one.version || !resource->subresource.empty()) continue;
      EXPECT_TRUE(at(document, {"components", "schemas"}).has(resource->kind->type->model_name));
    }
  }
}

TEST(OpenApiV3, TellsDefaultsBesideReferences) {
  Value document = parsed(openapi::make_v3_json("", "v1"));
  const Value& service = at(document, {"components", "schemas", "io.k8s.api.core.v1.Service", "properties", "spec"});
  EXPECT_EQ(api::to_json(at(service, {"allOf"})), R"([{"$ref":"#/components/schemas/io.k8s.api.core.v1.ServiceSpec"}])");
  EXPECT_EQ(api::to_json(at(service, {"default"})), "{}");
  const Value& port = at(document, {"components", "schemas", "io.k8s.api.core.v1.ServicePort", "properties"});
  EXPECT_EQ(port.text_at({"protocol", "default"}), "TCP");
  EXPECT_EQ(at(port, {"port", "default"}).int_or(-1), 0);
}

TEST(OpenApiProvider, NegotiatesAndKnowsItsHashes) {
  auto provider = make_openapi_provider();
  auto index = provider->document("/openapi/v3", "application/json", "");
  ASSERT_TRUE(index.body);
  Value paths = parsed(*index.body);
  auto apps = provider->document("/openapi/v3/apis/apps/v1", "application/json", "");
  ASSERT_TRUE(apps.body);
  EXPECT_EQ(paths.text_at({"paths", "apis/apps/v1", "serverRelativeURL"}), "/openapi/v3/apis/apps/v1?hash=" + apps.etag);
  auto again = provider->document("/openapi/v3/apis/apps/v1", "application/json", apps.etag);
  EXPECT_FALSE(again.body);
  EXPECT_EQ(again.etag, apps.etag);
  auto none = provider->document("/openapi/v3/apis/none/v1", "application/json", "");
  EXPECT_FALSE(none.body);
  EXPECT_EQ(none.etag, "");
  for (auto accept : {"application/com.github.proto-openapi.spec.v2@v1.0+protobuf", "application/com.github.proto-openapi.spec.v2.v1.0+protobuf"}) {
    auto v2 = provider->document("/openapi/v2", accept, "");
    EXPECT_EQ(v2.media_type, "application/com.github.proto-openapi.spec.v2.v1.0+protobuf");
    ASSERT_TRUE(v2.body);
    EXPECT_TRUE(
        v2.body->starts_with("\x0a\x03"
                             "2.0"));
  }
  EXPECT_EQ(provider->document("/openapi/v2", "application/json, */*", "").media_type, "application/json");
}

TEST(OpenApiProvider, KeepsADocumentForAMinute) {
  SimExecutor executor;
  auto provider = make_openapi_provider(&executor);
  std::weak_ptr<const std::string> document = provider->document("/openapi/v3/apis/apps/v1", "", "").body;
  EXPECT_FALSE(document.expired());
  executor.run_for(std::chrono::seconds(30));
  EXPECT_FALSE(document.expired());
  executor.run_for(std::chrono::seconds(100));
  EXPECT_TRUE(document.expired());
}

}  // namespace
}  // namespace reigen::apiserver
