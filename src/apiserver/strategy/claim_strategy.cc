// PersistentVolumeClaim: rules of pkg/registry/core/persistentvolumeclaim, pkg/api/persistentvolumeclaim and core/validation.

#include <algorithm>
#include <array>

#include "api/corev1.h"
#include "api/label_selector.h"
#include "api/metav1.h"
#include "api/object.h"
#include "api/validation.h"
#include "apiserver/metadata.h"
#include "apiserver/strategy/instance.h"
#include "apiserver/strategy/other_strategies.h"
#include "apiserver/validation/claim_spec.h"
#include "apiserver/validation/report.h"
#include "apiserver/validation/resources.h"

namespace reigen::apiserver {
namespace {

using api::Object;
using api::Quantity;
using namespace api::corev1;

constexpr std::string_view kClassAnnotation = "volume.beta.kubernetes.io/storage-class";

bool is_claim_or_snapshot(const TypedLocalObjectReference& source) {
  std::string group = source.api_group.value_or("");
  return (source.kind == "PersistentVolumeClaim" && group.empty()) || (source.kind == "VolumeSnapshot" && group == "snapshot.storage.k8s.io");
}

// Old clients know dataSource, new ones dataSourceRef: what one of them says stands in both.
void fill_data_sources(PersistentVolumeClaimSpec& spec) {
  if (spec.data_source && !spec.data_source_ref) {
    auto& ref = spec.data_source_ref.ensure();
    ref.api_group = spec.data_source->api_group;
    ref.kind = spec.data_source->kind;
    ref.name = spec.data_source->name;
  } else if (spec.data_source_ref && !spec.data_source && spec.data_source_ref->namespace_.value_or("").empty()) {
    auto& source = spec.data_source.ensure();
    source.api_group = spec.data_source_ref->api_group;
    source.kind = spec.data_source_ref->kind;
    source.name = spec.data_source_ref->name;
  }
}

// Fields of features that are off in 1.32, and data sources that never were allowed there and were ignored in silence.
void prepare_spec(PersistentVolumeClaimSpec& spec, const PersistentVolumeClaimSpec* old) {
  if (!old || !old->volume_attributes_class_name) spec.volume_attributes_class_name.reset();
  bool ref_in_use = old && old->data_source_ref;
  if (spec.data_source_ref && !spec.data_source_ref->namespace_.value_or("").empty() && !ref_in_use) spec.data_source_ref.reset();
  bool in_use = old && (old->data_source || old->data_source_ref);
  if (!in_use && !spec.data_source_ref && spec.data_source && !is_claim_or_snapshot(*spec.data_source)) spec.data_source.reset();
  fill_data_sources(spec);
}

bool has_invalid_group(const PersistentVolumeClaimSpec& spec) {
  auto invalid = [](const auto& reference) {
    return reference && !reference->api_group.value_or("").empty() && !api::is_dns1123_subdomain(*reference->api_group).empty();
  };
  return invalid(spec.data_source) || invalid(spec.data_source_ref);
}

ClaimSpecOptions options_of(const PersistentVolumeClaimSpec& old) {
  ClaimSpecOptions options;
  options.allow_invalid_api_group = has_invalid_group(old);
  options.allow_invalid_label_values = old.selector && !api::validate_label_selector(FieldPath(), *old.selector, false).empty();
  return options;
}

Quantity storage_of(const api::Map<Quantity>& amounts) {
  const Quantity* found = amounts.get("storage");
  return found ? *found : Quantity();
}

std::string class_annotation(const PersistentVolumeClaim& claim) {
  const auto* found = claim.metadata.annotations.get(kClassAnnotation);
  return found ? *found : std::string();
}

// The class may move from the annotation to the field, and may be set where there was none.
void check_class(const PersistentVolumeClaim& claim, const PersistentVolumeClaim& old, PersistentVolumeClaimSpec& compared, FieldErrors& errors) {
  const auto* before = old.metadata.annotations.get(kClassAnnotation);
  const auto* after = claim.metadata.annotations.get(kClassAnnotation);
  const auto& name = claim.spec.storage_class_name;
  bool none_yet = !old.spec.storage_class_name && name;
  if (before && none_yet && *name == *before && (!after || *after == *before)) return compared.storage_class_name.reset();
  if (class_annotation(claim) != class_annotation(old))
    reject(errors, FieldPath("metadata.annotations.volume.beta.kubernetes.io/storage-class"), class_annotation(claim), std::string(api::kFieldImmutable));
  if (none_yet && (!before || *name == *before)) compared.storage_class_name = old.spec.storage_class_name;
}

void check_spec_change(const PersistentVolumeClaim& claim, const PersistentVolumeClaim& old, FieldErrors& errors) {
  PersistentVolumeClaimSpec now = claim.spec, before = old.spec;
  fill_data_sources(before);
  if (before.volume_name.empty()) before.volume_name = now.volume_name;
  check_class(claim, old, now, errors);
  if (claim.status.phase == "Bound") {
    if (!now.resources.requests.empty()) now.resources.requests["storage"] = storage_of(old.spec.resources.requests);
    if (now.volume_attributes_class_name) now.volume_attributes_class_name = before.volume_attributes_class_name;
  }
  if (!(now == before))
    forbid(errors, FieldPath("spec"), "spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims");
  Quantity size = storage_of(claim.spec.resources.requests);
  if (size < storage_of(old.spec.resources.requests) && size <= storage_of(old.status.capacity))
    forbid(errors, FieldPath("spec.resources.requests.storage"), "field can not be less than status.capacity");
  if (claim.spec.volume_mode != old.spec.volume_mode)
    reject(errors, FieldPath("volumeMode"), BadValue(claim.spec.volume_mode), std::string(api::kFieldImmutable));
  const auto& attributes = claim.spec.volume_attributes_class_name;
  const auto& attributes_before = old.spec.volume_attributes_class_name;
  if (attributes == attributes_before) return;
  FieldPath path("spec.volumeAttributesClassName");
  forbid(errors, path, "update is forbidden when the VolumeAttributesClass feature gate is disabled");
  if (attributes_before && !attributes) forbid(errors, path, "update from non-nil value to nil is forbidden");
  else if (attributes_before && attributes->empty()) forbid(errors, path, "update from non-nil value to an empty string is forbidden");
}

// Of the names without a foreign domain only that of storage.
bool check_resource_key(std::string_view key, const FieldPath& path, FieldErrors& errors) {
  size_t before = errors.size();
  api::add_invalid(errors, path, key, api::is_qualified_name(key));
  if (errors.size() == before && is_native_resource(key) && key != "storage") report_unsupported(errors, path, key, {"storage"});
  return errors.size() == before;
}

constexpr std::array<std::string_view, 5> kResizeStates = {"ControllerResizeInProgress", "ControllerResizeInfeasible", "NodeResizeInProgress",
                                                           "NodeResizeInfeasible", "NodeResizePending"};

void check_amount(const FieldPath& path, const Quantity& amount, FieldErrors& errors) {
  if (amount.is_negative()) reject(errors, path, amount.to_string(), "must be a valid resource quantity");
}

void check_status(const PersistentVolumeClaimStatus& status, FieldErrors& errors) {
  FieldPath capacity("status.capacity"), states("status.allocatedResourceStatus"), allocated("status.allocatedResources");
  for (const auto& [name, amount] : status.capacity) check_amount(capacity.key(name), amount, errors);
  for (const auto& [key, state] : status.allocated_resource_statuses) {
    check_resource_key(key, states, errors);
    if (std::ranges::find(kResizeStates, std::string_view(state)) == kResizeStates.end())
      errors.push_back(api::FieldError::not_supported(states, key, kResizeStates));
  }
  for (const auto& [name, amount] : status.allocated_resources)
    if (check_resource_key(name, allocated, errors)) check_amount(allocated.key(name), amount, errors);
}

class ClaimStrategy final : public Strategy {
 public:
  void prepare_create(StrategyContext&, Object& object) const override {
    reset_status(object);
    auto& claim = object.mut<PersistentVolumeClaim>();
    claim.status.phase = "Pending";
    prepare_spec(claim.spec, nullptr);
  }
  void prepare_update(StrategyContext& context, Object& object, const Object& before) const override {
    Strategy::prepare_update(context, object, before);
    auto& claim = object.mut<PersistentVolumeClaim>();
    const auto& old = before.as<PersistentVolumeClaim>();
    if (context.part != Part::kStatus) return prepare_spec(claim.spec, &old.spec);
    if (!old.status.current_volume_attributes_class_name) claim.status.current_volume_attributes_class_name.reset();
    if (!old.status.modify_volume_status) claim.status.modify_volume_status.reset();
  }
  void validate(StrategyContext&, const Object& object, FieldErrors& errors) const override {
    validate_claim_spec(object.as<PersistentVolumeClaim>().spec, FieldPath("spec"), {}, errors);
  }
  void validate_update(StrategyContext& context, const Object& object, const Object& before, FieldErrors& errors) const override {
    const auto& claim = object.as<PersistentVolumeClaim>();
    const auto& old = before.as<PersistentVolumeClaim>();
    if (context.part == Part::kStatus) return check_status(claim.status, errors);
    ClaimSpecOptions options = options_of(old.spec);
    // Kubernetes validates the whole twice.
    for (int i = 0; i < 2; ++i) {
      repeat_meta(*this, object, true, errors);
      validate_claim_spec(claim.spec, FieldPath("spec"), options, errors);
    }
    check_spec_change(claim, old, errors);
  }
  void warnings(StrategyContext&, const Object& object, std::vector<std::string>& texts) const override {
    const auto& claim = object.as<PersistentVolumeClaim>();
    if (claim.metadata.annotations.contains(kClassAnnotation))
      texts.push_back("metadata.annotations[" + std::string(kClassAnnotation) + "]: deprecated since v1.8; use \"storageClassName\" attribute instead");
    auto whole = [&](const char* part, const api::Map<Quantity>& amounts) {
      Quantity amount = storage_of(amounts);
      if (amount.milli_value() % 1000 != 0)
        texts.push_back("spec.resources." + std::string(part) + "[storage]: fractional byte value \"" + amount.to_string() +
                        "\" is invalid, must be an integer");
    };
    whole("requests", claim.spec.resources.requests);
    whole("limits", claim.spec.resources.limits);
  }
  void warnings_on_update(StrategyContext& context, const Object& object, const Object&, std::vector<std::string>& texts) const override {
    if (context.part != Part::kStatus) warnings(context, object, texts);
  }
  bool returns_deleted_object() const override { return true; }
};

}  // namespace

const Strategy& claim_strategy() { return instance<ClaimStrategy>(); }

}  // namespace reigen::apiserver
