// LocalTransport: client::Transport in process. Carries a user and passes the whole chain; only the bytes are skipped.
#pragma once

#include "apiserver/user.h"
#include "client/transport.h"

namespace reigen::apiserver {

struct Core;

// Thread-safe. Must not outlive the server.
class LocalTransport final : public client::Transport {
 public:
  LocalTransport(Core& core, UserPtr user) : core_(core), user_(std::move(user)) {}

  Result<client::Response> call(const client::Request& request) override;
  void call_async(client::Request request, client::CallDone done) override;
  Result<std::unique_ptr<client::WatchHandle>> watch(client::Request request, std::shared_ptr<client::WatchSink> sink) override;

 private:
  Core& core_;
  UserPtr user_;
};

}  // namespace reigen::apiserver
