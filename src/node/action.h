// One probe or lifecycle hook: exec, HTTP, TCP or gRPC against a container, once, with a time limit.
#pragma once

#include <functional>
#include <string>

#include "api/corev1.h"
#include "base/executor.h"
#include "runtime/runtime.h"

namespace reigen::node {

struct ActionTarget {
  runtime::Runtime& runtime;
  Executor& executor;
  std::string container_id;
  std::string pod_ip;
  const api::corev1::Container& container;  // names of ports
};

struct ActionResult {
  bool success = false;
  bool errored = false;   // it could not be carried out: neither success nor failure
  bool answered = false;  // HTTP: there was an answer
  bool warning = false;   // a success that is to be told about
  std::string output;
};

using ActionDone = std::function<void(ActionResult)>;

// `done` runs once, on any thread. Nothing of the target is used after run_action has returned but runtime and executor.
void run_probe(const ActionTarget& target, const api::corev1::ProbeHandler& handler, Duration timeout, ActionDone done);
void run_hook(const ActionTarget& target, const api::corev1::LifecycleHandler& handler, Duration timeout, ActionDone done);

// Runs a command to its end without holding a thread; output (both kinds together) is cut after `limit` bytes.
void run_exec(runtime::Runtime& runtime, Executor& executor, const std::string& container_id, std::vector<std::string> argv, Duration timeout, size_t limit,
              std::function<void(Result<runtime::ExecResult>)> done);

}  // namespace reigen::node
