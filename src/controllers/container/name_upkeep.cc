#include "controllers/container/name_upkeep.h"

#include <algorithm>

#include "api/docker_names.h"
#include "api/docker_subnets.h"
#include "api/errors.h"
#include "base/log.h"

namespace reigen::controllers {
namespace {

using namespace api::dockerv1;

// Between a claim and its holder's creation.
constexpr Duration kClaimPatience = std::chrono::seconds(30);

template <class Kind>
Result<bool> has_name(const client::Client& client, const NameClaimSpec& claim) {
  auto holder = client.get<Kind>("", claim.holder);
  if (holder) return (*holder)->spec.docker_name == claim.docker_name;
  if (api::is_not_found(holder.error())) return false;
  return Fail(std::move(holder).error());
}

Result<bool> is_held(const client::Client& client, const NameClaimSpec& claim) {
  return claim.kind == "Container" ? has_name<Container>(client, claim) : has_name<Network>(client, claim);
}

bool seems_held(const KnownHolders& known, const NameClaimSpec& claim) {
  if (claim.kind == "Container") {
    auto holder = known.containers.get("", claim.holder);
    return holder && holder->spec.docker_name == claim.docker_name;
  }
  auto holder = known.networks.get("", claim.holder);
  return holder && holder->spec.docker_name == claim.docker_name;
}

Status ignore_missing(Status status) {
  if (!status && api::is_not_found(status.error())) return {};
  return status;
}

// The id for a builtin network: the claim's holder, the claim made where it is missing.
Result<std::string> claimed_id(const client::Client& client, Random& random, const std::string& docker_name) {
  std::string name = api::claim_object_name("Network", docker_name);
  auto claim = client.get<NameClaim>("", name);
  if (claim) return (*claim)->spec.holder;
  if (!api::is_not_found(claim.error())) return Fail(std::move(claim).error());
  NameClaim made;
  made.metadata.name = name;
  made.spec.kind = "Network";
  made.spec.docker_name = docker_name;
  made.spec.holder = random.hex(32);
  auto created = client.create(std::move(made));
  if (!created) return Fail(std::move(created).error().context("claim of network " + docker_name));
  return (*created)->spec.holder;
}

// As inspect shows Docker's own.
void set_bridge_options(NetworkSpec& spec) {
  spec.options["com.docker.network.bridge.default_bridge"] = "true";
  spec.options["com.docker.network.bridge.enable_icc"] = "true";
  spec.options["com.docker.network.bridge.enable_ip_masquerade"] = "true";
  spec.options["com.docker.network.bridge.host_binding_ipv4"] = "0.0.0.0";
  spec.options["com.docker.network.bridge.name"] = "docker0";
  spec.options["com.docker.network.driver.mtu"] = "1500";
}

Status set_bridge_pool(NetworkSpec& spec, const std::function<std::vector<IpNetwork>()>& taken) {
  auto subnet = api::next_docker_subnet(taken());
  if (!subnet) return fail(Code::kResourceExhausted, "network bridge: all predefined address pools have been fully subnetted");
  auto& pool = spec.pools.emplace_back();
  pool.subnet = subnet->str();
  pool.gateway = subnet->address.plus(1).str();
  return {};
}

Status ensure_builtin(const client::Client& client, Random& random, WallTime now, const std::string& docker_name, const std::string& driver,
                      const std::function<std::vector<IpNetwork>()>& taken) {
  TRY_ASSIGN(std::string id, claimed_id(client, random, docker_name));
  auto existing = client.get<Network>("", id);
  if (existing) return {};
  if (!api::is_not_found(existing.error())) return Fail(std::move(existing).error());
  Network network;
  network.metadata.name = id;
  network.spec.docker_name = docker_name;
  network.spec.driver = driver;
  network.spec.created = api::MicroTime(now).to_string();
  network.spec.builtin = true;
  network.spec.enable_ipv4 = true;
  network.spec.ipam_driver = "default";
  if (driver == "bridge") {
    set_bridge_options(network.spec);
    TRY(set_bridge_pool(network.spec, taken));
  }
  auto created = client.create(std::move(network));
  if (!created) return Fail(std::move(created).error().context("network " + docker_name));
  return {};
}

}  // namespace

Result<Duration> sweep_claims(const client::Client& client, const KnownHolders& known, const std::set<std::string>& gone, WallTime now) {
  Duration again = Duration::zero();
  for (const auto& claim : known.claims.list()) {
    if (seems_held(known, claim->spec)) continue;
    Duration left = claim->metadata.creation_timestamp.wall() + kClaimPatience - now;
    if (left > Duration::zero() && !gone.contains(claim->spec.holder)) {
      again = again == Duration::zero() ? left : std::min(again, left);
      continue;
    }
    TRY_ASSIGN(bool held, is_held(client, claim->spec));
    if (held) continue;
    LOG(kInfo, "docker", "removing the claim of {} {}: its holder {} does not have it", claim->spec.kind, claim->spec.docker_name, claim->spec.holder);
    TRY(ignore_missing(client.remove<NameClaim>("", claim->metadata.name, client::DeleteOptions{.uid = claim->metadata.uid})));
  }
  return again;
}

Status ensure_builtin_networks(const client::Client& client, Random& random, WallTime now, const std::function<std::vector<IpNetwork>()>& taken) {
  TRY(ensure_builtin(client, random, now, "bridge", "bridge", taken));
  TRY(ensure_builtin(client, random, now, "host", "host", taken));
  return ensure_builtin(client, random, now, "none", "null", taken);
}

}  // namespace reigen::controllers
