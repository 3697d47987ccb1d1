// What the controllers that write EndpointSlices share: whose slices are whose, and carrying a plan out.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "client/controller.h"
#include "controllers/endpoints/slice_plan.h"

namespace reigen::controllers {

// The key of the service that the slice belongs to, if `manager` manages it: an index of the slices' informer.
std::vector<std::string> service_of_slice(const EndpointSlice& slice, std::string_view manager);

// Makes the plan's writes; the loop waits for them before `key` is reconciled again. A namespace that ends is no error. Blocks.
Status apply_slices(client::Client& client, client::ControllerLoop& loop, client::ObjectInformer& slices, const std::string& key, SlicePlan plan);

}  // namespace reigen::controllers
