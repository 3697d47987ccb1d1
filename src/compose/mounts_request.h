// Volumes, secrets and configs of a service in the words of HostConfig: Binds where they say enough, Mounts else. Pure but for reading profiles.
#pragma once

#include <string>

#include "compose/container_request.h"

namespace reigen::compose {

Status add_mounts(const Project& project, const Service& service, const RequestFacts& facts, api::Value& host);

// A seccomp profile: its JSON, compact.
Result<std::string> read_profile(const std::string& directory, const std::string& path);

}  // namespace reigen::compose
