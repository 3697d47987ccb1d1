#include "apiserver/validation/pod_spec.h"

#include <gtest/gtest.h>

#include "api/corev1.h"
#include "api/defaults.h"
#include "api/metav1.h"
#include "api/object.h"
#include "api/pod_rules.h"
#include "apiserver/validation/pod_warnings.h"

namespace reigen::apiserver {
namespace {

using namespace api::corev1;

Pod good_pod() {
  Pod pod;
  pod.metadata.name = "p";
  pod.metadata.namespace_ = "default";
  auto& container = pod.spec.containers.emplace_back();
  container.name = "c";
  container.image = "nginx";
  api::Object object = api::Object::of(std::move(pod));
  api::apply_defaults(object);
  return object.as<Pod>();
}

std::string create_errors(const Pod& pod) {
  api::FieldErrors errors;
  validate_pod_create(pod, errors);
  return api::aggregate_message(errors);
}

std::string update_errors(const Pod& pod, const Pod& old) {
  api::FieldErrors errors;
  validate_pod_update(pod, old, errors);
  return api::aggregate_message(errors);
}

TEST(PodSpec, NamesTheFieldAndTheRule) {
  struct Case {
    void (*change)(Pod&);
    const char* error;
  };
  const Case cases[] = {
      {[](Pod&) {}, ""},
      {[](Pod& pod) { pod.spec.containers.clear(); }, "spec.containers: Required value"},
      {[](Pod& pod) { pod.spec.containers[0].image = " nginx"; },
       "spec.containers[0].image: Invalid value: \" nginx\": must not have leading or trailing whitespace"},
      {[](Pod& pod) { pod.spec.containers.push_back(pod.spec.containers[0]); }, "spec.containers[1].name: Duplicate value: \"c\""},
      {[](Pod& pod) { pod.spec.containers[0].resources.requests["cpu"] = api::Quantity::of("-1"); },
       "spec.containers[0].resources.requests[cpu]: Invalid value: \"-1\": must be greater than or equal to 0"},
      {[](Pod& pod) { pod.spec.containers[0].resources.limits["hugepages-2Mi"] = api::Quantity::of("2Mi"); },
       "spec.containers[0].resources: Forbidden: HugePages require cpu or memory"},
      {[](Pod& pod) { pod.spec.containers[0].volume_mounts.emplace_back().mount_path = "/x"; },
       "[spec.containers[0].volumeMounts[0].name: Required value, spec.containers[0].volumeMounts[0].name: Not found: \"\"]"},
      {[](Pod& pod) { pod.spec.volumes.emplace_back().name = "v"; }, "spec.volumes[0]: Required value: must specify a volume type"},
      {[](Pod& pod) { pod.spec.active_deadline_seconds = 0; }, "spec.activeDeadlineSeconds: Invalid value: 0: must be between 1 and 2147483647, inclusive"},
      {[](Pod& pod) { pod.spec.dns_policy = "None"; }, "spec.dnsConfig: Required value: must provide `dnsConfig` when `dnsPolicy` is None"},
      {[](Pod& pod) { pod.metadata.annotations["controller.kubernetes.io/pod-deletion-cost"] = "+1"; },
       "metadata.annotations[controller.kubernetes.io/pod-deletion-cost]: Invalid value: \"+1\": must be a 32bit integer"},
      {[](Pod& pod) { pod.spec.ephemeral_containers.emplace_back(); },
       "[spec.ephemeralContainers[0].name: Required value, spec.ephemeralContainers[0].image: Required value, "
       "spec.ephemeralContainers[0].terminationMessagePolicy: Required "
       "value, spec.ephemeralContainers[0].imagePullPolicy: Required value, spec.ephemeralContainers: Forbidden: cannot be set on create]"},
  };
  for (const Case& one : cases) {
    Pod pod = good_pod();
    one.change(pod);
    EXPECT_EQ(create_errors(pod), one.error);
  }
}

TEST(PodUpdate, OnlyAFewFieldsChange) {
  struct Case {
    void (*change)(Pod&);
    const char* error;
  };
  const Case cases[] = {
      {[](Pod& pod) { pod.spec.containers[0].image = "other"; }, ""},
      {[](Pod& pod) { pod.spec.tolerations.emplace_back().operator_ = "Exists"; }, ""},
      {[](Pod& pod) { pod.spec.active_deadline_seconds = 5; }, ""},
      {[](Pod& pod) { pod.spec.active_deadline_seconds.reset(); },
       "spec.activeDeadlineSeconds: Invalid value: \"null\": must not update from a positive integer to nil value"},
      {[](Pod& pod) { pod.spec.containers.clear(); },
       "[spec.containers: Required value, spec.containers: Forbidden: pod updates may not add or remove containers]"},
      {[](Pod& pod) { pod.spec.scheduling_gates.emplace_back().name = "g"; },
       "spec.schedulingGates[0].name: Forbidden: only deletion is allowed, but found new scheduling gate 'g'"},
  };
  for (const Case& one : cases) {
    Pod old = good_pod();
    old.spec.active_deadline_seconds = 10;
    Pod pod = old;
    one.change(pod);
    EXPECT_EQ(update_errors(pod, old), one.error);
  }
  Pod old = good_pod(), pod = old;
  pod.spec.host_network = true;
  EXPECT_NE(update_errors(pod, old).find("spec: Forbidden: pod updates may not change fields other than"), std::string::npos);
}

TEST(PodQos, ComparesRequestsWithLimits) {
  Pod pod = good_pod();
  EXPECT_EQ(api::qos_class(pod.spec), "BestEffort");
  auto& resources = pod.spec.containers[0].resources;
  resources.requests["cpu"] = resources.limits["cpu"] = api::Quantity::of("1");
  EXPECT_EQ(api::qos_class(pod.spec), "Burstable");
  resources.requests["memory"] = resources.limits["memory"] = api::Quantity::of("1Gi");
  EXPECT_EQ(api::qos_class(pod.spec), "Guaranteed");
}

TEST(PodWarnings, TellsOfWhatIsHardlyMeant) {
  Pod pod = good_pod();
  pod.spec.node_selector["beta.kubernetes.io/os"] = "linux";
  auto& env = pod.spec.containers[0].env;
  env.emplace_back().name = "A";
  env.emplace_back().name = "A";
  Warnings texts;
  warn_of_pod(pod, texts);
  EXPECT_EQ(texts, (Warnings{"spec.nodeSelector[beta.kubernetes.io/os]: deprecated since v1.14; use \"kubernetes.io/os\" instead",
                             "spec.containers[0].env[1]: hides previous definition of \"A\", which may be dropped when using apply"}));
}

}  // namespace
}  // namespace reigen::apiserver
