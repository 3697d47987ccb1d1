// ControlPlane: store, API server, controllers and scheduler of one process, wired together.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/executor.h"
#include "base/result.h"
#include "cli/instance.h"
#include "cli/pki.h"
#include "cli/server_options.h"
#include "client/transport.h"

namespace reigen::apiserver {
class NodeDialer;
}

namespace reigen::cli {

class ControlPlane {
 public:
  // Opens the store and the credentials; nothing listens yet. `dialer` may be null; it must outlive this.
  static Result<std::unique_ptr<ControlPlane>> open(const ServerOptions& options, const Instance& instance, Executor& executor, apiserver::NodeDialer* dialer);
  ~ControlPlane();  // stops

  // Listens, makes what a cluster begins with, writes the kubeconfig, starts controllers and scheduler.
  Status start();
  void stop();

  uint16_t port() const;
  const Pki& pki() const;
  const std::string& kubeconfig_path() const;
  // A transport in process that acts as this user; lives as long as this.
  client::Transport& transport_as(std::string_view user, std::vector<std::string> groups);

 private:
  struct State;
  explicit ControlPlane(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace reigen::cli
