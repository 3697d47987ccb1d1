#include "scheduler/amounts.h"

#include <algorithm>

namespace reigen::scheduler {
namespace {

constexpr int64_t kDefaultMilliCpu = 100;
constexpr int64_t kDefaultMemory = 200 << 20;

int64_t& extended(Amounts& amounts, const std::string& name) {
  auto at =
      std::lower_bound(amounts.extended.begin(), amounts.extended.end(), name, [](const auto& entry, const std::string& key) { return entry.first < key; });
  if (at == amounts.extended.end() || at->first != name) at = amounts.extended.insert(at, {name, 0});
  return at->second;
}

Amounts container_requests(const api::corev1::Container& container, bool for_score) {
  auto amounts = amounts_of(container.resources.requests);
  if (!for_score) return amounts;
  if (!container.resources.requests.contains("cpu")) amounts.milli_cpu = kDefaultMilliCpu;
  if (!container.resources.requests.contains("memory")) amounts.memory = kDefaultMemory;
  return amounts;
}

Amounts requests(const api::corev1::PodSpec& spec, bool for_score) {
  Amounts sum;
  for (const auto& container : spec.containers) sum.add(container_requests(container, for_score));
  // Sidecars run beside everything that starts after them.
  Amounts sidecars, init_peak;
  for (const auto& container : spec.init_containers) {
    auto wanted = container_requests(container, for_score);
    if (container.restart_policy == "Always") {
      sum.add(wanted);
      sidecars.add(wanted);
      init_peak.raise_to(sidecars);
    } else {
      wanted.add(sidecars);
      init_peak.raise_to(wanted);
    }
  }
  sum.raise_to(init_peak);
  sum.add(amounts_of(spec.overhead));
  return sum;
}

}  // namespace

int64_t Amounts::get_extended(std::string_view name) const {
  for (const auto& [key, value] : extended)
    if (key == name) return value;
  return 0;
}

void Amounts::add(const Amounts& other) {
  milli_cpu += other.milli_cpu;
  memory += other.memory;
  ephemeral += other.ephemeral;
  for (const auto& [name, value] : other.extended) scheduler::extended(*this, name) += value;
}

void Amounts::subtract(const Amounts& other) {
  milli_cpu -= other.milli_cpu;
  memory -= other.memory;
  ephemeral -= other.ephemeral;
  for (const auto& [name, value] : other.extended) scheduler::extended(*this, name) -= value;
}

void Amounts::raise_to(const Amounts& other) {
  milli_cpu = std::max(milli_cpu, other.milli_cpu);
  memory = std::max(memory, other.memory);
  ephemeral = std::max(ephemeral, other.ephemeral);
  for (const auto& [name, value] : other.extended) {
    auto& mine = scheduler::extended(*this, name);
    mine = std::max(mine, value);
  }
}

Amounts amounts_of(const api::Map<api::Quantity>& list) {
  Amounts amounts;
  for (const auto& [name, quantity] : list) {
    if (name == "cpu") {
      amounts.milli_cpu = quantity.milli_value();
    } else if (name == "memory") {
      amounts.memory = quantity.value();
    } else if (name == "ephemeral-storage") {
      amounts.ephemeral = quantity.value();
    } else if (name != "pods") {
      extended(amounts, name) = quantity.value();
    }
  }
  return amounts;
}

Amounts pod_requests(const api::corev1::PodSpec& spec) { return requests(spec, false); }
Amounts pod_requests_for_score(const api::corev1::PodSpec& spec) { return requests(spec, true); }

}  // namespace reigen::scheduler
