#include "scheduler/owner_selectors.h"

#include "api/metav1.h"

namespace reigen::scheduler {
namespace {

constexpr size_t kMaxCached = 8192;  // beyond, forgotten all together

const api::metav1::OwnerReference* controller_of(const api::corev1::Pod& pod) {
  for (const auto& owner : pod.metadata.owner_references)
    if (owner.controller.value_or(false)) return &owner;
  return nullptr;
}

bool selects(const api::Map<std::string>& selector, const api::Map<std::string>& labels) {
  for (const auto& [key, value] : selector) {
    const auto* found = labels.get(key);
    if (!found || *found != value) return false;
  }
  return true;
}

}  // namespace

std::shared_ptr<const api::LabelSelector> OwnerSelectors::of(const api::corev1::Pod& pod) {
  const auto* owner = controller_of(pod);
  if (!owner && pod.metadata.labels.empty()) return nullptr;
  std::string key = pod.metadata.namespace_ + '\n';
  if (owner) key += owner->uid;
  for (const auto& [name, value] : pod.metadata.labels) key.append(1, '\n').append(name).append(1, '=').append(value);
  auto [at, added] = cache_.try_emplace(std::move(key));
  if (!added) return at->second;

  api::Map<std::string> merged;
  if (auto in = services_.find(pod.metadata.namespace_); in != services_.end())
    for (const auto& [name, selector] : in->second)
      if (selects(selector, pod.metadata.labels))
        for (const auto& [label, value] : selector) merged[label] = value;
  auto selector = api::LabelSelector::from_map(merged);
  if (owner) {
    if (auto found = owners_.find(owner->uid); found != owners_.end())
      for (const auto& requirement : found->second.requirements()) selector.add(requirement);
  }
  auto result = selector.empty() ? nullptr : std::make_shared<const api::LabelSelector>(std::move(selector));
  if (cache_.size() > kMaxCached) {
    cache_.clear();
    return result;
  }
  return at->second = result;
}

void OwnerSelectors::put_service(const api::corev1::Service& service) {
  const auto& meta = service.metadata;
  if (service.spec.selector.empty()) return remove_service(meta.namespace_, meta.name);
  auto& known = services_[meta.namespace_][meta.name];
  if (known == service.spec.selector) return;
  known = service.spec.selector;
  cache_.clear();
}

void OwnerSelectors::remove_service(const std::string& namespace_, const std::string& name) {
  auto in = services_.find(namespace_);
  if (in == services_.end() || in->second.erase(name) == 0) return;
  if (in->second.empty()) services_.erase(in);
  cache_.clear();
}

void OwnerSelectors::put_owner(const std::string& uid, api::LabelSelector selector) {
  auto [at, added] = owners_.try_emplace(uid);
  if (!added && at->second == selector) return;
  at->second = std::move(selector);
  cache_.clear();
}

void OwnerSelectors::remove_owner(const std::string& uid) { owners_.erase(uid); }

}  // namespace reigen::scheduler
