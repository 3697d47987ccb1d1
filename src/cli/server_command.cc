#include <fmt/core.h>
#include <malloc.h>
#include <unistd.h>

#include "base/log.h"
#include "base/poller.h"
#include "cli/commands.h"
#include "cli/control_plane.h"
#include "cli/end_signals.h"
#include "cli/local_node.h"

namespace reigen::cli {

Status run_server(const ServerOptions& options) {
  EndSignals end;
  // Threads share two arenas: an arena a thread would cost more memory than the contention they save.
  ::mallopt(M_ARENA_MAX, 2);
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
  LOG(kInfo, "server", "serving on port {}, kubeconfig {}", plane->port(), plane->kubeconfig_path());
  end.wait();
  LOG(kInfo, "server", "stopping");
  if (node) node->stop();
  plane->stop();
  return {};
}

}  // namespace reigen::cli
