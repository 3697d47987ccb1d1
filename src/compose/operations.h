// Acts on containers, networks and volumes with their progress lines.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "compose/observe.h"
#include "compose/session.h"

namespace reigen::compose {

// Each tells "Container NAME" what it does. A container that is gone already is fine.
Status start_container(Session& session, const std::string& name, const std::string& id);
// `timeout`: seconds; empty: the service's own. pre_stop hooks run before.
Status stop_container(Session& session, const Project* project, const Observed& container, std::optional<int> timeout);
Status remove_container(Session& session, const Observed& container, bool volumes, bool force);
Status stop_and_remove(Session& session, const Project* project, const Observed& container, std::optional<int> timeout, bool volumes);

// Of a stop's `t`: empty is the container's own.
std::string grace_text(const std::optional<int>& seconds);
Duration grace_limit(const std::optional<int>& seconds);

// Those of the services given; all when empty.
std::vector<Observed> of_services(std::vector<Observed> containers, const std::vector<std::string>& services);

// Acts on all of these, those first that depend on others (stop) or on none (start): services in the order of `order`, reversed when `backwards`.
Status in_dependency_order(const Project& project, const std::vector<Observed>& containers, bool backwards, const std::function<Status(const Observed&)>& act);

// Runs a command within and waits for its end: its exit code.
Result<int> run_hook(EngineClient& engine, const std::string& container, const api::Value& hook);
// post_start or pre_stop of a service; an exit code other than 0 is an error.
Status run_hooks(EngineClient& engine, const Service& service, const std::string& container, std::string_view key);

// Waits until every container of a service is as the condition says. kUnavailable: "container x is unhealthy", "... exited (1)".
Status wait_for_condition(Session& session, const Project& project, const std::string& service,
                          const std::vector<std::pair<std::string, std::string>>& containers, const std::string& condition, Duration limit);

}  // namespace reigen::compose
