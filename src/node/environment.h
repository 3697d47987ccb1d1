// A container's environment variables: service variables, envFrom, env with $(VAR) expansion.
#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "node/downward.h"
#include "node/pod_objects.h"

namespace reigen::node {

using Environment = std::map<std::string, std::string>;

// $(NAME) becomes its value, $$ is $, unknown names stay as they are (k8s.io/kubernetes third_party/forked/golang/expansion).
// `missing` gets the names that are unknown or empty.
std::string expand_variables(std::string_view text, const Environment& first, const Environment& second = {}, std::set<std::string>* missing = nullptr);

// REDIS_MASTER_SERVICE_HOST, …_PORT and Docker's link variables of the services of a namespace.
Environment service_environment(const std::vector<std::shared_ptr<const api::corev1::Service>>& services);

struct ContainerEnvironment {
  Environment own;                        // of the container's spec
  Environment services;                   // less than `own`
  std::vector<std::string> list() const;  // "K=V"
};

// kInvalidArgument: the reason is CreateContainerConfigError and the text the message.
Result<ContainerEnvironment> make_environment(const api::corev1::Pod& pod, const api::corev1::Container& container, const NodeFacts& facts,
                                              const std::vector<std::string>& pod_ips, PodObjects& objects);

}  // namespace reigen::node
