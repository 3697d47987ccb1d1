// What the node says of itself: capacity, conditions, addresses, nodeInfo.
#pragma once

#include <string>
#include <vector>

#include "api/corev1.h"
#include "node/agent.h"
#include "node/downward.h"
#include "node/image_service.h"
#include "runtime/runtime.h"

namespace reigen::node {

// Read once at start.
struct HostFacts {
  int64_t cpus = 1, memory = 0, disk = 0;  // bytes
  std::string machine_id, system_uuid, boot_id, kernel, os_image, hostname, architecture = "amd64";
};
HostFacts read_host_facts(const AgentOptions& options);

// A whole Node for registration.
api::corev1::Node make_node(const AgentOptions& options, const HostFacts& host, const runtime::Runtime& runtime);
// Brings the status of `node` up to date; conditions keep their transition times. True when more than heartbeats changed.
bool update_node_status(api::corev1::Node& node, const AgentOptions& options, const HostFacts& host, const runtime::Runtime& runtime,
                        const std::vector<NodeImage>& images, api::Time now);
// A strategic merge patch that writes what a node says of itself. Conditions and resources of others (extended resources, what a problem
// detector found) are not in it.
std::string node_status_patch(const api::corev1::NodeStatus& status);

}  // namespace reigen::node
