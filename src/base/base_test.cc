#include <gtest/gtest.h>

#include <atomic>
#include <semaphore>

#include "base/byte_stream.h"
#include "base/executor.h"
#include "base/files.h"
#include "base/poller.h"
#include "base/process.h"
#include "base/random.h"
#include "base/sim_executor.h"

namespace reigen {
namespace {

using namespace std::chrono_literals;

TEST(Executor, RunsPostedWorkAndTimersInOrderOfTheirTime) {
  ThreadExecutor executor(2);
  std::binary_semaphore done(0);
  std::atomic<int> first{0};
  executor.after(500ms, [&] {
    EXPECT_EQ(first, 1);
    done.release();
  });
  executor.after(5ms, [&] { first = 1; });
  EXPECT_TRUE(done.try_acquire_for(60s));
  auto timer = executor.after(1h, [] {});
  EXPECT_TRUE(executor.cancel(timer));
  EXPECT_FALSE(executor.cancel(timer));
}

TEST(Executor, AStrandNeverOverlaps) {
  ThreadExecutor executor(4);
  Strand strand(executor);
  int count = 0;  // not atomic on purpose
  std::binary_semaphore done(0);
  for (int i = 0; i < 10000; ++i)
    strand.post([&] {
      if (++count == 10000) done.release();
    });
  EXPECT_TRUE(done.try_acquire_for(60s));
}

TEST(Executor, AStoppedGroupRunsNothingMore) {
  TaskGroup group;
  int ran = 0;
  auto task = group.wrap([&] { ++ran; });
  task();
  group.stop();
  auto late = group.wrap([&] { ++ran; });
  late();
  EXPECT_EQ(ran, 1);
}

TEST(SimExecutor, MovesItsClockToTheNextTimer) {
  SimExecutor sim(7);
  auto start = sim.clock().now();
  bool ran = false;
  sim.after(1h, [&] { ran = true; });
  EXPECT_FALSE(sim.run_until([&] { return ran; }, 30min));
  EXPECT_TRUE(sim.run_until([&] { return ran; }, 31min));
  EXPECT_EQ(sim.clock().now() - start, 1h);
}

TEST(Process, RunsACommandWithInputAndReportsItsExitCode) {
  Command command{.argv = {"cat"}, .input = std::string(200000, 'x')};
  auto output = run_command(command);
  ASSERT_TRUE(output) << output.error().message();
  EXPECT_EQ(output->out.size(), 200000u);
  EXPECT_EQ(run_command(Command{.argv = {"sh", "-c", "exit 7"}})->exit_code, 7);
  EXPECT_EQ(run_command(Command{.argv = {"no-such-program"}}).error().code(), Code::kNotFound);
  EXPECT_EQ(run_command(Command{.argv = {"sleep", "9"}, .timeout = 50ms}).error().code(), Code::kDeadlineExceeded);
}

TEST(Files, WritesAtomicallyAndRemovesTrees) {
  auto dir = make_temporary_directory("/tmp", "reigen-files-");
  ASSERT_TRUE(dir);
  ASSERT_TRUE(make_directories(*dir + "/a/b/c"));
  ASSERT_TRUE(write_file(*dir + "/a/b/f", "hello", 0600, true));
  EXPECT_EQ(*read_file(*dir + "/a/b/f"), "hello");
  EXPECT_EQ(read_file(*dir + "/a/b/f", 2).error().code(), Code::kResourceExhausted);
  auto lock = FileLock::acquire(*dir + "/lock");
  ASSERT_TRUE(lock);
  EXPECT_EQ(FileLock::acquire(*dir + "/lock").error().code(), Code::kAlreadyExists);
  ASSERT_TRUE(remove_tree(*dir));
  EXPECT_FALSE(path_exists(*dir));
}

TEST(Streams, AnFdStreamCarriesMoreThanAPipeHolds) {
  Poller poller;
  int fds[2];
  ASSERT_EQ(::pipe(fds), 0);
  auto reader = make_fd_stream(poller, Fd(fds[0]), Fd());
  auto writer = make_fd_stream(poller, Fd(), Fd(fds[1]));
  std::binary_semaphore done(0);
  std::string got;
  std::function<void()> pump = [&] {
    reader->read(4096, [&](Result<std::string> data) {
      if (!data || data->empty()) return done.release();
      got += *data;
      pump();
    });
  };
  pump();
  writer->write(std::string(1 << 20, 'y'), [&](Status) { writer->close_write(); });
  EXPECT_TRUE(done.try_acquire_for(60s));
  EXPECT_EQ(got.size(), 1u << 20);
}

TEST(Streams, APairPassesBytesAndTheEnd) {
  auto [a, b] = make_stream_pair(16);
  std::string got;
  bool ended = false;
  b->read(100, [&](Result<std::string> data) { got = *data; });
  a->write("hello", [](Status) {});
  EXPECT_EQ(got, "hello");
  b->read(100, [&](Result<std::string> data) { ended = data && data->empty(); });
  a->close_write();
  EXPECT_TRUE(ended);
}

TEST(Random, MakesUuidsOfVersionFour) {
  auto id = system_random().uuid();
  EXPECT_EQ(id.size(), 36u);
  EXPECT_EQ(id[14], '4');
  EXPECT_EQ(SeededRandom(1).uuid(), SeededRandom(1).uuid());
}

}  // namespace
}  // namespace reigen
