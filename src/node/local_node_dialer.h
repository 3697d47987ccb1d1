// LocalNodeDialer: how the API server of this process reaches this process's agents. Its remote twin speaks kubelet's HTTPS API.
#pragma once

#include <map>
#include <mutex>

#include "apiserver/node_dialer.h"
#include "node/agent.h"

namespace reigen::node {

class LocalNodeDialer final : public apiserver::NodeDialer {
 public:
  // `wrapper`: the wrapper program, for port-forward into a pod's namespace. "" : none (hollow nodes).
  LocalNodeDialer(Executor& executor, Poller& poller, runtime::Runtime& runtime, std::string wrapper);
  // Until it is removed, the agent's node is served. The agent outlives its entry.
  void add(Agent& agent);
  void remove(Agent& agent);

  void exec(apiserver::ExecOptions options, Accept accept) override;
  void attach(apiserver::ExecOptions options, Accept accept) override;
  void logs(apiserver::LogOptions options, StreamDone done) override;
  void port_forward(apiserver::PodTarget pod, uint16_t port, StreamDone done) override;
  void dial(std::string node, std::string address, uint16_t port, StreamDone done) override;
  void node_http(apiserver::NodeHttpRequest request, HttpDone done) override;
  // Of the one agent that has Docker's containers.
  apiserver::NodeContainers* containers() override;

 private:
  Result<std::shared_ptr<PodWorker>> find(const apiserver::PodTarget& target);
  void run_session(apiserver::ExecOptions options, bool attach, Accept accept);

  Executor& executor_;
  Poller& poller_;
  runtime::Runtime& runtime_;
  std::string wrapper_;
  std::mutex mutex_;
  std::map<std::string, Agent*> agents_;
  TaskGroup tasks_;
};

}  // namespace reigen::node
