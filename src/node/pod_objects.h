// What a pod refers to: config maps, secrets, tokens, services. Read when needed.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "api/authenticationv1.h"
#include "api/corev1.h"
#include "base/result.h"

namespace reigen::node {

// Thread-safe; calls block. Errors are those of client::Transport (kNotFound: no such object).
class PodObjects {
 public:
  virtual ~PodObjects() = default;
  virtual Result<std::shared_ptr<const api::corev1::ConfigMap>> config_map(const std::string& namespace_, const std::string& name) = 0;
  virtual Result<std::shared_ptr<const api::corev1::Secret>> secret(const std::string& namespace_, const std::string& name) = 0;
  // Services of a namespace; all have a cluster IP.
  virtual std::vector<std::shared_ptr<const api::corev1::Service>> services(const std::string& namespace_) = 0;
  // A token of the pod's service account, bound to the pod.
  virtual Result<api::authenticationv1::TokenRequestStatus> token(const api::corev1::Pod& pod, const std::string& audience, int64_t expiration_seconds) = 0;
};

}  // namespace reigen::node
