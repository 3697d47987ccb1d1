// ServiceProxy: keeps the kernel's tables in step with the services of the cluster.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "proxy/proxy_table.h"
#include "proxy/service_port.h"

namespace reigen::proxy {

// Thread-safe; calls block until the kernel has the change (a few ms). What is set up goes on working when this process ends.
class ServiceProxy {
 public:
  // Opens the sockets; the tables stay as they are until the first replace().
  static Result<std::unique_ptr<ServiceProxy>> open(ProxyOptions options);
  virtual ~ServiceProxy() = default;

  // All services at once: at the start (what an earlier process left is taken over without a gap), and whenever in doubt.
  virtual Status replace(std::map<std::string, std::vector<ServicePort>> services) = 0;

  // Some services ("namespace/name"; no ports: gone) in one transaction. When the kernel refuses it (someone changed our table),
  // everything is replaced.
  virtual Status change(std::map<std::string, std::vector<ServicePort>> services) = 0;
};

}  // namespace reigen::proxy
