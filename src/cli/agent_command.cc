#include "base/files.h"
#include "base/log.h"
#include "cli/commands.h"
#include "cli/end_signals.h"
#include "client/http_transport.h"
#include "node/hollow_nodes.h"

namespace reigen::cli {
namespace {

// A wrong URL or token is said at once and not by every node.
Status may_join(client::Transport& transport, const std::string& server) {
  client::Request request;
  request.verb = client::Verb::kList;
  request.version = "v1";
  request.plural = "nodes";
  request.limit = 1;
  auto listed = transport.call(request);
  if (!listed) return Fail(std::move(listed).error().context(server));
  return {};
}

}  // namespace

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
  TRY(may_join(*transport, options.server));
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
