// The commands. Each reads its own flags and returns the exit code; errors are for the user.
#pragma once

#include <string>
#include <vector>

#include "compose/session.h"

namespace reigen::compose {

using Arguments = std::vector<std::string>;

Result<int> run_up(Session& session, const Arguments& arguments);
Result<int> run_create(Session& session, const Arguments& arguments);
Result<int> run_scale(Session& session, const Arguments& arguments);
Result<int> run_down(Session& session, const Arguments& arguments);
Result<int> run_ps(Session& session, const Arguments& arguments);
Result<int> run_logs(Session& session, const Arguments& arguments);
Result<int> run_port(Session& session, const Arguments& arguments);
Result<int> run_exec(Session& session, const Arguments& arguments);
Result<int> run_run(Session& session, const Arguments& arguments);
Result<int> run_attach(Session& session, const Arguments& arguments);
Result<int> run_start(Session& session, const Arguments& arguments);
Result<int> run_stop(Session& session, const Arguments& arguments);
Result<int> run_restart(Session& session, const Arguments& arguments);
Result<int> run_kill(Session& session, const Arguments& arguments);
Result<int> run_rm(Session& session, const Arguments& arguments);
Result<int> run_pause(Session& session, const Arguments& arguments);
Result<int> run_unpause(Session& session, const Arguments& arguments);
Result<int> run_top(Session& session, const Arguments& arguments);
Result<int> run_pull(Session& session, const Arguments& arguments);
Result<int> run_push(Session& session, const Arguments& arguments);
Result<int> run_build(Session& session, const Arguments& arguments);
Result<int> run_config(Session& session, const Arguments& arguments);
Result<int> run_images(Session& session, const Arguments& arguments);
Result<int> run_events(Session& session, const Arguments& arguments);
Result<int> run_ls(Session& session, const Arguments& arguments);
Result<int> run_cp(Session& session, const Arguments& arguments);
Result<int> run_wait(Session& session, const Arguments& arguments);
Result<int> run_version(Session& session, const Arguments& arguments);

}  // namespace reigen::compose
