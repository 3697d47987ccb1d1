// Updates of a pod's status.

#include <algorithm>

#include "api/go_quote.h"
#include "api/validation.h"
#include "apiserver/validation/pod_parts.h"

namespace reigen::apiserver {
namespace {

using namespace api::corev1;

using Statuses = std::vector<ContainerStatus>;

// A container that ended for good stays ended. `sidecars` are restarted whatever the pod's policy.
void check_transitions(const Statuses& now, const Statuses& before, std::string_view restart_policy, const NameSet& sidecars, const FieldPath& path,
                       FieldErrors& errors) {
  if (restart_policy == "Always") return;
  for (size_t i = 0; i < before.size(); ++i) {
    const auto& ended = before[i].state.terminated;
    if (!ended || (ended->exit_code != 0 && restart_policy == "OnFailure") || sidecars.contains(before[i].name)) continue;
    FieldPath at = path.index(i);
    for (const auto& status : now)
      if (status.name == before[i].name && !status.state.terminated) forbid(errors, at.child("state"), "may not be transitioned to non-terminated state");
  }
}

// PodIP and HostIP have the same field; `type` is for messages.
template <class Address>
void check_addresses(const std::vector<Address>& addresses, std::string_view type, const FieldPath& path, FieldErrors& errors) {
  for (size_t i = 0; i < addresses.size(); ++i) api::append(errors, api::validate_ip(path.index(i), addresses[i].ip));
  if (addresses.size() <= 1) return;
  bool v4 = false, v6 = false, all = true;
  auto shown = [&](const Address& one) { return "core." + std::string(type) + "{IP:" + api::go_quote(one.ip) + "}"; };
  std::string list = "[]core." + std::string(type) + "{";
  for (const auto& address : addresses) {
    auto ip = api::parse_ip(address.ip);
    all = all && ip.has_value();
    if (ip) (ip->v4 ? v4 : v6) = true;
    list += (list.back() == '{' ? "" : ", ") + shown(address);
  }
  if (!all || !v4 || !v6 || addresses.size() > 2) reject(errors, path, BadValue::raw(list + "}"), "may specify no more than one IP for each IP family");
  NameSet seen;
  for (size_t i = 0; i < addresses.size(); ++i)
    if (!seen.insert(addresses[i].ip).second) report_duplicate(errors, path.index(i), BadValue::raw(shown(addresses[i])));
}

void check_users(const Statuses& statuses, std::string_view os, const FieldPath& path, FieldErrors& errors) {
  for (size_t i = 0; i < statuses.size(); ++i) {
    if (!statuses[i].user || !statuses[i].user->linux) continue;
    FieldPath at = path.index(i);
    FieldPath of = at.child("linux");
    const LinuxContainerUser& user = *statuses[i].user->linux;
    if (os == "windows") {
      forbid(errors, of, "cannot be set for a windows pod");
      continue;
    }
    auto check = [&](const FieldPath& where, int64_t id, const api::Messages& messages) {
      for (const std::string& message : messages) reject(errors, where, id, message);
    };
    check(of.child("uid"), user.uid, api::is_user_id(user.uid));
    check(of.child("gid"), user.gid, api::is_group_id(user.gid));
    for (size_t j = 0; j < user.supplemental_groups.size(); ++j)
      check(of.child("supplementalGroups", j), user.supplemental_groups[j], api::is_group_id(user.supplemental_groups[j]));
  }
}

void check_claim_statuses(const Pod& pod, const FieldPath& path, FieldErrors& errors) {
  NameSet names;
  for (size_t i = 0; i < pod.status.resource_claim_statuses.size(); ++i) {
    const auto& status = pod.status.resource_claim_statuses[i];
    FieldPath at = path.index(i);
    FieldPath name = at.child("name");
    bool known = std::ranges::any_of(pod.spec.resource_claims, [&](const auto& claim) { return claim.name == status.name; });
    if (!known) reject(errors, name, status.name, "must match the name of an entry in `spec.resourceClaims`");
    if (!names.insert(status.name).second) report_duplicate(errors, name, status.name);
    if (status.resource_claim_name) check_dns_subdomain(errors, name, *status.resource_claim_name);
  }
}

void check_conditions(const std::vector<PodCondition>& conditions, const FieldPath& path, FieldErrors& errors) {
  for (size_t i = 0; i < conditions.size(); ++i) {
    if (is_one_of(conditions[i].type, {"PodScheduled", "Ready", "Initialized"})) continue;
    FieldPath at = path.index(i);
    check_qualified_name(errors, at.child("Type"), conditions[i].type);
  }
}

}  // namespace

void validate_pod_status_update(const Pod& pod, const Pod& old, FieldErrors& errors) {
  FieldPath metadata("metadata");
  FieldPath path("status");
  const PodStatus& now = pod.status;
  const PodStatus& before = old.status;
  validate_pod_annotations_update(pod, old, pod_options(&old), errors);
  check_conditions(now.conditions, metadata.child("conditions"), errors);
  if (pod.spec.node_name != old.spec.node_name) forbid(errors, path.child("nodeName"), "may not be changed directly");
  if (now.nominated_node_name != before.nominated_node_name && !now.nominated_node_name.empty())
    check_dns_subdomain(errors, path.child("nominatedNodeName"), now.nominated_node_name);
  if (now.qos_class != before.qos_class) reject(errors, path.child("qosClass"), now.qos_class, std::string(api::kFieldImmutable));
  NameSet sidecars;
  for (const auto& container : old.spec.init_containers)
    if (container.restart_policy && *container.restart_policy == "Always") sidecars.insert(container.name);
  check_transitions(now.container_statuses, before.container_statuses, old.spec.restart_policy, {}, path.child("containerStatuses"), errors);
  check_transitions(now.init_container_statuses, before.init_container_statuses, old.spec.restart_policy, sidecars, path.child("initContainerStatuses"),
                    errors);
  check_transitions(now.ephemeral_container_statuses, before.ephemeral_container_statuses, "Never", {}, path.child("ephemeralContainerStatuses"), errors);
  check_claim_statuses(pod, path.child("resourceClaimStatuses"), errors);
  check_addresses(now.pod_ips, "PodIP", path.child("podIPs"), errors);
  if (!now.host_ips.empty()) {
    FieldPath host = path.child("hostIPs");
    FieldPath first = host.index(0);
    if (now.host_ip != now.host_ips[0].ip) reject(errors, first.child("ip"), now.host_ips[0].ip, "must be equal to `hostIP`");
    check_addresses(now.host_ips, "HostIP", host, errors);
  }
  std::string_view os = pod.spec.os ? std::string_view(pod.spec.os->name) : std::string_view("linux");
  check_users(now.container_statuses, os, path.child("containerStatuses"), errors);
  check_users(now.init_container_statuses, os, path.child("initContainerStatuses"), errors);
  check_users(now.ephemeral_container_statuses, os, path.child("ephemeralContainerStatuses"), errors);
}

}  // namespace reigen::apiserver
