#include "apiserver/service_allocator.h"

#include <algorithm>
#include <set>

#include "api/corev1.h"
#include "api/errors.h"
#include "api/metav1.h"
#include "api/object.h"
#include "apiserver/api_server.h"
#include "apiserver/object_reader.h"
#include "apiserver/validation/checks.h"
#include "apiserver/validation/service.h"
#include "base/check.h"
#include "base/log.h"

namespace reigen::apiserver {
namespace {

using api::BadValue;
using api::FieldError;
using api::FieldErrors;
using api::FieldPath;
using api::corev1::Service;
using api::corev1::ServicePort;

constexpr api::GroupName kServiceKind{"", "Service"};
// A bitmap of more would not be worth it; Kubernetes' bound too.
constexpr uint32_t kMaxAddresses = 65536;
constexpr auto kRepairPeriod = std::chrono::minutes(3);
constexpr int kLeakRounds = 3;

// As Kubernetes splits its ranges: the first addresses and ports are for those who ask for a certain one.
uint32_t reserved_addresses(uint32_t size) { return size <= 16 ? 0 : std::min(std::max(16U, size / 16), 256U); }
uint32_t reserved_ports(uint32_t size) { return size < 16 ? 0 : std::min(std::max(16U, size / 32), 128U); }

uint32_t addresses_in(const api::Cidr& cidr) {
  int bits = (cidr.address.v4 ? 32 : 128) - cidr.prefix;
  if (bits > 16) return kMaxAddresses;
  uint32_t all = 1U << static_cast<unsigned>(bits);
  // Neither the network's own address nor, for IPv4, the broadcast address.
  uint32_t unusable = cidr.address.v4 ? 2 : 1;
  return all > unusable ? all - unusable : 0;
}

api::Cidr parsed(const std::string& text) {
  auto cidr = api::parse_cidr(text);
  CHECK(cidr.has_value());
  return *cidr;
}

Fail invalid(const Service& service, FieldErrors errors) { return reigen::fail(api::invalid(kServiceKind, service.metadata.name, errors)); }

std::vector<uint32_t> node_ports(const Service& service) {
  std::vector<uint32_t> ports;
  for (const ServicePort& port : service.spec.ports)
    if (port.node_port != 0) ports.push_back(static_cast<uint32_t>(port.node_port));
  if (needs_health_port(service) && service.spec.health_check_node_port != 0) ports.push_back(static_cast<uint32_t>(service.spec.health_check_node_port));
  return ports;
}

bool wants_node_ports(const Service& service) {
  return service.spec.type == "NodePort" || (service.spec.type == "LoadBalancer" && service.spec.allocate_load_balancer_node_ports.value_or(true));
}

bool is_dual(const Service& service) { return service.spec.ip_family_policy.value_or("SingleStack") != "SingleStack"; }

// Both prefer two families and nobody touched what says so: the fields stay as they were.
bool keeps_preferred_families(const Service& service, const Service* old) {
  return old && service.spec.ip_family_policy == "PreferDualStack" && old->spec.type == service.spec.type && needs_cluster_ip(service) &&
         old->spec.ip_family_policy.value_or("PreferDualStack") == "PreferDualStack" && old->spec.cluster_ip == service.spec.cluster_ip &&
         old->spec.cluster_ips == service.spec.cluster_ips && old->spec.ip_families == service.spec.ip_families;
}

RangeAllocator::Options port_options(const ServiceRanges& ranges, const std::string& text) {
  uint32_t size = static_cast<uint32_t>(ranges.node_port_high - ranges.node_port_low) + 1;
  return {.key = "/registry/ranges/servicenodeports", .range = text, .size = size, .reserved = reserved_ports(size)};
}

}  // namespace

struct ServiceAllocator::Taken {
  bool dry_run = false;
  std::vector<std::pair<size_t, uint32_t>> addresses;  // family, index
  std::vector<uint32_t> ports;                         // indexes
};

Status check_service_ranges(const ServiceRanges& ranges) {
  std::set<bool> families;
  for (const std::string& text : ranges.cidrs) {
    auto cidr = api::parse_cidr(text);
    if (!cidr) return fail(Code::kInvalidArgument, "service CIDR \"" + text + "\" is no CIDR, like 10.43.0.0/16");
    if (addresses_in(*cidr) < 6) return fail(Code::kInvalidArgument, "service CIDR " + text + " is too small");
    if (!families.insert(cidr->address.v4).second) return fail(Code::kInvalidArgument, "service CIDR " + text + " is the second one of its family");
  }
  if (ranges.cidrs.empty()) return fail(Code::kInvalidArgument, "no service CIDR");
  if (ranges.node_port_low == 0 || ranges.node_port_low > ranges.node_port_high) return fail(Code::kInvalidArgument, "bad range of node ports");
  return {};
}

ServiceAllocator::ServiceAllocator(store::Store& store, ObjectReader& reader, Random& random, Executor& executor, const ServiceRanges& ranges)
    : reader_(reader),
      executor_(executor),
      port_low_(ranges.node_port_low),
      port_range_(std::to_string(ranges.node_port_low) + "-" + std::to_string(ranges.node_port_high)),
      ports_(store, random, port_options(ranges, port_range_)),
      tasks_(std::make_unique<TaskGroup>()) {
  CHECK(check_service_ranges(ranges).has_value());
  for (const std::string& text : ranges.cidrs) {
    Family family;
    family.cidr = parsed(text);
    family.name = family.cidr.address.v4 ? "IPv4" : "IPv6";
    uint32_t size = addresses_in(family.cidr);
    std::string key = families_.empty() ? "/registry/ranges/serviceips" : "/registry/ranges/secondaryserviceips";
    family.allocator = std::make_unique<RangeAllocator>(
        store, random, RangeAllocator::Options{.key = key, .range = family.cidr.to_string(), .size = size, .reserved = reserved_addresses(size)});
    families_.push_back(std::move(family));
  }
}

ServiceAllocator::~ServiceAllocator() { stop(); }

ServiceAllocator::Family* ServiceAllocator::family(std::string_view name) {
  auto it = std::ranges::find(families_, name, &Family::name);
  return it == families_.end() ? nullptr : &*it;
}

// Index 0 is the address after the network's own.
std::optional<uint32_t> ServiceAllocator::index_of(const Family& family, const api::Ip& ip) const {
  if (!family.cidr.contains(ip)) return std::nullopt;
  api::Ip network = family.cidr.network();
  size_t length = ip.v4 ? 4 : 16;
  uint64_t difference = 0;
  for (size_t i = 0; i < length; ++i) {
    if (difference > kMaxAddresses) return std::nullopt;
    difference = difference * 256 + ip.bytes[i] - network.bytes[i];
  }
  if (difference == 0 || difference > family.allocator->size()) return std::nullopt;
  return static_cast<uint32_t>(difference - 1);
}

api::Ip ServiceAllocator::address_of(const Family& family, uint32_t index) const {
  api::Ip ip = family.cidr.network();
  uint32_t carry = index + 1;
  for (size_t i = ip.v4 ? 4 : 16; i-- > 0 && carry > 0;) {
    carry += ip.bytes[i];
    ip.bytes[i] = static_cast<uint8_t>(carry & 0xff);
    carry >>= 8;
  }
  return ip;
}

Status ServiceAllocator::init_families(Service& service, const Service* old) {
  if (!needs_cluster_ip(service) || keeps_preferred_families(service, old)) return {};
  auto& spec = service.spec;
  bool free_headless = spec.cluster_ip == "None" && spec.selector.empty();
  if (!spec.ip_family_policy) {
    if (old && old->spec.ip_family_policy) spec.ip_family_policy = old->spec.ip_family_policy;
    else spec.ip_family_policy = free_headless ? "RequireDualStack" : "SingleStack";
  }
  FieldErrors errors;
  validate_service_addresses(service, errors);
  if (!errors.empty()) return invalid(service, std::move(errors));
  FieldPath path("spec");
  FieldPath policy = path.child("ipFamilyPolicy");
  auto wrong_policy = [&](const char* text) { errors.push_back(FieldError::invalid(policy, spec.ip_family_policy, text)); };
  if (old && !is_dual(service)) {
    // With unchanged lists, the policy alone says that the second address goes.
    if (old->spec.cluster_ips == spec.cluster_ips && old->spec.cluster_ip == spec.cluster_ip && spec.cluster_ips.size() > 1) spec.cluster_ips.resize(1);
    if (old->spec.ip_families == spec.ip_families && spec.ip_families.size() > 1) spec.ip_families.resize(1);
  } else if (old) {
    auto reduced = [](const auto& now, const auto& before) { return !now.empty() && now.size() < before.size(); };
    if (reduced(spec.cluster_ips, old->spec.cluster_ips)) wrong_policy("must be 'SingleStack' to release the secondary cluster IP");
    if (reduced(spec.ip_families, old->spec.ip_families)) wrong_policy("must be 'SingleStack' to release the secondary IP family");
  }
  if (!is_dual(service)) {
    if (spec.cluster_ips.size() == 2) wrong_policy("must be 'RequireDualStack' or 'PreferDualStack' when multiple cluster IPs are specified");
    if (spec.ip_families.size() == 2) wrong_policy("must be 'RequireDualStack' or 'PreferDualStack' when multiple IP families are specified");
  }
  for (size_t i = 0; i < spec.cluster_ips.size() && spec.cluster_ips[i] != "None"; ++i) {
    if (i < spec.ip_families.size()) continue;
    std::string name = api::parse_ip(spec.cluster_ips[i])->v4 ? "IPv4" : "IPv6";
    if (family(name)) spec.ip_families.push_back(name);
    else errors.push_back(FieldError::invalid(path.child("clusterIPs", i), go_strings(spec.cluster_ips), name + " is not configured on this cluster"));
  }
  if (!errors.empty()) return invalid(service, std::move(errors));
  auto add_other = [&] { spec.ip_families.emplace_back(spec.ip_families[0] == "IPv4" ? "IPv6" : "IPv4"); };
  if (free_headless) {
    if (spec.ip_families.empty()) spec.ip_families.push_back(families_[0].name);
    if (spec.ip_families.size() < 2 && is_dual(service)) add_other();
    return {};
  }
  if (spec.ip_family_policy == "RequireDualStack" && families_.size() < 2) wrong_policy("this cluster is not configured for dual-stack services");
  for (size_t i = 0; i < spec.ip_families.size(); ++i) {
    if (!family(spec.ip_families[i])) errors.push_back(FieldError::invalid(path.child("ipFamilies", i), spec.ip_families[i], "not configured on this cluster"));
  }
  if (!errors.empty()) return invalid(service, std::move(errors));
  if (spec.ip_families.empty()) spec.ip_families.push_back(families_[0].name);
  if (is_dual(service) && spec.ip_families.size() == 1 && families_.size() == 2) add_other();
  return {};
}

Status ServiceAllocator::take_address(Service& service, size_t index, Taken& taken) {
  Family* from = family(service.spec.ip_families[index]);
  CHECK(from != nullptr);
  auto number = static_cast<size_t>(from - families_.data());
  std::string& address = service.spec.cluster_ips[index];
  if (address.empty()) {
    auto any = from->allocator->take_any(taken.dry_run);
    if (!any) return fail(api::internal_error("failed to allocate a serviceIP: " + any.error().message()));
    address = address_of(*from, *any).to_string();
    taken.addresses.emplace_back(number, *any);
    return {};
  }
  std::string why;
  auto ip = api::parse_ip(address);
  auto wanted = ip ? index_of(*from, *ip) : std::nullopt;
  if (!wanted) {
    why = "the provided IP (" + (ip ? ip->to_string() : address) + ") is not in the valid range. The range of valid IPs is " + from->cidr.to_string();
  } else {
    TRY_ASSIGN(bool got, from->allocator->take(*wanted, taken.dry_run));
    if (got) taken.addresses.emplace_back(number, *wanted);
    else why = "provided IP is already allocated";
  }
  if (why.empty()) return {};
  FieldPath spec("spec");
  return invalid(service,
                 {FieldError::invalid(spec.child("clusterIPs"), go_strings(service.spec.cluster_ips), "failed to allocate IP " + address + ": " + why)});
}

Status ServiceAllocator::take_addresses(Service& service, size_t first, Taken& taken) {
  if (!needs_cluster_ip(service) || (!service.spec.cluster_ips.empty() && service.spec.cluster_ips[0] == "None")) return {};
  for (size_t i = first; i < service.spec.ip_families.size(); ++i) {
    if (i >= service.spec.cluster_ips.size()) service.spec.cluster_ips.emplace_back();
    TRY(take_address(service, i, taken));
  }
  if (!service.spec.cluster_ips.empty()) service.spec.cluster_ip = service.spec.cluster_ips[0];
  return {};
}

Result<bool> ServiceAllocator::take_port(int32_t port, Taken& taken, std::string& why) {
  uint32_t index = static_cast<uint32_t>(port) - port_low_;
  if (port < port_low_ || index >= ports_.size()) {
    why = "provided port is not in the valid range. The range of valid ports is " + port_range_;
    return false;
  }
  bool mine = taken.dry_run && std::ranges::find(taken.ports, index) != taken.ports.end();
  TRY_ASSIGN(bool got, mine ? Result<bool>(false) : ports_.take(index, taken.dry_run));
  if (got) taken.ports.push_back(index);
  else why = "provided port is already allocated";
  return got;
}

Result<int32_t> ServiceAllocator::take_any_port(Taken& taken) {
  TRY_ASSIGN(uint32_t index, ports_.take_any(taken.dry_run, taken.ports));
  taken.ports.push_back(index);
  return static_cast<int32_t>(port_low_ + index);
}

namespace {

Fail bad_node_port(const Service& service, size_t index, int32_t port, std::string why) {
  FieldPath spec("spec"), path = spec.child("ports", index);
  return invalid(service, {FieldError::invalid(path.child("nodePort"), port, std::move(why))});
}

Fail no_node_port(const Error& error) { return reigen::fail(api::internal_error("failed to allocate a nodePort: " + error.message())); }

}  // namespace

// Ports of one number but different protocols share a node port, unless the user names another.
Status ServiceAllocator::init_ports(Service& service, Taken& taken) {
  std::map<int32_t, int32_t> by_port;
  auto& ports = service.spec.ports;
  auto asked = [&](int32_t number) {
    auto it = std::ranges::find_if(ports, [&](const ServicePort& port) { return port.port == number && port.node_port != 0; });
    return it == ports.end() ? 0 : it->node_port;
  };
  for (size_t i = 0; i < ports.size(); ++i) {
    ServicePort& port = ports[i];
    if (port.node_port == 0 && !wants_node_ports(service)) continue;
    int32_t shared = by_port[port.port];
    int32_t wanted = shared == 0 ? asked(port.port) : port.node_port;
    std::string why;
    if (shared != 0 && (wanted == 0 || wanted == shared)) {
      port.node_port = shared;
      continue;
    }
    if (wanted == 0) {
      auto any = take_any_port(taken);
      if (!any) return no_node_port(any.error());
      wanted = *any;
    } else {
      TRY_ASSIGN(bool got, take_port(wanted, taken, why));
      if (!got) return bad_node_port(service, i, wanted, std::move(why));
    }
    port.node_port = wanted;
    if (shared == 0) by_port[port.port] = wanted;
  }
  return {};
}

Status ServiceAllocator::update_ports(Service& service, const Service& old, Taken& taken) {
  std::set<int32_t> known;
  for (const ServicePort& port : old.spec.ports) known.insert(port.node_port);
  std::set<std::pair<std::string, int32_t>> seen;
  for (size_t i = 0; i < service.spec.ports.size(); ++i) {
    ServicePort& port = service.spec.ports[i];
    if (port.node_port == 0 && !wants_node_ports(service)) continue;
    if (port.node_port == 0) {
      auto any = take_any_port(taken);
      if (!any) return no_node_port(any.error());
      port.node_port = *any;
    } else if (known.insert(port.node_port).second) {
      std::string why;
      TRY_ASSIGN(bool got, take_port(port.node_port, taken, why));
      if (!got) return bad_node_port(service, i, port.node_port, std::move(why));
    }
    if (!seen.emplace(port.protocol, port.node_port).second)
      return fail(Code::kInternal, "duplicate nodePort: {" + port.protocol + " " + std::to_string(port.node_port) + "}");
  }
  return {};
}

Status ServiceAllocator::take_health_port(Service& service, Taken& taken) {
  int32_t& port = service.spec.health_check_node_port;
  if (port == 0) {
    auto any = take_any_port(taken);
    if (!any) return fail(api::internal_error("failed to allocate a HealthCheck NodePort 0: " + any.error().message()));
    port = *any;
    return {};
  }
  std::string why;
  TRY_ASSIGN(bool got, take_port(port, taken, why));
  if (!got) return fail(api::internal_error("failed to allocate requested HealthCheck NodePort " + std::to_string(port) + ": " + why));
  return {};
}

void ServiceAllocator::give_back(Taken& taken) {
  if (taken.dry_run) return;
  auto log = [](const Status& status) {
    if (!status) LOG(kWarning, "apiserver", "cannot release what a service had: {}", status.error().message());
  };
  for (auto [number, index] : taken.addresses) log(families_[number].allocator->release({index}));
  log(ports_.release(taken.ports));
}

Result<Rollback> ServiceAllocator::allocate_create(Service& service, bool dry_run) {
  TRY(init_families(service, nullptr));
  Taken taken{.dry_run = dry_run, .addresses = {}, .ports = {}};
  Status status = take_addresses(service, 0, taken);
  if (status && needs_node_port(service)) status = init_ports(service, taken);
  if (status && needs_health_port(service)) status = take_health_port(service, taken);
  if (!status) {
    give_back(taken);
    return fail(std::move(status).error());
  }
  return Rollback([this, taken = std::move(taken)]() mutable { give_back(taken); });
}

Result<Rollback> ServiceAllocator::allocate_update(Service& service, const Service& old, bool dry_run) {
  TRY(init_families(service, &old));
  Taken taken{.dry_run = dry_run, .addresses = {}, .ports = {}};
  Status status;
  bool headless = !old.spec.cluster_ips.empty() && old.spec.cluster_ips[0] == "None";
  if (!needs_cluster_ip(old)) status = take_addresses(service, 0, taken);
  else if (needs_cluster_ip(service) && !headless && old.spec.ip_families.size() == 1 && service.spec.ip_families.size() == 2 &&
           !keeps_preferred_families(service, &old))
    status = take_addresses(service, 1, taken);
  if (status && needs_node_port(service)) status = update_ports(service, old, taken);
  if (status && needs_health_port(service) && !needs_health_port(old)) status = take_health_port(service, taken);
  if (!status) {
    give_back(taken);
    return fail(std::move(status).error());
  }
  return Rollback([this, taken = std::move(taken)]() mutable { give_back(taken); });
}

void ServiceAllocator::release(const Service& old, const Service* now) {
  Taken gone;
  auto kept = [&](const std::string& address) { return now && std::ranges::find(now->spec.cluster_ips, address) != now->spec.cluster_ips.end(); };
  for (const std::string& address : old.spec.cluster_ips) {
    auto ip = api::parse_ip(address);
    if (!ip || kept(address)) continue;
    Family* from = family(ip->v4 ? "IPv4" : "IPv6");
    auto index = from ? index_of(*from, *ip) : std::nullopt;
    if (index) gone.addresses.emplace_back(static_cast<size_t>(from - families_.data()), *index);
  }
  std::vector<uint32_t> still = now ? node_ports(*now) : std::vector<uint32_t>();
  for (uint32_t port : node_ports(old)) {
    if (std::ranges::find(still, port) == still.end() && port >= port_low_ && port - port_low_ < ports_.size()) gone.ports.push_back(port - port_low_);
  }
  give_back(gone);
}

namespace {

// What is to be taken: all that is used, and what was taken without a user for fewer than kLeakRounds rounds.
Bitmap repaired(const Bitmap& taken, const Bitmap& used, uint32_t size, std::map<uint32_t, int>& leaks, bool at_once) {
  Bitmap wanted = used;
  std::map<uint32_t, int> still;
  for (uint32_t i = 0; i < size; ++i) {
    if (!taken.test(i) || used.test(i)) continue;
    int rounds = leaks[i] + 1;
    if (at_once || rounds >= kLeakRounds) {
      LOG(kInfo, "apiserver", "number {} of a service range had no user", i);
      continue;
    }
    still[i] = rounds;
    wanted.set(i, true);
  }
  leaks = std::move(still);
  return wanted;
}

}  // namespace

void ServiceAllocator::repair(bool at_once) {
  std::lock_guard lock(repair_mutex_);
  std::vector<Bitmap> addresses(families_.size());
  Bitmap ports;
  auto log = [](const Status& status) {
    if (!status) LOG(kWarning, "apiserver", "cannot repair a service range: {}", status.error().message());
  };
  reader_.for_each("", "services", "", [&](const api::Object& object) {
    const Service& service = object.as<Service>();
    for (const std::string& text : service.spec.cluster_ips) {
      auto ip = api::parse_ip(text);
      for (size_t i = 0; ip && i < families_.size(); ++i)
        if (auto index = index_of(families_[i], *ip)) addresses[i].set(*index, true);
    }
    for (uint32_t port : node_ports(service))
      if (port >= port_low_ && port - port_low_ < ports_.size()) ports.set(port - port_low_, true);
    return true;
  });
  for (size_t i = 0; i < families_.size(); ++i) {
    Family& family = families_[i];
    log(family.allocator->repair([&](const Bitmap& taken) { return repaired(taken, addresses[i], family.allocator->size(), family.leaks, at_once); }));
  }
  log(ports_.repair([&](const Bitmap& taken) { return repaired(taken, ports, ports_.size(), port_leaks_, at_once); }));
}

void ServiceAllocator::schedule() {
  std::lock_guard lock(timer_mutex_);
  if (tasks_->stopped()) return;
  timer_ = executor_.after(kRepairPeriod, tasks_->wrap([this] {
    repair(false);
    schedule();
  }));
}

void ServiceAllocator::start_repair() {
  repair(true);
  schedule();
}

void ServiceAllocator::stop() {
  {
    std::lock_guard lock(timer_mutex_);
    if (timer_ != 0) executor_.cancel(timer_);
    timer_ = 0;
  }
  tasks_->stop();
}

}  // namespace reigen::apiserver
