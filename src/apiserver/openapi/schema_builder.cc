#include "apiserver/openapi/schema_builder.h"

#include <algorithm>
#include <map>
#include <vector>

#include "api/descriptions.h"
#include "api/kind_info.h"
#include "api/managed_fields/typed.h"

namespace reigen::apiserver::openapi {
namespace {

using api::Kind;
using api::TypeDesc;
using api::Value;
using api::ValueType;

// Scalars that have a model of their own.
struct ScalarModel {
  std::string_view name;
  std::string_view type;  // empty: any JSON
  std::string_view format;
  std::string_view description;
};
constexpr ScalarModel kScalarModels[] = {
    {"io.k8s.apimachinery.pkg.api.resource.Quantity", "string", "",
     "A number with a unit: a plain or decimal number followed by a suffix such as m, k, M, G (powers of ten) or Ki, Mi, Gi "
     "(powers of two)."},
    {"io.k8s.apimachinery.pkg.util.intstr.IntOrString", "string", "int-or-string",
     "A whole number or a text, for example a port's number or name, or a percentage."},
    {"io.k8s.apimachinery.pkg.apis.meta.v1.Time", "string", "date-time", "A moment in RFC 3339 form, to the second."},
    {"io.k8s.apimachinery.pkg.apis.meta.v1.MicroTime", "string", "date-time", "A moment in RFC 3339 form, to the microsecond."},
    {"io.k8s.apimachinery.pkg.apis.meta.v1.Duration", "string", "", "A length of time as Go writes it, for example 1h30m or 500ms."},
    {"io.k8s.apimachinery.pkg.runtime.RawExtension", "object", "", "An object of any kind, kept as it was given."},
    {"io.k8s.apimachinery.pkg.apis.meta.v1.FieldsV1", "object", "",
     "A set of fields as a tree: keys are f:name for a field, k:{...} or v:value for a list's item, and . for the place itself."},
    {"io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSON", "", "", "Any JSON value."},
    {kPatchModel, "object", "", "A patch, in the form its content type names."},
};

std::string_view scalar_model(const ValueType& type, std::string_view type_name) {
  switch (type.kind) {
    case Kind::kQuantity: return kScalarModels[0].name;
    case Kind::kIntOrString: return kScalarModels[1].name;
    case Kind::kTime: return kScalarModels[2].name;
    case Kind::kMicroTime: return kScalarModels[3].name;
    case Kind::kDuration: return kScalarModels[4].name;
    case Kind::kRaw:
      if (type_name.ends_with("FieldsV1")) return kScalarModels[6].name;
      if (type_name.ends_with("JSON")) return kScalarModels[7].name;
      return kScalarModels[5].name;
    default: return {};
  }
}

// Enumerations that Kubernetes declares closed; the others only name the values known today.
constexpr std::string_view kClosedEnums[] = {
    "AddressType",
    "AppArmorProfileType",
    "AzureDataDiskCachingMode",
    "AzureDataDiskKind",
    "ClaimResourceStatus",
    "CompletionMode",
    "ConcurrencyPolicy",
    "ContainerRestartPolicy",
    "DNSPolicy",
    "DaemonSetUpdateStrategyType",
    "DeploymentStrategyType",
    "FailurePolicyType",
    "HostPathType",
    "IPFamily",
    "IPFamilyPolicy",
    "KeyUsage",
    "MatchPolicyType",
    "MetricSourceType",
    "MountPropagationMode",
    "NamespacePhase",
    "NodeInclusionPolicy",
    "NodePhase",
    "NodeSelectorOperator",
    "OperationType",
    "ParameterNotFoundActionType",
    "PathType",
    "PersistentVolumeAccessMode",
    "PersistentVolumeClaimModifyVolumeStatus",
    "PersistentVolumeClaimPhase",
    "PersistentVolumeMode",
    "PersistentVolumePhase",
    "PersistentVolumeReclaimPolicy",
    "PodFSGroupChangePolicy",
    "PodFailurePolicyAction",
    "PodFailurePolicyOnExitCodesOperator",
    "PodManagementPolicyType",
    "PodPhase",
    "PodQOSClass",
    "PodReplacementPolicy",
    "PolicyType",
    "PreemptionPolicy",
    "ProcMountType",
    "Protocol",
    "PullPolicy",
    "ReinvocationPolicyType",
    "ResourceQuotaScope",
    "RestartPolicy",
    "ScopeSelectorOperator",
    "ScopeType",
    "SeccompProfileType",
    "ServiceAffinity",
    "ServiceExternalTrafficPolicy",
    "ServiceInternalTrafficPolicy",
    "ServiceType",
    "SideEffectClass",
    "StatefulSetUpdateStrategyType",
    "SupplementalGroupsPolicy",
    "TaintEffect",
    "TerminationMessagePolicy",
    "TolerationOperator",
    "URIScheme",
    "UnhealthyPodEvictionPolicyType",
    "UnsatisfiableConstraintAction",
    "ValidationAction",
    "VolumeBindingMode",
};
static_assert(std::ranges::is_sorted(kClosedEnums));

bool is_closed_enum(std::string_view type_name) {
  auto dot = type_name.rfind('.');
  return std::ranges::binary_search(kClosedEnums, dot == std::string_view::npos ? type_name : type_name.substr(dot + 1));
}

// Where a field or element is a scalar: type and format.
Value plain(std::string_view type, std::string_view format = {}) {
  Value out = Value::object();
  if (!format.empty()) out.set("format", format);
  if (!type.empty()) out.set("type", type);
  return out;
}

Value zero_of(const ValueType& type) {
  switch (type.kind) {
    case Kind::kString: return "";
    case Kind::kInt32:
    case Kind::kInt64: return 0;
    case Kind::kDouble: return 0;
    case Kind::kBool: return false;
    case Kind::kStruct: return type.type->json_form == api::JsonForm::kObject ? Value::object() : Value();
    default: return {};
  }
}

Value schema_of(const ValueType& type, std::string_view type_name, Dialect dialect);

// Version 3 says what an element that is left empty means, and may not put anything beside a $ref.
Value element_schema(const ValueType& type, std::string_view type_name, Dialect dialect) {
  Value out = schema_of(type, type_name, dialect);
  Value zero = zero_of(type);
  if (dialect == Dialect::kV2 || zero.is_null()) return out;
  if (!out.has("$ref")) {
    out.set("default", std::move(zero));
    return out;
  }
  return Value::object({{"allOf", Value::array({std::move(out)})}, {"default", std::move(zero)}});
}

Value schema_of(const ValueType& type, std::string_view type_name, Dialect dialect) {
  switch (type.kind) {
    case Kind::kPointer: return schema_of(*type.element, type_name, dialect);
    case Kind::kStruct: return reference(type.type->model_name, dialect);
    case Kind::kList: return Value::object({{"items", element_schema(*type.element, type_name, dialect)}, {"type", "array"}});
    case Kind::kMap: return Value::object({{"additionalProperties", element_schema(*type.element, type_name, dialect)}, {"type", "object"}});
    default: break;
  }
  auto model = scalar_model(type, type_name);
  return model.empty() ? scalar_schema(type) : reference(model, dialect);
}

std::string_view list_type_name(api::ListType type) {
  switch (type) {
    case api::ListType::kAtomic: return "atomic";
    case api::ListType::kSet: return "set";
    case api::ListType::kMap: return "map";
    case api::ListType::kNone: break;
  }
  return {};
}

void add_extensions(const api::FieldDesc& field, Value& out) {
  if (auto name = list_type_name(field.list_type); !name.empty()) out.set("x-kubernetes-list-type", name);
  if (!field.list_map_keys.empty()) {
    Value keys = Value::array();
    for (auto key : field.list_map_keys) keys.push_back(key);
    out.set("x-kubernetes-list-map-keys", std::move(keys));
  }
  if (field.atomic_map) out.set("x-kubernetes-map-type", "atomic");
  // Marked so by Kubernetes; it matters for claimRef, whose type is atomic elsewhere.
  if (field.name == "claimRef" || field.name == "allocatedResourceStatuses") out.set("x-kubernetes-map-type", "granular");
  if (!field.merge_key.empty()) out.set("x-kubernetes-patch-merge-key", field.merge_key);
  std::string strategy;
  if (field.patch_merge) strategy = "merge";
  if (field.patch_replace) strategy += strategy.empty() ? "replace" : ",replace";
  if (field.patch_retain_keys) strategy += strategy.empty() ? "retainKeys" : ",retainKeys";
  if (!strategy.empty()) out.set("x-kubernetes-patch-strategy", strategy);
}

void add_default(const api::FieldDesc& field, Value& out) {
  if (!field.default_json.empty()) {
    if (auto parsed = api::parse_json(field.default_json)) out.set("default", std::move(*parsed));
    return;
  }
  if (field.omitempty && field.value->kind != Kind::kStruct) return;
  if (Value zero = zero_of(*field.value); !zero.is_null()) out.set("default", std::move(zero));
}

void add_enum(const api::FieldDesc& field, Value& out) {
  if (field.enum_values.empty() || !is_closed_enum(field.type_name)) return;
  Value values = Value::array();
  for (auto value : field.enum_values) values.push_back(value);
  Value* place = out.find("items");
  if (!place) place = &out;
  if (place->text_at({"type"}) == "string") place->set("enum", std::move(values));
}

Value property(const TypeDesc& type, const api::FieldDesc& field, Dialect dialect) {
  Value out = schema_of(*field.value, field.type_name, dialect);
  add_enum(field, out);
  Value more = Value::object();
  auto text = field.description.empty() ? api::field_description(type.model_name, field.name) : field.description;
  if (!text.empty()) more.set("description", text);
  if (dialect == Dialect::kV3) add_default(field, more);
  add_extensions(field, more);
  if (dialect == Dialect::kV3 && out.has("$ref") && more.size() > 0) out = Value::object({{"allOf", Value::array({std::move(out)})}});
  for (auto& member : more.members()) out.set(member.key(), std::move(member.value));
  return out;
}

// Group, version and kind of every kind a type is.
Value kinds_of(const TypeDesc& type) {
  // DeleteOptions and WatchEvent belong to every group version.
  bool everywhere = type.group == "meta" && (type.name == "DeleteOptions" || type.name == "WatchEvent");
  Value out = Value::array();
  auto add = [&](std::string_view group, std::string_view version, std::string_view kind) {
    out.push_back(Value::object({{"group", group}, {"kind", kind}, {"version", version}}));
  };
  if (everywhere) {
    std::set<std::pair<std::string_view, std::string_view>> versions;
    for (const auto* resource : api::all_resources()) versions.emplace(resource->group, resource->version);
    for (auto [group, version] : versions) add(group, version, type.name);
    return out;
  }
  for (const auto* kind : api::all_kinds())
    if (kind->type == &type) add(kind->group, kind->version, kind->kind);
  return out;
}

Value struct_definition(const TypeDesc& type, Dialect dialect) {
  Value out = Value::object();
  auto text = type.description.empty() ? api::type_description(type.model_name) : type.description;
  if (!text.empty()) out.set("description", text);
  if (type.json_form != api::JsonForm::kObject) return out;  // one of several forms: anything
  std::map<std::string_view, Value> properties;
  std::vector<std::string_view> required;
  if (type.has_type_meta) {
    properties["apiVersion"] = Value::object({{"description", "Group and version of the API the object is written in."}, {"type", "string"}});
    properties["kind"] = Value::object({{"description", "What the object is, in CamelCase; it cannot change."}, {"type", "string"}});
  }
  for (const auto& field : type.fields) {
    if (field.name.empty()) continue;
    properties[field.name] = property(type, field, dialect);
    if (!field.omitempty && !field.optional) required.push_back(field.name);
  }
  if (!properties.empty()) {
    Value& place = out["properties"] = Value::object();
    for (auto& [name, schema] : properties) place.set(name, std::move(schema));
  }
  if (!required.empty()) {
    Value names = Value::array();
    for (auto name : required) names.push_back(name);
    out.set("required", std::move(names));
  }
  out.set("type", "object");
  if (Value kinds = kinds_of(type); kinds.size() > 0) out.set("x-kubernetes-group-version-kind", std::move(kinds));
  if (api::is_atomic_struct(&type)) out.set("x-kubernetes-map-type", "atomic");
  return out;
}

Value scalar_definition(const ScalarModel& model, Dialect dialect) {
  Value out = Value::object({{"description", model.description}});
  if (model.type.empty()) return out;
  bool quantity = model.name.ends_with("Quantity");
  bool either = model.format == "int-or-string";
  if (!model.format.empty()) out.set("format", model.format);
  if (dialect == Dialect::kV3 && (quantity || either)) {
    Value number = plain(quantity ? "number" : "integer"), text = plain("string");
    out.set("oneOf", quantity ? Value::array({text, number}) : Value::array({number, text}));
    return out;
  }
  out.set("type", model.type);
  return out;
}

}  // namespace

Value reference(std::string_view model, Dialect dialect) {
  std::string target = dialect == Dialect::kV2 ? "#/definitions/" : "#/components/schemas/";
  return Value::object({{"$ref", target.append(model)}});
}

Value scalar_schema(const ValueType& type) {
  switch (type.kind) {
    case Kind::kPointer: return scalar_schema(*type.element);
    case Kind::kInt32: return plain("integer", "int32");
    case Kind::kInt64: return plain("integer", "int64");
    case Kind::kDouble: return plain("number", "double");
    case Kind::kBool: return plain("boolean");
    case Kind::kBytes: return plain("string", "byte");
    case Kind::kTime:
    case Kind::kMicroTime: return plain("string", "date-time");
    default: return plain("string");
  }
}

void add_reachable(const TypeDesc& type, ModelNames& models) {
  if (!models.insert(type.model_name).second) return;
  if (type.json_form != api::JsonForm::kObject) return;
  for (const auto& field : type.fields) {
    const ValueType* value = field.value;
    while (value->element) value = value->element;
    if (value->kind == Kind::kStruct) add_reachable(*value->type, models);
    else if (auto model = scalar_model(*value, field.type_name); !model.empty()) models.insert(model);
  }
}

Value definition(std::string_view model, Dialect dialect) {
  if (const TypeDesc* type = api::find_type(model)) return struct_definition(*type, dialect);
  auto found = std::ranges::find(kScalarModels, model, &ScalarModel::name);
  return found == std::end(kScalarModels) ? Value::object() : scalar_definition(*found, dialect);
}

}  // namespace reigen::apiserver::openapi
