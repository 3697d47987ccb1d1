#include "node/api_objects.h"

namespace reigen::node {

using namespace api::corev1;

namespace {
constexpr size_t kTokenLimit = 4096;

// Kubernetes' nodes name the kind here, not the resource: configmap "x" not found.
template <class T>
Result<T> named(Result<T> found, const char* kind, const std::string& name) {
  if (!found && found.error().code() == Code::kNotFound) return fail(Code::kNotFound, std::string(kind) + " \"" + name + "\" not found");
  return found;
}
}  // namespace

ApiObjects::ApiObjects(client::Transport& transport, Executor& executor, bool quiet)
    : client_(transport, "kubelet"), executor_(executor), quiet_(quiet), services_(transport, executor) {}

void ApiObjects::start(Fn synced) {
  if (quiet_) return synced();
  services_.on_change([](const auto&, const auto&) {}, std::move(synced));
  services_.start();
}
void ApiObjects::stop() { services_.stop(); }

Result<std::shared_ptr<const ConfigMap>> ApiObjects::config_map(const std::string& namespace_, const std::string& name) {
  return named(client_.get<ConfigMap>(namespace_, name), "configmap", name);
}

Result<std::shared_ptr<const Secret>> ApiObjects::secret(const std::string& namespace_, const std::string& name) {
  return named(client_.get<Secret>(namespace_, name), "secret", name);
}

std::vector<std::shared_ptr<const Service>> ApiObjects::services(const std::string& namespace_) {
  if (quiet_) return {};
  return services_.list(namespace_);
}

Result<api::authenticationv1::TokenRequestStatus> ApiObjects::token(const Pod& pod, const std::string& audience, int64_t expiration_seconds) {
  std::string key = pod.metadata.uid + "/" + audience + "/" + std::to_string(expiration_seconds);
  WallTime now = executor_.clock().wall();
  {
    std::lock_guard lock(mutex_);
    auto it = tokens_.find(key);
    if (it != tokens_.end() && now < it->second.renew_at) return it->second.status;
  }
  api::authenticationv1::TokenRequest request;
  if (!audience.empty()) request.spec.audiences = {audience};
  request.spec.expiration_seconds = expiration_seconds;
  auto& bound = request.spec.bound_object_ref.emplace();
  bound.kind = "Pod";
  bound.api_version = "v1";
  bound.name = pod.metadata.name;
  bound.uid = pod.metadata.uid;
  std::string account = pod.spec.service_account_name.empty() ? "default" : pod.spec.service_account_name;
  TRY_ASSIGN(auto made, client_.create_in<ServiceAccount>(pod.metadata.namespace_, account, "token", std::move(request)));
  auto status = made.as<api::authenticationv1::TokenRequest>().status;
  // Renewed after four fifths of its life, as kubelet does.
  auto life = status.expiration_timestamp.wall() - now;
  std::lock_guard lock(mutex_);
  if (tokens_.size() >= kTokenLimit) std::erase_if(tokens_, [&](const auto& entry) { return entry.second.renew_at < now; });
  if (tokens_.size() >= kTokenLimit) tokens_.clear();
  tokens_[key] = Token{status, std::chrono::time_point_cast<Duration>(now + life / 5 * 4)};
  return status;
}

}  // namespace reigen::node
