#include <fmt/core.h>
#include <unistd.h>

#include "base/log.h"
#include "base/poller.h"
#include "cli/allocator.h"
#include "cli/commands.h"
#include "cli/control_plane.h"
#include "cli/docker_endpoint.h"
#include "cli/end_signals.h"
#include "cli/local_node.h"
#include "linux/file_limit.h"

namespace reigen::cli {

Status run_server(const ServerOptions& options) {
  linux::raise_file_limit();
  give_back_memory();
  EndSignals end;
  if (!options.disable_agent && ::geteuid() != 0) {
    return fail(Code::kPermissionDenied, "running pods needs root; --disable-agent runs a control plane without it");
  }
  TRY_ASSIGN(Instance instance, open_instance(options.data_dir));
  ThreadExecutor executor(8, "work");
  Poller poller;
  std::unique_ptr<LocalNode> node;
  if (!options.disable_agent) {
    TRY_ASSIGN(node, LocalNode::open(options, instance, executor, poller));
  }
  TRY_ASSIGN(auto plane, ControlPlane::open(options, instance, executor, node ? &node->dialer() : nullptr));
  TRY(plane->start());
  if (node) TRY(node->start(*plane));
  auto stop = [&] {
    if (node) node->stop();
    plane->stop();
  };
  std::unique_ptr<DockerEndpoint> docker;
  if (options.docker()) {
    auto opened = DockerEndpoint::open(options, instance, executor, *plane, *node);
    if (!opened) {
      stop();
      return Fail(std::move(opened).error());
    }
    docker = std::move(*opened);
  }
  LOG(kInfo, "server", "serving on port {}, kubeconfig {}", plane->port(), plane->kubeconfig_path());
  end.wait();
  LOG(kInfo, "server", "stopping");
  if (docker) docker->stop();
  stop();
  return {};
}

}  // namespace reigen::cli
