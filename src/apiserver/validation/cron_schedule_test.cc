#include "apiserver/validation/cron_schedule.h"

#include <gtest/gtest.h>

#include "apiserver/validation/job.h"

namespace reigen::apiserver {
namespace {

TEST(CronSchedule, SaysWhatIsWrong) {
  struct Case {
    const char *schedule, *error;
  };
  const Case cases[] = {
      {"*/5 0-6 1,15 JAN-mar mon", ""},
      {"? * * * *", ""},
      {"@daily", ""},
      {"@every 1h30m", ""},
      {"TZ=UTC 0 0 * * *", ""},
      {"5/15 * * * *", ""},
      {"* * * *", "expected exactly 5 fields, found 4: [* * * *]"},
      {"60 * * * *", "end of range (60) above maximum (59): 60"},
      {"* * 0 * *", "beginning of range (0) below minimum (1): 0"},
      {"5-1 * * * *", "beginning of range (5) beyond end of range (1): 5-1"},
      {"*/0 * * * *", "step of range should be a positive number: */0"},
      {"1-2-3 * * * *", "too many hyphens: 1-2-3"},
      {"1/2/3 * * * *", "too many slashes: 1/2/3"},
      {"x * * * *", "failed to parse int from x: strconv.Atoi: parsing \"x\": invalid syntax"},
      {"@fortnightly", "unrecognized descriptor: @fortnightly"},
  };
  for (const Case& one : cases) EXPECT_EQ(check_schedule(one.schedule), one.error) << one.schedule;
}

TEST(JobIndexes, CountsAndCompares) {
  EXPECT_EQ(count_indexes("0,2-4", 5).count, 4);
  EXPECT_EQ(count_indexes("", 5).count, 0);
  EXPECT_EQ(count_indexes("5", 5).error, "too large index: \"5\"");
  EXPECT_EQ(count_indexes("3,1", 5).error, "non-increasing order, previous: 3, current: 1");
  EXPECT_EQ(count_indexes("a", 5).error, "cannot convert string to integer for index: \"a\"");
  EXPECT_EQ(find_index_overlap("0,2-4", "1", 5), "");
  EXPECT_EQ(find_index_overlap("0,2-4", "1,3", 5), "failedIndexes and completedIndexes overlap at index: 3");
}

}  // namespace
}  // namespace reigen::apiserver
