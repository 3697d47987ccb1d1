// TodoScenario: someone creates the to-do app on a cluster of three hollow nodes; the server loses power at one operation of its disk and
// comes back. Everything follows from the seed.
#pragma once

#include <cstdint>
#include <map>

#include "outcome.h"

namespace reigen::sim {

// `crash_at`: the operation of the disk at which power is lost, from 1; 0 never.
Outcome run_todo_scenario(uint64_t seed, uint64_t crash_at);

// The same for operations 1, 1 + share, 1 + 2 * share... until the app is up, each in a process of its own that begins where the run without
// a crash has come to. `at_once`: how many of them run.
std::map<uint64_t, Outcome> run_todo_scenario_at_every_write(uint64_t seed, uint64_t share, size_t at_once);

}  // namespace reigen::sim
