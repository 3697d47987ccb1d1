#include "docker_node.h"

#include <fmt/core.h>

#include <algorithm>

#include "api/docker_names.h"
#include "api/errors.h"
#include "controllers/container/address_book.h"

namespace reigen::sim {

using namespace api::dockerv1;
using api::corev1::Pod;
using std::chrono::milliseconds;

bool DockerNode::runs(const std::string& id) const {
  return std::ranges::any_of(runs_, [&](const auto& entry) { return entry.second.id == id && entry.second.runs(); });
}

void DockerNode::tick() {
  look();
  process_.after(milliseconds(20), [this] { tick(); });
}

void DockerNode::look() {
  auto pods = api_.list<Pod>("");
  if (!pods) return;
  std::set<std::string> there;
  for (const auto& pod : pods->items) {
    if (!pod->metadata.annotations.contains(api::kContainerAnnotation)) continue;
    const std::string& uid = pod->metadata.uid;
    there.insert(uid);
    auto known = runs_.find(uid);
    bool deleting = pod->metadata.deletion_timestamp.has_value();
    if (known == runs_.end() && !deleting) begin(*pod);
    if (!deleting) continue;
    if (known != runs_.end()) {
      if (known->second.runs()) known->second.state = State::kEnded;
      tell(uid, known->second);
    }
    // The object goes after the end was told.
    if (known == runs_.end() || known->second.state == State::kGone)
      (void)api_.remove<Pod>("default", pod->metadata.name, {.grace_period_seconds = 0, .uid = uid});
  }
  for (auto& [uid, run] : runs_) {
    bool over = short_.contains(run.id) && process_.clock().now() - run.since > milliseconds(100);
    if (run.runs() && (over || !there.contains(uid))) run.state = State::kEnded;
    tell(uid, run);
  }
  std::erase_if(runs_, [&](const auto& entry) { return !there.contains(entry.first) && entry.second.state == State::kGone; });
}

void DockerNode::begin(const Pod& pod) {
  auto container = api_.get<Container>("", *pod.metadata.annotations.get(api::kContainerAnnotation));
  if (!container) return;
  Run run;
  run.id = (*container)->metadata.name;
  run.pod_name = pod.metadata.name;
  run.number = std::stoll(*pod.metadata.annotations.get(api::kRunAnnotation));
  run.since = process_.clock().now();
  auto record = controllers::record_of(pod);
  if (!record.error.empty()) return violation_("no address: " + record.error);
  for (const auto& endpoint : record.endpoints) run.addresses.push_back(endpoint.ip_address);
  check_alone(run);
  started_.push_back(run.id);
  tell(pod.metadata.uid, runs_[pod.metadata.uid] = std::move(run));
}

// One program a container, one container an address, and no run twice.
void DockerNode::check_alone(const Run& run) {
  for (const auto& [uid, other] : runs_) {
    if (other.id == run.id && other.number == run.number) violation_(fmt::format("run {} of {} has a second pod", run.number, run.pod_name));
    if (!other.runs()) continue;
    if (other.id == run.id) violation_(fmt::format("runs {} and {} of {} at once", other.number, run.number, run.pod_name));
    for (const auto& address : run.addresses)
      if (std::ranges::find(other.addresses, address) != other.addresses.end())
        violation_(fmt::format("{} belongs to {} and to {}", address, other.pod_name, run.pod_name));
  }
}

void DockerNode::tell(const std::string& uid, Run& run) {
  if (run.state == State::kRunning || run.state == State::kGone) return;
  bool written = write_status(run.id, [&](Container& container) {
    ContainerStatus& status = container.status;
    if (status.run_number > run.number) return;
    status.run_number = run.number;
    status.pod_uid = uid;
    status.state = run.runs() ? "running" : "exited";
    status.started_at = "2024-01-01T00:00:00Z";
  });
  if (written) run.state = run.runs() ? State::kRunning : State::kGone;
}

bool DockerNode::write_status(const std::string& id, const std::function<void(Container&)>& change) {
  auto container = api_.get<Container>("", id);
  if (!container) return api::is_not_found(container.error());
  Container changed = **container;
  change(changed);
  if (changed.status == (*container)->status) return true;
  auto written = api_.update_status(std::move(changed));
  return written || api::is_not_found(written.error());
}

}  // namespace reigen::sim
