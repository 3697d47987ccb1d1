// Rows of the core group but pods and volumes.

#include <algorithm>
#include <set>

#include "api/corev1.h"
#include "api/label_selector.h"
#include "api/metav1.h"
#include "apiserver/conversion.h"
#include "apiserver/table/cells.h"
#include "apiserver/table/rows.h"

namespace reigen::apiserver {
namespace {

using namespace api::corev1;

std::string age(const api::Object& object, WallTime now) { return age_of(object.meta().creation_timestamp, now); }

void replication_controller_row(const api::Object& object, WallTime now, Row& row) {
  const auto& rc = object.as<ReplicationController>();
  row.text(rc.metadata.name);
  row.number(rc.spec.replicas.value_or(0));
  row.number(rc.status.replicas);
  row.number(rc.status.ready_replicas);
  row.text(age(object, now));
  row.text(rc.spec.template_ ? container_names(rc.spec.template_->spec.containers) : "");
  row.text(rc.spec.template_ ? container_images(rc.spec.template_->spec.containers) : "");
  row.text(labels_text(rc.spec.selector));
}

std::string external_ips(const Service& service) {
  const auto& spec = service.spec;
  if (spec.type == "ExternalName") return spec.external_name;
  std::string given = joined(spec.external_ips);
  if (spec.type != "LoadBalancer") return given.empty() ? "<none>" : given;
  std::set<std::string> balancers;
  for (const auto& ingress : service.status.load_balancer.ingress) balancers.insert(ingress.ip.empty() ? ingress.hostname : ingress.ip);
  std::string out = joined({balancers.begin(), balancers.end()});
  if (!given.empty()) out += (out.empty() ? "" : ",") + given;
  return out.empty() ? "<pending>" : out;
}

std::string service_ports(const Service& service) {
  std::string out;
  for (const auto& port : service.spec.ports) {
    if (!out.empty()) out += ',';
    out += std::to_string(port.port);
    if (port.node_port > 0) out += ":" + std::to_string(port.node_port);
    out += "/" + port.protocol;
  }
  return out.empty() ? "<none>" : out;
}

void service_row(const api::Object& object, WallTime now, Row& row) {
  const auto& service = object.as<Service>();
  row.text(service.metadata.name);
  row.text(service.spec.type);
  row.text(service.spec.cluster_ip.empty() ? "<none>" : service.spec.cluster_ip);
  row.text(external_ips(service));
  row.text(service_ports(service));
  row.text(age(object, now));
  row.text(labels_text(service.spec.selector));
}

std::string endpoints_text(const Endpoints& endpoints) {
  constexpr size_t kMax = 3;
  std::vector<std::string> shown;
  size_t count = 0;
  for (const auto& subset : endpoints.subsets) {
    for (const auto& address : subset.addresses)
      if (subset.ports.empty() && ++count <= kMax) shown.push_back(address.ip);
    for (const auto& port : subset.ports) {
      for (const auto& address : subset.addresses) {
        bool v6 = address.ip.find(':') != std::string::npos;
        if (++count <= kMax) shown.push_back((v6 ? "[" + address.ip + "]" : address.ip) + ":" + std::to_string(port.port));
      }
    }
  }
  if (count == 0) return "<none>";
  std::string out = joined(shown);
  return count > kMax ? out + " + " + std::to_string(count - kMax) + " more..." : out;
}

void endpoints_row(const api::Object& object, WallTime now, Row& row) {
  row.text(object.meta().name);
  row.text(endpoints_text(object.as<Endpoints>()));
  row.text(age(object, now));
}

std::string node_status(const Node& node) {
  std::string out = "Unknown";
  for (const auto& condition : node.status.conditions)
    if (condition.type == "Ready") out = condition.status == "True" ? "Ready" : "NotReady";
  return node.spec.unschedulable ? out + ",SchedulingDisabled" : out;
}

std::string node_roles(const Node& node) {
  std::set<std::string> roles;
  constexpr std::string_view kRole = "node-role.kubernetes.io/";
  for (const auto& [key, value] : node.metadata.labels) {
    if (key.starts_with(kRole) && key.size() > kRole.size()) roles.insert(key.substr(kRole.size()));
    else if (key == "kubernetes.io/role" && !value.empty()) roles.insert(value);
  }
  return roles.empty() ? "<none>" : joined({roles.begin(), roles.end()});
}

std::string node_address(const Node& node, std::string_view type) {
  for (const auto& address : node.status.addresses)
    if (address.type == type) return address.address;
  return "<none>";
}

std::string or_unknown(const std::string& text) { return text.empty() ? "<unknown>" : text; }

void node_row(const api::Object& object, WallTime now, Row& row) {
  const auto& node = object.as<Node>();
  row.text(node.metadata.name);
  row.text(node_status(node));
  row.text(node_roles(node));
  row.text(age(object, now));
  row.text(node.status.node_info.kubelet_version);
  row.text(node_address(node, "InternalIP"));
  row.text(node_address(node, "ExternalIP"));
  row.text(or_unknown(node.status.node_info.os_image));
  row.text(or_unknown(node.status.node_info.kernel_version));
  row.text(or_unknown(node.status.node_info.container_runtime_version));
}

std::string event_seen(const Event& event, WallTime now) {
  if (event.series && !event.series->last_observed_time.is_zero()) return human_duration(now - event.series->last_observed_time.wall());
  if (!event.last_timestamp.is_zero()) return age_of(event.last_timestamp, now);
  return event.event_time.is_zero() ? "<unknown>" : human_duration(now - event.event_time.wall());
}

std::string lower(std::string text) {
  for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

void event_row(const api::Object& object, WallTime now, Row& row) {
  const auto& event = object.as<Event>();
  std::string first = !event.first_timestamp.is_zero() ? age_of(event.first_timestamp, now)
                      : event.event_time.is_zero()     ? "<unknown>"
                                                       : human_duration(now - event.event_time.wall());
  std::string target =
      event.involved_object.name.empty() ? lower(event.involved_object.kind) : lower(event.involved_object.kind) + "/" + event.involved_object.name;
  std::string source = event.source.component.empty() ? event.reporting_component : event.source.component;
  std::string host = event.source.host.empty() && event.source.component.empty() ? event.reporting_instance : event.source.host;
  int64_t count = event.series ? event.series->count : std::max<int64_t>(event.count, 1);
  std::string message = event.message;
  while (!message.empty() && std::isspace(static_cast<unsigned char>(message.back()))) message.pop_back();
  row.text(event_seen(event, now));
  row.text(event.type);
  row.text(event.reason);
  row.text(target);
  row.text(event.involved_object.field_path);
  row.text(host.empty() ? source : source + ", " + host);
  row.text(message);
  row.text(first);
  row.number(count);
  row.text(event.metadata.name);
}

void events_event_row(const api::Object& object, WallTime now, Row& row) {
  if (auto event = convert(object, api::kind_of<Event>())) event_row(*event, now, row);
}

void namespace_row(const api::Object& object, WallTime now, Row& row) {
  row.text(object.meta().name);
  row.text(object.as<Namespace>().status.phase);
  row.text(age(object, now));
}

void secret_row(const api::Object& object, WallTime now, Row& row) {
  const auto& secret = object.as<Secret>();
  row.text(secret.metadata.name);
  row.text(secret.type);
  row.number(static_cast<int64_t>(secret.data.size()));
  row.text(age(object, now));
}

void config_map_row(const api::Object& object, WallTime now, Row& row) {
  const auto& map = object.as<ConfigMap>();
  row.text(map.metadata.name);
  row.number(static_cast<int64_t>(map.data.size() + map.binary_data.size()));
  row.text(age(object, now));
}

void service_account_row(const api::Object& object, WallTime now, Row& row) {
  row.text(object.meta().name);
  row.number(static_cast<int64_t>(object.as<ServiceAccount>().secrets.size()));
  row.text(age(object, now));
}

void component_status_row(const api::Object& object, WallTime, Row& row) {
  const auto& status = object.as<ComponentStatus>();
  std::string state = "Unknown", message, error;
  for (const auto& condition : status.conditions) {
    if (condition.type != "Healthy") continue;
    state = condition.status == "True" ? "Healthy" : "Unhealthy";
    message = condition.message;
    error = condition.error;
  }
  row.text(status.metadata.name);
  row.text(state);
  row.text(message);
  row.text(error);
}

void pod_template_row(const api::Object& object, WallTime, Row& row) {
  const auto& pod = object.as<PodTemplate>();
  row.text(pod.metadata.name);
  row.text(container_names(pod.template_.spec.containers));
  row.text(container_images(pod.template_.spec.containers));
  row.text(labels_text(pod.template_.metadata.labels));
}

void resource_quota_row(const api::Object& object, WallTime now, Row& row) {
  const auto& quota = object.as<ResourceQuota>();
  std::string requests, limits;
  for (const auto& [name, hard] : quota.status.hard) {
    const api::Quantity* used = quota.status.used.get(name);
    std::string text = name + ": " + (used ? used->to_string() : "0") + "/" + hard.to_string();
    std::string& into = name.starts_with("limits.") ? limits : requests;
    into += (into.empty() ? "" : ", ") + text;
  }
  row.text(quota.metadata.name);
  row.text(age(object, now));
  row.text(requests);
  row.text(limits);
}

constexpr RowLine kLines[] = {
    {"", "ReplicationController", replication_controller_row},
    {"", "Service", service_row},
    {"", "Endpoints", endpoints_row},
    {"", "Node", node_row},
    {"", "Event", event_row},
    {"events.k8s.io", "Event", events_event_row},
    {"", "Namespace", namespace_row},
    {"", "Secret", secret_row},
    {"", "ConfigMap", config_map_row},
    {"", "ServiceAccount", service_account_row},
    {"", "ComponentStatus", component_status_row},
    {"", "PodTemplate", pod_template_row},
    {"", "ResourceQuota", resource_quota_row},
};

}  // namespace

std::span<const RowLine> core_rows() { return kLines; }

}  // namespace reigen::apiserver
