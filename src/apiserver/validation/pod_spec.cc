// The spec of a pod, pods on create, and templates.

#include "apiserver/validation/pod_spec.h"

#include "api/validation.h"
#include "apiserver/validation/go_value.h"
#include "apiserver/validation/pod_parts.h"

namespace reigen::apiserver {
namespace {

using namespace api::corev1;

void validate_dns_lists(const PodDNSConfig& config, const FieldPath& path, const PodOptions& options, FieldErrors& errors) {
  if (config.nameservers.size() > 3) reject(errors, path.child("nameservers"), go_value(config.nameservers), "must not have more than 3 nameservers");
  for (size_t i = 0; i < config.nameservers.size(); ++i) api::append(errors, api::validate_ip(path.child("nameservers", i), config.nameservers[i]));
  FieldPath searches = path.child("searches");
  if (config.searches.size() > 32) reject(errors, searches, go_value(config.searches), "must not have more than 32 search paths");
  size_t length = config.searches.empty() ? 0 : config.searches.size() - 1;
  for (const std::string& search : config.searches) length += search.size();
  if (length > 2048) reject(errors, searches, go_value(config.searches), "must not have more than 2048 characters (including spaces) in the search list");
  for (size_t i = 0; i < config.searches.size(); ++i) {
    std::string_view search = config.searches[i];
    if (options.allow_relaxed_searches && search == ".") continue;
    if (search.ends_with('.')) search.remove_suffix(1);
    api::add_invalid(errors, searches.index(i), search,
                     options.allow_relaxed_searches ? api::is_dns1123_subdomain_with_underscore(search) : api::is_dns1123_subdomain(search));
  }
  for (size_t i = 0; i < config.options.size(); ++i)
    if (config.options[i].name.empty()) require(errors, path.child("options", i), "must not be empty");
}

void validate_dns_config(const PodSpec& spec, const FieldPath& path, const PodOptions& options, FieldErrors& errors) {
  if (spec.dns_policy == "None") {
    if (!spec.dns_config) return require(errors, path, "must provide `dnsConfig` when `dnsPolicy` is None");
    if (spec.dns_config->nameservers.empty())
      return require(errors, path.child("nameservers"), "must provide at least one DNS nameserver when `dnsPolicy` is None");
  }
  if (spec.dns_config) validate_dns_lists(*spec.dns_config, path, options, errors);
}

void validate_host_ports(const PodSpec& spec, const FieldPath& path, const PodOptions& options, FieldErrors& errors) {
  if (!spec.host_network) return;
  for (size_t i = 0; i < spec.containers.size(); ++i) {
    FieldPath container = path.child("containers", i);
    const auto& ports = spec.containers[i].ports;
    for (size_t j = 0; j < ports.size(); ++j) {
      FieldPath at = container.child("ports", j);
      if ((options.is_pod || ports[j].host_port != 0) && ports[j].host_port != ports[j].container_port)
        reject(errors, at.child("hostPort"), ports[j].host_port, "must match `containerPort` when `hostNetwork` is true");
    }
  }
}

void validate_gates(const PodSpec& spec, const FieldPath& path, FieldErrors& errors) {
  for (size_t i = 0; i < spec.readiness_gates.size(); ++i) {
    FieldPath at = path.child("readinessGates", i);
    check_qualified_name(errors, at.child("conditionType"), spec.readiness_gates[i].condition_type);
  }
  NameSet seen;
  for (size_t i = 0; i < spec.scheduling_gates.size(); ++i) {
    FieldPath at = path.child("schedulingGates", i);
    const std::string& name = spec.scheduling_gates[i].name;
    check_qualified_name(errors, at, name);
    if (!seen.insert(name).second) report_duplicate(errors, at, name);
  }
}

void validate_host_users(const PodSpec& spec, const FieldPath& path, FieldErrors& errors) {
  if (spec.host_users.value_or(true)) return;
  constexpr std::string_view text = "when `pod.Spec.HostUsers` is false";
  if (spec.host_network) forbid(errors, path.child("hostNetwork"), std::string(text));
  if (spec.host_pid) forbid(errors, path.child("HostPID"), std::string(text));
  if (spec.host_ipc) forbid(errors, path.child("HostIPC"), std::string(text));
}

void validate_claims(const PodSpec& spec, const api::metav1::ObjectMeta* meta, const FieldPath& path, FieldErrors& errors) {
  NameSet names;
  for (size_t i = 0; i < spec.resource_claims.size(); ++i) {
    const PodResourceClaim& claim = spec.resource_claims[i];
    FieldPath at = path.index(i);
    if (meta && meta->annotations.contains("kubernetes.io/config.mirror")) {
      forbid(errors, FieldPath("[]"), "static pods do not support resource claims");
      continue;
    }
    if (claim.name.empty()) require(errors, at.child("name"));
    else if (!names.insert(claim.name).second) report_duplicate(errors, at.child("name"), claim.name);
    else check_dns_label(errors, at.child("name"), claim.name);
    BadValue shown = BadValue::raw("core.PodResourceClaim{}");
    if (claim.resource_claim_name && claim.resource_claim_template_name)
      reject(errors, at, shown, "at most one of `resourceClaimName` or `resourceClaimTemplateName` may be specified");
    if (!claim.resource_claim_name && !claim.resource_claim_template_name)
      reject(errors, at, shown, "must specify one of: `resourceClaimName`, `resourceClaimTemplateName`");
    if (claim.resource_claim_name) check_dns_subdomain(errors, at.child("resourceClaimName"), *claim.resource_claim_name);
    if (claim.resource_claim_template_name) check_dns_subdomain(errors, at.child("resourceClaimTemplateName"), *claim.resource_claim_template_name);
  }
}

void validate_names(const PodSpec& spec, const FieldPath& path, const PodOptions& options, FieldErrors& errors) {
  if (!spec.service_account_name.empty()) check_dns_subdomain(errors, path.child("serviceAccountName"), spec.service_account_name);
  if (!spec.node_name.empty()) check_dns_subdomain(errors, path.child("nodeName"), spec.node_name);
  if (spec.active_deadline_seconds) {
    int64_t value = *spec.active_deadline_seconds;
    if (value < 1 || value > INT32_MAX) reject(errors, path.child("activeDeadlineSeconds"), value, api::inclusive_range_message(1, INT32_MAX));
  }
  if (!spec.hostname.empty()) check_dns_label(errors, path.child("hostname"), spec.hostname);
  if (!spec.subdomain.empty()) check_dns_label(errors, path.child("subdomain"), spec.subdomain);
  validate_tolerations(spec.tolerations, path.child("tolerations"), errors);
  for (size_t i = 0; i < spec.host_aliases.size(); ++i) {
    FieldPath at = path.child("hostAliases", i);
    api::append(errors, api::validate_ip(at.child("ip"), spec.host_aliases[i].ip));
    for (size_t j = 0; j < spec.host_aliases[i].hostnames.size(); ++j) check_dns_subdomain(errors, at.child("hostnames", j), spec.host_aliases[i].hostnames[j]);
  }
  if (!spec.priority_class_name.empty()) check_dns_subdomain(errors, path.child("priorityClassName"), spec.priority_class_name);
  if (spec.runtime_class_name) check_dns_subdomain(errors, path.child("runtimeClassName"), *spec.runtime_class_name);
  if (spec.preemption_policy) check_required_choice(errors, path.child("preemptionPolicy"), *spec.preemption_policy, {"PreemptLowerPriority", "Never"});
  if (!spec.overhead.empty()) {
    ResourceRequirements overhead;
    overhead.limits = spec.overhead;
    validate_resources(overhead, {}, path.child("overhead"), options, errors);
  }
}

}  // namespace

void validate_pod_spec(const PodSpec& spec, const api::metav1::ObjectMeta* meta, const FieldPath& path, const PodOptions& options, FieldErrors& errors) {
  if (!spec.termination_grace_period_seconds) require(errors, path.child("terminationGracePeriodSeconds"));
  PodScope scope{.spec = spec, .options = options, .volumes = {}, .claims = {}, .host_users = spec.host_users.value_or(true)};
  scope.volumes = validate_volumes(spec.volumes, meta, path.child("volumes"), options, errors);
  for (const auto& claim : spec.resource_claims)
    if (!claim.name.empty()) scope.claims.insert(claim.name);
  validate_claims(spec, meta, path.child("resourceClaims"), errors);
  validate_containers(scope, path.child("containers"), errors);
  validate_init_containers(scope, path.child("initContainers"), errors);
  validate_ephemeral_containers(scope, path.child("ephemeralContainers"), errors);
  validate_host_ports(spec, path, options, errors);
  check_required_choice(errors, path.child("restartPolicy"), spec.restart_policy, {"Always", "OnFailure", "Never"});
  check_required_choice(errors, path.child("dnsPolicy"), spec.dns_policy, {"ClusterFirstWithHostNet", "ClusterFirst", "Default", "None"});
  api::append(errors, api::validate_labels(path.child("nodeSelector"), spec.node_selector));
  validate_pod_security_context(spec, path, options, errors);
  if (spec.affinity) validate_affinity(*spec.affinity, path.child("affinity"), options, errors);
  validate_dns_config(spec, path.child("dnsConfig"), options, errors);
  validate_gates(spec, path, errors);
  validate_spread_constraints(spec.topology_spread_constraints, path.child("topologySpreadConstraints"), options, errors);
  validate_host_process(spec, path, errors);
  validate_host_users(spec, path, errors);
  validate_names(spec, path, options, errors);
  if (spec.os) validate_os(spec, path, errors);
}

void validate_pod_fields(const Pod& pod, const PodOptions& options, FieldErrors& errors) {
  FieldPath metadata("metadata");
  FieldPath spec("spec");
  validate_pod_annotations(pod.metadata.annotations, pod.spec, metadata.child("annotations"), options, errors);
  validate_pod_spec(pod.spec, &pod.metadata, spec, options, errors);
  if (pod.spec.service_account_name.empty()) {
    for (size_t i = 0; i < pod.spec.volumes.size(); ++i) {
      const auto& projected = pod.spec.volumes[i].projected;
      FieldPath volume = spec.child("volumes", i);
      FieldPath at = volume.child("projected");
      for (size_t j = 0; projected && j < projected->sources.size(); ++j) {
        FieldPath source = at.child("sources", j);
        if (projected->sources[j].service_account_token)
          forbid(errors, source.child("serviceAccountToken"), "must not be specified when serviceAccountName is not set");
      }
    }
  }
  auto check_images = [&](const std::vector<Container>& containers, std::string_view name) {
    for (size_t i = 0; i < containers.size(); ++i) {
      FieldPath at = spec.child(name, i);
      validate_image_text(containers[i].image, at.child("image"), errors);
    }
  };
  check_images(pod.spec.containers, "containers");
  check_images(pod.spec.init_containers, "initContainers");
}

void validate_pod_create(const Pod& pod, FieldErrors& errors) {
  PodOptions options = pod_options(nullptr);
  FieldPath spec("spec");
  validate_pod_fields(pod, options, errors);
  if (!pod.spec.ephemeral_containers.empty()) forbid(errors, spec.child("ephemeralContainers"), "cannot be set on create");
  if (!pod.spec.node_name.empty() && !pod.spec.scheduling_gates.empty())
    forbid(errors, spec.child("nodeName"), "cannot be set until all schedulingGates have been cleared");
  validate_profile_annotations(pod.metadata.annotations, pod.spec, spec, errors);
}

void validate_pod_template(const PodTemplateSpec& pod_template, const FieldPath& path, const PodOptions& options, FieldErrors& errors) {
  const auto& meta = pod_template.metadata;
  FieldPath annotations = path.child("annotations");
  api::append(errors, api::validate_labels(path.child("labels"), meta.labels));
  api::append(errors, api::validate_annotations(annotations, meta.annotations));
  validate_pod_annotations(meta.annotations, pod_template.spec, annotations, options, errors);
  validate_pod_spec(pod_template.spec, nullptr, path.child("spec"), options, errors);
  validate_profile_annotations(meta.annotations, pod_template.spec, path.child("spec"), errors);
  if (!pod_template.spec.ephemeral_containers.empty())
    forbid(errors, path.child("spec.ephemeralContainers"), "ephemeral containers not allowed in pod template");
}

}  // namespace reigen::apiserver
