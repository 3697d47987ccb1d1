// Namespace and Node: rules of pkg/apis/core/validation and pkg/registry/core.

#include <algorithm>
#include <set>

#include "api/corev1.h"
#include "api/metav1.h"
#include "api/object.h"
#include "apiserver/metadata.h"
#include "apiserver/strategy/core_strategies.h"
#include "apiserver/strategy/instance.h"
#include "apiserver/validation/checks.h"
#include "apiserver/validation/resources.h"

namespace reigen::apiserver {
namespace {

using api::BadValue;
using api::FieldError;
using api::FieldErrors;
using api::FieldPath;
using api::Object;
using api::corev1::Namespace;
using api::corev1::Node;

void check_finalizer(FieldErrors& errors, const FieldPath& path, const std::string& name) {
  check_qualified_name(errors, path, name);
  if (name.find('/') == std::string::npos && !is_one_of(name, {"kubernetes", "orphan", "foregroundDeletion"}))
    errors.push_back(FieldError::invalid(path, name, "name is neither a standard finalizer name nor is it fully qualified"));
}

class NamespaceStrategy final : public Strategy {
 public:
  void prepare_create(StrategyContext&, Object& object) const override {
    Namespace& ns = object.mut<Namespace>();
    ns.status = {};
    ns.status.phase = "Active";
    auto& finalizers = ns.spec.finalizers;
    if (std::ranges::find(finalizers, "kubernetes") == finalizers.end()) finalizers.emplace_back("kubernetes");
  }
  void prepare_update(StrategyContext& context, Object& object, const Object& old) const override {
    Namespace& ns = object.mut<Namespace>();
    const Namespace& before = old.as<Namespace>();
    if (context.part != Part::kFinalize) ns.spec = before.spec;
    if (context.part != Part::kStatus) ns.status = before.status;
  }
  void validate(StrategyContext&, const Object& object, FieldErrors& errors) const override {
    FieldPath spec("spec"), path = spec.child("finalizers");
    for (const std::string& name : object.as<Namespace>().spec.finalizers) check_finalizer(errors, path, name);
  }
  void validate_update(StrategyContext& context, const Object& object, const Object&, FieldErrors& errors) const override {
    const Namespace& ns = object.as<Namespace>();
    FieldPath spec("spec"), status("status");
    if (context.part == Part::kMain) {
      repeat_meta(*this, object, false, errors);
      return validate(context, object, errors);
    }
    if (context.part == Part::kFinalize) {
      for (size_t i = 0; i < ns.spec.finalizers.size(); ++i) check_finalizer(errors, spec.child("finalizers", i), ns.spec.finalizers[i]);
      return;
    }
    bool going = ns.metadata.deletion_timestamp.has_value();
    if (ns.status.phase == (going ? "Terminating" : "Active")) return;
    errors.push_back(
        FieldError::invalid(status.child("Phase"), ns.status.phase,
                            going ? "may only be 'Terminating' if `deletionTimestamp` is not empty" : "may only be 'Active' if `deletionTimestamp` is empty"));
  }
  void canonicalize(Object& object) const override {
    Namespace& ns = object.mut<Namespace>();
    ns.metadata.labels["kubernetes.io/metadata.name"] = ns.metadata.name;
  }
  std::vector<std::string> check_name(std::string_view name, bool prefix) const override {
    return api::is_dns1123_label(prefix ? api::mask_trailing_dash(name) : std::string(name));
  }
  bool returns_deleted_object() const override { return true; }
  bool may_be_removed(const Object& object) const override { return object.as<Namespace>().spec.finalizers.empty(); }
  std::vector<std::string_view> fields() const override { return {"status.phase"}; }
  std::string field_value(const Object& object, std::string_view field) const override {
    return field == "status.phase" ? object.as<Namespace>().status.phase : std::string();
  }
};

void check_taints(FieldErrors& errors, const Node& node) {
  FieldPath metadata("metadata");  // so Kubernetes names the place
  std::set<std::pair<std::string, std::string>> seen;
  for (size_t i = 0; i < node.spec.taints.size(); ++i) {
    const auto& taint = node.spec.taints[i];
    FieldPath path = metadata.child("taints", i), effect = path.child("effect");
    api::append(errors, api::validate_label_name(path.child("key"), taint.key));
    std::string text;
    for (const std::string& message : api::is_label_value(taint.value)) text += (text.empty() ? "" : ";") + message;
    if (!text.empty()) errors.push_back(FieldError::invalid(path.child("value"), taint.value, text));
    if (taint.effect.empty()) errors.push_back(FieldError::required(effect));
    else check_known(errors, effect, taint.effect, {"NoSchedule", "PreferNoSchedule", "NoExecute"});
    if (seen.emplace(taint.effect, taint.key).second) continue;
    auto error = FieldError::duplicate(path, BadValue::raw("core.Taint{Key:" + BadValue(taint.key).text() + ", Value:" + BadValue(taint.value).text() +
                                                           ", Effect:" + BadValue(taint.effect).text() + ", TimeAdded:<nil>}"));
    error.detail = "taints must be unique by key and effect pair";
    errors.push_back(std::move(error));
  }
}

void check_node_quantities(FieldErrors& errors, const Node& node) {
  FieldPath status("status");
  FieldPath capacity = status.child("capacity"), allocatable = status.child("allocatable");
  for (const auto& [name, value] : node.status.capacity) check_resource_quantity(errors, capacity.child(name), name, value);
  for (const auto& [name, value] : node.status.allocatable) check_resource_quantity(errors, allocatable.child(name), name, value);
}

void check_pod_cidrs(FieldErrors& errors, const std::vector<std::string>& cidrs) {
  FieldPath spec("spec"), path = spec.child("podCIDRs");
  size_t v4 = 0, v6 = 0;
  for (size_t i = 0; i < cidrs.size(); ++i) {
    api::append(errors, api::validate_cidr(path.index(i), cidrs[i]));
    auto cidr = api::parse_cidr(cidrs[i]);
    if (cidr) ++(cidr->address.v4 ? v4 : v6);
  }
  if (cidrs.size() < 2) return;
  if (v4 + v6 != cidrs.size()) errors.push_back(FieldError::internal(path, "invalid PodCIDRs. failed to check with dual stack with error:invalid CIDR"));
  if (v4 == 0 || v6 == 0 || cidrs.size() > 2)
    errors.push_back(FieldError::invalid(path, go_strings(cidrs), "may specify no more than one CIDR for each IP family"));
  std::set<std::string> seen;
  for (size_t i = 0; i < cidrs.size(); ++i)
    if (!seen.insert(cidrs[i]).second) errors.push_back(FieldError::duplicate(path.index(i), cidrs[i]));
}

void check_node_update(FieldErrors& errors, const Node& node, const Node& old) {
  FieldPath spec("spec"), status("status");
  check_node_quantities(errors, node);
  std::set<std::pair<std::string, std::string>> seen;
  for (size_t i = 0; i < node.status.addresses.size(); ++i) {
    const auto& address = node.status.addresses[i];
    if (!seen.emplace(address.type, address.address).second)
      errors.push_back(FieldError::duplicate(status.child("addresses", i), BadValue::raw("core.NodeAddress{Type:" + BadValue(address.type).text() +
                                                                                         ", Address:" + BadValue(address.address).text() + "}")));
  }
  auto once = [&](const char* field, const char* text) {
    errors.push_back(FieldError::forbidden(spec.child(field), std::string("node updates may not change ") + text + " except from \"\" to valid"));
  };
  const auto& cidrs = old.spec.pod_cidrs;
  if (!cidrs.empty() && cidrs.size() != node.spec.pod_cidrs.size()) once("podCIDRs", "podCIDR");
  for (size_t i = 0; cidrs.size() == node.spec.pod_cidrs.size() && i < cidrs.size(); ++i)
    if (cidrs[i] != node.spec.pod_cidrs[i]) once("podCIDRs", "podCIDR");
  if (!old.spec.provider_id.empty() && old.spec.provider_id != node.spec.provider_id) once("providerID", "providerID");
  check_taints(errors, node);
  if (node.spec.external_id != old.spec.external_id) errors.push_back(FieldError::forbidden(spec.child("externalID"), "may not be updated"));
}

class NodeStrategy final : public Strategy {
 public:
  // A node brings its status along when it registers.
  void prepare_create(StrategyContext&, Object& object) const override {
    Node& node = object.mut<Node>();
    node.spec.config_source.reset();
    node.status.config.reset();
    node.status.features.reset();
  }
  void prepare_update(StrategyContext& context, Object& object, const Object& old) const override {
    Strategy::prepare_update(context, object, old);
    const Node& before = old.as<Node>();
    Node& node = object.mut<Node>();
    if (!before.spec.config_source) node.spec.config_source.reset();
    if (!before.status.config) node.status.config.reset();
  }
  void validate(StrategyContext&, const Object& object, FieldErrors& errors) const override {
    const Node& node = object.as<Node>();
    check_taints(errors, node);
    check_node_quantities(errors, node);
    check_pod_cidrs(errors, node.spec.pod_cidrs);
  }
  void validate_update(StrategyContext& context, const Object& object, const Object& old, FieldErrors& errors) const override {
    if (context.part == Part::kMain) {
      repeat_meta(*this, object, false, errors);
      validate(context, object, errors);
    }
    check_node_update(errors, object.as<Node>(), old.as<Node>());
  }
  void warnings(StrategyContext&, const Object& object, std::vector<std::string>& texts) const override {
    const Node& node = object.as<Node>();
    if (node.spec.config_source) texts.emplace_back("spec.configSource: the feature is removed");
    if (!node.spec.external_id.empty()) texts.emplace_back("spec.externalID: this field is deprecated, and is unused by Kubernetes");
  }
  void warnings_on_update(StrategyContext& context, const Object& object, const Object&, std::vector<std::string>& texts) const override {
    if (context.part == Part::kMain) warnings(context, object, texts);
  }
  std::vector<std::string_view> fields() const override { return {"spec.unschedulable"}; }
  std::string field_value(const Object& object, std::string_view) const override { return object.as<Node>().spec.unschedulable ? "true" : "false"; }
};

}  // namespace

const Strategy& namespace_strategy() { return instance<NamespaceStrategy>(); }
const Strategy& node_strategy() { return instance<NodeStrategy>(); }

}  // namespace reigen::apiserver
