// Environment variables, and the references to fields and resources that volumes share with them.

#include <algorithm>

#include "api/validation.h"
#include "apiserver/validation/pod_parts.h"

namespace reigen::apiserver {
namespace {

using namespace api::corev1;

// metadata.labels['x']: the path and the key; nothing where there is no subscript.
std::optional<std::pair<std::string_view, std::string_view>> split_subscript(std::string_view path) {
  if (!path.ends_with("']")) return std::nullopt;
  size_t open = path.find("['");
  if (open == 0 || open == std::string_view::npos) return std::nullopt;
  return std::pair(path.substr(0, open), path.substr(open + 2, path.size() - open - 4));
}

bool is_downward_field(std::string_view path) {
  return is_one_of(
      path, {"metadata.annotations", "metadata.labels", "metadata.name", "metadata.namespace", "metadata.uid", "spec.nodeName", "spec.restartPolicy",
             "spec.serviceAccountName", "spec.schedulerName", "status.phase", "status.hostIP", "status.hostIPs", "status.podIP", "status.podIPs", "spec.host"});
}

std::string conversion_error(const ObjectFieldSelector& ref) {
  if (ref.api_version != "v1") return "unsupported pod version: " + ref.api_version;
  if (auto parts = split_subscript(ref.field_path)) {
    if (is_one_of(parts->first, {"metadata.annotations", "metadata.labels"})) return {};
    return "field label does not support subscript: " + ref.field_path;
  }
  return is_downward_field(ref.field_path) ? std::string() : "field label not supported: " + ref.field_path;
}

void check_divisor(const ResourceFieldSelector& ref, const FieldPath& path, FieldErrors& errors) {
  if (ref.divisor.is_zero()) return;
  auto check = [&](std::string_view what, std::string_view shown, std::initializer_list<std::string_view> choices) {
    if (!is_one_of(ref.divisor.to_string(), choices))
      reject(errors, path.child("divisor"), ref.resource,
             "only divisor's values " + std::string(shown) + " are supported with the " + std::string(what) + " resource");
  };
  constexpr std::string_view sizes = "1, 1k, 1M, 1G, 1T, 1P, 1E, 1Ki, 1Mi, 1Gi, 1Ti, 1Pi, 1Ei";
  std::initializer_list<std::string_view> size_choices = {"1", "1k", "1M", "1G", "1T", "1P", "1E", "1Ki", "1Mi", "1Gi", "1Ti", "1Pi", "1Ei"};
  const std::string& name = ref.resource;
  if (is_one_of(name, {"limits.cpu", "requests.cpu"})) check("cpu", "1m and 1", {"1m", "1"});
  if (is_one_of(name, {"limits.memory", "requests.memory"})) check("memory", sizes, size_choices);
  if (is_one_of(name, {"limits.ephemeral-storage", "requests.ephemeral-storage"})) check("local ephemeral storage", sizes, size_choices);
  if (name.starts_with("requests.hugepages-") || name.starts_with("limits.hugepages-")) check("hugepages", sizes, size_choices);
}

// A config map's or secret's key.
template <class Selector>
void validate_key_selector(const Selector& selector, const FieldPath& path, FieldErrors& errors) {
  check_dns_subdomain(errors, path.child("name"), selector.name);
  if (selector.key.empty()) require(errors, path.child("key"));
  else api::add_invalid(errors, path.child("key"), selector.key, api::is_config_map_key(selector.key));
}

void validate_value_from(const EnvVar& variable, const FieldPath& path, FieldErrors& errors) {
  const EnvVarSource& source = *variable.value_from;
  int count = 0;
  if (source.field_ref) {
    ++count;
    validate_field_ref(*source.field_ref,
                       {"metadata.name", "metadata.namespace", "metadata.uid", "spec.nodeName", "spec.serviceAccountName", "status.hostIP", "status.hostIPs",
                        "status.podIP", "status.podIPs"},
                       path.child("fieldRef"), errors);
  }
  if (source.resource_field_ref) {
    ++count;
    validate_resource_field_ref(*source.resource_field_ref, false, path.child("resourceFieldRef"), errors);
  }
  if (source.config_map_key_ref) {
    ++count;
    validate_key_selector(*source.config_map_key_ref, path.child("configMapKeyRef"), errors);
  }
  if (source.secret_key_ref) {
    ++count;
    validate_key_selector(*source.secret_key_ref, path.child("secretKeyRef"), errors);
  }
  if (count == 0) reject(errors, path, "", "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef` or `secretKeyRef`");
  else if (!variable.value.empty()) reject(errors, path, "", "may not be specified when `value` is not empty");
  else if (count > 1) reject(errors, path, "", "may not have more than one field specified at a time");
}

}  // namespace

void validate_field_ref(const ObjectFieldSelector& ref, std::initializer_list<std::string_view> fields, const FieldPath& path, FieldErrors& errors) {
  if (ref.api_version.empty()) return require(errors, path.child("apiVersion"));
  if (ref.field_path.empty()) return require(errors, path.child("fieldPath"));
  if (std::string why = conversion_error(ref); !why.empty())
    return reject(errors, path.child("fieldPath"), ref.field_path, "error converting fieldPath: " + why);
  if (auto parts = split_subscript(ref.field_path)) {
    std::string key(parts->second);
    if (parts->first == "metadata.annotations") std::ranges::transform(key, key.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return check_qualified_name(errors, path, key);
  }
  std::string_view field = ref.field_path == "spec.host" ? std::string_view("spec.nodeName") : std::string_view(ref.field_path);
  check_choice(errors, path.child("fieldPath"), field, fields);
}

void validate_resource_field_ref(const ResourceFieldSelector& ref, bool needs_container, const FieldPath& path, FieldErrors& errors) {
  if (needs_container && ref.container_name.empty()) require(errors, path.child("containerName"));
  else if (ref.resource.empty()) require(errors, path.child("resource"));
  else if (!ref.resource.starts_with("requests.hugepages-") && !ref.resource.starts_with("limits.hugepages-"))
    check_choice(errors, path.child("resource"), ref.resource,
                 {"limits.cpu", "limits.ephemeral-storage", "limits.memory", "requests.cpu", "requests.ephemeral-storage", "requests.memory"});
  check_divisor(ref, path, errors);
}

void validate_env(const std::vector<EnvVar>& env, const FieldPath& path, FieldErrors& errors) {
  for (size_t i = 0; i < env.size(); ++i) {
    FieldPath at = path.index(i);
    if (env[i].name.empty()) require(errors, at.child("name"));
    else api::add_invalid(errors, at.child("name"), env[i].name, api::is_relaxed_env_var_name(env[i].name));
    if (env[i].value_from) validate_value_from(env[i], at.child("valueFrom"), errors);
  }
}

void validate_env_from(const std::vector<EnvFromSource>& sources, const FieldPath& path, FieldErrors& errors) {
  for (size_t i = 0; i < sources.size(); ++i) {
    FieldPath at = path.index(i);
    const EnvFromSource& source = sources[i];
    if (!source.prefix.empty()) api::add_invalid(errors, at.child("prefix"), source.prefix, api::is_relaxed_env_var_name(source.prefix));
    auto check_name = [&](const std::string& name, const FieldPath& of) {
      if (name.empty()) require(errors, of.child("name"));
      else api::add_invalid(errors, of.child("name"), name, api::is_dns1123_subdomain(api::mask_trailing_dash(name)));
    };
    if (source.config_map_ref) check_name(source.config_map_ref->name, at.child("configMapRef"));
    if (source.secret_ref) check_name(source.secret_ref->name, at.child("secretRef"));
    if (!source.config_map_ref && !source.secret_ref) reject(errors, path, "", "must specify one of: `configMapRef` or `secretRef`");
    if (source.config_map_ref && source.secret_ref) reject(errors, path, "", "may not have more than one field specified at a time");
  }
}

}  // namespace reigen::apiserver
