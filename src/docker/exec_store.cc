#include "docker/exec_store.h"

#include <fmt/core.h>

namespace reigen::docker {

Status ExecStore::add(ExecPtr instance, TimePoint now) {
  auto table = table_.lock();
  auto& all = table->by_container[instance->container];
  std::erase_if(all, [&](const ExecPtr& each) {
    auto state = each->state.lock();
    if (!state->exit_code || now - state->ended < kKept) return false;
    table->by_id.erase(each->id);
    return true;
  });
  if (all.size() >= kMaxPerContainer)
    return fail(Code::kResourceExhausted, fmt::format("container {} has {} exec instances already", instance->container, kMaxPerContainer));
  table->by_id[instance->id] = instance;
  all.push_back(std::move(instance));
  return {};
}

Result<ExecPtr> ExecStore::find(std::string_view id) {
  auto table = table_.lock();
  auto found = table->by_id.find(id);
  if (found == table->by_id.end()) return fail(Code::kNotFound, fmt::format("No such exec instance: {}", id));
  return found->second;
}

std::vector<std::string> ExecStore::open(std::string_view container) {
  std::vector<std::string> out;
  auto table = table_.lock();
  auto found = table->by_container.find(container);
  if (found == table->by_container.end()) return out;
  for (const auto& each : found->second) {
    if (!each->state.lock()->exit_code) out.push_back(each->id);
  }
  return out;
}

void ExecStore::forget_container(std::string_view container) {
  auto table = table_.lock();
  auto found = table->by_container.find(container);
  if (found == table->by_container.end()) return;
  for (const auto& each : found->second) table->by_id.erase(each->id);
  table->by_container.erase(found);
}

}  // namespace reigen::docker
