// What the node keeps in memory of one Container, over all its runs: shared by the pod worker that runs it and by Docker's calls.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "api/dockerv1.h"
#include "base/executor.h"
#include "base/guarded.h"
#include "node/attach_point.h"
#include "node/container_health.h"
#include "node/container_status.h"

namespace reigen::node {

// The run of this moment. Empty ids: nothing runs.
struct LiveContainer {
  std::string runtime_id, sandbox, netns;
  bool running = false, paused = false;
  bool shares_network = false;  // container:x: sandbox and netns are its own, the network another's
  std::shared_ptr<ContainerHealth> health;
  HealthState health_state;  // of the last run, when none runs
  std::map<std::string, std::string> mount_sources;
  std::function<void(std::shared_ptr<const api::dockerv1::Container>)> changed;   // the Container's object is another one; set by its worker
  std::function<void(const std::string& id, const std::string& address)> relink;  // a linked one runs anew; set by its worker
};

struct ContainerEntry {
  ContainerEntry(Executor& executor, runtime::Runtime& runtime, client::Client client, std::shared_ptr<TaskGroup> tasks, std::string container)
      : id(container),
        strand(executor),
        attach(std::make_shared<AttachPoint>(executor, runtime)),
        status(std::make_shared<ContainerStatusWriter>(std::move(client), executor, std::move(tasks), std::move(container))) {}

  const std::string id;
  Strand strand;  // calls of one container, one after the other
  const std::shared_ptr<AttachPoint> attach;
  const std::shared_ptr<ContainerStatusWriter> status;
  Guarded<LiveContainer> live;
};

}  // namespace reigen::node
