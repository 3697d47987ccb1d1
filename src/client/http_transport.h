// HttpTransport: calls to an API server over the network, in JSON or protobuf.
#pragma once

#include <memory>
#include <string>

#include "client/kubeconfig.h"
#include "client/transport.h"

namespace reigen::client {

struct HttpTransportOptions {
  Kubeconfig config;
  std::string user_agent = "reigen";
  bool protobuf = false;                        // bodies of calls; watches are always JSON
  Duration timeout = std::chrono::seconds(60);  // of a call that sets none
};

// Calls done and sinks on threads of the HTTP client. Custom resources are not known here: kUnimplemented.
class HttpTransport final : public Transport {
 public:
  // kInvalidArgument when the certificates cannot be read.
  static Result<std::unique_ptr<HttpTransport>> create(HttpTransportOptions options);
  ~HttpTransport() override;

  Result<Response> call(const Request& request) override;
  void call_async(Request request, CallDone done) override;
  Result<std::unique_ptr<WatchHandle>> watch(Request request, std::shared_ptr<WatchSink> sink) override;

 private:
  struct State;
  explicit HttpTransport(std::shared_ptr<State> state);
  std::shared_ptr<State> state_;
};

}  // namespace reigen::client
