#include <fmt/core.h>

#include "api/corev1.h"
#include "api/errors.h"
#include "api/object.h"
#include "apiserver/admission/plugins.h"

namespace reigen::apiserver {
namespace {

bool is_immortal(std::string_view name) { return name == "default" || name == "kube-system" || name == "kube-public"; }

Error terminating(const AdmissionRequest& request, const api::metav1::ObjectMeta& ns) {
  auto error = api::forbidden({request.group, request.resource}, request.name,
                              fmt::format("unable to create new content in namespace {} because it is being terminated", ns.name));
  auto status = api::status_of(error);
  status.causes.push_back({"NamespaceTerminating", fmt::format("namespace {} is being terminated", ns.name), "metadata.namespace"});
  return api::to_error(std::move(status));
}

class NamespaceLifecycle final : public AdmissionPlugin {
 public:
  std::string_view name() const override { return "NamespaceLifecycle"; }
  bool handles(Operation operation) const override { return operation != Operation::kConnect; }

  Status admit(AdmissionRequest& request) override {
    if (request.group.empty() && request.resource == "namespaces") {
      if (request.operation == Operation::kDelete && is_immortal(request.name)) {
        return Fail(api::forbidden({"", "namespaces"}, request.name, "this namespace may not be deleted"));
      }
      return {};
    }
    // Only content that would be new needs its namespace: everything else is already there, and deleting must work to the end.
    if (request.namespace_.empty() || request.operation != Operation::kCreate || !request.reader) return {};
    // Reviews of access look at the future as well as at the present.
    if (request.resource == "localsubjectaccessreviews") return {};
    auto found = request.reader->get("", "namespaces", "", request.namespace_);
    if (!found) return Fail(api::not_found({"", "namespaces"}, request.namespace_));
    const auto& ns = found->as<api::corev1::Namespace>();
    if (ns.metadata.deletion_timestamp || ns.status.phase == "Terminating") return Fail(terminating(request, ns.metadata));
    return {};
  }
};

}  // namespace

std::unique_ptr<AdmissionPlugin> make_namespace_lifecycle() { return std::make_unique<NamespaceLifecycle>(); }

}  // namespace reigen::apiserver
