// OwnerSelectors: which pods belong together, for the default spreading: those of the services that select the pod and of the
// controller that owns it. Cached by namespace, owner and labels. Not thread-safe.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <unordered_map>

#include "api/appsv1.h"
#include "api/label_selector.h"
#include "scheduler/pod_counts.h"

namespace reigen::scheduler {

class OwnerSelectors {
 public:
  // nullptr when the pod belongs to nothing.
  std::shared_ptr<const api::LabelSelector> of(const api::corev1::Pod& pod);

  void put_service(const api::corev1::Service& service);
  void remove_service(const std::string& namespace_, const std::string& name);
  // A ReplicationController, ReplicaSet or StatefulSet, by uid; an invalid selector selects nothing.
  void put_owner(const std::string& uid, api::LabelSelector selector);
  void remove_owner(const std::string& uid);

 private:
  std::map<std::string, std::map<std::string, api::Map<std::string>>> services_;  // namespace, name
  std::unordered_map<std::string, api::LabelSelector> owners_;
  std::unordered_map<std::string, std::shared_ptr<const api::LabelSelector>> cache_;
};

}  // namespace reigen::scheduler
