#include "node/container_spec.h"

#include <limits.h>
#include <unistd.h>

#include <algorithm>

#include "api/pod_rules.h"
#include "node/pod_files.h"
#include "node/pod_status.h"

namespace reigen::node {
namespace {

using namespace api::corev1;

int64_t milli(const api::Map<api::Quantity>& list, std::string_view name) {
  const auto* quantity = list.get(name);
  return quantity ? quantity->milli_value() : 0;
}
int64_t units(const api::Map<api::Quantity>& list, std::string_view name) {
  const auto* quantity = list.get(name);
  return quantity ? quantity->value() : 0;
}

uint64_t shares_of(int64_t cpu_milli) { return cpu_milli <= 0 ? 2 : std::clamp<uint64_t>(static_cast<uint64_t>(cpu_milli) * 1024 / 1000, 2, 262144); }
int64_t quota_of(int64_t cpu_milli) { return cpu_milli <= 0 ? 0 : std::max<int64_t>(cpu_milli * 100, 1000); }

// Of kubelet's qos policy: guaranteed -997, best effort 1000, burstable by the share of memory asked for.
int oom_score(const Pod& pod, const Container& container, int64_t node_memory) {
  std::string qos = api::qos_class(pod.spec);
  if (pod.spec.priority.value_or(0) >= 2'000'000'000 || qos == "Guaranteed") return -997;
  if (qos == "BestEffort") return 1000;
  int64_t request = units(container.resources.requests, "memory");
  int64_t score = node_memory > 0 ? 1000 - 1000 * request / node_memory : 999;
  return static_cast<int>(std::clamp<int64_t>(score, 3, 999));
}

template <class T>
std::optional<T> pick(const SecurityContext* own, const PodSecurityContext* pod, std::optional<T> SecurityContext::* first,
                      std::optional<T> PodSecurityContext::* second) {
  if (own && own->*first) return own->*first;
  return pod ? pod->*second : std::nullopt;
}

Status set_user(const SpecContext& c, const SecurityContext* own, const PodSecurityContext* pod, runtime::User& user) {
  auto uid = pick<int64_t>(own, pod, &SecurityContext::run_as_user, &PodSecurityContext::run_as_user);
  user.name = c.image.user;
  user.uid = uid;
  user.gid = pick<int64_t>(own, pod, &SecurityContext::run_as_group, &PodSecurityContext::run_as_group);
  if (pod) {
    user.supplementary = pod->supplemental_groups;
    if (pod->fs_group) user.supplementary.push_back(*pod->fs_group);
    user.groups_of_image = pod->supplemental_groups_policy.value_or("Merge") != "Strict";
  }
  bool non_root = pick<bool>(own, pod, &SecurityContext::run_as_non_root, &PodSecurityContext::run_as_non_root).value_or(false);
  if (!non_root) return {};
  std::string where =
      " (pod: \"" + c.pod.metadata.name + "_" + c.pod.metadata.namespace_ + "(" + c.pod.metadata.uid + ")\", container: " + c.container.name + ")";
  if (uid) {
    if (*uid == 0) return fail(Code::kInvalidArgument, "container's runAsUser breaks non-root policy" + where);
    return {};
  }
  std::string name = c.image.user.substr(0, c.image.user.find(':'));
  if (name.empty() || name == "0") return fail(Code::kInvalidArgument, "container has runAsNonRoot and image will run as root" + where);
  if (name.find_first_not_of("0123456789") != std::string::npos) {
    return fail(Code::kInvalidArgument, "container has runAsNonRoot and image has non-numeric user (" + name + "), cannot verify user is non-root" + where);
  }
  return {};
}

Status set_seccomp(const SpecContext& c, const SecurityContext* own, const PodSecurityContext* pod, runtime::Security& security) {
  const SeccompProfile* profile = own && own->seccomp_profile ? &*own->seccomp_profile : pod && pod->seccomp_profile ? &*pod->seccomp_profile : nullptr;
  std::string type = profile ? profile->type : c.seccomp_default ? "RuntimeDefault" : "Unconfined";
  if (type == "RuntimeDefault") security.seccomp = runtime::SeccompKind::kRuntimeDefault;
  if (type == "Localhost") {
    std::string file = profile->localhost_profile.value_or("");
    if (file.empty() || file.find("..") != std::string::npos)
      return fail(Code::kInvalidArgument, "localhostProfile must be set if seccompProfile type is Localhost.");
    security.seccomp = runtime::SeccompKind::kFile;
    security.seccomp_file = c.seccomp_root + "/" + file;
  }
  return {};
}

void set_resources(const SpecContext& c, runtime::ContainerSpec& spec) {
  const auto& resources = c.container.resources;
  int64_t request = milli(resources.requests, "cpu"), limit = milli(resources.limits, "cpu");
  spec.resources.cpu_shares = shares_of(request > 0 ? request : limit);
  spec.resources.cpu_quota_us = quota_of(limit);
  spec.resources.cpu_period_us = limit > 0 ? 100'000 : 0;
  spec.resources.memory_limit = units(resources.limits, "memory");
  spec.oom_score_adj = oom_score(c.pod, c.container, c.facts.memory_bytes);
}

std::vector<std::string> expand_all(const std::vector<std::string>& words, const ContainerEnvironment& env) {
  std::vector<std::string> out;
  for (const auto& word : words) out.push_back(expand_variables(word, env.own, env.services));
  return out;
}

// The image's environment, then ours over it.
std::vector<std::string> merged_environment(const ImageInfo& image, const std::vector<std::string>& own) {
  std::vector<std::string> out;
  auto named = [](const std::string& entry) { return entry.substr(0, entry.find('=') + 1); };
  for (const auto& entry : image.env) {
    std::string name = named(entry);
    if (std::none_of(own.begin(), own.end(), [&](const auto& other) { return other.starts_with(name); })) out.push_back(entry);
  }
  out.insert(out.end(), own.begin(), own.end());
  return out;
}

std::string host_name(const Pod& pod) {
  if (!pod.spec.host_network) return pod_host_name(pod);
  char name[HOST_NAME_MAX + 1] = {};
  return ::gethostname(name, sizeof name - 1) == 0 ? name : "";
}

}  // namespace

Result<runtime::ContainerSpec> make_container_spec(const SpecContext& c) {
  runtime::ContainerSpec spec;
  const SecurityContext* own = c.container.security_context ? &*c.container.security_context : nullptr;
  const PodSecurityContext* pod = c.pod.spec.security_context ? &*c.pod.spec.security_context : nullptr;
  spec.root.layers = c.image.layers;
  // As Docker: a command replaces entrypoint and arguments, arguments alone keep the entrypoint.
  std::vector<std::string> command = c.container.command.empty() ? c.image.entrypoint : expand_all(c.container.command, c.env);
  std::vector<std::string> args = !c.container.args.empty()     ? expand_all(c.container.args, c.env)
                                  : c.container.command.empty() ? c.image.cmd
                                                                : std::vector<std::string>();
  spec.argv = std::move(command);
  spec.argv.insert(spec.argv.end(), args.begin(), args.end());
  if (spec.argv.empty()) return fail(Code::kInvalidArgument, "no command specified");
  spec.cwd = c.container.working_dir.empty() ? c.image.working_dir : c.container.working_dir;
  TRY(set_user(c, own, pod, spec.user));
  auto& security = spec.security;
  if (own) {
    security.privileged = own->privileged.value_or(false);
    if (own->capabilities) {
      security.add_capabilities = own->capabilities->add;
      security.drop_capabilities = own->capabilities->drop;
    }
    security.no_new_privileges = own->allow_privilege_escalation && !*own->allow_privilege_escalation;
    security.unmasked_proc = own->proc_mount.value_or("Default") == "Unmasked";
    security.readonly_root = own->read_only_root_filesystem.value_or(false);
  }
  TRY(set_seccomp(c, own, pod, security));
  set_resources(c, spec);
  spec.tty = c.container.tty;
  spec.stdin_open = c.container.stdin;
  spec.stdin_once = c.container.stdin_once;
  spec.stop_signal = c.image.stop_signal;
  std::vector<std::string> env = c.env.list();
  spec.env = merged_environment(c.image, env);
  if (std::none_of(spec.env.begin(), spec.env.end(), [](const auto& entry) { return entry.starts_with("HOSTNAME="); })) {
    spec.env.insert(spec.env.begin(), "HOSTNAME=" + host_name(c.pod));
  }
  return spec;
}

namespace {

std::optional<UnsupportedField> unsupported_volume(const Volume& volume, size_t index) {
  std::string at = "spec.volumes[" + std::to_string(index) + "].";
  auto kind = [&](bool set, const char* name) -> std::optional<UnsupportedField> {
    if (!set) return std::nullopt;
    return UnsupportedField{at + name, "volumes of this kind are not supported by this node"};
  };
  const std::pair<bool, const char*> kinds[] = {{volume.persistent_volume_claim.has_value(), "persistentVolumeClaim"},
                                                {volume.nfs.has_value(), "nfs"},
                                                {volume.iscsi.has_value(), "iscsi"},
                                                {volume.csi.has_value(), "csi"},
                                                {volume.ephemeral.has_value(), "ephemeral"},
                                                {volume.image.has_value(), "image"},
                                                {volume.git_repo.has_value(), "gitRepo"},
                                                {volume.fc.has_value(), "fc"},
                                                {volume.rbd.has_value(), "rbd"},
                                                {volume.cephfs.has_value(), "cephfs"},
                                                {volume.glusterfs.has_value(), "glusterfs"},
                                                {volume.flex_volume.has_value(), "flexVolume"},
                                                {volume.gce_persistent_disk.has_value(), "gcePersistentDisk"},
                                                {volume.aws_elastic_block_store.has_value(), "awsElasticBlockStore"},
                                                {volume.azure_disk.has_value(), "azureDisk"},
                                                {volume.azure_file.has_value(), "azureFile"},
                                                {volume.cinder.has_value(), "cinder"},
                                                {volume.vsphere_volume.has_value(), "vsphereVolume"},
                                                {volume.portworx_volume.has_value(), "portworxVolume"}};
  for (const auto& [set, name] : kinds) {
    if (auto found = kind(set, name)) return found;
  }
  if (volume.empty_dir && volume.empty_dir->medium.starts_with("HugePages"))
    return UnsupportedField{at + "emptyDir.medium", "huge pages are not supported by this node"};
  if (volume.projected) {
    for (size_t i = 0; i < volume.projected->sources.size(); ++i) {
      if (volume.projected->sources[i].cluster_trust_bundle)
        return UnsupportedField{at + "projected.sources[" + std::to_string(i) + "].clusterTrustBundle", "cluster trust bundles are not supported"};
    }
  }
  return std::nullopt;
}

}  // namespace

std::optional<UnsupportedField> unsupported_in(const Container& container, const std::string& at) {
  if (!container.volume_devices.empty()) return UnsupportedField{at + "volumeDevices", "block devices are not supported by this node"};
  if (!container.resources.claims.empty()) return UnsupportedField{at + "resources.claims", "dynamic resources are not supported by this node"};
  for (const auto& [name, quantity] : container.resources.limits) {
    if (name.starts_with("hugepages-") || name.find('/') != std::string::npos)
      return UnsupportedField{at + "resources.limits[" + name + "]", "this node does not offer it"};
  }
  if (container.security_context) {
    const auto& security = *container.security_context;
    if (security.app_armor_profile && security.app_armor_profile->type == "Localhost")
      return UnsupportedField{at + "securityContext.appArmorProfile", "AppArmor profiles are not supported by this node"};
    if (security.windows_options) return UnsupportedField{at + "securityContext.windowsOptions", "this is a Linux node"};
  }
  for (size_t i = 0; i < container.volume_mounts.size(); ++i) {
    const auto& mode = container.volume_mounts[i].recursive_read_only;
    if (mode && *mode == "Enabled")
      return UnsupportedField{at + "volumeMounts[" + std::to_string(i) + "].recursiveReadOnly", "recursive read-only mounts are not supported by this node"};
  }
  return std::nullopt;
}

std::optional<UnsupportedField> unsupported_field(const Pod& pod) {
  const auto& spec = pod.spec;
  if (spec.host_users && !*spec.host_users) return UnsupportedField{"spec.hostUsers", "user namespaces are not supported by this node"};
  if (!spec.resource_claims.empty()) return UnsupportedField{"spec.resourceClaims", "dynamic resources are not supported by this node"};
  if (spec.security_context && spec.security_context->app_armor_profile && spec.security_context->app_armor_profile->type == "Localhost") {
    return UnsupportedField{"spec.securityContext.appArmorProfile", "AppArmor profiles are not supported by this node"};
  }
  for (size_t i = 0; i < spec.volumes.size(); ++i) {
    if (auto found = unsupported_volume(spec.volumes[i], i)) return found;
  }
  for (size_t i = 0; i < spec.init_containers.size(); ++i) {
    if (auto found = unsupported_in(spec.init_containers[i], "spec.initContainers[" + std::to_string(i) + "].")) return found;
  }
  for (size_t i = 0; i < spec.containers.size(); ++i) {
    if (auto found = unsupported_in(spec.containers[i], "spec.containers[" + std::to_string(i) + "].")) return found;
  }
  return std::nullopt;
}

std::string pod_cgroup(const Pod& pod) {
  std::string qos = api::qos_class(pod.spec), name = "pod" + pod.metadata.uid;
  if (qos == "Guaranteed") return "kubepods/" + name;
  return qos == "Burstable" ? "kubepods/burstable/" + name : "kubepods/besteffort/" + name;
}

Requests pod_requests(const Pod& pod) {
  Requests sum, init, sidecars;
  for (const auto& container : pod.spec.containers) {
    sum.cpu_milli += milli(container.resources.requests, "cpu");
    sum.memory += units(container.resources.requests, "memory");
  }
  for (const auto& container : pod.spec.init_containers) {
    int64_t cpu = milli(container.resources.requests, "cpu"), memory = units(container.resources.requests, "memory");
    if (is_sidecar(container)) {
      sidecars.cpu_milli += cpu;
      sidecars.memory += memory;
      cpu = memory = 0;
    }
    init.cpu_milli = std::max(init.cpu_milli, cpu + sidecars.cpu_milli);
    init.memory = std::max(init.memory, memory + sidecars.memory);
  }
  return {std::max(sum.cpu_milli + sidecars.cpu_milli, init.cpu_milli) + milli(pod.spec.overhead, "cpu"),
          std::max(sum.memory + sidecars.memory, init.memory) + units(pod.spec.overhead, "memory")};
}

runtime::Resources pod_resources(const Pod& pod) {
  runtime::Resources out;
  out.cpu_shares = shares_of(pod_requests(pod).cpu_milli);
  int64_t cpu = 0, memory = 0;
  bool all_cpu = true, all_memory = true;
  for (const auto* list : {&pod.spec.init_containers, &pod.spec.containers}) {
    for (const auto& container : *list) {
      int64_t own_cpu = milli(container.resources.limits, "cpu"), own_memory = units(container.resources.limits, "memory");
      all_cpu = all_cpu && own_cpu > 0;
      all_memory = all_memory && own_memory > 0;
      cpu += own_cpu;
      memory += own_memory;
    }
  }
  if (all_cpu && cpu > 0) {
    out.cpu_quota_us = quota_of(cpu);
    out.cpu_period_us = 100'000;
  }
  if (all_memory && memory > 0) out.memory_limit = memory;
  return out;
}

}  // namespace reigen::node
