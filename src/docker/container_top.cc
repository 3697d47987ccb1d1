// GET /containers/x/top and changes
#include <fmt/core.h>

#include "apiserver/node_containers.h"
#include "docker/container_handlers.h"
#include "docker/container_lookup.h"

namespace reigen::docker {

using api::Value;

void container_top(Call call) {
  auto container = find_container(call.engine, call.params[0]);
  if (!container) return call.error(container.error());
  const std::string& id = (*container)->metadata.name;
  if (!is_running(**container)) return call.error(Error(Code::kConflict, fmt::format("Container {} is not running", id)));
  if ((*container)->status.state == "restarting")
    return call.error(Error(Code::kConflict, fmt::format("Container {} is restarting, wait until the container is running", id)));
  std::string arguments(call.arg("ps_args"));
  if (arguments.empty()) arguments = "-ef";
  Engine& engine = call.engine;
  auto shared = std::make_shared<Call>(std::move(call));
  engine.nodes.top(target_of(**container), std::move(arguments), [shared, container = *container](Result<apiserver::TopResult> result) {
    if (!result) return shared->error(result.error());
    Value processes = Value::array();
    for (const auto& process : result->processes) {
      Value row = Value::array();
      for (const auto& cell : process) row.push_back(cell);
      processes.push_back(std::move(row));
    }
    Value titles = Value::array();
    for (const auto& title : result->titles) titles.push_back(title);
    shared->engine.events.add(container_event(*container, "top"));
    shared->json(200, Value::object({{"Processes", std::move(processes)}, {"Titles", std::move(titles)}}));
  });
}

void container_changes(Call call) {
  auto container = find_container(call.engine, call.params[0]);
  if (!container) return call.error(container.error());
  Engine& engine = call.engine;
  auto shared = std::make_shared<Call>(std::move(call));
  engine.nodes.changes(target_of(**container), [shared](Result<std::vector<std::pair<std::string, int>>> changes) {
    if (!changes) return shared->error(changes.error());
    Value out;
    for (const auto& [path, kind] : *changes) out.push_back(Value::object({{"Path", path}, {"Kind", kind}}));
    shared->json(200, std::move(out));
  });
}

}  // namespace reigen::docker
