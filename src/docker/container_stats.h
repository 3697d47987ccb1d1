// What `docker stats` is sent. Pure.
#pragma once

#include <string>

#include "api/dockerv1.h"
#include "api/value.h"

namespace reigen::docker {

// One message: the node's sample, with the one before it as preread and precpu_stats (null: none yet).
api::Value stats_message(const api::dockerv1::Container& container, api::Value sample, const api::Value& previous);
// Of a container that does not run.
api::Value empty_stats(const api::dockerv1::Container& container);

}  // namespace reigen::docker
