#include <gtest/gtest.h>

#include "api/corev1.h"
#include "api/defaults.h"
#include "api/json.h"

namespace reigen::api {
namespace {

// The JSON of the object after defaulting, without kind and apiVersion.
std::string defaulted(std::string_view json) {
  auto object = decode_json(json);
  if (!object) return object.error().message();
  apply_defaults(*object);
  std::string once, twice;
  append_json(once, object->type(), object->data());
  apply_defaults(*object);
  append_json(twice, object->type(), object->data());
  EXPECT_EQ(once, twice);
  return once;
}

TEST(Defaults, OfAPod) {
  EXPECT_EQ(
      defaulted(R"({"kind":"Pod","apiVersion":"v1","metadata":{"creationTimestamp":"2020-01-01T00:00:00Z"},"spec":{"serviceAccountName":"s",
      "volumes":[{"name":"v"},{"name":"s","secret":{"secretName":"x"}}],
      "containers":[{"name":"a","image":"nginx","ports":[{"containerPort":80}],"resources":{"limits":{"cpu":"0.0001"}},
        "livenessProbe":{"httpGet":{"port":80}},"readinessProbe":{"grpc":{"port":1}},"env":[{"name":"N","valueFrom":{"fieldRef":{"fieldPath":"metadata.name"}}}]}]}})"),
      R"({"metadata":{"creationTimestamp":"2020-01-01T00:00:00Z"},"spec":{"volumes":[{"name":"v","emptyDir":{}},{"name":"s","secret":{"secretName":"x","defaultMode":420}}],)"
      R"("containers":[{"name":"a","image":"nginx","ports":[{"containerPort":80,"protocol":"TCP"}],"env":[{"name":"N","valueFrom":{"fieldRef":{"apiVersion":"v1","fieldPath":"metadata.name"}}}],)"
      R"("resources":{"limits":{"cpu":"1m"},"requests":{"cpu":"1m"}},"livenessProbe":{"httpGet":{"path":"/","port":80,"scheme":"HTTP"},"timeoutSeconds":1,"periodSeconds":10,"successThreshold":1,"failureThreshold":3},)"
      R"("readinessProbe":{"grpc":{"port":1,"service":""},"timeoutSeconds":1,"periodSeconds":10,"successThreshold":1,"failureThreshold":3},)"
      R"("terminationMessagePath":"/dev/termination-log","terminationMessagePolicy":"File","imagePullPolicy":"Always"}],)"
      R"("restartPolicy":"Always","terminationGracePeriodSeconds":30,"dnsPolicy":"ClusterFirst","serviceAccountName":"s","serviceAccount":"s","securityContext":{},"schedulerName":"default-scheduler","enableServiceLinks":true},"status":{}})");
}

TEST(Defaults, OfTheImagePullPolicy) {
  const std::pair<const char*, const char*> cases[] = {{"nginx", "Always"},
                                                       {"nginx:latest", "Always"},
                                                       {"nginx:1", "IfNotPresent"},
                                                       {"host:5000/a", "Always"},
                                                       {"host:5000/a:1", "IfNotPresent"},
                                                       {"a@sha256:0123456789012345678901234567890123456789012345678901234567890123", "IfNotPresent"},
                                                       {"", "IfNotPresent"},
                                                       {"BAD", "IfNotPresent"}};
  for (auto [image, policy] : cases) {
    corev1::Pod pod;
    pod.spec.containers.emplace_back().image = image;
    apply_defaults(kind_of<corev1::Pod>(), &pod);
    EXPECT_EQ(pod.spec.containers[0].image_pull_policy, policy) << image;
  }
}

TEST(Defaults, OfTheRest) {
  const std::pair<const char*, const char*> cases[] = {
      {R"({"kind":"Service","apiVersion":"v1","spec":{"ports":[{"port":80}]}})",
       R"({"metadata":{"creationTimestamp":null},"spec":{"ports":[{"protocol":"TCP","port":80,"targetPort":80}],"type":"ClusterIP","sessionAffinity":"None","internalTrafficPolicy":"Cluster"},"status":{"loadBalancer":{}}})"},
      {R"({"kind":"Service","apiVersion":"v1","spec":{"type":"NodePort","sessionAffinity":"ClientIP"}})",
       R"({"metadata":{"creationTimestamp":null},"spec":{"type":"NodePort","sessionAffinity":"ClientIP","externalTrafficPolicy":"Cluster","sessionAffinityConfig":{"clientIP":{"timeoutSeconds":10800}},"internalTrafficPolicy":"Cluster"},"status":{"loadBalancer":{}}})"},
      {R"({"kind":"Secret","apiVersion":"v1","stringData":{"a":"b"}})", R"({"metadata":{"creationTimestamp":null},"data":{"a":"Yg=="},"type":"Opaque"})"},
      {R"({"kind":"Namespace","apiVersion":"v1","metadata":{"name":"n"}})",
       R"({"metadata":{"name":"n","creationTimestamp":null,"labels":{"kubernetes.io/metadata.name":"n"}},"spec":{},"status":{"phase":"Active"}})"},
      {R"({"kind":"ReplicationController","apiVersion":"v1","spec":{}})",
       R"({"metadata":{"creationTimestamp":null},"spec":{"replicas":1},"status":{"replicas":0}})"},
      {R"({"kind":"ReplicaSet","apiVersion":"apps/v1","spec":{"selector":null}})",
       R"({"metadata":{"creationTimestamp":null},"spec":{"replicas":1,"selector":null,"template":{"metadata":{"creationTimestamp":null},"spec":{"containers":null,"restartPolicy":"Always","terminationGracePeriodSeconds":30,"dnsPolicy":"ClusterFirst","securityContext":{},"schedulerName":"default-scheduler"}}},"status":{"replicas":0}})"},
      {R"({"kind":"NetworkPolicy","apiVersion":"networking.k8s.io/v1","spec":{"podSelector":{},"egress":[{"ports":[{"port":80}]}]}})",
       R"({"metadata":{"creationTimestamp":null},"spec":{"podSelector":{},"egress":[{"ports":[{"protocol":"TCP","port":80}]}],"policyTypes":["Ingress","Egress"]}})"},
      {R"({"kind":"RoleBinding","apiVersion":"rbac.authorization.k8s.io/v1","subjects":[{"kind":"User","name":"u"},{"kind":"ServiceAccount","name":"s"}],"roleRef":{"kind":"Role","name":"r"}})",
       R"({"metadata":{"creationTimestamp":null},"subjects":[{"kind":"User","apiGroup":"rbac.authorization.k8s.io","name":"u"},{"kind":"ServiceAccount","name":"s"}],"roleRef":{"apiGroup":"rbac.authorization.k8s.io","kind":"Role","name":"r"}})"},
      {R"({"kind":"ValidatingAdmissionPolicy","apiVersion":"admissionregistration.k8s.io/v1","spec":{"matchConstraints":{"resourceRules":[{"apiGroups":["a"]}]}}})",
       R"({"metadata":{"creationTimestamp":null},"spec":{"matchConstraints":{"namespaceSelector":{},"objectSelector":{},"resourceRules":[{"apiGroups":["a"],"scope":"*"}],"matchPolicy":"Equivalent"},"failurePolicy":"Fail"},"status":{}})"},
  };
  for (auto [in, out] : cases) EXPECT_EQ(defaulted(in), out) << in;
}

}  // namespace
}  // namespace reigen::api
