// What two of Docker's networks may not share: addresses, and the number (VNI) that tells them apart between hosts.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "api/dockerv1.h"
#include "api/field_error.h"

namespace reigen::apiserver {

class ObjectReader;

void check_pools(api::FieldErrors& errors, const api::FieldPath& spec, const std::vector<api::dockerv1::AddressPool>& pools);

// A bridge network is about to be created: gives it the lowest free VNI, and holds that and its pools against other creations while the
// answer lives, which is to be dropped when the write has ended, either way. Nothing when a pool overlaps one of a network that is stored or
// held. Thread-safe. Without a reader nothing is held.
std::optional<std::shared_ptr<void>> hold_network(ObjectReader* reader, api::dockerv1::NetworkSpec& spec);

}  // namespace reigen::apiserver
