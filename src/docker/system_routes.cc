#include "docker/routes.h"
#include "docker/version_table.h"
#include "docker/system_handlers.h"

namespace reigen::docker {

namespace {

constexpr Route kRoutes[] = {
    {"GET", "/_ping", system_ping},
    {"HEAD", "/_ping", system_ping},
    {"GET", "/version", system_version},
    {"GET", "/info", system_info},
    {"GET", "/system/df", system_df, BodyKind::kNone, Pool::kWork, since::kUsage},
    {"GET", "/events", system_events},
    {"GET", "/swarm", swarm_refused},
    {"GET", "/swarm/unlockkey", swarm_refused},
    {"POST", "/swarm/init", swarm_init_refused, BodyKind::kJson},
    {"POST", "/swarm/join", swarm_init_refused, BodyKind::kJson},
    {"POST", "/swarm/leave", swarm_leave_refused},
    {"POST", "/swarm/update", swarm_refused, BodyKind::kJson},
    {"POST", "/swarm/unlock", swarm_refused, BodyKind::kJson},
    {"GET", "/services", swarm_refused},
    {"GET", "/services/{}", swarm_refused},
    {"GET", "/services/{}/logs", swarm_refused},
    {"POST", "/services/create", swarm_refused, BodyKind::kJson},
    {"POST", "/services/{}/update", swarm_refused, BodyKind::kJson},
    {"DELETE", "/services/{}", swarm_refused},
    {"GET", "/nodes", swarm_refused},
    {"GET", "/nodes/{}", swarm_refused},
    {"POST", "/nodes/{}/update", swarm_refused, BodyKind::kJson},
    {"DELETE", "/nodes/{}", swarm_refused},
    {"GET", "/tasks", swarm_refused},
    {"GET", "/tasks/{}", swarm_refused},
    {"GET", "/tasks/{}/logs", swarm_refused},
    {"GET", "/secrets", swarm_refused, BodyKind::kNone, Pool::kWork, since::kSecrets},
    {"GET", "/secrets/{}", swarm_refused, BodyKind::kNone, Pool::kWork, since::kSecrets},
    {"POST", "/secrets/create", swarm_refused, BodyKind::kJson, Pool::kWork, since::kSecrets},
    {"POST", "/secrets/{}/update", swarm_refused, BodyKind::kJson, Pool::kWork, since::kSecrets},
    {"DELETE", "/secrets/{}", swarm_refused, BodyKind::kNone, Pool::kWork, since::kSecrets},
    {"GET", "/configs", swarm_refused, BodyKind::kNone, Pool::kWork, since::kConfigs},
    {"GET", "/configs/{}", swarm_refused, BodyKind::kNone, Pool::kWork, since::kConfigs},
    {"POST", "/configs/create", swarm_refused, BodyKind::kJson, Pool::kWork, since::kConfigs},
    {"POST", "/configs/{}/update", swarm_refused, BodyKind::kJson, Pool::kWork, since::kConfigs},
    {"DELETE", "/configs/{}", swarm_refused, BodyKind::kNone, Pool::kWork, since::kConfigs},
    {"GET", "/plugins", plugins_list},
    {"GET", "/plugins/{*}/json", plugin_missing},
    {"GET", "/plugins/privileges", plugins_refused},
    {"DELETE", "/plugins/{*}", plugin_missing},
    {"POST", "/plugins/{*}/enable", plugin_missing},
    {"POST", "/plugins/{*}/disable", plugin_missing},
    {"POST", "/plugins/{*}/push", plugin_missing},
    {"POST", "/plugins/{*}/upgrade", plugin_missing, BodyKind::kJson},
    {"POST", "/plugins/{*}/set", plugin_missing, BodyKind::kJson},
    {"POST", "/plugins/pull", plugins_refused, BodyKind::kJson},
    {"POST", "/plugins/create", plugins_refused, BodyKind::kNone},
};

}  // namespace

std::span<const Route> system_routes() { return kRoutes; }

}  // namespace reigen::docker
