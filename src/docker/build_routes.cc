#include <array>

#include "docker/image_handlers.h"
#include "docker/routes.h"
#include "docker/version_table.h"

namespace reigen::docker {
namespace {

constexpr std::array kRoutes = {
    Route{"POST", "/build", build_image, BodyKind::kStream, Pool::kSlow},
    Route{"POST", "/build/prune", build_prune, BodyKind::kNone, Pool::kSlow, since::kBuildPrune},
    Route{"POST", "/build/cancel", build_cancel, BodyKind::kNone, Pool::kWork, since::kBuildCancel},
};

}  // namespace

std::span<const Route> build_routes() { return kRoutes; }

}  // namespace reigen::docker
