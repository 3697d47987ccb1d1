// A build as a person sees it, on standard error: a line a step, and what programs print.
#pragma once

#include <string>

#include "base/clock.h"
#include "build/builder.h"

namespace reigen::build {

class BuildProgress {
 public:
  explicit BuildProgress(bool quiet);
  void show(const BuildEvent& event);

 private:
  bool quiet_, bold_;
  bool cached_ = false;
  TimePoint started_{};
};

}  // namespace reigen::build
