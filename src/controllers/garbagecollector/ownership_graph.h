// OwnershipGraph: who owns whom, over all kinds, by uid.
#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "api/metav1.h"
#include "api/object.h"

namespace reigen::controllers {

struct GraphNode {
  const api::KindInfo* kind = nullptr;
  std::string namespace_, name, uid;
  std::vector<api::metav1::OwnerReference> owners;
  bool deleting = false;
  bool foreground = false;  // has the finalizer foregroundDeletion
  bool orphan = false;      // has the finalizer orphan
};

// Thread-safe.
class OwnershipGraph {
 public:
  void put(const api::Object& object, const api::KindInfo& kind);
  void remove(const std::string& uid);
  std::optional<GraphNode> find(const std::string& uid) const;
  std::vector<GraphNode> dependents(const std::string& uid) const;

 private:
  void unlink(const GraphNode& node);
  mutable std::mutex mutex_;
  std::map<std::string, GraphNode> nodes_;
  std::map<std::string, std::set<std::string>> dependents_;  // by the owner's uid
};

}  // namespace reigen::controllers
