// The verbs: each takes a call that was authenticated, authorized and resolved to a resource, and answers it, now or later.
#pragma once

#include "apiserver/call.h"

namespace reigen::apiserver {

void do_get(const CallPtr& call);
void do_list(const CallPtr& call);
void do_watch(const CallPtr& call);
void do_create(const CallPtr& call);
void do_update(const CallPtr& call);
void do_patch(const CallPtr& call);
void do_delete(const CallPtr& call);
void do_delete_collection(const CallPtr& call);

// Subresources with ways of their own.
void do_scale(const CallPtr& call);    // get, update, patch
void do_binding(const CallPtr& call);  // pods/binding and bindings
void do_eviction(const CallPtr& call);
void do_token(const CallPtr& call);    // serviceaccounts/token
void do_connect(const CallPtr& call);  // log, exec, attach, portforward, proxy
void do_review(const CallPtr& call);   // authentication.k8s.io and authorization.k8s.io
void do_component_status(const CallPtr& call);

}  // namespace reigen::apiserver
