// The steps of the chain between a parsed request and its verb.
#pragma once

#include "apiserver/call.h"
#include "apiserver/media_type.h"

namespace reigen::apiserver {

// Who sends the request; 401 when the credentials are wrong, or when there are none and anonymous requests are off.
Result<UserPtr> authenticate(Core& core, const http::Request& request);
// The user that Impersonate-* headers ask for, when the authenticated one may; the same user without them.
Result<UserPtr> impersonate(Core& core, const http::Request& request, UserPtr user);
Status authorize(Call& call);
// Finds the resource; 404 and 405 as kube-apiserver's.
Status resolve(Call& call);
// Calls the verb's function.
void dispatch(const CallPtr& call);

}  // namespace reigen::apiserver
