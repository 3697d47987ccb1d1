// LocalNode: the node in the server's own process, with its network, services and names.
#pragma once

#include <memory>
#include <string>

#include "base/executor.h"
#include "base/poller.h"
#include "base/result.h"
#include "cli/instance.h"
#include "cli/server_options.h"

namespace reigen::apiserver {
class NodeDialer;
}
namespace reigen::image {
class ImageStore;
}

namespace reigen::cli {

class ControlPlane;

class LocalNode {
 public:
  // Finds the programs, opens images, network and runtime, and adopts what runs. Needs root. Errors say what is missing.
  static Result<std::unique_ptr<LocalNode>> open(const ServerOptions& options, const Instance& instance, Executor& executor, Poller& poller);
  ~LocalNode();  // stops

  // How the API server reaches this node; lives as long as this.
  apiserver::NodeDialer& dialer();
  // Its images; lives as long as this.
  image::ImageStore& image_store();
  // Registers with the control plane, which outlives stop().
  Status start(ControlPlane& plane);
  // Pods, services and names go on.
  void stop();

 private:
  struct State;
  explicit LocalNode(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace reigen::cli
