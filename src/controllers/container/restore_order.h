// What starts when the server starts, in which order: what dockerd does with its containers. Pure.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "api/dockerv1.h"

namespace reigen::controllers {

struct RestorePlan {
  // A container, with the containers that have to have been started before it (its links, whose namespaces it uses), of those that are here.
  std::map<std::string, std::set<std::string>> start;
  std::vector<std::string> remove;  // that remove themselves, and whose end was missed
};
RestorePlan plan_restore(const std::vector<std::shared_ptr<const api::dockerv1::Container>>& containers);

// What may start now: nothing it waits for is among `waiting` or `starting`. Circles are broken: with nothing starting, one goes.
std::vector<std::string> next_starts(const std::map<std::string, std::set<std::string>>& waiting, const std::set<std::string>& starting, size_t most);

}  // namespace reigen::controllers
