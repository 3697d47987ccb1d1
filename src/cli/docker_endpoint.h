// DockerEndpoint: Docker's API on this server's node.
#pragma once

#include <memory>

#include "base/executor.h"
#include "base/result.h"
#include "cli/instance.h"
#include "cli/server_options.h"

namespace reigen::cli {

class ControlPlane;
class LocalNode;

class DockerEndpoint {
 public:
  // Listens as the options say once its informers have synced. Plane and node outlive stop(); both were started. Errors name the socket, the address or
  // the file.
  static Result<std::unique_ptr<DockerEndpoint>> open(const ServerOptions& options, const Instance& instance, Executor& executor, ControlPlane& plane,
                                                      LocalNode& node);
  ~DockerEndpoint();  // stops
  void stop();

 private:
  struct State;
  explicit DockerEndpoint(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace reigen::cli
