// Which events a client of /events wants.
#pragma once

#include "docker/api_version.h"
#include "docker/event_log.h"
#include "docker/filters.h"

namespace reigen::docker {

// False for what the version did not tell yet, or does not any more.
bool has_event(ApiVersion version, const Event& event);
bool wants_event(const Filters& filters, const Event& event);

}  // namespace reigen::docker
