#include "api/corev1.h"
#include "api/object.h"
#include "apiserver/admission/plugins.h"

namespace reigen::apiserver {
namespace {

constexpr int64_t kSeconds = 300;

bool tolerates(const api::corev1::PodSpec& spec, std::string_view key) {
  for (const auto& toleration : spec.tolerations) {
    if ((toleration.key == key || toleration.key.empty()) && (toleration.effect == "NoExecute" || toleration.effect.empty())) return true;
  }
  return false;
}

class DefaultTolerationSeconds final : public AdmissionPlugin {
 public:
  std::string_view name() const override { return "DefaultTolerationSeconds"; }
  bool handles(Operation operation) const override { return operation == Operation::kCreate || operation == Operation::kUpdate; }

  Status admit(AdmissionRequest& request) override {
    if (!request.group.empty() || request.resource != "pods" || !request.subresource.empty()) return {};
    auto& spec = request.object->mut<api::corev1::Pod>().spec;
    bool not_ready = tolerates(spec, "node.kubernetes.io/not-ready"), unreachable = tolerates(spec, "node.kubernetes.io/unreachable");
    if (!not_ready) add(spec, "node.kubernetes.io/not-ready");
    if (!unreachable) add(spec, "node.kubernetes.io/unreachable");
    return {};
  }

 private:
  static void add(api::corev1::PodSpec& spec, const char* key) {
    auto& toleration = spec.tolerations.emplace_back();
    toleration.key = key;
    toleration.operator_ = "Exists";
    toleration.effect = "NoExecute";
    toleration.toleration_seconds = kSeconds;
  }
};

}  // namespace

std::unique_ptr<AdmissionPlugin> make_default_toleration_seconds() { return std::make_unique<DefaultTolerationSeconds>(); }

}  // namespace reigen::apiserver
