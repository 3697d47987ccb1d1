// StorageClass and VolumeAttachment: rules of pkg/apis/storage/validation.

#include <algorithm>
#include <map>
#include <set>

#include "api/corev1.h"
#include "api/metav1.h"
#include "api/object.h"
#include "api/storagev1.h"
#include "apiserver/metadata.h"
#include "apiserver/strategy/instance.h"
#include "apiserver/strategy/other_strategies.h"
#include "apiserver/validation/checks.h"
#include "apiserver/validation/volume_spec.h"

namespace reigen::apiserver {
namespace {

using api::BadValue;
using api::FieldError;
using api::FieldErrors;
using api::FieldPath;
using api::Object;
using api::storagev1::StorageClass;
using api::storagev1::VolumeAttachment;

constexpr size_t kMaxParameters = 512, kMaxParameterBytes = 256 * 1024, kMaxMetadataBytes = 256 * 1024, kMaxMessage = 1024;

size_t bytes_of(const api::Map<std::string>& map) {
  size_t total = 0;
  for (const auto& [key, value] : map) total += key.size() + value.size();
  return total;
}

void check_parameters(FieldErrors& errors, const api::Map<std::string>& parameters) {
  FieldPath path("parameters");
  if (parameters.size() > kMaxParameters) return errors.push_back(FieldError::too_long(path, kMaxParameters));
  if (parameters.contains("")) errors.push_back(FieldError::invalid(path, "", "field can not be empty."));
  if (bytes_of(parameters) > kMaxParameterBytes) errors.push_back(FieldError::too_long(path, kMaxParameterBytes));
}

using Expressions = std::map<std::string, std::set<std::string>>;

Expressions check_topology(FieldErrors& errors, const FieldPath& path, const api::corev1::TopologySelectorTerm& term) {
  Expressions seen;
  for (size_t i = 0; i < term.match_label_expressions.size(); ++i) {
    const auto& expression = term.match_label_expressions[i];
    FieldPath at = path.child("matchLabelExpressions", i), values = at.child("values"), key = at.child("key");
    std::set<std::string> unique;
    if (expression.values.empty()) errors.push_back(FieldError::required(values));
    for (size_t v = 0; v < expression.values.size(); ++v)
      if (!unique.insert(expression.values[v]).second) errors.push_back(FieldError::duplicate(values.index(v), expression.values[v]));
    api::append(errors, api::validate_label_name(key, expression.key));
    if (!seen.emplace(expression.key, std::move(unique)).second) errors.push_back(FieldError::duplicate(key, expression.key));
  }
  return seen;
}

class StorageClassStrategy final : public Strategy {
 public:
  void validate(StrategyContext&, const Object& object, FieldErrors& errors) const override {
    const StorageClass& storage = object.as<StorageClass>();
    FieldPath provisioner("provisioner"), mode("volumeBindingMode"), topologies("allowedTopologies");
    std::string lower = storage.provisioner;
    for (char& c : lower) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    if (lower.empty()) errors.push_back(FieldError::required(provisioner));
    else check_qualified_name(errors, provisioner, lower);
    check_parameters(errors, storage.parameters);
    if (!storage.reclaim_policy.value_or("").empty()) check_known(errors, FieldPath("reclaimPolicy"), *storage.reclaim_policy, {"Delete", "Retain"});
    if (!storage.volume_binding_mode) errors.push_back(FieldError::required(mode));
    else check_known(errors, mode, *storage.volume_binding_mode, {"Immediate", "WaitForFirstConsumer"});
    std::vector<Expressions> seen;
    for (size_t i = 0; i < storage.allowed_topologies.size(); ++i) {
      FieldPath path = topologies.index(i);
      Expressions expressions = check_topology(errors, path, storage.allowed_topologies[i]);
      if (std::ranges::find(seen, expressions) != seen.end()) errors.push_back(FieldError::duplicate(path.child("matchLabelExpressions"), ""));
      seen.push_back(std::move(expressions));
    }
  }
  void validate_update(StrategyContext& context, const Object& object, const Object& before, FieldErrors& errors) const override {
    const StorageClass& storage = object.as<StorageClass>();
    const StorageClass& old = before.as<StorageClass>();
    repeat_meta(*this, object, false, errors);
    validate(context, object, errors);
    auto fixed = [&](bool same, const char* field) {
      if (!same) errors.push_back(FieldError::forbidden(FieldPath(field), "updates to " + std::string(field) + " are forbidden."));
    };
    fixed(storage.parameters == old.parameters, "parameters");
    fixed(storage.provisioner == old.provisioner, "provisioner");
    fixed(storage.reclaim_policy == old.reclaim_policy, "reclaimPolicy");
    check_immutable(errors, FieldPath("volumeBindingMode"), storage.volume_binding_mode, old.volume_binding_mode);
  }
  bool returns_deleted_object() const override { return true; }
};

void check_attachment(FieldErrors& errors, const VolumeAttachment& attachment) {
  FieldPath spec("spec"), source = spec.child("source"), status("status");
  const auto& wanted = attachment.spec;
  if (wanted.attacher.empty()) errors.push_back(FieldError::required(spec.child("attacher")));
  const auto& name = wanted.source.persistent_volume_name;
  constexpr const char* kOne = "must specify exactly one of inlineVolumeSpec and persistentVolumeName";
  if (!name && !wanted.source.inline_volume_spec) errors.push_back(FieldError::required(source, kOne));
  else if (name && wanted.source.inline_volume_spec) errors.push_back(FieldError::forbidden(source, kOne));
  else if (name && name->empty()) errors.push_back(FieldError::required(source.child("persistentVolumeName"), "must specify non empty persistentVolumeName"));
  if (wanted.source.inline_volume_spec && !name)
    validate_volume_spec(*wanted.source.inline_volume_spec, "", VolumeUse::kInline, source.child("inlineVolumeSpec"), errors);
  check_subdomain(errors, spec.child("nodeName"), wanted.node_name);
  if (bytes_of(attachment.status.attachment_metadata) > kMaxMetadataBytes)
    errors.push_back(FieldError::too_long(status.child("attachmentMetadata"), kMaxMetadataBytes));
  auto message = [&](const char* field, const auto& error) {
    FieldPath path = status.child(field);
    if (error && error->message.size() > kMaxMessage) errors.push_back(FieldError::too_long(path.child("message"), kMaxMetadataBytes));
  };
  message("attachError", attachment.status.attach_error);
  message("detachError", attachment.status.detach_error);
}

class VolumeAttachmentStrategy final : public Strategy {
 public:
  void validate(StrategyContext&, const Object& object, FieldErrors& errors) const override {
    const VolumeAttachment& attachment = object.as<VolumeAttachment>();
    constexpr size_t kMaxDriverName = 63;
    check_attachment(errors, attachment);
    // What only v1 checks, with paths as Kubernetes writes them.
    FieldPath attacher("spec.attacher"), volume("spec.source.persistentVolumeName");
    const std::string& driver = attachment.spec.attacher;
    if (driver.empty()) errors.push_back(FieldError::required(attacher));
    if (driver.size() > kMaxDriverName) errors.push_back(FieldError::too_long(attacher, kMaxDriverName));
    std::string lower = driver;
    for (char& c : lower) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    api::add_invalid(errors, attacher, driver, api::is_dns1123_subdomain(lower));
    const auto& name = attachment.spec.source.persistent_volume_name;
    if (name) check_subdomain(errors, volume, *name);
  }
  void validate_update(StrategyContext&, const Object& object, const Object& old, FieldErrors& errors) const override {
    repeat_meta(*this, object, false, errors);
    check_attachment(errors, object.as<VolumeAttachment>());
    check_immutable(errors, FieldPath("spec"), object.as<VolumeAttachment>().spec, old.as<VolumeAttachment>().spec,
                    BadValue::raw("storage.VolumeAttachmentSpec"));
  }
  bool repeats_metadata_errors() const override { return false; }
  bool allow_unconditional_update() const override { return false; }
  bool returns_deleted_object() const override { return true; }
};

}  // namespace

const Strategy& storage_class_strategy() { return instance<StorageClassStrategy>(); }
const Strategy& volume_attachment_strategy() { return instance<VolumeAttachmentStrategy>(); }

}  // namespace reigen::apiserver
