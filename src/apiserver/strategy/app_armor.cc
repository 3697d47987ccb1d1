#include "apiserver/strategy/app_armor.h"

#include "api/corev1.h"
#include "apiserver/validation/pod_parts.h"

namespace reigen::apiserver {
namespace {

using api::corev1::AppArmorProfile;

constexpr std::string_view kPrefix = "container.apparmor.security.beta.kubernetes.io/";
constexpr std::string_view kLocal = "localhost/";

std::string annotation_of(const AppArmorProfile& profile) {
  if (profile.type == "Unconfined") return "unconfined";
  if (profile.type == "RuntimeDefault") return "runtime/default";
  return profile.type == "Localhost" && profile.localhost_profile ? std::string(kLocal) + *profile.localhost_profile : std::string();
}

api::Box<AppArmorProfile> profile_of(std::string_view annotation) {
  AppArmorProfile profile;
  if (annotation == "unconfined") {
    profile.type = "Unconfined";
  } else if (annotation == "runtime/default") {
    profile.type = "RuntimeDefault";
  } else if (annotation.starts_with(kLocal) && annotation.size() > kLocal.size()) {
    profile.type = "Localhost";
    profile.localhost_profile = annotation.substr(kLocal.size());
    FieldErrors errors;
    validate_app_armor_profile(&profile, FieldPath("profile"), errors);
    if (!errors.empty()) return nullptr;
  } else {
    return nullptr;
  }
  return profile;
}

}  // namespace

void sync_app_armor(api::corev1::Pod& pod, std::vector<std::string>& warnings) {
  if (pod.spec.os && pod.spec.os->name == "windows") return;
  api::Box<AppArmorProfile> of_pod;
  if (pod.spec.security_context) of_pod = pod.spec.security_context->app_armor_profile;
  visit_containers(pod.spec, FieldPath("spec"), [&](auto& container, const FieldPath&) {
    std::string key = std::string(kPrefix) + container.name;
    const AppArmorProfile* own = container.security_context ? container.security_context->app_armor_profile.get() : nullptr;
    if (const std::string* annotation = pod.metadata.annotations.get(key)) {
      if (own) return;
      auto profile = profile_of(*annotation);
      bool deprecated = !profile.has_value();
      if (profile && !(profile == of_pod)) {
        container.security_context.ensure().app_armor_profile = std::move(profile);
        deprecated = true;
      }
      if (deprecated) warnings.push_back("metadata.annotations[" + key + "]: deprecated since v1.30; use the \"appArmorProfile\" field instead");
      return;
    }
    std::string text = own ? annotation_of(*own) : of_pod ? annotation_of(*of_pod) : std::string();
    if (!text.empty()) pod.metadata.annotations[key] = text;
  });
}

}  // namespace reigen::apiserver
