#include "controllers/container/address_plan.h"

#include <fmt/core.h>

#include <algorithm>
#include <optional>

#include "api/docker_subnets.h"

namespace reigen::controllers {
namespace {

using namespace api::dockerv1;

constexpr int kBadRequest = 400, kForbidden = 403, kNotFound = 404, kServerError = 500;

struct Failure {
  int code;
  std::string text;
};

struct Given {
  IpAddress address;
  const AddressPool* pool;
  IpNetwork subnet;
};

IpAddress gateway_of(const AddressPool& pool, const IpNetwork& subnet) {
  return api::pool_gateway(subnet, pool.gateway, pool.ip_range).value_or(subnet.address.plus(1));
}

bool is_reserved(const AddressPool& pool, const IpNetwork& subnet, const IpAddress& address) {
  if (api::is_edge(subnet, address) || address == gateway_of(pool, subnet)) return true;
  return std::ranges::any_of(pool.reserved, [&](const auto& entry) { return IpAddress::parse(entry.second) == address; });
}

// Gives addresses of one network.
class NetworkPlan {
 public:
  NetworkPlan(const Network& network, const AddressInput& input) : network_(network) {
    if (auto found = input.taken.find(network.metadata.name); found != input.taken.end()) taken_ = found->second;
    if (auto found = input.wished.find(network.metadata.name); found != input.wished.end()) wished_ = found->second;
  }

  // Nothing: the network has no pool of the family.
  std::optional<Given> give(IpFamily family, const std::string& asked, std::optional<Failure>& failure) const {
    auto wanted = asked.empty() ? std::nullopt : IpAddress::parse(asked);
    if (!asked.empty() && (!wanted || wanted->family() != family)) {
      failure = {kBadRequest, fmt::format("invalid IP address: {}", asked)};
      return std::nullopt;
    }
    bool any_pool = false;
    for (const AddressPool& pool : network_.spec.pools) {
      auto subnet = IpNetwork::parse(pool.subnet);
      if (!subnet || subnet->address.family() != family) continue;
      any_pool = true;
      if (wanted && !subnet->contains(*wanted)) continue;
      auto address = wanted ? fixed(pool, *subnet, *wanted, failure) : lowest(pool, *subnet);
      if (address) return Given{*address, &pool, *subnet};
      if (failure) return std::nullopt;
    }
    if (wanted) failure = {kBadRequest, fmt::format("Invalid address {}: It does not belong to any of this network's subnets", asked)};
    else if (any_pool)
      failure = {kServerError, fmt::format("no available IPv{} addresses on this network's address pools: {} ({})", family == IpFamily::kV4 ? 4 : 6,
                                           network_.spec.docker_name, network_.metadata.name)};
    return std::nullopt;
  }

 private:
  std::optional<IpAddress> fixed(const AddressPool& pool, const IpNetwork& subnet, const IpAddress& wanted, std::optional<Failure>& failure) const {
    if (!taken_.contains(wanted) && !is_reserved(pool, subnet, wanted)) return wanted;
    failure = {kForbidden, "Address already in use"};
    return std::nullopt;
  }

  std::optional<IpAddress> lowest(const AddressPool& pool, const IpNetwork& subnet) const {
    auto range = pool.ip_range.empty() ? std::nullopt : IpNetwork::parse(pool.ip_range);
    const IpNetwork& from = range ? *range : subnet;
    // Ends: everything it passes over is in one of the sets, or one of the few reserved ones.
    for (uint64_t i = 0; i < from.size(); ++i) {
      IpAddress address = from.address.plus(i);
      if (!taken_.contains(address) && !wished_.contains(address) && !is_reserved(pool, subnet, address)) return address;
    }
    return std::nullopt;
  }

  const Network& network_;
  std::set<IpAddress> taken_, wished_;
};

std::string mac_of(const NetworkRequest& request, const EndpointStatus& endpoint, const std::string& id) {
  if (!request.mac_address.empty()) return request.mac_address;
  auto address = IpAddress::parse(endpoint.ip_address);
  if (!address) return fmt::format("02:42:{}:{}:{}:{}", id.substr(0, 2), id.substr(2, 2), id.substr(4, 2), id.substr(6, 2));
  const uint8_t* bytes = address->data();
  return fmt::format("02:42:{:02x}:{:02x}:{:02x}:{:02x}", bytes[0], bytes[1], bytes[2], bytes[3]);
}

std::optional<EndpointStatus> allocate(const NetworkRequest& request, const AddressInput& input, const std::string& id, std::optional<Failure>& failure) {
  auto found = input.networks.find(request.network);
  if (found == input.networks.end() || !found->second) {
    failure = {kNotFound, fmt::format("network {} not found", request.network_id.empty() ? request.network : request.network_id)};
    return std::nullopt;
  }
  const Network& network = *found->second;
  if (network.spec.config_only) {
    failure = {kForbidden, "cannot create endpoint on configuration-only network"};
    return std::nullopt;
  }
  EndpointStatus endpoint;
  endpoint.network = request.network;
  endpoint.network_id = network.metadata.name;
  endpoint.endpoint_id = id;
  if (network.spec.driver != "bridge") return endpoint;
  NetworkPlan plan(network, input);
  if (network.spec.enable_ipv4) {
    if (auto given = plan.give(IpFamily::kV4, request.ipv4_address, failure)) {
      endpoint.ip_address = given->address.str();
      endpoint.ip_prefix_len = given->subnet.prefix;
      endpoint.gateway = gateway_of(*given->pool, given->subnet).str();
    }
  }
  if (network.spec.enable_ipv6 && !failure) {
    if (auto given = plan.give(IpFamily::kV6, request.ipv6_address, failure)) {
      endpoint.ipv6_address = given->address.str();
      endpoint.ipv6_prefix_len = given->subnet.prefix;
      endpoint.ipv6_gateway = gateway_of(*given->pool, given->subnet).str();
    }
  }
  if (failure) return std::nullopt;
  endpoint.mac_address = mac_of(request, endpoint, id);
  return endpoint;
}

// What the run has of the request's network and may keep.
const EndpointStatus* kept(const NetworkRequest& request, const AddressInput& input) {
  for (const EndpointStatus& endpoint : input.current.endpoints) {
    if (endpoint.network != request.network) continue;
    auto found = input.networks.find(request.network);
    bool same_network = found != input.networks.end() && found->second && found->second->metadata.name == endpoint.network_id;
    return same_network ? &endpoint : nullptr;
  }
  return nullptr;
}

}  // namespace

EndpointsRecord plan_addresses(const AddressInput& input, const std::function<std::string()>& new_id) {
  EndpointsRecord record;
  for (const NetworkRequest& request : input.requests) {
    if (const EndpointStatus* endpoint = input.running ? kept(request, input) : nullptr) {
      record.endpoints.push_back(*endpoint);
      continue;
    }
    std::optional<Failure> failure;
    auto endpoint = allocate(request, input, new_id(), failure);
    if (endpoint) {
      record.endpoints.push_back(std::move(*endpoint));
      continue;
    }
    record.error = failure->text;
    record.error_code = failure->code;
    record.error_network = request.network;
    if (input.running) continue;
    record.endpoints.clear();
    return record;
  }
  return record;
}

void add_taken(TakenAddresses& taken, const EndpointsRecord& record) {
  for (const EndpointStatus& endpoint : record.endpoints)
    for (const std::string* text : {&endpoint.ip_address, &endpoint.ipv6_address})
      if (auto address = IpAddress::parse(*text)) taken[endpoint.network_id].insert(*address);
}

void add_wished(TakenAddresses& wished, const std::vector<NetworkRequest>& requests) {
  for (const NetworkRequest& request : requests)
    for (const std::string* text : {&request.ipv4_address, &request.ipv6_address})
      if (auto address = IpAddress::parse(*text); address && !request.network_id.empty()) wished[request.network_id].insert(*address);
}

}  // namespace reigen::controllers
