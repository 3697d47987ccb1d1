// What pods a service leads to, the common ground of Endpoints and EndpointSlices.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "api/corev1.h"
#include "controllers/pod_control.h"

namespace reigen::controllers {

using ServicePtr = std::shared_ptr<const api::corev1::Service>;

// A service's port as one pod has it: a named target port may stand for another number in each pod.
struct ResolvedPort {
  std::string name, protocol;
  int32_t number = 0;
  std::optional<std::string> app_protocol;
  auto operator<=>(const ResolvedPort&) const = default;
};

struct Backend {
  PodPtr pod;
  std::vector<ResolvedPort> ports;
  bool ready = false;    // takes traffic
  bool serving = false;  // ready whether or not it terminates
  bool terminating = false;
  std::string hostname;  // for a name of its own below the service's
};

// Pods that the service selects and that have an address. `with_terminating`: those being deleted too.
std::vector<Backend> backends_of(const api::corev1::Service& service, const std::vector<PodPtr>& pods, bool with_terminating);

bool is_headless(const api::corev1::Service& service);

}  // namespace reigen::controllers
