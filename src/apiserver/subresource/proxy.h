// proxy of pods, services and nodes, and the path of Kubernetes 1.1.
#pragma once

#include "apiserver/call.h"

namespace reigen::apiserver {

void do_proxy(const CallPtr& call);

}  // namespace reigen::apiserver
