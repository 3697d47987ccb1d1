// sim_test: the to-do app under simulation. `--seed N --crash-at K` repeats one run. `--seed N` tries another seed, `--share S` (or
// REIGEN_SIM_SHARE=S) only every S-th write: for builds that are slow.

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <optional>

#include <gtest/gtest.h>

#include "base/log.h"
#include "todo_scenario.h"

namespace reigen::sim {
namespace {

uint64_t seed = 1, share = 1;
std::optional<uint64_t> only_crash_at;

void expect_well(uint64_t crash_at, const Outcome& outcome) {
  for (const auto& violation : outcome.violations) ADD_FAILURE() << violation << "\nto repeat: sim_test --seed " << seed << " --crash-at " << crash_at;
}

TEST(TodoApp, TheSameSeedIsTheSameRun) {
  if (only_crash_at) GTEST_SKIP() << "one run was asked for";
  EXPECT_EQ(run_todo_scenario(7, 0).disk_operations, run_todo_scenario(7, 0).disk_operations);
}

// Every write, truncation and sync that the server does from its first start until the app is up: at each the power goes off, with that
// operation done in part and some of what was not synced lost.
TEST(TodoApp, SurvivesALossOfPowerAtEveryWrite) {
  if (only_crash_at) {
    auto outcome = run_todo_scenario(seed, *only_crash_at);
    std::printf("seed %lu, crash at %lu: %lu disk operations, %s\n", seed, *only_crash_at, outcome.disk_operations, outcome.crashed ? "crashed" : "no crash");
    return expect_well(*only_crash_at, outcome);
  }
  auto outcomes = run_todo_scenario_at_every_write(seed, share, static_cast<size_t>(std::max(2l, ::sysconf(_SC_NPROCESSORS_ONLN) + 1)));
  for (const auto& [point, outcome] : outcomes) {
    expect_well(point, outcome);
    if (point != 0 && outcome.violations.empty() && !outcome.crashed) ADD_FAILURE() << "no crash at " << point;
  }
  uint64_t operations = outcomes.at(0).disk_operations, points = outcomes.size() - 1;
  std::printf("seed %lu: %lu of %lu writes\n", seed, points, operations);
  EXPECT_EQ(points, (operations + share - 1) / share);
  // What is printed to repeat a run does repeat it.
  auto middle = std::next(outcomes.begin(), static_cast<ptrdiff_t>(outcomes.size() / 2));
  EXPECT_EQ(run_todo_scenario(seed, middle->first).disk_operations, middle->second.disk_operations);
}

}  // namespace
}  // namespace reigen::sim

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  reigen::set_log_level(reigen::LogLevel::kOff);
  using namespace reigen::sim;
  if (const char* text = std::getenv("REIGEN_SIM_SHARE")) share = std::strtoull(text, nullptr, 10);
  for (int i = 1; i < argc; i += 2) {
    bool has_value = i + 1 < argc;
    uint64_t value = has_value ? std::strtoull(argv[i + 1], nullptr, 10) : 0;
    if (has_value && std::strcmp(argv[i], "--seed") == 0) {
      seed = value;
    } else if (has_value && std::strcmp(argv[i], "--crash-at") == 0) {
      only_crash_at = value;
    } else if (has_value && std::strcmp(argv[i], "--share") == 0) {
      share = value;
    } else if (has_value && std::strcmp(argv[i], "--log") == 0) {
      reigen::set_log_level(value ? reigen::LogLevel::kDebug : reigen::LogLevel::kWarning);
    } else {
      std::fprintf(stderr, "usage: sim_test [--seed N] [--crash-at K] [--share S] [--log 0|1]\n");
      return 2;
    }
  }
  share = std::max<uint64_t>(share, 1);
  return RUN_ALL_TESTS();
}
