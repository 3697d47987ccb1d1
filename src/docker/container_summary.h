// One container in the list.
#pragma once

#include "docker/container_inspect.h"

namespace reigen::docker {

// As of API 1.50. `image` is what the image is called now.
api::Value summarize_container(const Engine& engine, const api::dockerv1::Container& container, std::string_view image, ApiVersion version);
// "sh -c 'sleep 300'"
std::string command_line(const std::string& path, const std::vector<std::string>& arguments);

}  // namespace reigen::docker
