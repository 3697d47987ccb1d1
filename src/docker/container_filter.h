// The filters of GET /containers/json.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "docker/container_lookup.h"
#include "docker/filters.h"

namespace reigen::docker {

class ContainerFilter {
 public:
  // Errors in Docker's words: 400, 404 for a container named by before or since.
  static Result<ContainerFilter> parse(const Engine& engine, std::string_view json);

  // What is left of all containers: newest first; stopped ones only with `all`, a limit or a filter that asks for them.
  std::vector<ContainerPtr> apply(std::vector<ContainerPtr> all, bool with_stopped, int64_t limit) const;

 private:
  bool wants(const api::dockerv1::Container& container) const;
  bool wants_state(const api::dockerv1::Container& container) const;
  bool wants_mount(const api::dockerv1::Container& container) const;
  bool wants_network(const api::dockerv1::Container& container) const;
  bool wants_port(const api::dockerv1::Container& container) const;
  Status read_values(const Engine& engine);

  Filters filters_;
  std::set<int> exited_;
  std::string before_, since_;              // ids
  std::set<std::string> images_;            // ids
  std::set<std::string> publish_, expose_;  // "80/tcp"
};

}  // namespace reigen::docker
