// KubernetesService: keeps the services that the server itself provides: default/kubernetes (with its Endpoints and EndpointSlice)
// on the first address of the service CIDR, and kube-system/kube-dns on the cluster DNS address. Both come back when somebody
// deletes or changes them. All servers of a cluster write the same services; endpoints are this server's (one server a cluster for now).
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/executor.h"
#include "base/result.h"

namespace reigen::client {
class Transport;
}

namespace reigen::apiserver {

struct KubernetesServiceOptions {
  std::string service_cidr;
  std::string advertise_address;  // where pods reach the server
  uint16_t port = 6443;
  std::string cluster_dns;  // "": no kube-dns
  Duration period = std::chrono::seconds(10);
};

class KubernetesService {
 public:
  KubernetesService(client::Transport& transport, Executor& executor, KubernetesServiceOptions options);
  ~KubernetesService();  // stops

  // Brings everything to its state on a thread of the executor, again every period.
  void start();
  void stop();
  // Once, on this thread. What failed first.
  Status reconcile();

 private:
  void tick();
  struct State;
  std::unique_ptr<State> state_;
};

// The first address of a CIDR after the network's own: "10.43.0.1".
Result<std::string> first_address(const std::string& cidr);

}  // namespace reigen::apiserver
