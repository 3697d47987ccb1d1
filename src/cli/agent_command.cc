#include "base/files.h"
#include "base/log.h"
#include "cli/commands.h"
#include "cli/end_signals.h"
#include "client/http_transport.h"
#include "node/hollow_nodes.h"

namespace reigen::cli {

Status run_agent(const AgentOptions& options) {
  EndSignals end;
  client::HttpTransportOptions http;
  http.config.server = options.server;
  http.config.token = options.token;
  http.user_agent = "reigen-agent";
  http.protobuf = true;
  if (options.certificate_authority.empty()) {
    http.config.insecure = true;
  } else {
    TRY_ASSIGN(http.config.ca_pem, read_file(options.certificate_authority, 1 << 20));
  }
  TRY_ASSIGN(auto transport, client::HttpTransport::create(std::move(http)));
  ThreadExecutor executor(4, "hollow");
  node::HollowOptions hollow;
  hollow.count = static_cast<size_t>(options.hollow);
  hollow.prefix = options.name_prefix + "-";
  node::HollowNodes nodes(std::move(hollow), *transport, executor);
  nodes.start();
  LOG(kInfo, "agent", "{} hollow nodes join {}", options.hollow, options.server);
  end.wait();
  nodes.stop();
  return {};
}

}  // namespace reigen::cli
