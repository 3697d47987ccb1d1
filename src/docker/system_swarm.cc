// What this engine is not: swarm and plugins, in Docker's words.
#include "docker/system_handlers.h"

namespace reigen::docker {

void swarm_refused(Call call) {
  call.error(Error(Code::kUnavailable,
                   "This node is not a swarm manager. Use \"docker swarm init\" or \"docker swarm join\" to connect this node to swarm and try again."));
}

void swarm_leave_refused(Call call) { call.error(Error(Code::kUnavailable, "This node is not part of a swarm")); }

void swarm_init_refused(Call call) { call.error(Error(Code::kUnimplemented, "swarm mode is not supported by this engine")); }

void plugins_list(Call call) { call.json(200, api::Value::array()); }

void plugin_missing(Call call) {
  std::string name = call.params.empty() ? std::string(call.arg("name")) : call.params[0];
  call.error(Error(Code::kNotFound, "plugin \"" + name + "\" not found"));
}

void plugins_refused(Call call) { call.error(Error(Code::kUnimplemented, "plugins are not supported by this engine")); }

}  // namespace reigen::docker
