// Containers under simulation: the power goes off at every write while they are run, restarted, stopped and removed. REIGEN_SIM_SHARE=S
// takes only every S-th; a failure names its point, which run_docker_scenario(1, point) repeats.

#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include <gtest/gtest.h>

#include "docker_scenario.h"

namespace reigen::sim {
namespace {

constexpr uint64_t kSeed = 1;

TEST(Containers, AreRunStoppedAndRemoved) {
  auto outcome = run_docker_scenario(kSeed, 0);
  for (const auto& violation : outcome.violations) ADD_FAILURE() << violation;
  if (const char* point = std::getenv("REIGEN_SIM_CRASH_AT")) {
    auto crashed = run_docker_scenario(kSeed, std::strtoull(point, nullptr, 10));
    for (const auto& violation : crashed.violations) ADD_FAILURE() << violation;
  }
}

TEST(Containers, StartWithTheServerAsTheirPoliciesSay) {
  for (uint64_t seed : {1, 2, 3}) {
    auto outcome = run_docker_restore_scenario(seed);
    for (const auto& violation : outcome.violations) ADD_FAILURE() << "seed " << seed << ": " << violation;
  }
}

TEST(Containers, SurviveALossOfPowerAtEveryWrite) {
  const char* text = std::getenv("REIGEN_SIM_SHARE");
  uint64_t share = std::max<uint64_t>(text ? std::strtoull(text, nullptr, 10) : 1, 1);
  auto outcomes = run_docker_scenario_at_every_write(kSeed, share, static_cast<size_t>(std::max(2l, ::sysconf(_SC_NPROCESSORS_ONLN) + 1)));
  for (const auto& [point, outcome] : outcomes) {
    for (const auto& violation : outcome.violations) ADD_FAILURE() << violation << "\nto repeat: REIGEN_SIM_CRASH_AT=" << point;
    if (point != 0 && outcome.violations.empty() && !outcome.crashed) ADD_FAILURE() << "no crash at " << point;
  }
  std::printf("%zu points\n", outcomes.size() - 1);
  EXPECT_GT(outcomes.size(), share > 10 ? 2U : 20U);
}

}  // namespace
}  // namespace reigen::sim
