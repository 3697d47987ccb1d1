// RuntimeClass: pods get the overhead and the scheduling of their class. Rules of plugin/pkg/admission/runtimeclass.

#include <fmt/core.h>

#include "api/corev1.h"
#include "api/errors.h"
#include "api/nodev1.h"
#include "api/object.h"
#include "apiserver/admission/plugins.h"

namespace reigen::apiserver {
namespace {

using api::corev1::Pod;
using api::corev1::Toleration;
using api::nodev1::RuntimeClass;

// Does one toleration tolerate all that the other one does?
bool covers(const Toleration& wide, const Toleration& narrow) {
  if (wide == narrow) return true;
  bool any_key = wide.key.empty() && wide.operator_ == "Exists";
  if (narrow.key != wide.key && !any_key) return false;
  if (narrow.effect != wide.effect && !wide.effect.empty()) return false;
  if (wide.effect == "NoExecute" && wide.toleration_seconds && (!narrow.toleration_seconds || *narrow.toleration_seconds > *wide.toleration_seconds))
    return false;
  return wide.operator_ == "Exists" || (narrow.operator_ == "Equal" && narrow.value == wide.value);
}

// Both lists without what others cover; of equal ones the first stays.
std::vector<Toleration> merge(std::vector<Toleration> all, const std::vector<Toleration>& more) {
  all.insert(all.end(), more.begin(), more.end());
  std::vector<Toleration> merged;
  for (size_t i = 0; i < all.size(); ++i) {
    bool covered = false;
    for (const auto& other : merged) covered = covered || covers(other, all[i]);
    for (size_t j = i + 1; j < all.size(); ++j) covered = covered || (!(all[j] == all[i]) && covers(all[j], all[i]));
    if (!covered) merged.push_back(all[i]);
  }
  return merged;
}

class RuntimeClassPlugin final : public AdmissionPlugin {
 public:
  std::string_view name() const override { return "RuntimeClass"; }
  bool handles(Operation operation) const override { return operation == Operation::kCreate; }

  Status admit(AdmissionRequest& request) override {
    if (!is_for_pods(request) || !request.object->as<Pod>().spec.runtime_class_name) return {};
    TRY_ASSIGN(api::Object object, find_class(request));
    const RuntimeClass& runtime = object.as<RuntimeClass>();
    auto& spec = request.object->mut<Pod>().spec;
    if (runtime.overhead) {
      if (!spec.overhead.empty() && !(spec.overhead == runtime.overhead->pod_fixed)) return refuse(request, std::string(kMismatch));
      spec.overhead = runtime.overhead->pod_fixed;
    }
    if (!runtime.scheduling) return {};
    for (const auto& [key, value] : runtime.scheduling->node_selector) {
      const std::string* own = spec.node_selector.get(key);
      if (own && *own != value)
        return refuse(request, fmt::format("conflict: runtimeClass.scheduling.nodeSelector[{0}] = {1}; pod.spec.nodeSelector[{0}] = {2}", key, value, *own));
      spec.node_selector[key] = value;
    }
    spec.tolerations = merge(std::move(spec.tolerations), runtime.scheduling->tolerations);
    return {};
  }

  Status validate(const AdmissionRequest& request) override {
    if (!is_for_pods(request)) return {};
    const auto& spec = request.object->as<Pod>().spec;
    if (spec.runtime_class_name) {
      TRY_ASSIGN(api::Object object, find_class(request));
      const RuntimeClass& runtime = object.as<RuntimeClass>();
      if (runtime.overhead) return spec.overhead == runtime.overhead->pod_fixed ? Status() : refuse(request, std::string(kMismatch));
    }
    return spec.overhead.empty() ? Status() : refuse(request, "pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead");
  }

 private:
  static constexpr std::string_view kMismatch = "pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead";
  static bool is_for_pods(const AdmissionRequest& request) { return request.group.empty() && request.resource == "pods" && request.subresource.empty(); }
  static Status refuse(const AdmissionRequest& request, std::string why) { return Fail(api::forbidden({"", "pods"}, request.name, why)); }
  static Result<api::Object> find_class(const AdmissionRequest& request) {
    const std::string& name = *request.object->as<Pod>().spec.runtime_class_name;
    auto found = request.reader->get("node.k8s.io", "runtimeclasses", "", name);
    if (found) return found;
    return Fail(api::forbidden({"", "pods"}, request.name, "pod rejected: RuntimeClass \"" + name + "\" not found"));
  }
};

}  // namespace

std::unique_ptr<AdmissionPlugin> make_runtime_class() { return std::make_unique<RuntimeClassPlugin>(); }

}  // namespace reigen::apiserver
