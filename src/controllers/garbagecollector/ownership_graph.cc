#include "controllers/garbagecollector/ownership_graph.h"

#include <algorithm>

namespace reigen::controllers {

void OwnershipGraph::put(const api::Object& object, const api::KindInfo& kind) {
  const auto& meta = object.meta();
  GraphNode node;
  node.kind = &kind;
  node.namespace_ = meta.namespace_;
  node.name = meta.name;
  node.uid = meta.uid;
  node.owners = meta.owner_references;
  node.deleting = meta.deletion_timestamp.has_value();
  node.foreground = std::find(meta.finalizers.begin(), meta.finalizers.end(), "foregroundDeletion") != meta.finalizers.end();
  node.orphan = std::find(meta.finalizers.begin(), meta.finalizers.end(), "orphan") != meta.finalizers.end();
  std::lock_guard lock(mutex_);
  auto& slot = nodes_[meta.uid];
  unlink(slot);
  for (const auto& owner : node.owners) dependents_[owner.uid].insert(node.uid);
  slot = std::move(node);
}

void OwnershipGraph::unlink(const GraphNode& node) {
  for (const auto& owner : node.owners) {
    auto found = dependents_.find(owner.uid);
    if (found == dependents_.end()) continue;
    found->second.erase(node.uid);
    if (found->second.empty()) dependents_.erase(found);
  }
}

void OwnershipGraph::remove(const std::string& uid) {
  std::lock_guard lock(mutex_);
  auto found = nodes_.find(uid);
  if (found == nodes_.end()) return;
  unlink(found->second);
  nodes_.erase(found);
}

std::optional<GraphNode> OwnershipGraph::find(const std::string& uid) const {
  std::lock_guard lock(mutex_);
  auto found = nodes_.find(uid);
  if (found == nodes_.end()) return std::nullopt;
  return found->second;
}

std::vector<GraphNode> OwnershipGraph::dependents(const std::string& uid) const {
  std::lock_guard lock(mutex_);
  std::vector<GraphNode> out;
  auto found = dependents_.find(uid);
  if (found == dependents_.end()) return out;
  for (const auto& dependent : found->second) out.push_back(nodes_.at(dependent));
  return out;
}

}  // namespace reigen::controllers
