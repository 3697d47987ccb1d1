#include "docker/routes.h"
#include "docker/version_table.h"
#include "docker/volume_handlers.h"

namespace reigen::docker {

namespace {

constexpr Route kRoutes[] = {
    {"GET", "/volumes", volume_list},
    {"POST", "/volumes/create", volume_create, BodyKind::kJson},
    {"POST", "/volumes/prune", volume_prune, BodyKind::kNone, Pool::kWork, since::kPrune},
    {"GET", "/volumes/{}", volume_inspect},
    {"PUT", "/volumes/{}", volume_update, BodyKind::kJson, Pool::kWork, since::kVolumeUpdate},
    {"DELETE", "/volumes/{}", volume_remove},
};

}  // namespace

std::span<const Route> volume_routes() { return kRoutes; }

}  // namespace reigen::docker
