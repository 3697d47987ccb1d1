// PodCounts: how many pods of a set are on each node. Sets are what affinity terms and spreading constraints select; a set asked for
// once is counted from then on. Beside it: the affinity terms that pods on nodes carry themselves, for they bind pods to come.
// Not thread-safe.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "api/corev1.h"
#include "api/label_selector.h"
#include "scheduler/label_column.h"

namespace reigen::scheduler {

using PodPtr = std::shared_ptr<const api::corev1::Pod>;

struct PodSet {
  std::vector<std::string> namespaces;  // sorted
  bool all_namespaces = false;
  bool skip_terminating = false;
  api::LabelSelector labels;

  bool contains(const api::corev1::Pod& pod) const;
  std::string key() const;
};

enum class TermKind : uint8_t { kRequiredAffinity, kRequiredAntiAffinity, kPreferredAffinity, kPreferredAntiAffinity };

struct Term {
  TermKind kind = TermKind::kRequiredAffinity;
  PodSet set;
  std::string topology_key;
  int32_t weight = 0;  // of the preferred ones

  std::string key() const;
};

// Namespaces by their labels, for namespaceSelector.
using FindNamespaces = std::function<std::vector<std::string>(const api::LabelSelector&)>;

// All pod (anti-)affinity terms of a pod. Terms with an invalid selector select nothing.
std::vector<Term> terms_of(const api::corev1::Pod& pod, const FindNamespaces& find_namespaces);

using CounterId = uint32_t;
using Counts = std::vector<int32_t>;  // by slot; slots beyond the end have none

inline int32_t count_at(const Counts& counts, Slot slot) { return slot < counts.size() ? counts[slot] : 0; }

class PodCounts {
 public:
  // `placed` is asked for all pods on nodes when a new set is counted.
  PodCounts(FindNamespaces find_namespaces, std::function<void(const std::function<void(const PodPtr&, Slot)>&)> placed)
      : find_namespaces_(std::move(find_namespaces)), placed_(std::move(placed)) {}

  CounterId count(const PodSet& set);
  const Counts& counts(CounterId id) const { return counters_[id].counts; }

  struct Carried {
    Term term;
    Counts counts;
    int64_t total = 0;
  };
  // The terms of pods on nodes that select this pod; indexes for carried().
  std::vector<uint32_t> carried_for(const api::corev1::Pod& pod) const;
  const Carried& carried(uint32_t index) const { return carried_[index]; }

  void add(const api::corev1::Pod& pod, Slot slot) { change(pod, slot, 1); }
  void remove(const api::corev1::Pod& pod, Slot slot) { change(pod, slot, -1); }
  // Forgets all sets, when what namespaces selectors mean has changed; ids given before are void.
  void clear();

 private:
  struct Counter {
    PodSet set;
    Counts counts;
  };
  void change(const api::corev1::Pod& pod, Slot slot, int by);
  void change_matching(const std::vector<CounterId>& ids, const api::corev1::Pod& pod, Slot slot, int by);
  void carry(const api::corev1::Pod& pod, Slot slot, int by);

  FindNamespaces find_namespaces_;
  std::function<void(const std::function<void(const PodPtr&, Slot)>&)> placed_;
  std::vector<Counter> counters_;
  std::unordered_map<std::string, CounterId> ids_;
  // Sets that want one label to have one value, by that label; the others.
  std::unordered_map<std::string, std::vector<CounterId>> by_label_;
  std::vector<CounterId> others_;
  std::vector<Carried> carried_;
  std::unordered_map<std::string, uint32_t> carried_ids_;
};

}  // namespace reigen::scheduler
