// ServiceWatch: follows Services and EndpointSlices and keeps the proxy in step.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/executor.h"
#include "client/informer.h"
#include "proxy/service_proxy.h"

namespace reigen::proxy {

// Everything is replaced once both informers have synced; from then on changes go to the kernel as they come, those that come while one is
// under way together. A failed change is tried again after a second. Informers, executor and proxy outlive it.
class ServiceWatch {
 public:
  ServiceWatch(client::Informers& informers, Executor& executor, ServiceProxy& proxy, std::string node_name);
  ~ServiceWatch();

  // Registers with the informers; call before they are started or after.
  void start();
  void stop();
  // The first replace() is in the kernel.
  bool ready() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace reigen::proxy
