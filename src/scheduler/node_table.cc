#include "scheduler/node_table.h"

#include <algorithm>

namespace reigen::scheduler {
namespace {
constexpr size_t kLogLimit = 1 << 15;  // beyond, the older half is forgotten
}

bool HostPort::conflicts(const HostPort& other) const {
  if (port != other.port || protocol != other.protocol) return false;
  return ip == other.ip || ip == "0.0.0.0" || other.ip == "0.0.0.0";
}

std::vector<HostPort> host_ports_of(const api::corev1::PodSpec& spec) {
  std::vector<HostPort> ports;
  auto collect = [&](const api::corev1::Container& container) {
    for (const auto& port : container.ports)
      if (port.host_port > 0) ports.push_back({port.host_ip.empty() ? "0.0.0.0" : port.host_ip, port.protocol.empty() ? "TCP" : port.protocol, port.host_port});
  };
  for (const auto& container : spec.containers) collect(container);
  for (const auto& container : spec.init_containers)
    if (container.restart_policy == "Always") collect(container);
  return ports;
}

Claim claim_of(const api::corev1::PodSpec& spec) { return {pod_requests(spec), pod_requests_for_score(spec), host_ports_of(spec)}; }

Slot NodeTable::find(const std::string& name) const {
  auto found = by_name_.find(name);
  return found == by_name_.end() || !nodes_[found->second] ? kNoSlot : found->second;
}

Slot NodeTable::slot_for(const std::string& name) {
  auto [at, added] = by_name_.try_emplace(name, kNoSlot);
  if (!added) return at->second;
  Slot slot;
  if (!free_.empty()) {
    slot = free_.back();
    free_.pop_back();
    names_[slot] = name;
  } else {
    slot = static_cast<Slot>(nodes_.size());
    names_.push_back(name);
    nodes_.emplace_back();
    for (auto* column : {&cpu, &memory, &ephemeral, &pod_limit, &used_cpu, &used_memory, &used_ephemeral, &used_pods, &score_cpu, &score_memory})
      column->push_back(0);
    taints.push_back(0);
    unschedulable.push_back(0);
    extended.emplace_back();
    used_extended.emplace_back();
    ports.emplace_back();
  }
  return at->second = slot;
}

void NodeTable::note(Slot slot) {
  if (log_.size() >= kLogLimit) {
    log_.erase(log_.begin(), log_.begin() + kLogLimit / 2);
    log_start_ += kLogLimit / 2;
  }
  log_.push_back(slot);
}

TaintSetId NodeTable::intern_taints(const std::vector<api::corev1::Taint>& taints) {
  if (taints.empty()) return 0;
  std::string key;
  for (const auto& taint : taints) key.append(taint.key).append(1, '\0').append(taint.value).append(1, '\0').append(taint.effect).append(1, '\n');
  auto [at, added] = taint_ids_.try_emplace(key, static_cast<TaintSetId>(taint_sets_.size()));
  if (added) taint_sets_.push_back(taints);
  return at->second;
}

void NodeTable::fill(Slot slot, const api::corev1::Node& node) {
  const auto& has = node.status.allocatable.empty() ? node.status.capacity : node.status.allocatable;
  auto amounts = amounts_of(has);
  cpu[slot] = amounts.milli_cpu;
  memory[slot] = amounts.memory;
  ephemeral[slot] = amounts.ephemeral;
  const auto* limit = has.get("pods");
  pod_limit[slot] = limit ? limit->value() : 0;
  extended[slot] = std::move(amounts);
  taints[slot] = intern_taints(node.spec.taints);
  unschedulable[slot] = node.spec.unschedulable;
  for (auto& [key, column] : columns_) column.set(slot, node.metadata.labels.get(key));
}

bool NodeTable::put(NodePtr node) {
  Slot slot = slot_for(node->metadata.name);
  const auto previous = nodes_[slot];
  bool changed = !previous || previous->metadata.labels != node->metadata.labels || previous->spec.taints != node->spec.taints ||
                 previous->spec.unschedulable != node->spec.unschedulable || previous->status.allocatable != node->status.allocatable ||
                 previous->status.capacity != node->status.capacity || previous->status.images != node->status.images;
  if (!previous) ++live_;
  nodes_[slot] = std::move(node);
  if (!changed) return false;
  fill(slot, *nodes_[slot]);
  ++shape_version_;
  return true;
}

void NodeTable::remove(const std::string& name) {
  auto found = by_name_.find(name);
  if (found == by_name_.end() || !nodes_[found->second]) return;
  Slot slot = found->second;
  nodes_[slot] = nullptr;
  --live_;
  ++shape_version_;
  for (auto& [key, column] : columns_) column.set(slot, nullptr);
  if (used_pods[slot] == 0) {
    by_name_.erase(found);
    free_.push_back(slot);
  }
}

Slot NodeTable::claim(const std::string& node, const Claim& what) {
  Slot slot = slot_for(node);
  used_cpu[slot] += what.requests.milli_cpu;
  used_memory[slot] += what.requests.memory;
  used_ephemeral[slot] += what.requests.ephemeral;
  used_pods[slot] += 1;
  score_cpu[slot] += what.for_score.milli_cpu;
  score_memory[slot] += what.for_score.memory;
  if (!what.requests.extended.empty()) used_extended[slot].add(what.requests);
  ports[slot].insert(ports[slot].end(), what.ports.begin(), what.ports.end());
  note(slot);
  return slot;
}

void NodeTable::release(const std::string& node, const Claim& what) {
  auto found = by_name_.find(node);
  if (found == by_name_.end()) return;
  Slot slot = found->second;
  used_cpu[slot] -= what.requests.milli_cpu;
  used_memory[slot] -= what.requests.memory;
  used_ephemeral[slot] -= what.requests.ephemeral;
  used_pods[slot] -= 1;
  score_cpu[slot] -= what.for_score.milli_cpu;
  score_memory[slot] -= what.for_score.memory;
  if (!what.requests.extended.empty()) used_extended[slot].subtract(what.requests);
  for (const auto& port : what.ports) {
    auto at = std::find(ports[slot].begin(), ports[slot].end(), port);
    if (at != ports[slot].end()) ports[slot].erase(at);
  }
  note(slot);
  if (!nodes_[slot] && used_pods[slot] == 0) {
    by_name_.erase(found);
    free_.push_back(slot);
  }
}

const LabelColumn& NodeTable::labels(const std::string& key) {
  auto [at, added] = columns_.try_emplace(key);
  if (added) {
    for (Slot slot = 0; slot < nodes_.size(); ++slot)
      if (nodes_[slot]) at->second.set(slot, nodes_[slot]->metadata.labels.get(key));
  }
  return at->second;
}

}  // namespace reigen::scheduler
