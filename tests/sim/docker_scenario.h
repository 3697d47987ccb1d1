// DockerScenario: someone runs, restarts, stops and removes containers as Docker's endpoint would write it, and a node of one's own makes
// them come and go; the server loses power at one operation of its disk and comes back. Everything follows from the seed.
#pragma once

#include <cstdint>
#include <map>

#include "outcome.h"

namespace reigen::sim {

// `crash_at`: the operation of the disk at which power is lost, from 1; 0 never.
Outcome run_docker_scenario(uint64_t seed, uint64_t crash_at);
// Containers whose programs have ended, some with a restart policy; the server is killed and comes back; one connects to a network.
Outcome run_docker_restore_scenario(uint64_t seed);
// As run_todo_scenario_at_every_write.
std::map<uint64_t, Outcome> run_docker_scenario_at_every_write(uint64_t seed, uint64_t share, size_t at_once);

}  // namespace reigen::sim
