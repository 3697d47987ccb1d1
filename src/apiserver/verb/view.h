// What a client sees and writes of an object through a path: the object in the served version, or for the subresource scale a Scale.
#pragma once

#include "apiserver/call.h"

namespace reigen::apiserver {

const api::KindInfo& view_kind(const Call& call);
Result<api::Object> to_view(const Call& call, const api::Object& current);
// What a write begins with: as above, and a Scale shows who owns the replicas, which readers do not see.
Result<api::Object> to_written_view(const Call& call, const api::Object& current);
// The stored object that writing the view makes; `current` is empty for a creation.
Result<api::Object> from_view(const Call& call, const api::Object& current, api::Object view);

}  // namespace reigen::apiserver
