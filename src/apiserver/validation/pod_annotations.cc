// Annotations of pods that once were fields, and the ones that still mean something.

#include <charconv>

#include "api/go_quote.h"
#include "api/validation.h"
#include "apiserver/validation/pod_parts.h"

namespace reigen::apiserver {
namespace {

using namespace api::corev1;

constexpr std::string_view kMirror = "kubernetes.io/config.mirror";
constexpr std::string_view kDeletionCost = "controller.kubernetes.io/pod-deletion-cost";
constexpr std::string_view kSeccompPod = "seccomp.security.alpha.kubernetes.io/pod";
constexpr std::string_view kSeccompContainer = "container.seccomp.security.alpha.kubernetes.io/";
constexpr std::string_view kAppArmor = "container.apparmor.security.beta.kubernetes.io/";

void check_seccomp_annotation(const std::string& value, const FieldPath& path, FieldErrors& errors) {
  if (is_one_of(value, {"runtime/default", "docker/default", "unconfined"})) return;
  constexpr std::string_view local = "localhost/";
  if (value.starts_with(local)) return check_descending_path(errors, path, std::string_view(value).substr(local.size()));
  reject(errors, path, value, "must be a valid seccomp profile");
}

void check_app_armor_annotation(const std::string& key, const std::string& value, const PodSpec& spec, const FieldPath& path, FieldErrors& errors) {
  std::string name = key.substr(kAppArmor.size());
  bool found = false;
  visit_containers(spec, path, [&](const auto& container, const FieldPath&) { found = found || container.name == name; });
  FieldPath at = path.key(key);
  if (!found) reject(errors, at, name, "container not found");
  if (!value.empty() && value != "runtime/default" && value != "unconfined" && !value.starts_with("localhost/"))
    reject(errors, at, value, "invalid AppArmor profile name: " + api::go_quote(value));
}

// Does the annotation say what the field says? `what` is seccomp or apparmor.
template <class Profile>
void check_match(const std::string& annotation, const Profile& field, std::string_view what, const FieldPath& path, FieldErrors& errors) {
  auto type_differs = [&] { forbid(errors, path.child("type"), std::string(what) + " type in annotation and field must match"); };
  if (field.type == "Unconfined" && annotation != "unconfined") return type_differs();
  if (field.type == "RuntimeDefault" && annotation != "runtime/default" && !(what == "seccomp" && annotation == "docker/default")) return type_differs();
  if (field.type != "Localhost") return;
  constexpr std::string_view local = "localhost/";
  if (!annotation.starts_with(local)) return type_differs();
  if (!field.localhost_profile || annotation.substr(local.size()) != *field.localhost_profile)
    forbid(errors, path.child("localhostProfile"), std::string(what) + " profile in annotation and field must match");
}

// A 32-bit number without a plus sign and leading zeros.
bool is_deletion_cost(std::string_view text) {
  if (text.empty() || text[0] == '+' || (text[0] == '0' && text != "0")) return false;
  int32_t value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size();
}

}  // namespace

bool has_bad_deletion_cost(const api::Map<std::string>& annotations) {
  const std::string* cost = annotations.get(kDeletionCost);
  return cost && !is_deletion_cost(*cost);
}

void validate_pod_annotations(const api::Map<std::string>& annotations, const PodSpec& spec, const FieldPath& path, const PodOptions& options,
                              FieldErrors& errors) {
  const std::string* mirror = annotations.get(kMirror);
  if (mirror && spec.node_name.empty()) reject(errors, path.key(kMirror), *mirror, "must set spec.nodeName if mirror pod annotation is set");
  if (!options.allow_invalid_deletion_cost && has_bad_deletion_cost(annotations))
    reject(errors, path.key(kDeletionCost), *annotations.get(kDeletionCost), "must be a 32bit integer");
  if (const std::string* value = annotations.get(kSeccompPod)) check_seccomp_annotation(*value, path.child(kSeccompPod), errors);
  for (const auto& [key, value] : annotations)
    if (key.starts_with(kSeccompContainer)) check_seccomp_annotation(value, path.child(key), errors);
  for (const auto& [key, value] : annotations)
    if (key.starts_with(kAppArmor)) check_app_armor_annotation(key, value, spec, path, errors);
}

void validate_profile_annotations(const api::Map<std::string>& annotations, const PodSpec& spec, const FieldPath& path, FieldErrors& errors) {
  const PodSecurityContext* pod = spec.security_context.get();
  const std::string* of_pod = annotations.get(kSeccompPod);
  if (pod && pod->seccomp_profile && of_pod) check_match(*of_pod, *pod->seccomp_profile, "seccomp", path.child("securityContext.seccompProfile"), errors);
  visit_containers(spec, path, [&](const auto& container, const FieldPath& at) {
    const std::string* own = annotations.get(std::string(kSeccompContainer) + container.name);
    if (own && container.security_context && container.security_context->seccomp_profile)
      check_match(*own, *container.security_context->seccomp_profile, "seccomp", at.child("securityContext.seccompProfile"), errors);
  });
  if (spec.os && spec.os->name == "windows") return;
  visit_containers(spec, path, [&](const auto& container, const FieldPath& at) {
    const AppArmorProfile* profile = pod ? pod->app_armor_profile.get() : nullptr;
    if (container.security_context && container.security_context->app_armor_profile) profile = container.security_context->app_armor_profile.get();
    const std::string* own = annotations.get(std::string(kAppArmor) + container.name);
    if (own && profile) check_match(*own, *profile, "apparmor", at.child("securityContext.appArmorProfile"), errors);
  });
}

void validate_pod_annotations_update(const Pod& pod, const Pod& old, const PodOptions& options, FieldErrors& errors) {
  FieldPath metadata("metadata");
  FieldPath path = metadata.child("annotations");
  const auto& now = pod.metadata.annotations;
  const auto& before = old.metadata.annotations;
  for (const auto& [key, value] : before) {
    const std::string* found = now.get(key);
    if (found && *found == value) continue;
    if (key.starts_with(kAppArmor)) forbid(errors, path.key(key), "may not remove or update AppArmor annotations");
    if (key == kMirror) forbid(errors, path.key(key), "may not remove or update mirror pod annotation");
  }
  for (const auto& [key, value] : now) {
    if (before.contains(key)) continue;
    if (key.starts_with(kAppArmor)) forbid(errors, path.key(key), "may not add AppArmor annotations");
    if (key == kMirror) forbid(errors, path.key(key), "may not add mirror pod annotation");
  }
  validate_pod_annotations(now, pod.spec, path, options, errors);
}

}  // namespace reigen::apiserver
