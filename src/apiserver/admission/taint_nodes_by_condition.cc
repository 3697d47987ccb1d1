#include <algorithm>

#include "api/corev1.h"
#include "api/object.h"
#include "apiserver/admission/plugins.h"

namespace reigen::apiserver {
namespace {

constexpr const char* kNotReady = "node.kubernetes.io/not-ready";

class TaintNodesByCondition final : public AdmissionPlugin {
 public:
  std::string_view name() const override { return "TaintNodesByCondition"; }
  bool handles(Operation operation) const override { return operation == Operation::kCreate; }

  Status admit(AdmissionRequest& request) override {
    if (!request.group.empty() || request.resource != "nodes" || !request.subresource.empty()) return {};
    auto& taints = request.object->mut<api::corev1::Node>().spec.taints;
    bool there = std::any_of(taints.begin(), taints.end(), [](const auto& taint) { return taint.key == kNotReady && taint.effect == "NoSchedule"; });
    if (there) return {};
    auto& taint = taints.emplace_back();
    taint.key = kNotReady;
    taint.effect = "NoSchedule";
    return {};
  }
};

}  // namespace

std::unique_ptr<AdmissionPlugin> make_taint_nodes_by_condition() { return std::make_unique<TaintNodesByCondition>(); }

}  // namespace reigen::apiserver
