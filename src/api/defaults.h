// Defaults, as kube-apiserver applies them after decoding: those of the schema, then those of the kind.
#pragma once

#include "api/object.h"

namespace reigen::api {

// Idempotent. Kinds without defaults stay as they are. Lists: every item.
void apply_defaults(Object& object);
// A struct of the kind.
void apply_defaults(const KindInfo& kind, void* data);

}  // namespace reigen::api
