// Writing the objects behind Docker's: retried where two write one, seen by our own informers before the answer. Blocks on the API.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "docker/engine.h"
#include "docker/mount_points.h"

namespace reigen::docker {

// Reads, lets `change` change it, writes; again from the newest state on a conflict, five times. `change` returns false to write nothing (the state
// read is the result). 404 "No such container: id" when it is gone.
using ChangeContainer = std::function<Result<bool>(api::dockerv1::Container&)>;
Result<ContainerPtr> change_container(Engine& engine, const std::string& id, const ChangeContainer& change);

// Takes a name for a container or network. kAlreadyExists, whose message is the holder's object name.
Status claim_name(Engine& engine, std::string_view kind, std::string_view docker_name, const std::string& holder);
void release_name(Engine& engine, std::string_view kind, std::string_view docker_name);
// 409 in Docker's words for a taken container name.
Error name_conflict(std::string_view docker_name, std::string_view holder);

// Makes the volumes that are missing; an existing one of that name is fine. Events of their creation are told.
Status make_volumes(Engine& engine, const std::vector<VolumeWish>& wishes);
Result<std::shared_ptr<const api::dockerv1::Volume>> make_volume(Engine& engine, const VolumeWish& wish);

// An error of the API in Docker's words: its own Status is not for Docker's clients.
Error plain_error(const Error& error, std::string_view what);

}  // namespace reigen::docker
