// The handlers of /_ping, /version, /info, /events, /system/df, /auth, and of what this engine is not: swarm, plugins.
#pragma once

#include "docker/call.h"

namespace reigen::docker {

void system_ping(Call call);
void system_version(Call call);
void system_events(Call call);
void system_info(Call call);
void system_df(Call call);
void swarm_refused(Call call);
void swarm_leave_refused(Call call);
void swarm_init_refused(Call call);  // init and join
void plugins_list(Call call);
void plugin_missing(Call call);
void plugins_refused(Call call);

}  // namespace reigen::docker
