// HollowNodes: many nodes that pretend, in one process: for trying and measuring clusters larger than the machine.
//
// Each registers, keeps its Lease, runs the pods bound to it at once (status only: nothing is started) and lets them end at once when they
// are deleted. All share one pod informer, one strand and a bounded number of calls under way; leases are spread over time. A pod
// costs its object in the informer, a node about a kilobyte.
//
// The transport's user must be allowed to write nodes, leases and pods' status, and to delete pods.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "base/executor.h"

namespace reigen::client {
class Transport;
}

namespace reigen::node {

struct HollowOptions {
  size_t count = 1;                // at most 16,384: each has a /24 of 100.64.0.0/10 for its pods
  std::string prefix = "hollow-";  // names are prefix + number, from 0
  int64_t cpu = 32;                // cores
  int64_t memory = int64_t{256} << 30;
  int64_t max_pods = 110;
  std::map<std::string, std::string> labels;
  std::string version = "v1.32.0";
  Duration lease_period = std::chrono::seconds(10);
  size_t max_calls = 64;
};

class HollowNodes {
 public:
  // Transport and executor outlive it.
  HollowNodes(HollowOptions options, client::Transport& transport, Executor& executor);
  ~HollowNodes();  // stops
  HollowNodes(const HollowNodes&) = delete;
  HollowNodes& operator=(const HollowNodes&) = delete;

  // Registers all nodes, again and again until the API answers. Returns at once.
  void start();
  // Pods and nodes stay in the API.
  void stop();

  struct Metrics {
    size_t registered = 0;  // nodes
    size_t running = 0;     // pods told to be running, and there
    uint64_t calls = 0, failures = 0;
  };
  Metrics metrics() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace reigen::node
