// sim_test: the to-do app under simulation. `--seed N` and `--crash-at K` repeat one run; `--seconds S` bounds the whole (default 40).

#include <cstdlib>
#include <cstring>
#include <numeric>

#include <gtest/gtest.h>

#include "base/clock.h"
#include "base/log.h"
#include "todo_scenario.h"

namespace reigen::sim {
namespace {

uint64_t only_seed = 0, only_crash_at = 0, seconds = 40;
bool one_run = false;

void expect_well(uint64_t seed, uint64_t crash_at, const Outcome& outcome) {
  for (const auto& violation : outcome.violations) ADD_FAILURE() << violation << "\nto repeat: sim_test --seed " << seed << " --crash-at " << crash_at;
}

TEST(TodoApp, ComesUpWithoutACrash) {
  if (one_run) GTEST_SKIP() << "another run was asked for";
  expect_well(1, 0, run_todo_scenario(1, 0));
}

TEST(TodoApp, TheSameSeedIsTheSameRun) {
  if (one_run) GTEST_SKIP() << "another run was asked for";
  EXPECT_EQ(run_todo_scenario(7, 0).disk_operations, run_todo_scenario(7, 0).disk_operations);
}

// Every operation of the disk in turn, in an order that covers the whole early, until the time is over.
TEST(TodoApp, SurvivesALossOfPowerAtEveryWrite) {
  if (one_run) {
    auto outcome = run_todo_scenario(only_seed, only_crash_at);
    std::printf("seed %lu, crash at %lu: %lu disk operations, %s\n", only_seed, only_crash_at, outcome.disk_operations,
                outcome.crashed ? "crashed" : "no crash");
    return expect_well(only_seed, only_crash_at, outcome);
  }
  auto end = system_clock().now() + std::chrono::seconds(seconds);
  auto operations = run_todo_scenario(1, 0).disk_operations;
  uint64_t stride = operations * 618 / 1000 | 1;
  while (std::gcd(stride, operations) != 1) ++stride;
  uint64_t runs = 0, point = 0;
  for (; runs < operations && system_clock().now() < end && !HasFailure(); ++runs) {
    point = (point + stride) % operations;
    uint64_t seed = 1 + runs % 4;
    expect_well(seed, point + 1, run_todo_scenario(seed, point + 1));
  }
  std::printf("%lu of %lu points\n", runs, operations);
}

}  // namespace
}  // namespace reigen::sim

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  reigen::set_log_level(reigen::LogLevel::kError);
  for (int i = 1; i + 1 < argc; i += 2) {
    uint64_t value = std::strtoull(argv[i + 1], nullptr, 10);
    if (std::strcmp(argv[i], "--seed") == 0) {
      reigen::sim::only_seed = value;
      reigen::sim::one_run = true;
    } else if (std::strcmp(argv[i], "--crash-at") == 0) {
      reigen::sim::only_crash_at = value;
      reigen::sim::one_run = true;
    } else if (std::strcmp(argv[i], "--log") == 0) {
      reigen::set_log_level(value ? reigen::LogLevel::kDebug : reigen::LogLevel::kWarning);
    } else if (std::strcmp(argv[i], "--seconds") == 0) {
      reigen::sim::seconds = value;
    } else {
      std::fprintf(stderr, "usage: sim_test [--seed N] [--crash-at K] [--seconds S] [--log 0|1]\n");
      return 2;
    }
  }
  return RUN_ALL_TESTS();
}
