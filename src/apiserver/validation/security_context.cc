// Security contexts of pods and containers, and what an operating system cannot have.

#include <algorithm>

#include "api/go_quote.h"
#include "api/validation.h"
#include "apiserver/validation/pod_parts.h"
#include "apiserver/validation/windows_options.h"

namespace reigen::apiserver {
namespace {

using namespace api::corev1;

void check_ids(FieldErrors& errors, const FieldPath& path, int64_t id, const api::Messages& messages) {
  for (const std::string& message : messages) reject(errors, path, id, message);
}

void validate_seccomp(const SeccompProfile* profile, const FieldPath& path, FieldErrors& errors) {
  if (!profile) return;
  if (profile->type.empty()) require(errors, path.child("type"), "type is required when seccompProfile is set");
  else check_choice(errors, path.child("type"), profile->type, {"Localhost", "RuntimeDefault", "Unconfined"});
  FieldPath file = path.child("localhostProfile");
  if (profile->type != "Localhost") {
    // Kubernetes prints the profile with the address of its text.
    if (profile->localhost_profile)
      reject(errors, file, BadValue::raw("core.SeccompProfile{Type:" + api::go_quote(profile->type) + ", LocalhostProfile:(*string)(0x0)}"),
             "can only be set when seccomp type is Localhost");
  } else if (!profile->localhost_profile) {
    require(errors, file, "must be set when seccomp type is Localhost");
  } else {
    check_descending_path(errors, file, *profile->localhost_profile);
  }
}

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view space = " \t\n\v\f\r";
  size_t first = text.find_first_not_of(space);
  return first == std::string_view::npos ? std::string_view() : text.substr(first, text.find_last_not_of(space) - first + 1);
}

bool is_sysctl(std::string_view name) {
  if (name.size() > 253) return false;
  auto plain = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); };
  while (true) {
    size_t end = name.find_first_of("./");
    std::string_view part = name.substr(0, end);
    if (part.empty() || !plain(part.front()) || !plain(part.back())) return false;
    if (!std::ranges::all_of(part, [&](char c) { return plain(c) || c == '-' || c == '_'; })) return false;
    if (end == std::string_view::npos) return true;
    name.remove_prefix(end + 1);
  }
}

// Dots as separators, whatever the first one is.
std::string normal_sysctl(std::string_view name) {
  std::string out(name);
  size_t first = name.find_first_of("./");
  if (first == std::string_view::npos || name[first] == '.') return out;
  for (char& c : out) c = c == '/' ? '.' : c == '.' ? '/' : c;
  return out;
}

enum class SysctlScope : unsigned char { kUnknown, kIpc, kNet };

SysctlScope scope_of(std::string_view name) {
  std::string normal = normal_sysctl(name);
  std::string_view text = std::string_view(normal).substr(0, normal.find('*'));
  bool ipc = is_one_of(text, {"kernel.sem", "kernel.shmall", "kernel.shmmax", "kernel.shmmni", "kernel.shm_rmid_forced", "kernel.shm", "kernel.msgmax",
                              "kernel.msgmnb", "kernel.msgmni", "kernel.msg"});
  if (ipc || text.starts_with("fs.mqueue.")) return SysctlScope::kIpc;
  return text.starts_with("net.") ? SysctlScope::kNet : SysctlScope::kUnknown;
}

void validate_sysctls(const PodSpec& spec, const FieldPath& path, const PodOptions& options, FieldErrors& errors) {
  NameSet names;
  const auto& sysctls = spec.security_context->sysctls;
  for (size_t i = 0; i < sysctls.size(); ++i) {
    FieldPath at = path.index(i);
    FieldPath at_name = at.child("name");
    const std::string& name = sysctls[i].name;
    if (name.empty()) require(errors, at_name);
    else if (!is_sysctl(name))
      reject(errors, at_name, name, "must have at most 253 characters and match regex ^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$");
    else if (names.contains(name)) report_duplicate(errors, at_name, name);
    if (!options.allow_host_sysctls) is_host_sysctl(spec, name, &errors, at_name);
    names.insert(name);
  }
}

template <class Context>
void forbid_profiles(const Context& context, const FieldPath& path, FieldErrors& errors, std::string_view text,
                     std::initializer_list<std::pair<bool, std::string_view>> more) {
  if (context.app_armor_profile) forbid(errors, path.child("appArmorProfile"), std::string(text));
  if (context.se_linux_options) forbid(errors, path.child("seLinuxOptions"), std::string(text));
  for (const auto& [set, name] : more)
    if (set) forbid(errors, path.child(name), std::string(text));
}

constexpr std::string_view kNotForWindows = "cannot be set for a windows pod";

void validate_windows_pod(const PodSpec& spec, const FieldPath& path, FieldErrors& errors) {
  FieldPath at = path.child("securityContext");
  PodSecurityContext none;
  const PodSecurityContext& context = spec.security_context ? *spec.security_context : none;
  auto unset = [&](bool set, const FieldPath& where, std::string_view name) {
    if (set) forbid(errors, where.child(name), std::string(kNotForWindows));
  };
  forbid_profiles(context, at, errors, kNotForWindows, {});
  unset(spec.host_users.has_value(), path, "hostUsers");
  unset(spec.host_pid, path, "hostPID");
  unset(spec.host_ipc, path, "hostIPC");
  unset(context.seccomp_profile.has_value(), at, "seccompProfile");
  unset(context.fs_group.has_value(), at, "fsGroup");
  unset(context.fs_group_change_policy.has_value(), at, "fsGroupChangePolicy");
  unset(!context.sysctls.empty(), at, "sysctls");
  unset(spec.share_process_namespace.has_value(), path, "shareProcessNamespace");
  unset(context.run_as_user.has_value(), at, "runAsUser");
  unset(context.run_as_group.has_value(), at, "runAsGroup");
  unset(!context.supplemental_groups.empty(), at, "supplementalGroups");
  unset(context.supplemental_groups_policy.has_value(), at, "supplementalGroupsPolicy");
  unset(context.se_linux_change_policy.has_value(), at, "seLinuxChangePolicy");
  visit_containers(spec, path, [&](const auto& container, const FieldPath& of) {
    if (!container.security_context) return;
    const SecurityContext& own = *container.security_context;
    forbid_profiles(own, of.child("securityContext"), errors, kNotForWindows,
                    {{own.seccomp_profile.has_value(), "seccompProfile"},
                     {own.capabilities.has_value(), "capabilities"},
                     {own.read_only_root_filesystem.has_value(), "readOnlyRootFilesystem"},
                     {own.privileged.has_value(), "privileged"},
                     {own.allow_privilege_escalation.has_value(), "allowPrivilegeEscalation"},
                     {own.proc_mount.has_value(), "procMount"},
                     {own.run_as_user.has_value(), "runAsUser"},
                     {own.run_as_group.has_value(), "runAsGroup"}});
  });
}

void validate_linux_pod(const PodSpec& spec, const FieldPath& path, FieldErrors& errors) {
  constexpr std::string_view text = "windows options cannot be set for a linux pod";
  if (spec.security_context && spec.security_context->windows_options) forbid(errors, path.child("securityContext.windowsOptions"), std::string(text));
  visit_containers(spec, path, [&](const auto& container, const FieldPath& at) {
    if (container.security_context && container.security_context->windows_options)
      forbid(errors, at.child("securityContext.windowsOptions"), std::string(text));
  });
}

}  // namespace

bool is_host_sysctl(const PodSpec& spec, std::string_view name, FieldErrors* errors, const FieldPath& path) {
  SysctlScope scope = scope_of(name);
  bool net = spec.host_network && scope == SysctlScope::kNet;
  bool ipc = spec.host_ipc && scope == SysctlScope::kIpc;
  if (errors && net) reject(*errors, path, name, "may not be specified when 'hostNetwork' is true");
  if (errors && ipc) reject(*errors, path, name, "may not be specified when 'hostIPC' is true");
  return net || ipc;
}

void validate_app_armor_profile(const AppArmorProfile* profile, const FieldPath& path, FieldErrors& errors) {
  if (!profile) return;
  FieldPath file = path.child("localhostProfile");
  if (profile->type.empty()) return require(errors, path.child("type"), "type is required when appArmorProfile is set");
  if (profile->type != "Localhost") {
    check_choice(errors, path.child("type"), profile->type, {"Localhost", "RuntimeDefault", "Unconfined"});
    if (is_one_of(profile->type, {"RuntimeDefault", "Unconfined"}) && profile->localhost_profile)
      reject(errors, file, *profile->localhost_profile, "can only be set when AppArmor type is Localhost");
    return;
  }
  if (!profile->localhost_profile) return require(errors, file, "must be set when AppArmor type is Localhost");
  const std::string& name = *profile->localhost_profile;
  if (trimmed(name) != name) reject(errors, file, name, "must not be padded with whitespace");
  else if (name.empty()) require(errors, file, "must be set when AppArmor type is Localhost");
  if (name.size() > 4095) errors.push_back(api::FieldError::too_long(file, 4095));
}

void validate_security_context(const SecurityContext* context, bool host_users, const FieldPath& path, FieldErrors& errors) {
  if (!context) return;
  if (context->run_as_user) check_ids(errors, path.child("runAsUser"), *context->run_as_user, api::is_user_id(*context->run_as_user));
  if (context->run_as_group) check_ids(errors, path.child("runAsGroup"), *context->run_as_group, api::is_group_id(*context->run_as_group));
  if (context->proc_mount) {
    check_choice(errors, path.child("procMount"), *context->proc_mount, {"Default", "Unmasked"});
    if (host_users && *context->proc_mount == "Unmasked")
      reject(errors, path.child("procMount"), *context->proc_mount, "`hostUsers` must be false to use `Unmasked`");
  }
  validate_seccomp(context->seccomp_profile.get(), path.child("seccompProfile"), errors);
  if (context->allow_privilege_escalation && !*context->allow_privilege_escalation) {
    // Kubernetes prints the whole context, with addresses.
    BadValue shown = BadValue::raw("core.SecurityContext{}");
    if (context->privileged.value_or(false)) reject(errors, path, shown, "cannot set `allowPrivilegeEscalation` to false and `privileged` to true");
    if (context->capabilities)
      for (const std::string& capability : context->capabilities->add)
        if (capability == "CAP_SYS_ADMIN") reject(errors, path, shown, "cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` CAP_SYS_ADMIN");
  }
  validate_windows_options(context->windows_options.get(), path.child("windowsOptions"), errors);
  validate_app_armor_profile(context->app_armor_profile.get(), path.child("appArmorProfile"), errors);
}

void validate_pod_security_context(const PodSpec& spec, const FieldPath& spec_path, const PodOptions& options, FieldErrors& errors) {
  FieldPath path = spec_path.child("securityContext");
  auto share_check = [&] {
    if (spec.share_process_namespace.value_or(false) && spec.host_pid)
      reject(errors, path.child("shareProcessNamespace"), true, "ShareProcessNamespace and HostPID cannot both be enabled");
  };
  if (!spec.security_context) return share_check();
  const PodSecurityContext& context = *spec.security_context;
  if (context.fs_group) check_ids(errors, path.child("fsGroup"), *context.fs_group, api::is_group_id(*context.fs_group));
  if (context.run_as_user) check_ids(errors, path.child("runAsUser"), *context.run_as_user, api::is_user_id(*context.run_as_user));
  if (context.run_as_group) check_ids(errors, path.child("runAsGroup"), *context.run_as_group, api::is_group_id(*context.run_as_group));
  for (size_t i = 0; i < context.supplemental_groups.size(); ++i)
    check_ids(errors, path.child("supplementalGroups", i), context.supplemental_groups[i], api::is_group_id(context.supplemental_groups[i]));
  share_check();
  validate_sysctls(spec, path.child("sysctls"), options, errors);
  if (context.fs_group_change_policy) check_choice(errors, path.child("fsGroupChangePolicy"), *context.fs_group_change_policy, {"Always", "OnRootMismatch"});
  validate_seccomp(context.seccomp_profile.get(), path.child("seccompProfile"), errors);
  validate_windows_options(context.windows_options.get(), path.child("windowsOptions"), errors);
  validate_app_armor_profile(context.app_armor_profile.get(), path.child("appArmorProfile"), errors);
  if (context.supplemental_groups_policy)
    check_choice(errors, path.child("supplementalGroupsPolicy"), *context.supplemental_groups_policy, {"Merge", "Strict"});
  if (context.se_linux_change_policy) check_choice(errors, path.child("seLinuxChangePolicy"), *context.se_linux_change_policy, {"MountOption", "Recursive"});
}

void validate_host_process(const PodSpec& spec, const FieldPath& path, FieldErrors& errors) {
  std::optional<bool> of_pod;
  if (spec.security_context && spec.security_context->windows_options) of_pod = spec.security_context->windows_options->host_process;
  int count = 0, with = 0;
  visit_containers(spec, path, [&](const auto& container, const FieldPath& at) {
    ++count;
    std::optional<bool> own;
    if (container.security_context && container.security_context->windows_options) own = container.security_context->windows_options->host_process;
    if (of_pod && own && *of_pod != *own)
      reject(errors, at.child("securityContext.windowsOptions.hostProcess"), *own,
             std::string("pod hostProcess value must be identical if both are specified, was ") + (*of_pod ? "true" : "false"));
    if (own ? *own : of_pod.value_or(false)) ++with;
  });
  if (with == 0) return;
  if (with != count) reject(errors, path, "", "If pod contains any hostProcess containers then all containers must be HostProcess containers");
  if (!spec.host_network) reject(errors, path.child("hostNetwork"), false, "hostNetwork must be true if pod contains any hostProcess containers");
}

void validate_os(const PodSpec& spec, const FieldPath& path, FieldErrors& errors) {
  const std::string& name = spec.os->name;
  if (name.empty()) return require(errors, path.child("os.name"), "cannot be empty");
  if (name == "linux") return validate_linux_pod(spec, path, errors);
  if (name == "windows") return validate_windows_pod(spec, path, errors);
  report_unsupported(errors, path.child("os"), name, {"linux", "windows"});
}

}  // namespace reigen::apiserver
