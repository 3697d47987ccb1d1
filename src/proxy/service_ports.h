// From the API's objects to what the proxy plans with: a pure function.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "proxy/service_port.h"

namespace reigen::api::corev1 {
struct Service;
}
namespace reigen::api::discoveryv1 {
struct EndpointSlice;
}

namespace reigen::proxy {

// Nothing for a service that no proxy serves: headless, ExternalName, without an address yet, or another proxy's by its label. An endpoint
// counts when it is ready; where none is, those that still serve while they terminate (KEP-1669).
std::vector<ServicePort> service_ports(const api::corev1::Service& service, const std::vector<std::shared_ptr<const api::discoveryv1::EndpointSlice>>& slices,
                                       const std::string& node_name);

}  // namespace reigen::proxy
