// Names for containers that were given none: an adjective and a surname.
#pragma once

#include <string>

#include "base/random.h"

namespace reigen::docker {

// "quiet_noether"; with `attempt` above 0 a digit follows, for names that are taken.
std::string make_name(Random& random, int attempt);

}  // namespace reigen::docker
