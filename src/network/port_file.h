// The file of a node's host ports: what a restarted agent, and the helper that serves [::1], read.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "network/pod_rules.h"

namespace reigen::network {

// <run directory>/hostports: a line each, "sandbox protocol host-ip host-port pod-ip pod-port pod|docker". Without the last word: a pod's.
std::string port_file_path(const std::string& run_directory);
std::string format_ports(std::span<const PortMapping> ports);
// Broken lines are left out: the file is ours, and what is missing comes back with the next attach.
std::vector<PortMapping> parse_ports(std::string_view text);

}  // namespace reigen::network
