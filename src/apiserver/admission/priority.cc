#include <fmt/core.h>

#include <mutex>

#include "api/corev1.h"
#include "api/errors.h"
#include "api/object.h"
#include "api/schedulingv1.h"
#include "apiserver/admission/plugins.h"

namespace reigen::apiserver {
namespace {

using api::corev1::Pod;
using api::schedulingv1::PriorityClass;

struct Found {
  std::string name;
  int32_t value = 0;
  std::string preemption = "PreemptLowerPriority";
};

Found from_class(const PriorityClass& priority) {
  Found found;
  found.name = priority.metadata.name;
  found.value = priority.value;
  if (priority.preemption_policy) found.preemption = *priority.preemption_policy;
  return found;
}

// The class that counts for pods that name none: of several, the one with the lowest value.
Found global_default(ObjectReader& reader) {
  Found best;
  reader.for_each("scheduling.k8s.io", "priorityclasses", "", [&](const api::Object& object) {
    const auto& priority = object.as<PriorityClass>();
    if (priority.global_default && (best.name.empty() || priority.value < best.value)) best = from_class(priority);
    return true;
  });
  return best;
}

// As global_default, looked up again only after a class has changed.
class GlobalDefault {
 public:
  Found find(ObjectReader& reader) {
    uint64_t changes = reader.changes("scheduling.k8s.io", "priorityclasses");
    {
      std::lock_guard lock(mutex_);
      if (changes != 0 && changes == at_) return found_;
    }
    Found found = global_default(reader);
    std::lock_guard lock(mutex_);
    at_ = changes;
    return found_ = found;
  }

 private:
  std::mutex mutex_;
  uint64_t at_ = 0;
  Found found_;
};

class Priority final : public AdmissionPlugin {
 public:
  std::string_view name() const override { return "Priority"; }
  bool handles(Operation operation) const override { return operation == Operation::kCreate || operation == Operation::kUpdate; }

  Status admit(AdmissionRequest& request) override {
    if (!request.group.empty() || request.resource != "pods" || !request.subresource.empty()) return {};
    if (request.operation == Operation::kUpdate) return keep(request);
    auto& spec = request.object->mut<Pod>().spec;
    Found found;
    if (spec.priority_class_name.empty()) {
      found = default_.find(*request.reader);
      spec.priority_class_name = found.name;
    } else {
      auto object = request.reader->get("scheduling.k8s.io", "priorityclasses", "", spec.priority_class_name);
      if (!object) {
        return Fail(api::forbidden({"", "pods"}, request.name, fmt::format("no PriorityClass with name {} was found", spec.priority_class_name)));
      }
      found = from_class(object->as<PriorityClass>());
    }
    if (spec.priority && *spec.priority != found.value) {
      return Fail(api::forbidden({"", "pods"}, request.name,
                                 fmt::format("the integer value of priority ({}) must not be provided in pod spec; priority admission controller computed {} "
                                             "from the given PriorityClass name",
                                             *spec.priority, found.value)));
    }
    if (spec.preemption_policy && *spec.preemption_policy != found.preemption) {
      return Fail(api::forbidden({"", "pods"}, request.name,
                                 fmt::format("the string value of PreemptionPolicy ({}) must not be provided in pod spec; priority admission controller "
                                             "computed {} from the given PriorityClass name",
                                             *spec.preemption_policy, found.preemption)));
    }
    spec.priority = found.value;
    spec.preemption_policy = found.preemption;
    return {};
  }

  Status validate(const AdmissionRequest& request) override {
    if (request.group != "scheduling.k8s.io" || request.resource != "priorityclasses" || request.operation != Operation::kCreate) return {};
    const auto& priority = request.object->as<PriorityClass>();
    if (!priority.global_default || !request.reader) return {};
    auto existing = global_default(*request.reader);
    if (existing.name.empty() || existing.name == priority.metadata.name) return {};
    return fail(Code::kPermissionDenied,
                fmt::format("PriorityClass {} is already marked as globalDefault. Only one PriorityClass can be marked as globalDefault", existing.name));
  }

 private:
  GlobalDefault default_;

  // A client that does not know the fields sends them empty: what was computed stays.
  static Status keep(AdmissionRequest& request) {
    if (!request.old_object) return {};
    const auto& old = request.old_object->as<Pod>().spec;
    const auto& spec = request.object->as<Pod>().spec;
    if (spec.priority || !old.priority) return {};
    request.object->mut<Pod>().spec.priority = old.priority;
    return {};
  }
};

}  // namespace

std::unique_ptr<AdmissionPlugin> make_priority() { return std::make_unique<Priority>(); }

}  // namespace reigen::apiserver
