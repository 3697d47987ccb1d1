#include "apiserver/openapi/path_builder.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "api/descriptions.h"
#include "api/metav1.h"

namespace reigen::apiserver::openapi {
namespace {

using api::ResourceInfo;
using api::Value;

struct Parameter {
  std::string_view name;
  std::string_view type;
  std::string_view description;
};
constexpr Parameter kDryRun = {"dryRun", "string", "All: check and answer, but store nothing."};
constexpr Parameter kFieldManager = {"fieldManager", "string", "Name of the program that makes the change; it owns the fields it sets."};
constexpr Parameter kFieldValidation = {"fieldValidation", "string", "What to do about unknown or repeated fields: Ignore, Warn (the default) or Strict."};
constexpr Parameter kForce = {"force", "boolean", "Apply only: take over fields that others own."};
constexpr Parameter kPretty = {"pretty", "string", "true: indent the answer."};
constexpr Parameter kWrite[] = {kDryRun, kFieldManager, kFieldValidation};
constexpr Parameter kPatch[] = {kDryRun, kFieldManager, kFieldValidation, kForce};
constexpr Parameter kList[] = {
    {"allowWatchBookmarks", "boolean", "Send bookmarks while watching."},
    {"continue", "string", "Token of the previous page."},
    {"fieldSelector", "string", "Only objects whose fields match."},
    {"labelSelector", "string", "Only objects whose labels match."},
    {"limit", "integer", "Most objects of one page."},
    {"resourceVersion", "string", "How fresh the answer must be, or where a watch begins."},
    {"resourceVersionMatch", "string", "NotOlderThan or Exact: how resourceVersion is meant."},
    {"sendInitialEvents", "boolean", "Begin a watch with what exists, then a bookmark."},
    {"timeoutSeconds", "integer", "End the list or watch after so long."},
    {"watch", "boolean", "Stream changes instead of answering a list."},
};
constexpr Parameter kDelete[] = {
    kDryRun,
    {"gracePeriodSeconds", "integer", "Time the object has to end by itself; 0 is at once."},
    {"ignoreStoreReadErrorWithClusterBreakingPotential", "boolean", "Delete also what cannot be read any more, skipping every safeguard."},
    {"orphanDependents", "boolean", "Outdated form of propagationPolicy=Orphan."},
    {"propagationPolicy", "string", "What happens to dependents: Orphan, Background or Foreground."},
};
constexpr Parameter kDeleteCollection[] = {
    kList[1], kDelete[0], kList[2], kDelete[1], kList[3], kList[4], kDelete[2], kDelete[3], kDelete[4], kList[5], kList[6], kList[7], kList[8],
};

constexpr std::string_view kMediaTypes[] = {"application/json", "application/yaml", "application/vnd.kubernetes.protobuf"};
constexpr std::string_view kListMediaTypes[] = {"application/json", "application/yaml", "application/vnd.kubernetes.protobuf", "application/json;stream=watch",
                                                "application/vnd.kubernetes.protobuf;stream=watch"};
constexpr std::string_view kPatchMediaTypes[] = {"application/json-patch+json", "application/merge-patch+json", "application/strategic-merge-patch+json",
                                                 "application/apply-patch+yaml"};

// Kinds whose deletion answers the object and not a Status.
constexpr std::string_view kDeleteAnswersObject[] = {"CSIDriver",       "CSINode",       "PersistentVolume", "PersistentVolumeClaim", "Pod",
                                                     "PodTemplate",     "ResourceQuota", "Service",          "ServiceAccount",        "StorageClass",
                                                     "VolumeAttachment"};

struct Operation {
  std::string_view method;  // "get"
  std::string_view action;  // x-kubernetes-action
  std::string id;           // operationId
  std::string description;
  std::span<const Parameter> parameters;
  std::string_view body;  // a model; empty: none
  bool body_required = true;
  std::span<const std::string_view> consumes;  // empty: anything
  std::string_view answer;                     // a model; empty: text
  std::span<const std::string_view> produces = kMediaTypes;
  std::vector<std::string_view> codes = {"200"};
};

std::string title(std::string_view text) {
  std::string out(text);
  if (!out.empty() && out[0] >= 'a' && out[0] <= 'z') out[0] = static_cast<char>(out[0] - 'a' + 'A');
  return out;
}

// "rbac.authorization.k8s.io": "RbacAuthorization"; "" : "Core".
std::string group_name(std::string_view group) {
  if (group.empty()) return "Core";
  if (group.ends_with(".k8s.io")) group.remove_suffix(7);
  std::string out;
  while (!group.empty()) {
    auto dot = std::min(group.find('.'), group.size());
    out += title(group.substr(0, dot));
    group.remove_prefix(std::min(dot + 1, group.size()));
  }
  return out;
}

Value strings(std::span<const std::string_view> texts) {
  Value out = Value::array();
  for (auto text : texts) out.push_back(text);
  return out;
}

// Writes one resource's or subresource's paths.
class Writer {
 public:
  Writer(const ResourceInfo& resource, Dialect dialect, ModelNames& models, const std::function<void(std::string_view, const Value&)>& sink)
      : resource_(resource), dialect_(dialect), models_(models), sink_(sink) {
    const ResourceInfo* main = api::find_resource(resource.group, resource.version, resource.plural);
    main_kind_ = (main ? main : &resource)->kind->kind;
    base_ = resource.group.empty() ? "/api/" : "/apis/" + std::string(resource.group) + "/";
    base_ += resource.version;
    std::string group = group_name(resource.group);
    name_ = group + title(resource.version);
    group[0] = static_cast<char>(group[0] - 'A' + 'a');
    tag_ = group + "_" + std::string(resource.version);
  }

  void write() {
    std::string collection = base_ + (resource_.namespaced ? "/namespaces/{namespace}/" : "/") + std::string(resource_.plural);
    if (!resource_.subresource.empty()) {
      std::string path = collection + "/{name}/" + std::string(resource_.subresource);
      if (connects()) return write_connect(path);
      return emit(path, operations_on_one());
    }
    if (resource_.has(api::kList) && resource_.namespaced) emit(base_ + "/" + std::string(resource_.plural), {list("ForAllNamespaces")});
    emit(collection, operations_on_collection());
    emit(collection + "/{name}", operations_on_one());
  }

 private:
  bool connects() const { return resource_.kind->kind.ends_with("Options"); }
  const std::string_view& model() const { return resource_.kind->type->model_name; }
  std::string what(bool namespaced) const { return std::string(namespaced ? "Namespaced" : "") + std::string(main_kind_) + title(resource_.subresource); }
  std::string id(std::string_view verb, std::string_view middle = {}) const {
    return std::string(verb) + name_ + std::string(middle) + what(resource_.namespaced);
  }
  std::string sentence(std::string_view verb) const {
    std::string out = std::string(verb) + " " + std::string(main_kind_);
    return resource_.subresource.empty() ? out : out + "/" + std::string(resource_.subresource);
  }

  static Operation start(std::string_view method, std::string_view action, std::string id, std::string description) {
    Operation out;
    out.method = method;
    out.action = action;
    out.id = std::move(id);
    out.description = std::move(description);
    return out;
  }

  Operation list(std::string_view suffix) const {
    std::string id = "list" + name_ + what(resource_.namespaced && suffix.empty()) + std::string(suffix);
    Operation out = start("get", "list", std::move(id), sentence("List or watch"));
    out.parameters = kList;
    const api::KindInfo* kind = resource_.kind->list;
    out.answer = (kind ? kind : resource_.kind)->type->model_name;
    out.produces = kListMediaTypes;
    return out;
  }

  std::vector<Operation> operations_on_collection() const {
    std::vector<Operation> out;
    if (resource_.has(api::kList)) out.push_back(list({}));
    if (resource_.has(api::kCreate)) out.push_back(create());
    if (resource_.has(api::kDeleteCollection)) {
      Operation removal = start("delete", "deletecollection", id("delete", "Collection"), sentence("Delete every matching"));
      removal.parameters = kDeleteCollection;
      removal.body = api::type_of<api::metav1::DeleteOptions>().model_name;
      removal.body_required = false;
      removal.answer = api::type_of<api::metav1::Status>().model_name;
      out.push_back(std::move(removal));
    }
    return out;
  }

  Operation create() const {
    Operation out = start("post", "post", id("create"), sentence("Create"));
    out.parameters = kWrite;
    out.body = out.answer = model();
    out.codes = {"200", "201", "202"};
    return out;
  }

  std::vector<Operation> operations_on_one() const {
    std::vector<Operation> out;
    if (resource_.has(api::kGet)) {
      Operation read = start("get", "get", id("read"), sentence("Read"));
      read.answer = resource_.subresource == "log" ? std::string_view() : model();
      out.push_back(std::move(read));
    }
    if (resource_.has(api::kUpdate)) {
      Operation replace = start("put", "put", id("replace"), sentence("Replace"));
      replace.parameters = kWrite;
      replace.body = replace.answer = model();
      replace.codes = {"200", "201"};
      out.push_back(std::move(replace));
    }
    if (resource_.has(api::kCreate) && !resource_.subresource.empty()) out.push_back(create());
    if (resource_.has(api::kDelete)) out.push_back(removal());
    if (resource_.has(api::kPatch)) {
      Operation patch = start("patch", "patch", id("patch"), sentence("Change parts of"));
      patch.parameters = kPatch;
      patch.body = kPatchModel;
      patch.consumes = kPatchMediaTypes;
      patch.answer = model();
      patch.codes = {"200", "201"};
      out.push_back(std::move(patch));
    }
    return out;
  }

  Operation removal() const {
    Operation out = start("delete", "delete", id("delete"), sentence("Delete"));
    out.parameters = kDelete;
    out.body = api::type_of<api::metav1::DeleteOptions>().model_name;
    out.body_required = false;
    bool object = std::ranges::binary_search(kDeleteAnswersObject, main_kind_);
    out.answer = object ? model() : api::type_of<api::metav1::Status>().model_name;
    out.codes = {"200", "202"};
    return out;
  }

  void write_connect(const std::string& path) {
    bool proxy = resource_.subresource == "proxy";
    std::vector<std::string_view> methods = {"get", "post"};
    if (proxy) methods = {"delete", "get", "head", "options", "patch", "post", "put"};
    for (std::string_view suffix : {"", "WithPath"}) {
      if (!suffix.empty() && !proxy) break;
      std::vector<Operation> operations;
      for (auto method : methods) {
        std::string id = "connect" + name_ + title(method) + what(resource_.namespaced) + std::string(suffix);
        Operation connect = start(method, "connect", std::move(id), sentence("Connect to"));
        connect.produces = {};
        operations.push_back(std::move(connect));
      }
      emit(suffix.empty() ? path : path + "/{path}", operations);
    }
  }

  // Parameters that all operations of a path share.
  Value path_parameters(std::string_view path) const {
    Value out = Value::array();
    auto in_path = [&](std::string_view name, std::string_view description) {
      if (path.find("{" + std::string(name) + "}") != std::string_view::npos) out.push_back(parameter({name, "string", description}, "path"));
    };
    in_path("name", "Name of the object.");
    in_path("namespace", "Namespace of the object.");
    in_path("path", "Path below the target.");
    if (connects() || resource_.subresource == "log") {
      for (const auto& field : options_type()->fields)
        if (field.name != "sinceTime") add_option(field, out);  // as Kubernetes leaves it out
    }
    if (connects()) return out;
    out.push_back(parameter(kPretty, "query"));
    return out;
  }

  // A log's options are no kind of its resource.
  const api::TypeDesc* options_type() const {
    if (connects()) return resource_.kind->type;
    const api::KindInfo* kind = api::find_kind("", "v1", "PodLogOptions");
    return kind ? kind->type : resource_.kind->type;
  }

  void add_option(const api::FieldDesc& field, Value& out) const {
    const api::ValueType* type = field.value;
    if (type->kind == api::Kind::kList) type = type->element;
    Value scalar = scalar_schema(*type);
    out.push_back(parameter({field.name, scalar.text_at({"type"}), api::field_description(options_type()->model_name, field.name)}, "query"));
  }

  Value parameter(const Parameter& parameter, std::string_view in) const {
    Value out = Value::object({{"in", in}, {"name", parameter.name}});
    if (!parameter.description.empty()) out.set("description", parameter.description);
    if (in == "path") out.set("required", true);
    if (dialect_ == Dialect::kV3) {
      out.set("schema", Value::object({{"type", parameter.type}, {"uniqueItems", true}}));
    } else {
      out.set("type", parameter.type);
      out.set("uniqueItems", true);
    }
    return out;
  }

  void emit(const std::string& path, const std::vector<Operation>& operations) {
    if (operations.empty()) return;
    Value item = Value::object();
    for (const auto& operation : operations) {
      use(operation.body);
      use(operation.answer);
      item.set(operation.method, render(operation));
    }
    item.set("parameters", path_parameters(path));
    sink_(path, item);
  }

  void use(std::string_view name) {
    if (name.empty()) return;
    if (const api::TypeDesc* type = api::find_type(name)) add_reachable(*type, models_);
    else models_.insert(name);
  }

  Value render(const Operation& operation) const {
    Value out = Value::object({{"description", operation.description}, {"operationId", operation.id}, {"tags", Value::array({tag_})}});
    Value parameters = Value::array();
    if (dialect_ == Dialect::kV2 && !operation.body.empty()) parameters.push_back(body_parameter(operation));
    for (const auto& one : operation.parameters) parameters.push_back(parameter(one, "query"));
    if (parameters.size() > 0) out.set("parameters", std::move(parameters));
    if (dialect_ == Dialect::kV2) {
      out.set("consumes", operation.consumes.empty() ? Value::array({"*/*"}) : strings(operation.consumes));
      out.set("produces", operation.produces.empty() ? Value::array({"*/*"}) : strings(operation.produces));
      out.set("schemes", Value::array({"https"}));
    } else if (!operation.body.empty()) {
      std::string_view anything[] = {"*/*"};
      auto types = operation.consumes.empty() ? std::span<const std::string_view>(anything) : operation.consumes;
      out.set("requestBody", Value::object({{"content", content(types, operation.body)}}));
      if (operation.body_required) out["requestBody"].set("required", true);
    }
    out.set("responses", responses(operation));
    out.set("x-kubernetes-action", operation.action);
    const auto& kind = *resource_.kind;
    out.set("x-kubernetes-group-version-kind", Value::object({{"group", kind.group}, {"kind", kind.kind}, {"version", kind.version}}));
    return out;
  }

  Value body_parameter(const Operation& operation) const {
    Value out = Value::object({{"in", "body"}, {"name", "body"}});
    if (operation.body_required) out.set("required", true);
    out.set("schema", reference(operation.body, dialect_));
    return out;
  }

  Value schema_or_text(std::string_view name) const { return name.empty() ? Value::object({{"type", "string"}}) : reference(name, dialect_); }

  Value content(std::span<const std::string_view> types, std::string_view name) const {
    Value out = Value::object();
    for (auto type : types) out.set(type, Value::object({{"schema", schema_or_text(name)}}));
    return out;
  }

  Value responses(const Operation& operation) const {
    static constexpr std::string_view kAny[] = {"*/*"};
    auto types = operation.produces.empty() ? std::span<const std::string_view>(kAny) : operation.produces;
    Value out = Value::object();
    for (auto code : operation.codes) {
      std::string_view words = code == "200" ? "OK" : code == "201" ? "Created" : "Accepted";
      Value& response = out[code] = Value::object({{"description", words}});
      if (dialect_ == Dialect::kV2) response.set("schema", schema_or_text(operation.answer));
      else response.set("content", content(types, operation.answer));
    }
    out.set("401", Value::object({{"description", "Unauthorized"}}));
    return out;
  }

  const ResourceInfo& resource_;
  Dialect dialect_;
  ModelNames& models_;
  const std::function<void(std::string_view, const Value&)>& sink_;
  std::string_view main_kind_;
  std::string base_, name_, tag_;
};

}  // namespace

void build_paths(std::span<const ResourceInfo* const> resources, Dialect dialect, ModelNames& models,
                 const std::function<void(std::string_view, const Value&)>& sink) {
  for (const ResourceInfo* resource : resources) Writer(*resource, dialect, models, sink).write();
}

}  // namespace reigen::apiserver::openapi
