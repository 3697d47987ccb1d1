// A Container with its Config and HostConfig decoded.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "api/dockerv1.h"
#include "base/result.h"

namespace reigen::node {

struct DockerView {
  std::shared_ptr<const api::dockerv1::Container> object;
  api::dockerv1::Config config;
  api::dockerv1::HostConfig host;
  bool masked_given = false, readonly_given = false;  // the lists are there, be they empty; else the defaults hold

  static Result<DockerView> of(std::shared_ptr<const api::dockerv1::Container> object);
  const std::string& id() const { return object->metadata.name; }
};

// "container:x" → x; nothing for any other mode.
std::optional<std::string> container_of_mode(std::string_view mode);

// Of an empty or "default" network mode: "bridge".
std::string network_mode_of(const api::dockerv1::HostConfig& host);

}  // namespace reigen::node
