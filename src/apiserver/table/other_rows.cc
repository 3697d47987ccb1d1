// Rows of the remaining groups: networking, RBAC, scheduling, coordination, discovery, certificates.

#include "api/coordinationv1.h"
#include "api/discoveryv1.h"
#include "api/metav1.h"
#include "api/networkingv1.h"
#include "api/nodev1.h"
#include "api/rbacv1.h"
#include "api/schedulingv1.h"
#include "apiserver/table/cells.h"
#include "apiserver/table/rows.h"

namespace reigen::apiserver {
namespace {

std::string age(const api::Object& object, WallTime now) { return age_of(object.meta().creation_timestamp, now); }

void ingress_row(const api::Object& object, WallTime now, Row& row) {
  const auto& ingress = object.as<api::networkingv1::Ingress>();
  std::vector<std::string> hosts, addresses;
  for (const auto& rule : ingress.spec.rules)
    if (!rule.host.empty()) hosts.push_back(rule.host);
  for (const auto& point : ingress.status.load_balancer.ingress) addresses.push_back(point.ip.empty() ? point.hostname : point.ip);
  size_t count = hosts.size();
  if (count > 3) hosts.resize(3);
  std::string shown = joined(hosts);
  if (count > 3) shown += " + " + std::to_string(count - 3) + " more...";
  row.text(ingress.metadata.name);
  row.text(ingress.spec.ingress_class_name.value_or("<none>"));
  row.text(shown.empty() ? "*" : shown);
  row.text(joined(addresses));
  row.text(ingress.spec.tls.empty() ? "80" : "80, 443");
  row.text(age(object, now));
}

void ingress_class_row(const api::Object& object, WallTime now, Row& row) {
  const auto& cls = object.as<api::networkingv1::IngressClass>();
  std::string parameters = "<none>";
  if (cls.spec.parameters) {
    const auto& reference = *cls.spec.parameters;
    parameters = reference.kind;
    if (reference.api_group && !reference.api_group->empty()) parameters += "." + *reference.api_group;
    parameters += "/" + reference.name;
  }
  row.text(cls.metadata.name);
  row.text(cls.spec.controller);
  row.text(parameters);
  row.text(age(object, now));
}

void subjects(const std::vector<api::rbacv1::Subject>& list, Row& row) {
  std::vector<std::string> users, groups, accounts;
  for (const auto& subject : list) {
    if (subject.kind == "User") users.push_back(subject.name);
    else if (subject.kind == "Group") groups.push_back(subject.name);
    else accounts.push_back(subject.namespace_ + "/" + subject.name);
  }
  row.text(joined(users, ", "));
  row.text(joined(groups, ", "));
  row.text(joined(accounts, ", "));
}

void role_binding_row(const api::Object& object, WallTime now, Row& row) {
  const auto& binding = object.as<api::rbacv1::RoleBinding>();
  row.text(binding.metadata.name);
  row.text(binding.role_ref.kind + "/" + binding.role_ref.name);
  row.text(age(object, now));
  subjects(binding.subjects, row);
}

void cluster_role_binding_row(const api::Object& object, WallTime now, Row& row) {
  const auto& binding = object.as<api::rbacv1::ClusterRoleBinding>();
  row.text(binding.metadata.name);
  row.text(binding.role_ref.kind + "/" + binding.role_ref.name);
  row.text(age(object, now));
  subjects(binding.subjects, row);
}

void lease_row(const api::Object& object, WallTime now, Row& row) {
  row.text(object.meta().name);
  row.text(object.as<api::coordinationv1::Lease>().spec.holder_identity.value_or(""));
  row.text(age(object, now));
}

void priority_class_row(const api::Object& object, WallTime now, Row& row) {
  const auto& cls = object.as<api::schedulingv1::PriorityClass>();
  row.text(cls.metadata.name);
  row.number(cls.value);
  row.boolean(cls.global_default);
  row.text(age(object, now));
  row.text(cls.preemption_policy ? std::string(*cls.preemption_policy) : "");
}

void runtime_class_row(const api::Object& object, WallTime now, Row& row) {
  row.text(object.meta().name);
  row.text(object.as<api::nodev1::RuntimeClass>().handler);
  row.text(age(object, now));
}

std::string slice_ports(const api::discoveryv1::EndpointSlice& slice) {
  std::string out;
  size_t shown = 0;
  for (const auto& port : slice.ports) {
    if (++shown > 3) break;
    if (!out.empty()) out += ',';
    if (port.port) out += std::to_string(*port.port);
    else out += port.name && !port.name->empty() ? *port.name : "*";
  }
  if (slice.ports.size() > 3) out += " + " + std::to_string(slice.ports.size() - 3) + " more...";
  return out.empty() ? "<unset>" : out;
}

void endpoint_slice_row(const api::Object& object, WallTime now, Row& row) {
  const auto& slice = object.as<api::discoveryv1::EndpointSlice>();
  std::vector<std::string> addresses;
  size_t count = 0;
  for (const auto& endpoint : slice.endpoints)
    for (const std::string& address : endpoint.addresses)
      if (++count <= 3) addresses.push_back(address);
  std::string shown = joined(addresses);
  if (count > 3) shown += " + " + std::to_string(count - 3) + " more...";
  row.text(slice.metadata.name);
  row.text(slice.address_type);
  row.text(slice_ports(slice));
  row.text(shown.empty() ? "<unset>" : shown);
  row.text(age(object, now));
}

void network_policy_row(const api::Object& object, WallTime now, Row& row) {
  row.text(object.meta().name);
  row.text(selector_text(&object.as<api::networkingv1::NetworkPolicy>().spec.pod_selector));
  row.text(age(object, now));
}

constexpr RowLine kLines[] = {
    {"networking.k8s.io", "NetworkPolicy", network_policy_row},
    {"networking.k8s.io", "Ingress", ingress_row},
    {"networking.k8s.io", "IngressClass", ingress_class_row},
    {"rbac.authorization.k8s.io", "RoleBinding", role_binding_row},
    {"rbac.authorization.k8s.io", "ClusterRoleBinding", cluster_role_binding_row},
    {"coordination.k8s.io", "Lease", lease_row},
    {"scheduling.k8s.io", "PriorityClass", priority_class_row},
    {"node.k8s.io", "RuntimeClass", runtime_class_row},
    {"discovery.k8s.io", "EndpointSlice", endpoint_slice_row},
};

}  // namespace

std::span<const RowLine> other_rows() { return kLines; }

std::span<const api::Column> row_columns(const api::KindInfo& kind) {
  static constexpr api::Column kScale[] = {
      {"Name", "string", "", false}, {"Desired", "integer", "", false}, {"Available", "integer", "", false}, {"Age", "string", "", false}};
  if (kind.kind == "Scale") return kScale;
  return kind.resource ? kind.resource->columns : std::span<const api::Column>();
}

}  // namespace reigen::apiserver
