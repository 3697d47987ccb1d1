#include <algorithm>

#include "api/managed_fields.h"

namespace reigen::api {
namespace {

struct Entry {
  std::string_view group;
  std::string_view plural;
  std::string_view subresource;
  const FieldSet* fields;
};

const FieldSet& spec() {
  static const FieldSet set = FieldSet::of({{"spec"}});
  return set;
}
const FieldSet& status() {
  static const FieldSet set = FieldSet::of({{"status"}});
  return set;
}
const FieldSet& metadata_and_spec() {
  static const FieldSet set = FieldSet::of({{"metadata"}, {"spec"}});
  return set;
}

// Kinds whose writes reset the status, and whose status writes reset the spec.
constexpr std::pair<std::string_view, std::string_view> kPlain[] = {
    {"", "namespaces"},
    {"", "nodes"},
    {"", "persistentvolumeclaims"},
    {"", "persistentvolumes"},
    {"", "replicationcontrollers"},
    {"", "resourcequotas"},
    {"", "services"},
    {"apps", "daemonsets"},
    {"apps", "replicasets"},
    {"apps", "statefulsets"},
    {"autoscaling", "horizontalpodautoscalers"},
    {"batch", "cronjobs"},
    {"batch", "jobs"},
    {"networking.k8s.io", "ingresses"},
    {"policy", "poddisruptionbudgets"},
};
// The same, but their status writes reset the metadata, too.
constexpr std::pair<std::string_view, std::string_view> kStrict[] = {
    {"admissionregistration.k8s.io", "validatingadmissionpolicies"},
    {"apiextensions.k8s.io", "customresourcedefinitions"},
    {"apiregistration.k8s.io", "apiservices"},
    {"docker.reigen.dev", "containers"},
    {"flowcontrol.apiserver.k8s.io", "flowschemas"},
    {"flowcontrol.apiserver.k8s.io", "prioritylevelconfigurations"},
    {"storage.k8s.io", "volumeattachments"},
};

const FieldSet* special(std::string_view group, std::string_view plural, std::string_view subresource) {
  static const FieldSet pod_status = FieldSet::of({{"spec"}, {"metadata", "deletionTimestamp"}, {"metadata", "ownerReferences"}});
  static const FieldSet deployment_status = FieldSet::of({{"spec"}, {"metadata", "labels"}});
  static const FieldSet csr = FieldSet::of({{"spec"}, {"status"}});
  static const FieldSet csr_status = FieldSet::of({{"spec"}, {"status", "conditions"}});
  static const FieldSet csr_approval = FieldSet::of({{"spec"}, {"status", "certificate"}});
  const Entry entries[] = {
      {"", "pods", "", &status()},
      {"", "pods", "status", &pod_status},
      {"", "namespaces", "finalize", &status()},
      {"apps", "deployments", "", &status()},
      {"apps", "deployments", "status", &deployment_status},
      {"certificates.k8s.io", "certificatesigningrequests", "", &csr},
      {"certificates.k8s.io", "certificatesigningrequests", "status", &csr_status},
      {"certificates.k8s.io", "certificatesigningrequests", "approval", &csr_approval},
  };
  for (const auto& entry : entries)
    if (entry.group == group && entry.plural == plural && entry.subresource == subresource) return entry.fields;
  return nullptr;
}

}  // namespace

const FieldSet* reset_fields(std::string_view group, std::string_view, std::string_view plural, std::string_view subresource) {
  if (const FieldSet* found = special(group, plural, subresource)) return found;
  if (!subresource.empty() && subresource != "status") return nullptr;
  std::pair<std::string_view, std::string_view> resource(group, plural);
  if (std::ranges::find(kPlain, resource) != std::end(kPlain)) return subresource.empty() ? &status() : &spec();
  if (std::ranges::find(kStrict, resource) != std::end(kStrict)) return subresource.empty() ? &status() : &metadata_and_spec();
  return nullptr;
}

}  // namespace reigen::api
