// The one object of a strategy without state.
#pragma once

#include "apiserver/strategy.h"

namespace reigen::apiserver {

template <class T>
const Strategy& instance() {
  static const T strategy;
  return strategy;
}

}  // namespace reigen::apiserver
