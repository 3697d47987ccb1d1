#include <fmt/core.h>

#include <algorithm>

#include "api/corev1.h"
#include "api/errors.h"
#include "api/object.h"
#include "apiserver/admission/plugins.h"
#include "base/random.h"

namespace reigen::apiserver {
namespace {

using api::corev1::Pod;
using api::corev1::ServiceAccount;

constexpr const char* kTokenPath = "/var/run/secrets/kubernetes.io/serviceaccount";
constexpr const char* kMirrorAnnotation = "kubernetes.io/config.mirror";
constexpr int64_t kTokenSeconds = 3607;  // an odd number tells tokens of this volume from those asked for by hand
constexpr int32_t kFileMode = 0644;

void add_token_source(api::corev1::ProjectedVolumeSource& projected) {
  projected.default_mode = kFileMode;
  auto& token = projected.sources.emplace_back().service_account_token.emplace();
  token.path = "token";
  token.expiration_seconds = kTokenSeconds;
  auto& roots = projected.sources.emplace_back().config_map.emplace();
  roots.name = "kube-root-ca.crt";
  auto& root = roots.items.emplace_back();
  root.key = root.path = "ca.crt";
  auto& ns = projected.sources.emplace_back().downward_api.emplace().items.emplace_back();
  ns.path = "namespace";
  auto& field = ns.field_ref.emplace();
  field.api_version = "v1";
  field.field_path = "metadata.namespace";
}

template <class Containers>
bool mount_token(Containers& containers, const std::string& volume) {
  bool any = false;
  for (auto& container : containers) {
    bool there = std::any_of(container.volume_mounts.begin(), container.volume_mounts.end(), [](const auto& mount) { return mount.mount_path == kTokenPath; });
    if (there) continue;
    auto& mount = container.volume_mounts.emplace_back();
    mount.name = volume;
    mount.read_only = true;
    mount.mount_path = kTokenPath;
    any = true;
  }
  return any;
}

bool wants_token(const api::corev1::PodSpec& spec, const ServiceAccount& account) {
  if (spec.automount_service_account_token) return *spec.automount_service_account_token;
  return account.automount_service_account_token.value_or(true);
}

void add_token_volume(api::corev1::PodSpec& spec) {
  // A pod made from another one's manifest brings the volume along.
  auto existing = std::find_if(spec.volumes.begin(), spec.volumes.end(), [](const auto& volume) { return volume.name.starts_with("kube-api-access-"); });
  std::string name = existing != spec.volumes.end() ? existing->name : "kube-api-access-" + system_random().name_suffix();
  bool mounted = mount_token(spec.init_containers, name);
  mounted = mount_token(spec.containers, name) || mounted;
  if (!mounted || existing != spec.volumes.end()) return;
  auto& volume = spec.volumes.emplace_back();
  volume.name = name;
  add_token_source(volume.projected.emplace());
}

class ServiceAccountPlugin final : public AdmissionPlugin {
 public:
  std::string_view name() const override { return "ServiceAccount"; }
  bool handles(Operation operation) const override { return operation == Operation::kCreate; }

  Status admit(AdmissionRequest& request) override {
    if (!request.group.empty() || request.resource != "pods" || !request.subresource.empty()) return {};
    if (request.object->as<Pod>().metadata.annotations.contains(kMirrorAnnotation)) return refuse_mirror(request);
    auto& pod = request.object->mut<Pod>();
    if (pod.spec.service_account_name.empty()) pod.spec.service_account_name = "default";
    auto found = request.reader->get("", "serviceaccounts", request.namespace_, pod.spec.service_account_name);
    if (!found) {
      return Fail(api::forbidden({"", "pods"}, request.name,
                                 fmt::format("error looking up service account {}/{}: serviceaccount \"{}\" not found", request.namespace_,
                                             pod.spec.service_account_name, pod.spec.service_account_name)));
    }
    const auto& account = found->as<ServiceAccount>();
    if (wants_token(pod.spec, account)) add_token_volume(pod.spec);
    if (pod.spec.image_pull_secrets.empty()) pod.spec.image_pull_secrets = account.image_pull_secrets;
    return {};
  }

 private:
  static Status refuse_mirror(const AdmissionRequest& request) {
    if (request.object->as<Pod>().spec.service_account_name.empty()) return {};
    return Fail(api::forbidden({"", "pods"}, request.name, "a mirror pod may not reference service accounts"));
  }
};

}  // namespace

std::unique_ptr<AdmissionPlugin> make_service_account() { return std::make_unique<ServiceAccountPlugin>(); }

}  // namespace reigen::apiserver
