#include "scheduler/fit.h"

#include <algorithm>
#include <cmath>

#include <fmt/core.h>

namespace reigen::scheduler {
namespace {

constexpr int kTaintWeight = 3, kAffinityWeight = 2;
constexpr int64_t kMinImageBytes = 23 << 20, kMaxImageBytes = 1000 << 20;

bool ports_free(const std::vector<HostPort>& taken, const std::vector<HostPort>& wanted) {
  for (const auto& want : wanted)
    for (const auto& have : taken)
      if (want.conflicts(have)) return false;
  return true;
}

float least_allocated(int64_t wanted, int64_t capacity) {
  if (capacity == 0) return -1;
  return wanted > capacity ? 0 : static_cast<float>((capacity - wanted) * kMaxScore / capacity);
}

float balanced(float cpu, float memory) {
  cpu = std::min(cpu, 1.0F);
  memory = std::min(memory, 1.0F);
  return std::floor((1 - std::fabs(cpu - memory) / 2) * kMaxScore);
}

// Weighted sums of the images a node has already, scaled by how many nodes have them.
std::vector<int32_t> image_scores(const NodeTable& nodes, const PodClass& of) {
  std::vector<int32_t> scores(nodes.slots(), 0);
  std::vector<double> sums(nodes.slots(), 0);
  bool any = false;
  for (const auto& image : of.images) {
    std::vector<std::pair<Slot, int64_t>> having;
    for (Slot slot = 0; slot < nodes.slots(); ++slot) {
      if (!nodes.live(slot)) continue;
      for (const auto& entry : nodes.node(slot)->status.images)
        if (std::find(entry.names.begin(), entry.names.end(), image) != entry.names.end()) {
          having.emplace_back(slot, entry.size_bytes);
          break;
        }
    }
    any |= !having.empty();
    double part = static_cast<double>(having.size()) / static_cast<double>(std::max<size_t>(nodes.size(), 1));
    for (auto [slot, size] : having) sums[slot] += static_cast<double>(size) * part;
  }
  if (!any) return scores;
  auto most = kMaxImageBytes * static_cast<int64_t>(of.images.size());
  for (Slot slot = 0; slot < scores.size(); ++slot) {
    auto sum = std::clamp(static_cast<int64_t>(sums[slot]), kMinImageBytes, most);
    scores[slot] = static_cast<int32_t>(kMaxScore * (sum - kMinImageBytes) / (most - kMinImageBytes));
  }
  return scores;
}

}  // namespace

bool fits(const NodeTable& nodes, const Claim& claim, Slot slot) {
  if (nodes.used_pods[slot] + 1 > nodes.pod_limit[slot]) return false;
  const auto& want = claim.requests;
  if (want.milli_cpu > 0 && want.milli_cpu > nodes.cpu[slot] - nodes.used_cpu[slot]) return false;
  if (want.memory > 0 && want.memory > nodes.memory[slot] - nodes.used_memory[slot]) return false;
  if (want.ephemeral > 0 && want.ephemeral > nodes.ephemeral[slot] - nodes.used_ephemeral[slot]) return false;
  for (const auto& [name, amount] : want.extended)
    if (amount > 0 && amount > nodes.extended[slot].get_extended(name) - nodes.used_extended[slot].get_extended(name)) return false;
  return claim.ports.empty() || ports_free(nodes.ports[slot], claim.ports);
}

std::vector<std::string> lacks(const NodeTable& nodes, const Claim& claim, Slot slot) {
  if (!ports_free(nodes.ports[slot], claim.ports)) return {"node(s) didn't have free ports for the requested pod ports"};
  std::vector<std::string> reasons;
  const auto& want = claim.requests;
  if (nodes.used_pods[slot] + 1 > nodes.pod_limit[slot]) reasons.emplace_back("Too many pods");
  if (want.milli_cpu > 0 && want.milli_cpu > nodes.cpu[slot] - nodes.used_cpu[slot]) reasons.emplace_back("Insufficient cpu");
  if (want.memory > 0 && want.memory > nodes.memory[slot] - nodes.used_memory[slot]) reasons.emplace_back("Insufficient memory");
  if (want.ephemeral > 0 && want.ephemeral > nodes.ephemeral[slot] - nodes.used_ephemeral[slot]) reasons.emplace_back("Insufficient ephemeral-storage");
  for (const auto& [name, amount] : want.extended)
    if (amount > 0 && amount > nodes.extended[slot].get_extended(name) - nodes.used_extended[slot].get_extended(name))
      reasons.push_back("Insufficient " + name);
  return reasons;
}

float resource_score(const NodeTable& nodes, const PodClass& of, Slot slot) {
  const auto& claim = *of.claim;
  float cpu = least_allocated(nodes.score_cpu[slot] + claim.for_score.milli_cpu, nodes.cpu[slot]);
  float memory = least_allocated(nodes.score_memory[slot] + claim.for_score.memory, nodes.memory[slot]);
  float score = 0;
  if (cpu >= 0 && memory >= 0) {
    score = std::floor((cpu + memory) / 2);
  } else {
    score = std::max({cpu, memory, 0.0F});
  }
  if (of.best_effort || nodes.cpu[slot] == 0 || nodes.memory[slot] == 0) return score;
  auto share = [](int64_t used, int64_t all) { return static_cast<float>(static_cast<double>(used) / static_cast<double>(all)); };
  return score + balanced(share(nodes.used_cpu[slot] + claim.requests.milli_cpu, nodes.cpu[slot]),
                          share(nodes.used_memory[slot] + claim.requests.memory, nodes.memory[slot]));
}

StaticVerdict static_verdict(const NodeTable& nodes, const PodClass& of, const NodeMatcher& matcher, Slot slot) {
  const auto& spec = of.sample->spec;
  if (matcher.names() && !matcher.names()->contains(nodes.node(slot)->metadata.name))
    return {.ok = false, .not_considered = true, .reason = "node(s) didn't satisfy plugin(s) [NodeAffinity]"};
  if (nodes.unschedulable[slot]) {
    api::corev1::Taint taint;
    taint.key = "node.kubernetes.io/unschedulable";
    taint.effect = "NoSchedule";
    if (untolerated(spec, {taint})) return {.ok = false, .reason = "node(s) were unschedulable"};
  }
  if (const auto* taint = untolerated(spec, nodes.taint_set(nodes.taints[slot])))
    return {.ok = false, .reason = fmt::format("node(s) had untolerated taint {{{}: {}}}", taint->key, taint->value)};
  if (!matcher.matches(slot)) return {.ok = false, .reason = "node(s) didn't match Pod's node affinity/selector"};
  return {};
}

std::vector<int32_t> static_scores(const NodeTable& nodes, const PodClass& of, const NodeMatcher& matcher) {
  std::vector<int32_t> scores(nodes.slots(), -1);
  // One verdict a taint set, not a node.
  std::vector<int64_t> preferences(nodes.taint_sets());
  std::vector<uint8_t> kept_away(nodes.taint_sets());
  const auto& spec = of.sample->spec;
  for (TaintSetId id = 0; id < nodes.taint_sets(); ++id) {
    kept_away[id] = untolerated(spec, nodes.taint_set(id)) != nullptr;
    preferences[id] = untolerated_preferences(spec, nodes.taint_set(id));
  }
  auto images = image_scores(nodes, of);
  std::vector<int64_t> affinity(nodes.slots(), 0);
  int64_t most_affinity = 0, most_taints = 0;
  for (Slot slot = 0; slot < nodes.slots(); ++slot) {
    if (!nodes.live(slot) || kept_away[nodes.taints[slot]]) continue;
    bool ok = nodes.unschedulable[slot] || matcher.names() ? static_verdict(nodes, of, matcher, slot).ok : matcher.matches(slot);
    if (!ok) continue;
    scores[slot] = 0;
    if (matcher.has_preferences()) affinity[slot] = matcher.preference(slot);
    most_affinity = std::max(most_affinity, affinity[slot]);
    most_taints = std::max(most_taints, preferences[nodes.taints[slot]]);
  }
  for (Slot slot = 0; slot < scores.size(); ++slot) {
    if (scores[slot] < 0) continue;
    int64_t score = images[slot];
    if (most_affinity > 0) score += kAffinityWeight * (affinity[slot] * kMaxScore / most_affinity);
    int64_t taints = most_taints > 0 ? preferences[nodes.taints[slot]] * kMaxScore / most_taints : 0;
    scores[slot] = static_cast<int32_t>(score + kTaintWeight * (kMaxScore - taints));
  }
  return scores;
}

}  // namespace reigen::scheduler
