#include <array>

#include "docker/image_handlers.h"
#include "docker/routes.h"
#include "docker/version_table.h"

namespace reigen::docker {
namespace {

constexpr std::array kRoutes = {
    Route{"GET", "/images/json", image_list},
    Route{"GET", "/images/search", image_search},
    Route{"GET", "/images/get", image_save, BodyKind::kNone, Pool::kSlow},
    Route{"POST", "/images/create", image_create, BodyKind::kStream, Pool::kSlow},
    Route{"POST", "/images/load", image_load, BodyKind::kStream, Pool::kSlow},
    Route{"POST", "/images/prune", image_prune, BodyKind::kNone, Pool::kSlow, since::kPrune},
    Route{"GET", "/images/{*}/get", image_save_one, BodyKind::kNone, Pool::kSlow},
    Route{"GET", "/images/{*}/history", image_history},
    Route{"GET", "/images/{*}/json", image_inspect},
    Route{"POST", "/images/{*}/push", image_push, BodyKind::kNone, Pool::kSlow},
    Route{"POST", "/images/{*}/tag", image_tag},
    Route{"DELETE", "/images/{*}", image_remove, BodyKind::kNone, Pool::kSlow},
    Route{"GET", "/distribution/{*}/json", image_distribution, BodyKind::kNone, Pool::kSlow, since::kDistribution},
    Route{"POST", "/auth", registry_login, BodyKind::kJson, Pool::kSlow},
};

}  // namespace

std::span<const Route> image_routes() { return kRoutes; }

}  // namespace reigen::docker
