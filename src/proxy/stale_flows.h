// Which UDP flows a change of services leaves behind: those to endpoints that are gone, and untranslated ones to frontends that
// got their first endpoint. TCP ends by itself.
#pragma once

#include <set>
#include <tuple>
#include <vector>

#include "base/result.h"
#include "proxy/service_port.h"

namespace reigen::proxy {

class StaleFlows {
 public:
  void compare(const std::vector<ServicePort>& before, const std::vector<ServicePort>& after);
  bool empty() const { return gone_.empty() && fresh_.empty(); }
  // Deletes them in the kernel. Nothing to do costs nothing.
  Status forget() const;

 private:
  using Frontend = std::tuple<IpAddress, uint16_t>;
  std::set<std::tuple<IpAddress, uint16_t, IpAddress, uint16_t>> gone_;  // frontend (any address: a node port), endpoint
  std::set<Frontend> fresh_;
};

}  // namespace reigen::proxy
