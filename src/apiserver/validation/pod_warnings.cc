#include "apiserver/validation/pod_warnings.h"

#include <fmt/core.h>

#include "api/go_quote.h"
#include "api/validation.h"
#include "apiserver/validation/pod_parts.h"
#include "apiserver/validation/volume_overlaps.h"

namespace reigen::apiserver {
namespace {

using namespace api::corev1;

void warn(Warnings& texts, const FieldPath& path, std::string_view text) { texts.push_back(path.to_string() + ": " + std::string(text)); }

std::string_view deprecated_label(std::string_view key) {
  static constexpr std::pair<std::string_view, std::string_view> kLabels[] = {
      {"beta.kubernetes.io/arch", "deprecated since v1.14; use \"kubernetes.io/arch\" instead"},
      {"beta.kubernetes.io/os", "deprecated since v1.14; use \"kubernetes.io/os\" instead"},
      {"failure-domain.beta.kubernetes.io/region", "deprecated since v1.17; use \"topology.kubernetes.io/region\" instead"},
      {"failure-domain.beta.kubernetes.io/zone", "deprecated since v1.17; use \"topology.kubernetes.io/zone\" instead"},
      {"beta.kubernetes.io/instance-type", "deprecated since v1.17; use \"node.kubernetes.io/instance-type\" instead"},
      {"app.kubernetes.io/created-by", "deprecated since v1.9"},
      {"scheduler.alpha.kubernetes.io/preferAvoidPods", "deprecated since v1.22; use Taints and Tolerations instead"},
      {"node-role.kubernetes.io/master", "use \"node-role.kubernetes.io/control-plane\" instead"},
  };
  for (const auto& [label, text] : kLabels)
    if (label == key) return text;
  return {};
}

void warn_of_node_choice(const PodSpec& spec, const FieldPath& path, Warnings& texts) {
  for (const auto& [key, value] : spec.node_selector)
    if (auto text = deprecated_label(key); !text.empty()) warn(texts, path.child("nodeSelector", key), text);
  if (spec.affinity && spec.affinity->node_affinity) {
    const NodeAffinity& affinity = *spec.affinity->node_affinity;
    FieldPath at = path.child("affinity.nodeAffinity");
    if (affinity.required_during_scheduling_ignored_during_execution) {
      FieldPath terms = at.child("requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms");
      const auto& list = affinity.required_during_scheduling_ignored_during_execution->node_selector_terms;
      for (size_t i = 0; i < list.size(); ++i) warn_of_term(list[i], terms.index(i), texts);
    }
    const auto& preferred = affinity.preferred_during_scheduling_ignored_during_execution;
    for (size_t i = 0; i < preferred.size(); ++i) {
      FieldPath term = at.child("preferredDuringSchedulingIgnoredDuringExecution", i);
      warn_of_term(preferred[i].preference, term.child("preference"), texts);
    }
  }
  for (size_t i = 0; i < spec.topology_spread_constraints.size(); ++i) {
    const auto& constraint = spec.topology_spread_constraints[i];
    FieldPath at = path.child("topologySpreadConstraints", i);
    if (auto text = deprecated_label(constraint.topology_key); !text.empty())
      warn(texts, at.child("topologyKey"), constraint.topology_key + " is " + std::string(text));
    if (!constraint.label_selector) warn(texts, at.child("labelSelector"), "a null labelSelector results in matching no pod");
  }
}

void warn_of_annotations(const api::Map<std::string>& annotations, const FieldPath& path, Warnings& texts) {
  auto look = [&](std::string_view key, std::string_view text) {
    if (annotations.contains(key)) warn(texts, path.child("annotations", key), text);
  };
  look("scheduler.alpha.kubernetes.io/critical-pod", "non-functional in v1.16+; use the \"priorityClassName\" field instead");
  look("security.alpha.kubernetes.io/sysctls", "non-functional in v1.11+; use the \"sysctls\" field instead");
  look("security.alpha.kubernetes.io/unsafe-sysctls", "non-functional in v1.11+; use the \"sysctls\" field instead");
}

void warn_of_volumes(const std::vector<Volume>& volumes, const FieldPath& path, Warnings& texts) {
  for (size_t i = 0; i < volumes.size(); ++i) {
    const Volume& volume = volumes[i];
    FieldPath at = path.child("volumes", i);
    auto look = [&](bool set, std::string_view name, std::string_view text) {
      if (set) warn(texts, at.child(name), text);
    };
    look(volume.photon_persistent_disk.has_value(), "photonPersistentDisk", "deprecated in v1.11, non-functional in v1.16+");
    look(volume.git_repo.has_value(), "gitRepo", "deprecated in v1.11");
    look(volume.scale_io.has_value(), "scaleIO", "deprecated in v1.16, non-functional in v1.22+");
    look(volume.flocker.has_value(), "flocker", "deprecated in v1.22, non-functional in v1.25+");
    look(volume.storageos.has_value(), "storageOS", "deprecated in v1.22, non-functional in v1.25+");
    look(volume.quobyte.has_value(), "quobyte", "deprecated in v1.22, non-functional in v1.25+");
    look(volume.glusterfs.has_value(), "glusterfs", "deprecated in v1.25, non-functional in v1.26+");
    if (volume.ephemeral && volume.ephemeral->volume_claim_template)
      warn_of_claim_spec(volume.ephemeral->volume_claim_template->spec, at.child("ephemeral.volumeClaimTemplate.spec"), texts);
    look(volume.cephfs.has_value(), "cephfs", "deprecated in v1.28, non-functional in v1.31+");
    look(volume.rbd.has_value(), "rbd", "deprecated in v1.28, non-functional in v1.31+");
  }
  warn_of_overlaps(volumes, texts);
}

void warn_of_lists(const PodSpec& spec, const FieldPath& path, Warnings& texts) {
  NameSet ips, secrets;
  for (size_t i = 0; i < spec.host_aliases.size(); ++i) {
    FieldPath at = path.child("hostAliases", i);
    const std::string& ip = spec.host_aliases[i].ip;
    if (!ips.insert(ip).second) warn(texts, at.child("ip"), "duplicate ip " + api::go_quote(ip));
  }
  for (size_t i = 0; i < spec.image_pull_secrets.size(); ++i) {
    FieldPath at = path.child("imagePullSecrets", i);
    const std::string& name = spec.image_pull_secrets[i].name;
    if (!secrets.insert(name).second) warn(texts, at.child("name"), "duplicate name " + api::go_quote(name));
  }
  for (size_t i = 0; i < spec.image_pull_secrets.size(); ++i) {
    FieldPath at = path.child("imagePullSecrets", i);
    if (spec.image_pull_secrets[i].name.empty()) warn(texts, at.child("name"), "invalid empty name \"\"");
  }
}

void warn_of_fraction(const api::Map<api::Quantity>& list, std::string_view name, const FieldPath& path, Warnings& texts) {
  const api::Quantity* amount = list.get(name);
  if (amount && amount->milli_value() % 1000 != 0)
    warn(texts, path.key(name), "fractional byte value " + api::go_quote(amount->to_string()) + " is invalid, must be an integer");
}

// A variable set twice is fine where the second one makes use of the first.
void warn_of_hidden_env(const std::vector<EnvVar>& env, const FieldPath& path, Warnings& texts) {
  NameSet names;
  for (size_t i = 0; i < env.size(); ++i) {
    if (names.insert(env[i].name).second) continue;
    std::string reference = "$(" + env[i].name + ")";
    if (env[i].value_from || env[i].value == reference || env[i].value.find(reference) == std::string::npos)
      warn(texts, path.child("env", i), "hides previous definition of " + api::go_quote(env[i].name) + ", which may be dropped when using apply");
  }
}

// `path` is of the template, or nothing for pods.
void warn_of_containers(const PodSpec& spec, const api::metav1::ObjectMeta& meta, const FieldPath& path, const FieldPath& annotations, bool is_template,
                        Warnings& texts) {
  const PodSecurityContext* pod = spec.security_context.get();
  visit_containers(spec, path, [&](const auto& container, const FieldPath& at) {
    const SecurityContext* own = container.security_context.get();
    std::string seccomp = "container.seccomp.security.alpha.kubernetes.io/" + container.name;
    if ((!own || !own->seccomp_profile) && meta.annotations.contains(seccomp))
      warn(texts, annotations.key(seccomp), "non-functional in v1.27+; use the \"seccompProfile\" field instead");
    std::string app_armor = "container.apparmor.security.beta.kubernetes.io/" + container.name;
    bool has_field = (pod && pod->app_armor_profile) || (own && own->app_armor_profile);
    if (is_template && !has_field && meta.annotations.contains(app_armor))
      warn(texts, annotations.key(app_armor), "deprecated since v1.30; use the \"appArmorProfile\" field instead");
    for (std::string_view name : {"memory", "ephemeral-storage"}) {
      warn_of_fraction(container.resources.limits, name, at.child("resources.limits"), texts);
      warn_of_fraction(container.resources.requests, name, at.child("resources.requests"), texts);
    }
    warn_of_hidden_env(container.env, at, texts);
  });
}

struct SeenPort {
  std::string path;
  const ContainerPort* port;
};

std::string_view port_conflict(const ContainerPort& a, const ContainerPort& b) {
  if (a.host_ip == b.host_ip && a.host_port == b.host_port) return "duplicate";
  if (a.host_port == 0 || b.host_port == 0) return "overlapping";
  return a.host_port == b.host_port && a.host_ip.empty() != b.host_ip.empty() ? "dangerously ambiguous" : "";
}

void warn_of_ports(const PodSpec& spec, const FieldPath& path, Warnings& texts) {
  std::map<std::string, std::vector<SeenPort>> seen;
  visit_containers(spec, path, [&](const auto& container, const FieldPath& at) {
    for (size_t i = 0; i < container.ports.size(); ++i) {
      const ContainerPort& port = container.ports[i];
      FieldPath where = at.child("ports", i);
      if (!port.host_ip.empty() && port.host_port == 0)
        warn(texts, where,
             fmt::format("hostIP set without hostPort: {{Name:{} HostPort:0 ContainerPort:{} Protocol:{} HostIP:{}}}", port.name, port.container_port,
                         port.protocol, port.host_ip));
      auto& others = seen[std::to_string(port.container_port) + "/" + port.protocol];
      for (const SeenPort& other : others)
        if (auto kind = port_conflict(port, *other.port); !kind.empty()) warn(texts, where, std::string(kind) + " port definition with " + other.path);
      others.push_back({where.to_string(), &port});
    }
  });
}

template <class Terms>
void warn_of_affinity_terms(const api::Box<Terms>& terms, const FieldPath& path, Warnings& texts) {
  if (!terms) return;
  constexpr std::string_view text = "a null labelSelector results in matching no pod";
  const auto& required = terms->required_during_scheduling_ignored_during_execution;
  const auto& preferred = terms->preferred_during_scheduling_ignored_during_execution;
  for (size_t i = 0; i < required.size(); ++i) {
    FieldPath at = path.child("requiredDuringSchedulingIgnoredDuringExecution", i);
    if (!required[i].label_selector) warn(texts, at.child("labelSelector"), text);
  }
  for (size_t i = 0; i < preferred.size(); ++i) {
    FieldPath at = path.child("preferredDuringSchedulingIgnoredDuringExecution", i);
    if (!preferred[i].pod_affinity_term.label_selector) warn(texts, at.child("podAffinityTerm.labelSelector"), text);
  }
}

void warn_of_spec(const PodSpec& spec, const api::metav1::ObjectMeta& meta, const FieldPath& path, const FieldPath& metadata, bool is_template,
                  Warnings& texts) {
  warn_of_node_choice(spec, path, texts);
  warn_of_annotations(meta.annotations, metadata, texts);
  warn_of_volumes(spec.volumes, path, texts);
  warn_of_lists(spec, path, texts);
  FieldPath annotations = metadata.child("annotations");
  for (std::string_view name : {"memory", "ephemeral-storage"}) warn_of_fraction(spec.overhead, name, path.child("overhead"), texts);
  constexpr std::string_view seccomp = "seccomp.security.alpha.kubernetes.io/pod";
  bool has_seccomp = spec.security_context && spec.security_context->seccomp_profile;
  if (!has_seccomp && meta.annotations.contains(seccomp))
    warn(texts, annotations.key(seccomp), "non-functional in v1.27+; use the \"seccompProfile\" field instead");
  warn_of_containers(spec, meta, path, annotations, is_template, texts);
  warn_of_ports(spec, path, texts);
  if (spec.termination_grace_period_seconds.value_or(0) < 0)
    warn(texts, path.child("terminationGracePeriodSeconds"), "must be >= 0; negative values are invalid and will be treated as 1");
  if (!spec.affinity) return;
  warn_of_affinity_terms(spec.affinity->pod_affinity, path.child("affinity.podAffinity"), texts);
  warn_of_affinity_terms(spec.affinity->pod_anti_affinity, path.child("affinity.podAntiAffinity"), texts);
}

}  // namespace

void warn_of_term(const NodeSelectorTerm& term, const FieldPath& path, Warnings& texts) {
  for (size_t i = 0; i < term.match_expressions.size(); ++i) {
    const std::string& key = term.match_expressions[i].key;
    FieldPath at = path.child("matchExpressions", i);
    if (auto text = deprecated_label(key); !text.empty()) warn(texts, at.child("key"), key + " is " + std::string(text));
  }
}

void warn_of_pod(const Pod& pod, Warnings& texts) {
  warn_of_name(pod.metadata.name, "this is used in the Pod's hostname", texts);
  warn_of_spec(pod.spec, pod.metadata, FieldPath("spec"), FieldPath("metadata"), false, texts);
}

void warn_of_template(const PodTemplateSpec& pod_template, const FieldPath& path, Warnings& texts) {
  warn_of_spec(pod_template.spec, pod_template.metadata, path.child("spec"), path.child("metadata"), true, texts);
}

void warn_of_claim_spec(const PersistentVolumeClaimSpec& spec, const FieldPath& path, Warnings& texts) {
  warn_of_fraction(spec.resources.requests, "storage", path.child("resources.requests"), texts);
  warn_of_fraction(spec.resources.limits, "storage", path.child("resources.limits"), texts);
}

void warn_of_name(std::string_view name, std::string_view use, Warnings& texts) {
  std::string all;
  for (const std::string& message : api::is_dns1123_label(name)) all += (all.empty() ? "" : " ") + message;
  if (!all.empty())
    texts.push_back("metadata.name: " + std::string(use) + ", which can result in surprising behavior; a DNS label is recommended: [" + all + "]");
}

}  // namespace reigen::apiserver
