// Strategies of docker.reigen.dev: what Docker's endpoint, the container-controller and nodes write. Rules in docs/design/docker.md.
#pragma once

#include "apiserver/strategy.h"

namespace reigen::apiserver {

const Strategy& docker_container_strategy();
const Strategy& docker_network_strategy();
const Strategy& docker_volume_strategy();
const Strategy& docker_name_claim_strategy();

// What a second network with the same addresses is refused with, behind "is forbidden: ".
inline constexpr std::string_view kPoolOverlaps = "Pool overlaps with other one on this address space";

}  // namespace reigen::apiserver
