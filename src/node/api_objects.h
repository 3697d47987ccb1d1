// PodObjects from the API: services from an informer, config maps and secrets on demand, tokens kept until they are old.
#pragma once

#include <map>
#include <memory>
#include <mutex>

#include "client/client.h"
#include "client/informer.h"
#include "node/pod_objects.h"

namespace reigen::node {

class ApiObjects final : public PodObjects {
 public:
  // `quiet`: no services (hollow nodes).
  ApiObjects(client::Transport& transport, Executor& executor, bool quiet);
  // `synced` runs once the services are known: before, no container's environment is complete.
  void start(Fn synced);
  void stop();

  Result<std::shared_ptr<const api::corev1::ConfigMap>> config_map(const std::string& namespace_, const std::string& name) override;
  Result<std::shared_ptr<const api::corev1::Secret>> secret(const std::string& namespace_, const std::string& name) override;
  std::vector<std::shared_ptr<const api::corev1::Service>> services(const std::string& namespace_) override;
  Result<api::authenticationv1::TokenRequestStatus> token(const api::corev1::Pod& pod, const std::string& audience, int64_t expiration_seconds) override;

 private:
  struct Token {
    api::authenticationv1::TokenRequestStatus status;
    WallTime renew_at;
  };
  client::Client client_;
  Executor& executor_;
  bool quiet_;
  client::Informer<api::corev1::Service> services_;
  std::mutex mutex_;
  std::map<std::string, Token> tokens_;  // by pod uid, audience, seconds; old ones go when looked at
};

}  // namespace reigen::node
