// What must fit together in a project: references, images, scales, limits said twice. Texts as Compose's.
#pragma once

#include "base/result.h"
#include "compose/model.h"

namespace reigen::compose {

Status check_consistency(const Project& project);

}  // namespace reigen::compose
