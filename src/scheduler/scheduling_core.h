// SchedulingCore: all of the scheduler's decisions, without threads, calls or clocks. It is told what happens and says what to do.
// Not thread-safe.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "scheduler/class_ranking.h"
#include "scheduler/owner_selectors.h"
#include "scheduler/placed_pods.h"
#include "scheduler/preemption.h"
#include "scheduler/scheduling_queue.h"

namespace reigen::scheduler {

// What to do about one pod.
struct Decision {
  PodPtr pod;
  std::string node;     // bind it there; "": it does not fit
  std::string message;  // why not
  // With a message:
  std::string nominated;        // the pod's nominatedNodeName from now on
  std::vector<PodPtr> victims;  // to be deleted
};

class SchedulingCore {
 public:
  SchedulingCore(std::string scheduler_name, QueueOptions options);
  SchedulingCore(const SchedulingCore&) = delete;
  SchedulingCore& operator=(const SchedulingCore&) = delete;

  // What the API shows. A null `current` is a deletion.
  void node_changed(const NodePtr& previous, const NodePtr& current);
  void pod_changed(const PodPtr& previous, const PodPtr& current, TimePoint now);
  void namespace_changed(const std::string& name, const api::Map<std::string>* labels);
  OwnerSelectors& owners() { return owners_; }

  // The next decision; nullopt when no pod is active. A pod to bind is assumed on its node, one that does not fit waits.
  std::optional<Decision> next(TimePoint now);
  // The binding of a decision failed: what it took is given back; `again` puts the pod into its back-off.
  void binding_failed(const PodPtr& pod, bool again, TimePoint now);
  // Moves what events have made possible and what is due. Returns when to come again.
  std::optional<TimePoint> advance(TimePoint now);

  SchedulingQueue::Sizes queue_sizes() const { return queue_.sizes(); }
  size_t nodes() const { return nodes_.size(); }
  size_t classes() const { return classes_.size(); }

 private:
  struct Class {
    std::unique_ptr<ClassRanking> ranking;
    // Why the last one did not fit, while nothing changes.
    uint64_t failed_shape = 0, failed_change = 0;
    ClassRanking::Diagnosis diagnosis;
  };
  Class& class_of(const PodPtr& pod);
  void forget_old_classes();
  bool ours(const api::corev1::Pod& pod) const;
  void place(const PodPtr& pod, const std::string& node, bool assumed, bool nominated, std::shared_ptr<const Claim> claim);
  bool unplace(const std::string& uid);
  void pending(const PodPtr& pod, TimePoint now);
  const ClassRanking::Diagnosis& diagnose(Class& of);
  void preempt(const PodPtr& pod, Class& of, const std::string& nominated, Decision& decision);
  std::vector<std::string> find_namespaces(const api::LabelSelector& selector) const;

  std::string scheduler_name_;
  NodeTable nodes_;
  PlacedPods placed_;
  PodCounts counts_;
  SchedulingQueue queue_;
  OwnerSelectors owners_;
  std::map<std::string, api::Map<std::string>> namespaces_;
  std::unordered_map<std::string, Class> classes_;
  std::unordered_map<std::string, int> attempts_;  // of assumed pods, for their back-off
  std::map<int32_t, size_t> priorities_;           // of placed pods
  uint64_t uses_ = 0;
  uint32_t causes_ = 0;  // since the last advance()
};

}  // namespace reigen::scheduler
