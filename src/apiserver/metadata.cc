#include "apiserver/metadata.h"

#include <algorithm>

#include "api/errors.h"
#include "api/go_quote.h"
#include "api/metav1.h"
#include "api/object.h"
#include "api/validation.h"
#include "apiserver/strategy.h"

namespace reigen::apiserver {
namespace {

using api::FieldError;
using api::FieldErrors;
using api::FieldPath;
using api::metav1::ObjectMeta;

constexpr std::string_view kOrphan = "orphan";
constexpr std::string_view kForeground = "foregroundDeletion";
constexpr size_t kMaxGeneratedPrefix = 58;

void validate_owners(const ObjectMeta& meta, const FieldPath& path, FieldErrors& errors) {
  std::string first_controller;
  for (const auto& owner : meta.owner_references) {
    size_t slash = owner.api_version.find('/');
    std::string_view version = slash == std::string::npos ? std::string_view(owner.api_version) : std::string_view(owner.api_version).substr(slash + 1);
    if (version.find('/') != std::string_view::npos) version = {};
    if (version.empty()) errors.push_back(FieldError::invalid(path.child("apiVersion"), owner.api_version, "version must not be empty"));
    if (owner.kind.empty()) errors.push_back(FieldError::invalid(path.child("kind"), owner.kind, "kind must not be empty"));
    if (owner.name.empty()) errors.push_back(FieldError::invalid(path.child("name"), owner.name, "name must not be empty"));
    if (owner.uid.empty()) errors.push_back(FieldError::invalid(path.child("uid"), owner.uid, "uid must not be empty"));
    if (owner.api_version == "v1" && owner.kind == "Event")
      errors.push_back(FieldError::invalid(path, api::BadValue::raw("v1.OwnerReference"), "/v1, Kind=Event is disallowed from being an owner"));
    if (!owner.controller.value_or(false)) continue;
    std::string controller = owner.kind + "/" + owner.name;
    if (first_controller.empty()) first_controller = controller;
    else
      errors.push_back(FieldError::invalid(
          path, api::BadValue::raw("[]v1.OwnerReference"),
          "Only one reference can have Controller set to true. Found \"true\" in references for " + first_controller + " and " + controller));
  }
}

void validate_finalizers(const ObjectMeta& meta, const FieldPath& path, FieldErrors& errors) {
  bool orphan = false, foreground = false;
  for (const std::string& finalizer : meta.finalizers) {
    api::add_invalid(errors, path, finalizer, api::is_qualified_name(finalizer));
    orphan = orphan || finalizer == kOrphan;
    foreground = foreground || finalizer == kForeground;
  }
  if (orphan && foreground)
    errors.push_back(FieldError::invalid(path, api::BadValue::raw("[]string"), "finalizer orphan and foregroundDeletion cannot be both set"));
}

// Finalizers of users carry a domain; these do not need one.
bool is_standard_finalizer(std::string_view name) { return name == kOrphan || name == kForeground || name == "kubernetes"; }

void validate_finalizer_domains(const ObjectMeta& meta, const FieldPath& path, FieldErrors& errors) {
  for (size_t i = 0; i < meta.finalizers.size(); ++i) {
    const std::string& name = meta.finalizers[i];
    if (name.find('/') != std::string::npos || is_standard_finalizer(name)) continue;
    errors.push_back(FieldError::invalid(path.index(i), name, "name is neither a standard finalizer name nor is it fully qualified"));
  }
}

void validate_managers(const ObjectMeta& meta, const FieldPath& path, FieldErrors& errors) {
  for (size_t i = 0; i < meta.managed_fields.size(); ++i) {
    const auto& entry = meta.managed_fields[i];
    FieldPath at = path.index(i);
    if (entry.operation != "Apply" && entry.operation != "Update")
      errors.push_back(FieldError::invalid(at.child("operation"), entry.operation, "must be `Apply` or `Update`"));
    if (!entry.fields_type.empty() && entry.fields_type != "FieldsV1")
      errors.push_back(FieldError::invalid(at.child("fieldsType"), entry.fields_type, "must be `FieldsV1`"));
    FieldPath manager = at.child("manager");
    api::append(errors, api::validate_field_manager(manager, entry.manager));
    if (entry.subresource.size() > 256) errors.push_back(FieldError::too_long(at.child("subresource"), 256));
  }
}

void validate_common(const ObjectMeta& meta, const FieldPath& path, FieldErrors& errors) {
  FieldPath labels = path.child("labels"), annotations = path.child("annotations"), owners = path.child("ownerReferences");
  api::append(errors, api::validate_labels(labels, meta.labels));
  api::append(errors, api::validate_annotations(annotations, meta.annotations));
  validate_owners(meta, owners, errors);
}

template <class T>
void immutable(const T& value, const T& old, const api::BadValue& shown, const FieldPath& path, FieldErrors& errors) {
  if (value != old) errors.push_back(FieldError::invalid(path, shown, std::string(api::kFieldImmutable)));
}

// fmt's %#v of a []string.
std::string go_strings(std::vector<std::string> texts) {
  std::sort(texts.begin(), texts.end());
  std::string out = "[]string{";
  for (size_t i = 0; i < texts.size(); ++i) out += (i ? ", " : "") + api::go_quote(texts[i]);
  return out + "}";
}

void no_new_finalizers(const ObjectMeta& meta, const ObjectMeta& old, const FieldPath& path, FieldErrors& errors) {
  std::vector<std::string> added;
  for (const std::string& finalizer : meta.finalizers)
    if (std::ranges::find(old.finalizers, finalizer) == old.finalizers.end()) added.push_back(finalizer);
  if (added.empty()) return;
  errors.push_back(FieldError::forbidden(path, "no new finalizers can be added if the object is being deleted, found new finalizers " + go_strings(added)));
}

std::string shown_time(const std::optional<api::Time>& time) { return time ? "\"" + time->to_string() + "\"" : "null"; }

}  // namespace

void wipe_system_fields(ObjectMeta& meta) {
  meta.uid.clear();
  meta.creation_timestamp = {};
  meta.deletion_timestamp.reset();
  meta.deletion_grace_period_seconds.reset();
  meta.self_link.clear();
}

void fill_system_fields(ObjectMeta& meta, Random& random, WallTime now) {
  meta.creation_timestamp = api::Time(now);
  meta.uid = random.uuid();
}

Status match_namespace(ObjectMeta& meta, std::string_view request_namespace) {
  if (meta.namespace_ == request_namespace) return {};
  if (!meta.namespace_.empty() && !request_namespace.empty())
    return fail(api::bad_request("the namespace of the provided object does not match the namespace sent on the request"));
  meta.namespace_ = request_namespace;
  return {};
}

std::string generate_name(std::string_view prefix, Random& random) { return std::string(prefix.substr(0, kMaxGeneratedPrefix)) + random.name_suffix(5); }

void validate_meta(const ObjectMeta& meta, bool namespaced, const Strategy& strategy, FieldErrors& errors) {
  FieldPath path("metadata");
  FieldPath generate_path = path.child("generateName"), name_path = path.child("name"), namespace_path = path.child("namespace");
  if (!meta.generate_name.empty()) api::add_invalid(errors, generate_path, meta.generate_name, strategy.check_name(meta.generate_name, true));
  if (meta.name.empty()) errors.push_back(FieldError::required(name_path, "name or generateName is required"));
  else api::add_invalid(errors, name_path, meta.name, strategy.check_name(meta.name, false));
  if (!namespaced && !meta.namespace_.empty()) errors.push_back(FieldError::forbidden(namespace_path, "not allowed on this type"));
  if (namespaced && meta.namespace_.empty()) errors.push_back(FieldError::required(namespace_path, ""));
  if (namespaced && !meta.namespace_.empty()) api::add_invalid(errors, namespace_path, meta.namespace_, api::is_dns1123_label(meta.namespace_));
  FieldPath generation = path.child("generation"), finalizers = path.child("finalizers"), managers = path.child("managedFields");
  api::append(errors, api::validate_non_negative(generation, meta.generation));
  validate_common(meta, path, errors);
  validate_finalizers(meta, finalizers, errors);
  validate_managers(meta, managers, errors);
  validate_finalizer_domains(meta, finalizers, errors);
}

void repeat_meta(const Strategy& strategy, const api::Object& object, bool namespaced, FieldErrors& errors) {
  validate_meta(object.meta(), namespaced, strategy, errors);
}

void validate_meta_update(const ObjectMeta& meta, const ObjectMeta& old, FieldErrors& errors) {
  FieldPath path("metadata");
  FieldPath finalizers = path.child("finalizers"), managers = path.child("managedFields");
  if (old.deletion_timestamp) no_new_finalizers(meta, old, finalizers, errors);
  if (meta.resource_version.empty()) errors.push_back(FieldError::invalid(path.child("resourceVersion"), "", "must be specified for an update"));
  if (meta.generation < old.generation) errors.push_back(FieldError::invalid(path.child("generation"), meta.generation, "must not be decremented"));
  immutable(meta.name, old.name, meta.name, path.child("name"), errors);
  immutable(meta.namespace_, old.namespace_, meta.namespace_, path.child("namespace"), errors);
  immutable(meta.uid, old.uid, meta.uid, path.child("uid"), errors);
  immutable(meta.creation_timestamp, old.creation_timestamp, api::BadValue::raw("\"" + meta.creation_timestamp.to_string() + "\""),
            path.child("creationTimestamp"), errors);
  immutable(meta.deletion_timestamp, old.deletion_timestamp, api::BadValue::raw(shown_time(meta.deletion_timestamp)), path.child("deletionTimestamp"), errors);
  immutable(meta.deletion_grace_period_seconds, old.deletion_grace_period_seconds, meta.deletion_grace_period_seconds, path.child("deletionGracePeriodSeconds"),
            errors);
  validate_common(meta, path, errors);
  validate_managers(meta, managers, errors);
}

void keep_system_fields(ObjectMeta& meta, const ObjectMeta& old) {
  meta.self_link.clear();
  if (meta.uid.empty()) meta.uid = old.uid;
  if (!old.creation_timestamp.is_zero()) meta.creation_timestamp = old.creation_timestamp;
  if (old.deletion_timestamp) meta.deletion_timestamp = old.deletion_timestamp;
  if (old.deletion_grace_period_seconds && !meta.deletion_grace_period_seconds) meta.deletion_grace_period_seconds = old.deletion_grace_period_seconds;
}

bool dedup_owner_references(ObjectMeta& meta, std::string& warning) {
  auto& owners = meta.owner_references;
  std::vector<std::string> duplicates;
  for (size_t i = 1; i < owners.size();) {
    bool seen = std::any_of(owners.begin(), owners.begin() + static_cast<std::ptrdiff_t>(i), [&](const auto& other) { return other == owners[i]; });
    if (!seen) {
      ++i;
      continue;
    }
    if (std::ranges::find(duplicates, owners[i].uid) == duplicates.end()) duplicates.push_back(owners[i].uid);
    owners.erase(owners.begin() + static_cast<std::ptrdiff_t>(i));
  }
  if (duplicates.empty()) return false;
  std::string uids;
  for (const std::string& uid : duplicates) uids += (uids.empty() ? "" : ", ") + uid;
  warning =
      ".metadata.ownerReferences contains duplicate entries; API server dedups owner references in 1.20+, and may reject such "
      "requests as early as 1.24; please fix your requests; duplicate UID(s) observed: " +
      uids;
  return true;
}

}  // namespace reigen::apiserver
