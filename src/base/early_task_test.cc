#include "base/early_task.h"

#include <gtest/gtest.h>

#include <atomic>

#include "base/sim_executor.h"

namespace reigen {
namespace {

TEST(EarlyTask, IsDoneByWhoAsksWhenNobodyElseHasBegun) {
  SimExecutor executor;  // runs nothing before it is told to
  int runs = 0;
  EarlyTask<int> task(executor, [&] { return ++runs; });
  EXPECT_EQ(task.result(), 1);
  EXPECT_EQ(task.result(), 1);
}

TEST(EarlyTask, IsDoneOnceAndNeverWaitedForInAQueue) {
  std::atomic<int> runs = 0, sum = 0;
  {
    // More who wait than there are threads.
    ThreadExecutor executor(2);
    for (int i = 0; i < 200; ++i) {
      executor.post([&] {
        EarlyTask<int> task(executor, [&] { return ++runs; });
        sum += task.result();
      });
    }
  }
  EXPECT_EQ(runs, 200);
  EXPECT_EQ(sum, 200 * 201 / 2);
}

}  // namespace
}  // namespace reigen
