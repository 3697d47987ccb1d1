#include "docker/network_handlers.h"
#include "docker/routes.h"
#include "docker/version_table.h"

namespace reigen::docker {

namespace {

constexpr Route kRoutes[] = {
    {"GET", "/networks", network_list},
    {"POST", "/networks/create", network_create, BodyKind::kJson},
    {"POST", "/networks/prune", network_prune, BodyKind::kNone, Pool::kWork, since::kPrune},
    {"GET", "/networks/{*}", network_inspect},
    {"POST", "/networks/{*}/connect", network_connect, BodyKind::kJson},
    {"POST", "/networks/{*}/disconnect", network_disconnect, BodyKind::kJson},
    {"DELETE", "/networks/{*}", network_remove},
};

}  // namespace

std::span<const Route> network_routes() { return kRoutes; }

}  // namespace reigen::docker
