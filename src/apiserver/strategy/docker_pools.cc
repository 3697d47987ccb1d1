#include "apiserver/strategy/docker_pools.h"

#include <algorithm>
#include <list>
#include <mutex>
#include <set>

#include "api/docker_names.h"
#include "api/object.h"
#include "apiserver/object_reader.h"
#include "base/ip.h"

namespace reigen::apiserver {
namespace {

using api::FieldError;
using api::FieldErrors;
using api::FieldPath;
using api::dockerv1::AddressPool;
using api::dockerv1::NetworkSpec;

constexpr int32_t kFirstVni = 4096;  // below are those that switches use as VLANs

struct Held {
  const ObjectReader* reader;  // tells servers of one process apart
  std::vector<IpNetwork> subnets;
  int32_t vni;
};
struct Holdings {
  std::mutex mutex;
  std::list<Held> list;
};
// Shared, so that a holding that outlives main's statics still finds it.
const std::shared_ptr<Holdings>& holdings() {
  static const auto made = std::make_shared<Holdings>();
  return made;
}

std::vector<IpNetwork> subnets_of(const std::vector<AddressPool>& pools) {
  std::vector<IpNetwork> out;
  for (const AddressPool& pool : pools)
    if (auto subnet = IpNetwork::parse(pool.subnet)) out.push_back(*subnet);
  return out;
}

bool overlap(const std::vector<IpNetwork>& a, const std::vector<IpNetwork>& b) {
  return std::ranges::any_of(a, [&](const IpNetwork& one) { return std::ranges::any_of(b, [&](const IpNetwork& other) { return one.overlaps(other); }); });
}

void check_inside(FieldErrors& errors, const FieldPath& path, const IpNetwork& subnet, const std::string& text) {
  auto address = IpAddress::parse(text);
  if (!address || address->family() != subnet.address.family() || !subnet.contains(*address))
    errors.push_back(FieldError::invalid(path, text, "must be an address of the subnet"));
}

}  // namespace

void check_pools(FieldErrors& errors, const FieldPath& spec, const std::vector<AddressPool>& pools) {
  std::vector<IpNetwork> before;
  for (size_t i = 0; i < pools.size(); ++i) {
    FieldPath path = spec.child("pools", i);
    const AddressPool& pool = pools[i];
    auto subnet = IpNetwork::parse(pool.subnet);
    if (!subnet) {
      errors.push_back(FieldError::invalid(path.child("subnet"), pool.subnet, "must be a network such as 172.18.0.0/16"));
      continue;
    }
    if (overlap({*subnet}, before)) errors.push_back(FieldError::invalid(path.child("subnet"), pool.subnet, "overlaps another pool of the network"));
    before.push_back(*subnet);
    if (!pool.gateway.empty()) check_inside(errors, path.child("gateway"), *subnet, pool.gateway);
    FieldPath reserved = path.child("reserved");
    for (const auto& [name, address] : pool.reserved) check_inside(errors, reserved.key(name), *subnet, address);
    if (pool.ip_range.empty()) continue;
    auto range = IpNetwork::parse(pool.ip_range);
    if (!range || range->address.family() != subnet->address.family() || range->prefix < subnet->prefix || !subnet->contains(range->address))
      errors.push_back(FieldError::invalid(path.child("ipRange"), pool.ip_range, "must be a part of the subnet"));
  }
}

std::optional<std::shared_ptr<void>> hold_network(ObjectReader* reader, NetworkSpec& spec) {
  if (!reader || spec.driver != "bridge" || spec.config_only) return std::shared_ptr<void>();
  auto subnets = subnets_of(spec.pools);
  auto shared = holdings();
  std::lock_guard lock(shared->mutex);
  bool taken = false;
  std::set<int32_t> numbers;
  auto look = [&](const std::vector<IpNetwork>& others, int32_t vni) {
    taken = taken || overlap(others, subnets);
    numbers.insert(vni);
  };
  for (const Held& held : shared->list)
    if (held.reader == reader) look(held.subnets, held.vni);
  reader->for_each(api::kDockerGroup, "networks", "", [&](const api::Object& object) {
    const NetworkSpec& other = object.as<api::dockerv1::Network>().spec;
    look(other.config_only ? std::vector<IpNetwork>() : subnets_of(other.pools), other.vni);
    return !taken;
  });
  if (taken) return std::nullopt;
  for (spec.vni = kFirstVni; numbers.contains(spec.vni);) ++spec.vni;
  auto held = shared->list.insert(shared->list.end(), {reader, std::move(subnets), spec.vni});
  return std::shared_ptr<void>(nullptr, [shared, held](void*) {
    std::lock_guard release(shared->mutex);
    shared->list.erase(held);
  });
}

}  // namespace reigen::apiserver
