#include "scheduler/preemption.h"

#include <algorithm>
#include <map>
#include <optional>

#include <fmt/core.h>

#include "scheduler/scheduling_queue.h"

namespace reigen::scheduler {
namespace {

using Entry = PlacedPods::Entry;
constexpr size_t kMinCandidates = 100;  // nodes that work, after which no more are tried; or a tenth of all
constexpr std::string_view kNoVictims = "No preemption victims found for incoming pod";

int64_t start_of(const api::corev1::Pod& pod) { return pod.status.start_time ? pod.status.start_time->seconds : pod.metadata.creation_timestamp.seconds; }

// More important first: higher priority, then running for longer.
bool more_important(const Entry* a, const Entry* b) {
  int32_t left = priority_of(*a->pod), right = priority_of(*b->pod);
  return left != right ? left > right : start_of(*a->pod) < start_of(*b->pod);
}

class Trial {
 public:
  Trial(NodeTable& nodes, PodCounts& counts) : nodes_(nodes), counts_(counts) {}
  ~Trial() {
    for (const auto* entry : out_) put_back(entry);
  }
  void take(const Entry* entry) {
    nodes_.release(entry->node, *entry->claim);
    if (!entry->nominated) counts_.remove(*entry->pod, entry->slot);
    out_.push_back(entry);
  }
  void give_back(const Entry* entry) {
    put_back(entry);
    std::erase(out_, entry);
  }

 private:
  void put_back(const Entry* entry) {
    nodes_.claim(entry->node, *entry->claim);
    if (!entry->nominated) counts_.add(*entry->pod, entry->slot);
  }
  NodeTable& nodes_;
  PodCounts& counts_;
  std::vector<const Entry*> out_;
};

struct Candidate {
  Slot node = kNoSlot;
  std::vector<const Entry*> victims;
  std::vector<std::string> displaced;
};

// The fewest and least important pods that must leave; nullopt and a reason when that does not help.
std::optional<Candidate> try_node(int32_t priority, ClassRanking& ranking, Slot slot, NodeTable& nodes, const PlacedPods& placed, PodCounts& counts,
                                  std::string& reason) {
  std::vector<const Entry*> lower;
  for (const auto* entry : placed.on(slot))
    if (priority_of(*entry->pod) < priority) lower.push_back(entry);
  if (lower.empty()) {
    reason = kNoVictims;
    return std::nullopt;
  }
  std::stable_sort(lower.begin(), lower.end(), more_important);
  Trial trial(nodes, counts);
  for (const auto* entry : lower) trial.take(entry);
  if (!ranking.feasible(slot)) {
    auto missing = lacks(nodes, *ranking.pod_class().claim, slot);
    reason = missing.empty() ? std::string(kNoVictims) : missing[0];
    return std::nullopt;
  }
  Candidate candidate{.node = slot};
  for (const auto* entry : lower) {
    trial.give_back(entry);
    if (ranking.feasible(slot)) continue;
    trial.take(entry);
    if (entry->nominated) {
      candidate.displaced.push_back(entry->pod->metadata.uid);
    } else {
      candidate.victims.push_back(entry);
    }
  }
  return candidate;
}

// Less is better: the highest priority that goes, the sum of priorities, the number, and late starts.
auto cost(const Candidate& candidate) {
  int64_t sum = 0;
  int64_t highest = INT64_MIN, earliest = INT64_MAX;
  for (const auto* victim : candidate.victims) {
    int64_t priority = priority_of(*victim->pod);
    sum += priority + (int64_t{1} << 31);
    if (priority > highest) earliest = INT64_MAX;
    highest = std::max(highest, priority);
    if (priority == highest) earliest = std::min(earliest, start_of(*victim->pod));
  }
  return std::tuple(highest, sum, candidate.victims.size(), -earliest);
}

std::string why_not(const std::map<std::string, size_t>& reasons, size_t nodes) {
  size_t named = 0;
  std::vector<std::string> texts;
  auto all = reasons;
  for (const auto& [reason, count] : reasons) named += count;
  if (named < nodes) all["Preemption is not helpful for scheduling"] += nodes - named;
  for (const auto& [reason, count] : all) texts.push_back(fmt::format("{} {}", count, reason));
  std::sort(texts.begin(), texts.end());
  std::string message = fmt::format("0/{} nodes are available:", nodes);
  for (size_t i = 0; i < texts.size(); ++i) message += (i ? ", " : " ") + texts[i];
  return message + ".";
}

}  // namespace

std::string no_victims_message(size_t candidates, size_t nodes) {
  std::map<std::string, size_t> reasons;
  if (candidates > 0) reasons[std::string(kNoVictims)] = candidates;
  return why_not(reasons, nodes);
}

Preemption find_victims(const api::corev1::Pod& pod, ClassRanking& ranking, const std::vector<Slot>& candidates, NodeTable& nodes, const PlacedPods& placed,
                        PodCounts& counts) {
  std::map<std::string, size_t> reasons;
  std::optional<Candidate> best;
  size_t found = 0, enough = std::max(kMinCandidates, nodes.size() / 10);
  for (Slot slot : candidates) {
    std::string reason;
    auto candidate = try_node(priority_of(pod), ranking, slot, nodes, placed, counts, reason);
    if (!candidate) {
      ++reasons[reason];
      continue;
    }
    if (!best || cost(*candidate) < cost(*best)) best = std::move(candidate);
    if (++found >= enough) break;
  }
  if (!best) return {.message = why_not(reasons, nodes.size())};
  Preemption result{.node = best->node, .displaced = std::move(best->displaced)};
  for (const auto* victim : best->victims) result.victims.push_back(victim->pod);
  return result;
}

}  // namespace reigen::scheduler
