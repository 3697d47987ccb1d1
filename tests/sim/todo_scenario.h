// TodoScenario: someone creates the to-do app on a cluster of three hollow nodes; the server loses power at one operation of its disk and
// comes back. Everything follows from the seed.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace reigen::sim {

struct Outcome {
  uint64_t disk_operations = 0;
  bool crashed = false;
  std::vector<std::string> violations;  // empty: all is well
};

// `crash_at`: the operation of the disk at which power is lost, from 1; 0 never.
Outcome run_todo_scenario(uint64_t seed, uint64_t crash_at);

}  // namespace reigen::sim
