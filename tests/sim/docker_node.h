// DockerNode: what a node does for Containers, without anything that runs. It looks at its pods every 20 ms, as informers would tell it.
#pragma once

#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "api/corev1.h"
#include "api/dockerv1.h"
#include "client/client.h"
#include "sim_process.h"

namespace reigen::sim {

class DockerNode {
 public:
  DockerNode(client::Transport& api, SimProcess& process, std::function<void(std::string)> violation)
      : api_(api), process_(process), violation_(std::move(violation)) {}

  void start() { tick(); }
  // Programs of these containers end by themselves 100 ms after their start.
  void ends_by_itself(const std::string& id) { short_.insert(id); }
  void never_ends_by_itself() { short_.clear(); }
  // Ids, in the order in which their programs were started.
  const std::vector<std::string>& started() const { return started_; }
  bool runs(const std::string& id) const;

 private:
  // A program runs in the first two; the first and the third are to be told.
  enum class State { kStarting, kRunning, kEnded, kGone };
  struct Run {
    std::string id, pod_name;
    int64_t number = 0;
    TimePoint since;
    std::vector<std::string> addresses;
    State state = State::kStarting;
    bool runs() const { return state == State::kStarting || state == State::kRunning; }
  };
  void tick();
  void look();
  void begin(const api::corev1::Pod& pod);
  void check_alone(const Run& run);
  void tell(const std::string& uid, Run& run);
  bool write_status(const std::string& id, const std::function<void(api::dockerv1::Container&)>& change);

  client::Client api_;
  SimProcess& process_;
  std::function<void(std::string)> violation_;
  std::map<std::string, Run> runs_;  // by pod uid
  std::set<std::string> short_;
  std::vector<std::string> started_;
};

}  // namespace reigen::sim
