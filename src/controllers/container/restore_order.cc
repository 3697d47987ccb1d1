#include "controllers/container/restore_order.h"

#include <algorithm>
#include <string_view>

#include "api/json.h"
#include "controllers/container/container_plan.h"

namespace reigen::controllers {
namespace {

using namespace api::dockerv1;

void add_mode(std::set<std::string>& needed, std::string_view mode) {
  constexpr std::string_view kContainer = "container:";
  if (mode.starts_with(kContainer)) needed.emplace(mode.substr(kContainer.size()));
}

// Ids whose containers it uses. Modes name ids: who made the Container resolved them.
std::set<std::string> needs_of(const Container& container) {
  std::set<std::string> needed;
  for (const NetworkRequest& request : container.spec.networks)
    for (const std::string& link : request.links) needed.insert(link.substr(0, link.find(':')));
  if (auto host = api::decode_json_as<HostConfig>(container.spec.host_config.raw)) {
    for (const std::string* mode : {&host->network_mode, &host->pid_mode, &host->ipc_mode}) add_mode(needed, *mode);
  }
  return needed;
}

bool is_about_to_start(const Container& container) { return container.spec.run.wanted && container.spec.run.number > container.status.run_number; }

}  // namespace

RestorePlan plan_restore(const std::vector<std::shared_ptr<const Container>>& containers) {
  RestorePlan plan;
  for (const auto& container : containers) {
    if (is_running(container->status) || is_about_to_start(*container) || container->metadata.deletion_timestamp) continue;
    ContainerRules rules = rules_of(*container);
    if (rules.auto_remove) plan.remove.push_back(container->metadata.name);
    else if (!container->status.started_at.empty() && restarts_with_host(*container, rules)) plan.start[container->metadata.name] = needs_of(*container);
  }
  for (auto& [id, needed] : plan.start) std::erase_if(needed, [&](const std::string& other) { return other == id || !plan.start.contains(other); });
  return plan;
}

std::vector<std::string> next_starts(const std::map<std::string, std::set<std::string>>& waiting, const std::set<std::string>& starting, size_t most) {
  std::vector<std::string> out;
  for (const auto& [id, needed] : waiting) {
    if (starting.size() + out.size() >= most) return out;
    bool held = std::ranges::any_of(needed, [&](const std::string& other) { return waiting.contains(other) || starting.contains(other); });
    if (!held) out.push_back(id);
  }
  if (out.empty() && starting.empty() && !waiting.empty()) out.push_back(waiting.begin()->first);
  return out;
}

}  // namespace reigen::controllers
