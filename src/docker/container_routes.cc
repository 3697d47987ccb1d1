#include "docker/container_handlers.h"
#include "docker/routes.h"
#include "docker/run_control.h"
#include "docker/version_table.h"

namespace reigen::docker {

namespace {

constexpr Route kRoutes[] = {
    {"POST", "/containers/create", container_create, BodyKind::kJson},
    {"GET", "/containers/json", container_list},
    {"POST", "/containers/prune", container_prune, BodyKind::kNone, Pool::kWork, since::kPrune},
    {"GET", "/containers/{}/json", behind_starts<container_inspect>},
    {"POST", "/containers/{}/start", container_start, BodyKind::kJson},
    {"POST", "/containers/{}/stop", behind_starts<container_stop>},
    {"POST", "/containers/{}/restart", behind_starts<container_restart>},
    {"POST", "/containers/{}/kill", behind_starts<container_kill>},
    {"POST", "/containers/{}/pause", behind_starts<container_pause>},
    {"POST", "/containers/{}/unpause", behind_starts<container_unpause>},
    {"POST", "/containers/{}/rename", behind_starts<container_rename>},
    {"POST", "/containers/{}/update", behind_starts<container_update>, BodyKind::kJson},
    {"POST", "/containers/{}/wait", container_wait},
    {"GET", "/containers/{}/logs", container_logs},
    {"POST", "/containers/{}/attach", container_attach, BodyKind::kHijack},
    {"GET", "/containers/{}/attach/ws", container_attach_ws, BodyKind::kHijack},
    {"POST", "/containers/{}/resize", behind_starts<container_resize>},
    {"POST", "/containers/{}/exec", behind_starts<container_exec_create>, BodyKind::kJson},
    {"POST", "/exec/{}/start", exec_start, BodyKind::kHijack},
    {"POST", "/exec/{}/resize", exec_resize},
    {"GET", "/exec/{}/json", exec_inspect},
    {"GET", "/containers/{}/top", behind_starts<container_top>},
    {"GET", "/containers/{}/stats", container_stats},
    {"GET", "/containers/{}/changes", container_changes},
    {"HEAD", "/containers/{}/archive", container_archive_head},
    {"GET", "/containers/{}/archive", container_archive_get},
    {"PUT", "/containers/{}/archive", container_archive_put, BodyKind::kStream},
    {"GET", "/containers/{}/export", container_export},
    {"POST", "/commit", container_commit, BodyKind::kJson},
    {"DELETE", "/containers/{*}", behind_starts<container_remove>},
};

}  // namespace

std::span<const Route> container_routes() { return kRoutes; }

}  // namespace reigen::docker
