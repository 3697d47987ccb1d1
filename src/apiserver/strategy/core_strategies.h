// Strategies of the core group whose way of living differs from the default's: names, graceful deletion, selectable fields.
#pragma once

#include "apiserver/strategy.h"

namespace reigen::apiserver {

const Strategy& namespace_strategy();
const Strategy& node_strategy();
const Strategy& secret_strategy();
const Strategy& service_strategy();
const Strategy& event_strategy();
// Kinds whose deletion answers the object, and that have nothing else of their own.
const Strategy& returning_strategy();
const Strategy& config_map_strategy();
const Strategy& endpoints_strategy();
const Strategy& endpoint_slice_strategy();
const Strategy& role_strategy();
const Strategy& cluster_role_strategy();
const Strategy& role_binding_strategy();
const Strategy& cluster_role_binding_strategy();

}  // namespace reigen::apiserver
