// Forgetting flows that the kernel still translates.
#pragma once

#include <functional>

#include "base/ip.h"
#include "base/result.h"

namespace reigen::linux {

struct Flow {
  uint8_t protocol = 0;
  IpAddress original_destination;  // as the sender addressed it
  uint16_t original_port = 0;
  IpAddress reply_source;  // who answers: the endpoint
  uint16_t reply_port = 0;
};

// Deletes the flows of a protocol (17: UDP) and family of the calling thread's network namespace for which `stale` says so.
Status forget_flows(uint8_t protocol, IpFamily family, const std::function<bool(const Flow&)>& stale);

}  // namespace reigen::linux
