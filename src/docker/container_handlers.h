// The handlers of /containers and /exec, a file each verb.
#pragma once

#include "docker/call.h"

namespace reigen::docker {

void container_create(Call call);
void container_list(Call call);
void container_inspect(Call call);
void container_start(Call call);
void container_stop(Call call);
void container_restart(Call call);
void container_kill(Call call);
void container_pause(Call call);
void container_unpause(Call call);
void container_rename(Call call);
void container_update(Call call);
void container_wait(Call call);
void container_remove(Call call);
void container_prune(Call call);
void container_logs(Call call);
void container_attach(Call call);
void container_attach_ws(Call call);
void container_resize(Call call);
void container_exec_create(Call call);
void exec_start(Call call);
void exec_resize(Call call);
void exec_inspect(Call call);
void container_top(Call call);
void container_stats(Call call);
void container_changes(Call call);
void container_archive_head(Call call);
void container_archive_get(Call call);
void container_archive_put(Call call);
void container_export(Call call);
void container_commit(Call call);

}  // namespace reigen::docker
