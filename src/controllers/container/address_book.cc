#include "controllers/container/address_book.h"

#include "api/docker_names.h"
#include "api/json.h"

namespace reigen::controllers {

api::dockerv1::EndpointsRecord record_of(const api::corev1::Pod& pod) {
  const std::string* text = pod.metadata.annotations.get(api::kEndpointsAnnotation);
  if (!text) return {};
  return api::decode_json_as<api::dockerv1::EndpointsRecord>(*text).value_or(api::dockerv1::EndpointsRecord());
}

void AddressBook::pod_changed(const std::shared_ptr<const api::corev1::Pod>& old, const std::shared_ptr<const api::corev1::Pod>& now) {
  auto run = run_pod(now ? now : old);
  if (!run) return;
  const std::string& id = *run->pod->metadata.annotations.get(api::kContainerAnnotation);
  auto held = held_.lock();
  if (now) {
    Held& entry = (*held)[id];
    if (entry.run > run->run) return;
    entry.run = run->run;
    entry.shown = record_of(*now);
    if (entry.pending == entry.shown) entry.pending.reset();
    return;
  }
  auto known = held->find(id);
  if (known == held->end() || known->second.run != run->run) return;
  known->second.run = 0;
  known->second.shown = {};
  if (!known->second.pending) held->erase(known);
}

api::dockerv1::EndpointsRecord AddressBook::give(const std::string& id, AddressInput input, const std::function<std::string()>& new_id) {
  auto held = held_.lock();
  for (const auto& [other, entry] : *held) {
    if (other == id) continue;
    add_taken(input.taken, entry.shown);
    if (entry.pending) add_taken(input.taken, *entry.pending);
  }
  auto record = plan_addresses(input, new_id);
  (*held)[id].pending = record;
  return record;
}

void AddressBook::give_back(const std::string& id) {
  auto held = held_.lock();
  auto known = held->find(id);
  if (known == held->end()) return;
  known->second.pending.reset();
  if (known->second.run == 0) held->erase(known);
}

}  // namespace reigen::controllers
