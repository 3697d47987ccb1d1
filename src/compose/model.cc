#include "compose/model.h"

#include <fmt/core.h>

#include <algorithm>
#include <functional>
#include <set>

namespace reigen::compose {

std::string Project::container_name(const Service& service, int number) const {
  if (!service.container_name.empty()) return service.container_name;
  return fmt::format("{}{}{}{}{}", name, separator(), service.name, separator(), number);
}

const Service* Project::find(const std::string& service) const {
  auto found = services.find(service);
  return found == services.end() ? nullptr : &found->second;
}

Result<std::vector<std::string>> in_order(const Project& project) {
  std::vector<std::string> order, path;
  std::set<std::string> done;
  std::function<Status(const std::string&)> visit = [&](const std::string& name) -> Status {
    const Service* service = project.find(name);
    if (!service || done.contains(name)) return {};
    if (auto again = std::ranges::find(path, name); again != path.end()) {
      std::string cycle;
      for (; again != path.end(); ++again) cycle += *again + " -> ";
      return fail(Code::kInvalidArgument, fmt::format("dependency cycle detected: {}{}", cycle, name));
    }
    path.push_back(name);
    for (const auto& [other, dependency] : service->depends_on) TRY(visit(other));
    path.pop_back();
    done.insert(name);
    order.push_back(name);
    return {};
  };
  for (const auto& [name, service] : project.services) TRY(visit(name));
  return order;
}

Result<std::vector<std::string>> with_dependencies(const Project& project, const std::vector<std::string>& names) {
  std::set<std::string> wanted;
  std::vector<std::string> open = names;
  for (const auto& name : names)
    if (!project.find(name)) return fail(Code::kNotFound, "no such service: " + name);
  if (names.empty())
    for (const auto& [name, service] : project.services) open.push_back(name);
  while (!open.empty()) {
    std::string name = std::move(open.back());
    open.pop_back();
    const Service* service = project.find(name);
    if (!service || !wanted.insert(name).second) continue;
    for (const auto& [other, dependency] : service->depends_on) open.push_back(other);
  }
  TRY_ASSIGN(auto order, in_order(project));
  std::erase_if(order, [&](const std::string& name) { return !wanted.contains(name); });
  return order;
}

std::set<std::string> lenders_of(const Service& service) {
  std::set<std::string> names;
  for (const char* key : {"network_mode", "ipc", "pid"}) names.insert(shared_service(service.spec.text_at({key})));
  for (const char* key : {"volumes_from", "links"})
    if (const api::Value* list = service.spec.find(key))
      for (const auto& item : list->items())
        if (!item.text().starts_with("container:")) names.emplace(item.text().substr(0, item.text().find(':')));
  names.erase("");
  return names;
}

std::string shared_service(std::string_view mode) { return mode.starts_with("service:") ? std::string(mode.substr(8)) : std::string(); }

}  // namespace reigen::compose
