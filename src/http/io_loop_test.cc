#include "http/io_loop.h"

#include <gtest/gtest.h>

#include <semaphore>

namespace reigen::http {
namespace {

struct Step final : IoLoop::Runnable {
  explicit Step(Fn fn) : fn(std::move(fn)) {}
  void run_on_loop() override { fn(); }
  Fn fn;
};

TEST(IoLoopTest, WorkInBulkKeepsItsOrderAndLetsOthersBetween) {
  auto loop = IoLoop::start("test");
  std::vector<int> done;
  int other_after = -1;
  for (int i = 0; i < 1000; ++i) {
    ASSERT_TRUE(loop->post_bulk(std::make_shared<Step>([&, i] {
      if (i == 0) loop->post(Fn([&] { other_after = static_cast<int>(done.size()); }));
      done.push_back(i);
    })));
  }
  loop->stop();
  ASSERT_EQ(done.size(), 1000u);
  EXPECT_TRUE(std::is_sorted(done.begin(), done.end()));
  EXPECT_GT(other_after, 0);
  EXPECT_LT(other_after, 100) << "what is posted waits for a slice, not for all";
}

TEST(IoLoopTest, WhatIsPostedWhileBulkWaitsIsNotForgotten) {
  auto loop = IoLoop::start("test");
  std::counting_semaphore<> ran(0);
  for (int round = 0; round < 2000; ++round) {
    int count = round % 40 + 1;  // around the size of a slice
    for (int i = 0; i < count; ++i) ASSERT_TRUE(loop->post_bulk(std::make_shared<Step>([&] { ran.release(); })));
    ASSERT_TRUE(loop->post(Fn([&] { ran.release(); })));
    for (int i = 0; i <= count; ++i) ASSERT_TRUE(ran.try_acquire_for(std::chrono::seconds(60))) << "round " << round;
  }
  loop->stop();
  EXPECT_FALSE(loop->post_bulk(std::make_shared<Step>([] {})));
}

}  // namespace
}  // namespace reigen::http
