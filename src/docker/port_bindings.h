// Ports in Docker's words: "80/tcp", "8000-8010", PortBindings, PublishAllPorts. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "api/dockerv1.h"
#include "base/result.h"

namespace reigen::docker {

struct PortRange {
  uint16_t first = 0, last = 0;
};
// "80" or "8000-8010"; an empty text is 0.
Result<PortRange> parse_port_range(std::string_view text);
// "80/tcp", "80": protocol tcp, udp or sctp in any case. kInvalidArgument: `invalid port specification: "x"`, `Invalid proto: x`.
struct PortSpec {
  std::string protocol = "tcp";
  PortRange ports;
};
Result<PortSpec> parse_port(std::string_view text);
Status check_port(std::string_view text);
Status check_port_bindings(const api::dockerv1::HostConfig& host);

}  // namespace reigen::docker
