// The table of strategies: one line a kind in strategies.cc, the default for all others.
#pragma once

#include "apiserver/strategy.h"

namespace reigen::apiserver {

// Of the stored kind. Lives for ever.
const Strategy& strategy_of(const api::KindInfo& stored_kind);

}  // namespace reigen::apiserver
