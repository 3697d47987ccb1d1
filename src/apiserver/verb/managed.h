// managedFields on every write: who owns which field (server-side apply).
#pragma once

#include "apiserver/call.h"

namespace reigen::apiserver {

// `object` is what the caller wants to write, `live` what is stored (empty: nothing), both in the served version.
Status manage_update(Call& call, api::Object& object, const api::Object& live, const WriteOptions& options);
// Server-side apply of a document onto `live` (served version; empty: create). Conflicts are a 409 with their causes.
Result<api::Object> manage_apply(Call& call, const api::Object& live, std::string_view document, const WriteOptions& options);

}  // namespace reigen::apiserver
