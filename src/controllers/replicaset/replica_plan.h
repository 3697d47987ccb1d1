// What a ReplicaSet or ReplicationController must do: a pure decision.
#pragma once

#include <string>
#include <vector>

#include "api/appsv1.h"
#include "controllers/pod_control.h"

namespace reigen::controllers {

// Pods made or deleted in one go at most.
inline constexpr int kReplicaBurst = 500;

struct ReplicaStatus {
  int32_t replicas = 0, fully_labeled = 0, ready = 0, available = 0;
  int64_t observed_generation = 0;
  bool operator==(const ReplicaStatus&) const = default;
};

struct ReplicaObserved {
  int32_t wanted = 1;
  int32_t min_ready_seconds = 0;
  int64_t generation = 0;
  bool deleting = false;
  api::Map<std::string> template_labels;
  std::vector<PodPtr> pods;  // owned
  ReplicaStatus status;      // as stored
};

struct ReplicaPlan {
  int create = 0;
  std::vector<PodPtr> remove;
  ReplicaStatus status;                  // of the pods observed; what is created counts the next time
  Duration again_in = Duration::zero();  // when a pod becomes available by time alone; zero: never
};

ReplicaPlan plan_replicas(const ReplicaObserved& observed, WallTime now);

}  // namespace reigen::controllers
