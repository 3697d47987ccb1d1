#include "apiserver/verb/selection.h"

#include <algorithm>

#include "api/errors.h"
#include "api/go_quote.h"
#include "api/metav1.h"
#include "api/validation.h"
#include "apiserver/core.h"
#include "apiserver/strategy.h"

namespace reigen::apiserver {
namespace {

// The stored kind's label for one of the served kind: events.k8s.io names fields otherwise.
std::string stored_label(const Resource& resource, const std::string& label) {
  if (resource.group() != "events.k8s.io") return label;
  if (label.starts_with("regarding.")) return "involvedObject." + label.substr(10);
  return label == "reportingController" ? "reportingComponent" : label;
}

Status check_fields(const Resource& resource, api::FieldSelector& selector) {
  std::vector<std::string_view> known = resource.strategy->fields();
  for (api::FieldRequirement& requirement : selector.requirements()) {
    if (resource.plural() == "pods" && requirement.field == "spec.host") requirement.field = "spec.nodeName";
    requirement.field = stored_label(resource, requirement.field);
    const std::string& field = requirement.field;
    if (known.empty()) {
      if (field == "metadata.name" || field == "metadata.namespace") continue;
      return reigen::fail(api::bad_request(api::go_quote(field) + " is not a known field selector: only \"metadata.name\", \"metadata.namespace\""));
    }
    bool common = field == "metadata.name" || (field == "metadata.namespace" && resource.info->namespaced);
    if (common || std::ranges::find(known, std::string_view(field)) != known.end()) continue;
    if (resource.kind->kind == "Job") return reigen::fail(api::bad_request("field label " + api::go_quote(field) + " not supported for Job"));
    return reigen::fail(api::bad_request("field label not supported: " + field));
  }
  return {};
}

}  // namespace

bool Selection::matches(const api::Object& object) const {
  const auto& meta = object.meta();
  if (!name.empty() && meta.name != name) return false;
  if (!labels.matches(meta.labels)) return false;
  if (fields.empty()) return true;
  return fields.matches([&](std::string_view field) -> std::string {
    if (field == "metadata.name") return meta.name;
    if (field == "metadata.namespace") return meta.namespace_;
    return resource->strategy->field_value(object, field);
  });
}

bool Selection::names_one() const { return !name.empty() && (!resource->info->namespaced || !namespace_.empty()); }

bool Selection::by_key() const {
  if (!labels.empty() || (!name.empty() && !names_one())) return false;
  return std::ranges::all_of(fields.requirements(), [&](const api::FieldRequirement& requirement) {
    if (!requirement.equal || requirement.value.empty()) return false;
    if (requirement.field == "metadata.name") return requirement.value == name;
    return requirement.field == "metadata.namespace" && requirement.value == namespace_;
  });
}

std::string Selection::key_prefix() const { return names_one() ? resource->key(namespace_, name) : resource->list_prefix(namespace_); }

Result<Selection> parse_selection(Call& call, const ListOptions& options) {
  Selection selection;
  selection.resource = call.resource;
  selection.namespace_ = call.resource->info->namespaced ? call.ns() : std::string_view();
  selection.name = call.info.name_in_path;
  if (!options.label_selector.empty()) {
    auto labels = api::LabelSelector::parse(options.label_selector);
    if (!labels) return reigen::fail(api::bad_request(labels.error().message()));
    selection.labels = std::move(*labels);
  }
  if (options.field_selector.empty()) return selection;
  auto fields = api::FieldSelector::parse(options.field_selector);
  if (!fields) return reigen::fail(api::bad_request(fields.error().message()));
  selection.fields = std::move(*fields);
  TRY(check_fields(*call.resource, selection.fields));
  if (auto wanted = selection.fields.exact("metadata.namespace"); wanted && selection.namespace_.empty() && api::is_dns1123_label(*wanted).empty())
    selection.namespace_ = *wanted;
  if (auto wanted = selection.fields.exact("metadata.name"); wanted && selection.name.empty() && !wanted->empty() && api::is_path_segment_name(*wanted).empty())
    selection.name = *wanted;
  return selection;
}

std::pair<std::string, std::string> names_of(const Resource& resource, std::string_view key) {
  std::string_view rest = key.substr(resource.key_prefix.size());
  if (!resource.info->namespaced) return {"", std::string(rest)};
  size_t slash = rest.find('/');
  return {std::string(rest.substr(0, slash)), std::string(rest.substr(slash + 1))};
}

}  // namespace reigen::apiserver
