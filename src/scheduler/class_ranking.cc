#include "scheduler/class_ranking.h"

#include <algorithm>
#include <cmath>
#include <map>

#include <fmt/core.h>

#include "scheduler/topology_view.h"

namespace reigen::scheduler {
namespace {
constexpr float kSpreadWeight = 2;
constexpr float kScaleSlack = 1.0F / 32;
}  // namespace

ClassRanking::ClassRanking(PodClass of, NodeTable& nodes, PodCounts& counts) : class_(std::move(of)), nodes_(nodes), counts_(counts) {
  if (class_.simple() && class_.default_spread) spread_counter_ = counts_.count(class_.spread[0].set);
}

const Counts* ClassRanking::spread_counts() const { return spread_counter_ ? &counts_.counts(*spread_counter_) : nullptr; }

void ClassRanking::sync() {
  if (shape_ != nodes_.shape_version()) return rebuild();
  if (!class_.simple()) return;
  uint64_t next = nodes_.next_change();
  if (seen_ < nodes_.first_change() || next - seen_ > nodes_.slots()) return rescore_all();
  for (; seen_ < next; ++seen_) rescore(nodes_.change(seen_));
  if (scale_is_old_) rescore_all();
}

void ClassRanking::rebuild() {
  shape_ = nodes_.shape_version();
  matcher_.emplace(class_.sample->spec, nodes_);
  static_ = static_scores(nodes_, class_, *matcher_);
  if (!class_.simple()) return;
  zones_ = spread_counter_ ? &nodes_.labels(std::string(kZoneLabel)) : nullptr;
  members_.assign(zones_ ? zones_->ids() : 1, {});
  position_.assign(nodes_.slots(), 0);
  size_t usable = 0;
  for (Slot slot = 0; slot < nodes_.slots(); ++slot) {
    if (static_[slot] < 0) continue;
    auto& zone = members_[zones_ ? zones_->at(slot) : 0];
    position_[slot] = static_cast<uint32_t>(zone.size());
    zone.push_back(slot);
    ++usable;
  }
  size_t zones = 0;
  for (size_t zone = 1; zone < members_.size(); ++zone) zones += !members_[zone].empty();
  node_weight_ = std::log(static_cast<float>(usable + 2));
  zone_weight_ = std::log(static_cast<float>(zones + 2));
  rescore_all();
}

void ClassRanking::note_spread(float sum) {
  if (sum > spread_scale_ * (1 + kScaleSlack)) scale_is_old_ = true;
}

float ClassRanking::zone_term(uint32_t zone) const {
  if (!spread_counter_ || zone == 0) return 0;
  return static_cast<float>(zone_counts_[zone]) * zone_weight_ + static_cast<float>(class_.spread[1].max_skew - 1);
}

void ClassRanking::rescore_all() {
  seen_ = nodes_.next_change();
  scale_is_old_ = false;
  if (const auto* counts = spread_counts()) {
    seen_counts_.assign(nodes_.slots(), 0);
    zone_counts_.assign(members_.size(), 0);
    std::vector<int32_t> most(members_.size(), 0);
    for (size_t zone = 0; zone < members_.size(); ++zone)
      for (Slot slot : members_[zone]) {
        int32_t count = count_at(*counts, slot);
        seen_counts_[slot] = count;
        zone_counts_[zone] += count;
        most[zone] = std::max(most[zone], count);
      }
    spread_scale_ = 0;
    for (uint32_t zone = 0; zone < members_.size(); ++zone) {
      if (members_[zone].empty()) continue;
      float sum = static_cast<float>(most[zone]) * node_weight_ + static_cast<float>(class_.spread[0].max_skew - 1) + zone_term(zone);
      spread_scale_ = std::max(spread_scale_, sum);
    }
  }
  order_.clear();
  for (const auto& members : members_) {
    order_.emplace_back(members.size());
    for (Slot slot : members) order_.back().set_quietly(position_[slot], key(slot));
    order_.back().build();
  }
}

float ClassRanking::key(Slot slot) {
  if (!fits(nodes_, *class_.claim, slot)) return Tournament::kOut;
  float score = static_cast<float>(static_[slot]) + resource_score(nodes_, class_, slot);
  if (spread_counter_ && spread_scale_ > 0) score -= kSpreadWeight * kMaxScore * static_cast<float>(seen_counts_[slot]) * node_weight_ / spread_scale_;
  return score;
}

void ClassRanking::rescore(Slot slot) {
  if (slot >= static_.size() || static_[slot] < 0) return;
  uint32_t zone = zones_ ? zones_->at(slot) : 0;
  if (const auto* counts = spread_counts()) {
    int32_t count = count_at(*counts, slot);
    zone_counts_[zone] += count - seen_counts_[slot];
    seen_counts_[slot] = count;
    note_spread(static_cast<float>(count) * node_weight_ + static_cast<float>(class_.spread[0].max_skew - 1) + zone_term(zone));
  }
  order_[zone].set(position_[slot], key(slot));
}

Slot ClassRanking::best_kept() {
  Slot best = kNoSlot;
  float best_key = Tournament::kOut;
  for (uint32_t zone = 0; zone < order_.size(); ++zone) {
    if (members_[zone].empty()) continue;
    uint32_t at = order_[zone].best();
    float score = order_[zone].key(at);
    if (score == Tournament::kOut) continue;
    if (spread_counter_ && spread_scale_ > 0) score -= kSpreadWeight * kMaxScore * zone_term(zone) / spread_scale_;
    if (best == kNoSlot || score > best_key) {
      best = members_[zone][at];
      best_key = score;
    }
  }
  return best;
}

Slot ClassRanking::best_of_all() {
  TopologyView view(class_, nodes_, counts_, *matcher_);
  std::vector<Slot> usable;
  for (Slot slot = 0; slot < static_.size(); ++slot)
    if (static_[slot] >= 0 && fits(nodes_, *class_.claim, slot) && view.verdict(slot) == TopologyVerdict::kOk) usable.push_back(slot);
  if (usable.empty()) return kNoSlot;
  auto topology = view.scores(usable);
  Slot best = kNoSlot;
  float best_score = 0;
  for (size_t i = 0; i < usable.size(); ++i) {
    float score = static_cast<float>(static_[usable[i]]) + resource_score(nodes_, class_, usable[i]) + topology[i];
    if (best != kNoSlot && score <= best_score) continue;
    best = usable[i];
    best_score = score;
  }
  return best;
}

Slot ClassRanking::best() {
  sync();
  return class_.simple() ? best_kept() : best_of_all();
}

bool ClassRanking::feasible(Slot slot) {
  sync();
  if (slot >= static_.size() || static_[slot] < 0 || !fits(nodes_, *class_.claim, slot)) return false;
  return class_.simple() || TopologyView(class_, nodes_, counts_, *matcher_).verdict(slot) == TopologyVerdict::kOk;
}

ClassRanking::Diagnosis ClassRanking::diagnose() {
  sync();
  Diagnosis diagnosis;
  if (nodes_.size() == 0) return {.message = "no nodes available to schedule pods", .causes = kNodeChanged};
  TopologyView view(class_, nodes_, counts_, *matcher_);
  std::map<std::string, size_t> reasons;
  for (Slot slot = 0; slot < nodes_.slots(); ++slot) {
    if (!nodes_.live(slot)) continue;
    if (static_[slot] < 0) {
      ++reasons[static_verdict(nodes_, class_, *matcher_, slot).reason];
      diagnosis.causes |= kNodeChanged;
    } else if (auto missing = lacks(nodes_, *class_.claim, slot); !missing.empty()) {
      for (auto& reason : missing) ++reasons[reason];
      diagnosis.causes |= kNodeChanged | kPodLeft;
      diagnosis.resolvable.push_back(slot);
    } else if (auto verdict = view.verdict(slot); verdict != TopologyVerdict::kOk) {
      ++reasons[std::string(to_string(verdict))];
      diagnosis.causes |= kAnyCause;
      if (resolvable(verdict)) diagnosis.resolvable.push_back(slot);
    }
  }
  std::vector<std::string> texts;
  for (const auto& [reason, count] : reasons) texts.push_back(fmt::format("{} {}", count, reason));
  std::sort(texts.begin(), texts.end());
  diagnosis.message = fmt::format("0/{} nodes are available:", nodes_.size());
  for (size_t i = 0; i < texts.size(); ++i) diagnosis.message += (i ? ", " : " ") + texts[i];
  if (!texts.empty()) diagnosis.message += '.';
  return diagnosis;
}

}  // namespace reigen::scheduler
