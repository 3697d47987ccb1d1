// BuildContainers: the containers of one build: RUN's programs run in them, and some stay when it is over.
#pragma once

#include <atomic>
#include <set>
#include <string>

#include "build/builder.h"
#include "docker/build_request.h"
#include "docker/container_waits.h"

namespace reigen::docker {

// On the building thread, which it blocks; the engine and the request outlive it.
class BuildContainers {
 public:
  BuildContainers(Engine& engine, const BuildRequest& request, std::atomic<bool>& gone) : engine_(engine), request_(request), gone_(gone) {}

  // Creates, attaches, starts, waits. When the client has gone the container goes too: kCancelled.
  Result<build::StepEnd> run(const build::StepContainer& step);
  Status create(const build::StepContainer& step);
  // One of those made here, with its volumes; others are none of ours. What cannot be removed is logged.
  void remove(const std::string& id);

 private:
  Result<ContainerPtr> make(const build::StepContainer& step);
  Status read_output(const std::shared_ptr<ByteStream>& output, const build::StepContainer& step);
  Result<build::StepEnd> run_made(const ContainerPtr& container, const build::StepContainer& step);

  Engine& engine_;
  const BuildRequest& request_;
  std::atomic<bool>& gone_;
  std::set<std::string> made_;
};

}  // namespace reigen::docker
