// The handlers of /volumes.
#pragma once

#include "api/dockerv1.h"
#include "docker/call.h"
#include "docker/engine.h"

namespace reigen::docker {

void volume_list(Call call);
void volume_inspect(Call call);
void volume_create(Call call);
void volume_remove(Call call);
void volume_prune(Call call);
void volume_update(Call call);

// As inspect shows it.
api::Value volume_json(const Engine& engine, const api::dockerv1::Volume& volume, ApiVersion version);
// The containers that mount it, by id.
std::vector<std::string> volume_users(const Engine& engine, std::string_view docker_name);

}  // namespace reigen::docker
