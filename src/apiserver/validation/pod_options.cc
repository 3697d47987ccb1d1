// What updates may keep, and fields of features that are off.

#include <algorithm>

#include "api/label_selector.h"
#include "api/validation.h"
#include "apiserver/validation/pod_parts.h"

namespace reigen::apiserver {
namespace {

using namespace api::corev1;

bool has_bad_selector(const PodAffinityTerm& term) {
  FieldPath path("selector");
  auto bad = [&](const auto& selector) { return selector && !api::validate_label_selector(path, *selector).empty(); };
  return bad(term.label_selector) || bad(term.namespace_selector);
}

template <class Terms>
bool has_bad_selectors(const api::Box<Terms>& terms) {
  if (!terms) return false;
  return std::ranges::any_of(terms->required_during_scheduling_ignored_during_execution, has_bad_selector) ||
         std::ranges::any_of(terms->preferred_during_scheduling_ignored_during_execution,
                             [](const auto& one) { return has_bad_selector(one.pod_affinity_term); });
}

bool has_bad_spread_selector(const PodSpec& spec) {
  FieldPath path("selector");
  return std::ranges::any_of(spec.topology_spread_constraints,
                             [&](const auto& one) { return one.label_selector && !api::validate_label_selector(path, *one.label_selector).empty(); });
}

bool has_non_local_token_path(const PodSpec& spec) {
  FieldErrors errors;
  for (const auto& volume : spec.volumes)
    if (volume.projected)
      for (const auto& source : volume.projected->sources)
        if (source.service_account_token) check_projected_path(errors, FieldPath("path"), source.service_account_token->path);
  return !errors.empty();
}

template <class Test>
bool any_container(const PodSpec& spec, Test test) {
  bool any = false;
  visit_containers(spec, FieldPath("spec"), [&](const auto& container, const FieldPath&) { any = any || test(container); });
  return any;
}

bool has_zero_sleep(const api::Box<LifecycleHandler>& handler) { return handler && handler->sleep && handler->sleep->seconds == 0; }

PodOptions options_of(const PodSpec& old, const api::Map<std::string>& annotations) {
  PodOptions options;
  options.allow_invalid_deletion_cost = has_bad_deletion_cost(annotations);
  options.allow_invalid_label_values = old.affinity && (has_bad_selectors(old.affinity->pod_affinity) || has_bad_selectors(old.affinity->pod_anti_affinity));
  options.allow_indivisible_huge_pages =
      has_indivisible_huge_pages(old.overhead) || any_container(old, [](const auto& container) {
        return has_indivisible_huge_pages(container.resources.limits) || has_indivisible_huge_pages(container.resources.requests);
      });
  options.allow_invalid_spread_selectors = has_bad_spread_selector(old);
  options.allow_non_local_token_path = has_non_local_token_path(old);
  if (old.security_context)
    options.allow_host_sysctls =
        std::ranges::any_of(old.security_context->sysctls, [&](const auto& sysctl) { return is_host_sysctl(old, sysctl.name, nullptr, FieldPath("name")); });
  if (old.dns_config)
    options.allow_relaxed_searches =
        std::ranges::any_of(old.dns_config->searches, [](const std::string& search) { return search == "." || search.find('_') != std::string::npos; });
  options.allow_zero_sleep = any_container(old, [](const auto& container) {
    return container.lifecycle && (has_zero_sleep(container.lifecycle->pre_stop) || has_zero_sleep(container.lifecycle->post_start));
  });
  options.allow_sidecar_resize_policy = std::ranges::any_of(old.init_containers, [](const auto& container) {
    return container.restart_policy && *container.restart_policy == "Always" && !container.resize_policy.empty();
  });
  return options;
}

void drop_image_volumes(PodSpec& spec) {
  NameSet names;
  for (const auto& volume : spec.volumes)
    if (volume.image) names.insert(volume.name);
  if (names.empty()) return;
  std::erase_if(spec.volumes, [](const auto& volume) { return volume.image.has_value(); });
  visit_containers(spec, FieldPath("spec"), [&](auto& container, const FieldPath&) {
    std::erase_if(container.volume_mounts, [&](const auto& mount) { return names.contains(mount.name); });
  });
}

void drop_trust_bundles(PodSpec& spec, const PodSpec& old) {
  auto used = [](const auto& volume) {
    return volume.projected && std::ranges::any_of(volume.projected->sources, [](const auto& source) { return source.cluster_trust_bundle.has_value(); });
  };
  if (std::ranges::any_of(old.volumes, used)) return;
  for (auto& volume : spec.volumes)
    if (volume.projected)
      for (auto& source : volume.projected->sources) source.cluster_trust_bundle.reset();
}

void drop_resource_claims(PodSpec& spec, const PodSpec& old) {
  if (!old.resource_claims.empty()) return;
  spec.resource_claims.clear();
  visit_containers(spec, FieldPath("spec"), [](auto& container, const FieldPath&) { container.resources.claims.clear(); });
}

bool has_pod_resources(const PodSpec& spec) { return spec.resources && (!spec.resources->requests.empty() || !spec.resources->limits.empty()); }

}  // namespace

PodOptions pod_options(const Pod* old) {
  PodOptions options = old ? options_of(old->spec, old->metadata.annotations) : PodOptions();
  options.is_pod = true;
  return options;
}

PodOptions template_options(const PodTemplateSpec* old) { return old ? options_of(old->spec, old->metadata.annotations) : PodOptions(); }

void drop_disabled_fields(PodSpec& spec, const PodSpec* before) {
  PodSpec none;
  const PodSpec& old = before ? *before : none;
  const PodSecurityContext* old_context = old.security_context.get();
  if (!old.host_users) spec.host_users.reset();
  if (spec.security_context) {
    if (!old_context || !old_context->supplemental_groups_policy) spec.security_context->supplemental_groups_policy.reset();
    if (!old_context || !old_context->se_linux_change_policy) spec.security_context->se_linux_change_policy.reset();
  }
  if (!has_pod_resources(old)) spec.resources.reset();
  bool proc_mount =
      any_container(old, [](const auto& one) { return one.security_context && one.security_context->proc_mount.value_or("Default") != "Default"; });
  bool resize = any_container(old, [](const auto& one) { return !one.resize_policy.empty(); });
  visit_containers(spec, FieldPath("spec"), [&](auto& container, const FieldPath&) {
    if (!proc_mount && container.security_context && container.security_context->proc_mount) container.security_context->proc_mount = "Default";
    if (!resize) container.resize_policy.clear();
  });
  drop_resource_claims(spec, old);
  drop_trust_bundles(spec, old);
  if (std::ranges::none_of(old.volumes, [](const auto& volume) { return volume.image.has_value(); })) drop_image_volumes(spec);
}

}  // namespace reigen::apiserver
