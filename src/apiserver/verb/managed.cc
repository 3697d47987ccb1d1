#include "apiserver/verb/managed.h"

#include "api/errors.h"
#if __has_include("api/managed_fields.h")
#include "api/managed_fields.h"
#endif

namespace reigen::apiserver {

Status manage_update(Call&, api::Object&, const api::Object&, const WriteOptions&) { return {}; }

Result<api::Object> manage_apply(Call&, const api::Object&, std::string_view, const WriteOptions&) {
  return reigen::fail(api::internal_error("server-side apply is not there yet"));
}

}  // namespace reigen::apiserver
