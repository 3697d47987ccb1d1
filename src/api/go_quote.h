// Text as Go's %q and strconv.Quote print it, which Kubernetes' messages are full of.
#pragma once

#include <string>
#include <string_view>

namespace reigen::api {

std::string go_quote(std::string_view text);

}  // namespace reigen::api
