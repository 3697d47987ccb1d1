// A pod's container and its image, as the runtime takes it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "node/environment.h"
#include "node/image_service.h"
#include "runtime/spec.h"

namespace reigen::node {

struct SpecContext {
  const api::corev1::Pod& pod;
  const api::corev1::Container& container;
  const ImageInfo& image;
  const ContainerEnvironment& env;
  const NodeFacts& facts;
  bool seccomp_default = false;
  std::string seccomp_root;  // folder of Localhost profiles
};

// argv, environment, user, security, resources, terminal; not id, sandbox, mounts, log. kInvalidArgument: CreateContainerConfigError
// with the error's text.
Result<runtime::ContainerSpec> make_container_spec(const SpecContext& context);

// What the pod asks for that this node cannot honour: the field's path and why. Empty: nothing.
struct UnsupportedField {
  std::string path, why;
};
std::optional<UnsupportedField> unsupported_field(const api::corev1::Pod& pod);
// The same of one container; `at` is put before the field's name.
std::optional<UnsupportedField> unsupported_in(const api::corev1::Container& container, const std::string& at);

// The pod's cgroup below the instance's ("kubepods/burstable/pod<uid>") and its limits.
std::string pod_cgroup(const api::corev1::Pod& pod);
runtime::Resources pod_resources(const api::corev1::Pod& pod);

// What the pod requests: the larger of its containers' (with sidecars) sum and its init containers.
struct Requests {
  int64_t cpu_milli = 0, memory = 0;
};
Requests pod_requests(const api::corev1::Pod& pod);

}  // namespace reigen::node
