// What hollow nodes (hollow_nodes.h) write to the API. Pure.
#pragma once

#include <string>

#include "api/coordinationv1.h"
#include "api/corev1.h"
#include "node/hollow_nodes.h"

namespace reigen::node {

api::corev1::Node hollow_node(const HollowOptions& options, size_t index, api::Time now);
std::string hollow_name(const HollowOptions& options, size_t index);
// "100.64.0.0/24" for node 0.
std::string hollow_cidr(size_t index);
std::string hollow_address(size_t index);
api::coordinationv1::Lease hollow_lease(const std::string& node, const HollowOptions& options, WallTime now);

// As if all its containers had just started, init containers had ended well, and every probe had succeeded.
api::corev1::PodStatus hollow_pod_status(const api::corev1::Pod& pod, const std::string& host_ip, const std::string& pod_ip, api::Time now);

}  // namespace reigen::node
