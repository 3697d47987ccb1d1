// What a new network may not be: options the bridge driver cannot read, pools that leave no room. In Docker's words. Pure.
#pragma once

#include "api/dockerv1.h"
#include "base/result.h"

namespace reigen::docker {

// com.docker.network.…: numbers, truth values, addresses and the name of the link. Options that are not known are kept and mean nothing, as in Docker.
Status check_bridge_options(const api::Map<std::string>& options);

// One pool a family, a gateway that is free, reserved addresses that are their own.
Status check_pools(const std::vector<api::dockerv1::AddressPool>& pools);

// What Go's strconv.ParseBool takes.
bool is_go_bool(std::string_view text);

}  // namespace reigen::docker
