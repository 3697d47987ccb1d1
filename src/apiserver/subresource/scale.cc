// scale: an autoscaling/v1 Scale in front of spec.replicas.

#include "api/errors.h"
#include "apiserver/core.h"
#include "apiserver/verb/verbs.h"
#include "apiserver/verb/view.h"

namespace reigen::apiserver {

void do_scale(const CallPtr& call) {
  if (call->info.verb == "update") return do_update(call);
  if (call->info.verb == "patch") return do_patch(call);
  const std::string resource = std::string(call->resource->plural()) + "/scale";
  auto entry = call->core.store.get(call->resource->key(call->ns(), call->name()));
  if (!entry) return call->fail(entry.error());
  if (!*entry) return call->fail(api::not_found({call->resource->group(), resource}, call->name()));
  auto object = call->core.cache.stored(*entry, *call->resource);
  if (object) object = to_view(*call, *object);
  if (!object) return call->fail(object.error());
  call->succeed(200, std::move(*object));
}

}  // namespace reigen::apiserver
