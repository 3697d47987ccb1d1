// What one run of a scenario came to, and the way of it out of a child.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "fork_points.h"

namespace reigen::sim {

struct Outcome {
  uint64_t disk_operations = 0;
  bool crashed = false;
  std::vector<std::string> violations;  // empty: all is well
};

std::string to_text(const Outcome& outcome);
Outcome outcome_of(const ForkPoints::End& end);

// The run without a crash, which `run` makes and which forks at its points; and, by point, those of its children. 0 is its own.
std::map<uint64_t, Outcome> run_with_children(size_t at_once, const std::function<Outcome(ForkPoints&)>& run);

}  // namespace reigen::sim
