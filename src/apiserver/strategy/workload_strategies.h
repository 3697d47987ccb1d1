// Strategies of pods and of the kinds that make them.
#pragma once

#include "apiserver/strategy.h"

namespace reigen::apiserver {

const Strategy& pod_strategy();
const Strategy& pod_template_strategy();
const Strategy& replication_controller_strategy();
const Strategy& replica_set_strategy();
const Strategy& deployment_strategy();
const Strategy& stateful_set_strategy();
const Strategy& daemon_set_strategy();
const Strategy& controller_revision_strategy();
const Strategy& job_strategy();
const Strategy& cron_job_strategy();

}  // namespace reigen::apiserver
