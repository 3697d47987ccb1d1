#include "store/embedded_store.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <set>
#include <thread>

#include "base/files.h"
#include "base/sim_disk.h"
#include "base/sim_executor.h"
#include "store/contract_test.h"

namespace reigen::store {
namespace {

struct TemporaryFolder {
  std::string path = *make_temporary_directory("/tmp", "reigen-store-test-");
  ~TemporaryFolder() { (void)remove_tree(path); }
};

// On the machine's disk, with the store's own threads.
class ThreadedHarness {
 public:
  ThreadedHarness() { restart(); }
  Store& store() { return *store_; }
  void restart() {
    store_.reset();
    auto opened = EmbeddedStore::open({.directory = folder_.path});
    EXPECT_TRUE(opened) << opened.error().message();
    store_ = std::move(*opened);
  }
  void compact(Revision revision) {
    store_->compact(revision);
    for (int i = 0; i < 12000 && store_->compacted_revision() < revision; ++i) wait(std::chrono::milliseconds(2));
  }
  void wait(Duration span) { std::this_thread::sleep_for(span + std::chrono::milliseconds(5)); }

 private:
  TemporaryFolder folder_;
  std::unique_ptr<EmbeddedStore> store_;
};

// On a simulated disk under a simulated clock; commits inline.
class SimulatedHarness {
 public:
  SimulatedHarness() { restart(); }
  ~SimulatedHarness() { store_.reset(); }
  Store& store() { return *store_; }
  EmbeddedStore& embedded() { return *store_; }
  SimDisk& disk() { return disk_; }
  Result<void> open() {
    store_.reset();
    auto opened = EmbeddedStore::open({.directory = "/data", .executor = &executor_, .inline_commit = true, .disk = &disk_});
    if (!opened) return fail(opened.error());
    store_ = std::move(*opened);
    return {};
  }
  void restart() {
    auto opened = open();
    ASSERT_TRUE(opened) << opened.error().message();
  }
  void close() { store_.reset(); }
  void compact(Revision revision) { store_->compact(revision); }
  void wait(Duration span) { executor_.run_for(span); }

 private:
  SimExecutor executor_;
  SimDisk disk_;
  std::unique_ptr<EmbeddedStore> store_;
};

INSTANTIATE_TYPED_TEST_SUITE_P(EmbeddedThreaded, StoreContract, ThreadedHarness);
INSTANTIATE_TYPED_TEST_SUITE_P(EmbeddedSimulated, StoreContract, SimulatedHarness);

Result<Commit> put(Store& store, std::string key, std::string value) {
  return write_and_wait(store, {.key = std::move(key), .value = make_bytes(std::move(value))});
}

TEST(EmbeddedStore, ASecondServerIsRefused) {
  TemporaryFolder folder;
  auto first = EmbeddedStore::open({.directory = folder.path});
  ASSERT_TRUE(first);
  auto second = EmbeddedStore::open({.directory = folder.path});
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code(), Code::kAlreadyExists);
  EXPECT_THAT(second.error().message(), testing::HasSubstr(folder.path));
}

TEST(EmbeddedStore, AForeignFileIsRefusedAndLeftAlone) {
  TemporaryFolder folder;
  std::string garbage(8192, 'x');
  ASSERT_TRUE(write_file(folder.path + "/store.db", garbage));
  auto opened = EmbeddedStore::open({.directory = folder.path});
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code(), Code::kDataLoss);
  EXPECT_THAT(opened.error().message(), testing::HasSubstr("store.db"));
  EXPECT_EQ(*read_file(folder.path + "/store.db"), garbage);
}

TEST(EmbeddedStore, ANewerFormatIsRefused) {
  TemporaryFolder folder;
  {
    auto store = EmbeddedStore::open({.directory = folder.path});
    ASSERT_TRUE(put(**store, "/a", "1"));
  }
  auto bytes = *read_file(folder.path + "/store.db");
  bytes[63] = 9;  // user_version, big-endian at 60
  ASSERT_TRUE(write_file(folder.path + "/store.db", bytes));
  auto opened = EmbeddedStore::open({.directory = folder.path});
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code(), Code::kUnimplemented);
  EXPECT_EQ(*read_file(folder.path + "/store.db"), bytes);
}

TEST(EmbeddedStore, AFlippedBitIsFound) {
  SimulatedHarness harness;
  ASSERT_TRUE(put(harness.store(), "/needle", std::string(2000, 'v')));
  harness.close();
  bool found = false;
  for (uint64_t offset = 4096; !found && harness.disk().corrupt("/data/store.db", offset + 1000); offset += 512) {
    auto opened = harness.open();
    found = !opened && opened.error().code() == Code::kDataLoss;
    harness.close();
  }
  EXPECT_TRUE(found);
}

TEST(EmbeddedStore, AFullDiskRefusesWritesAndLosesNothing) {
  SimulatedHarness harness;
  ASSERT_TRUE(put(harness.store(), "/a", "kept"));
  harness.disk().set_capacity(harness.disk().used() + 3000);
  auto refused = put(harness.store(), "/b", std::string(3'000'000, 'x'));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), Code::kResourceExhausted);
  EXPECT_TRUE(harness.store().health());
  EXPECT_EQ(*harness.store().get("/b"), nullptr);
  EXPECT_EQ(*harness.store().get_latest("/b"), nullptr);
  harness.disk().set_capacity(UINT64_MAX);
  EXPECT_TRUE(put(harness.store(), "/b", "now"));
  harness.restart();
  EXPECT_EQ(*(*harness.store().get("/a"))->value, "kept");
  EXPECT_EQ(*(*harness.store().get("/b"))->value, "now");
}

TEST(EmbeddedStore, AFailedSyncStopsWritesForGood) {
  SimulatedHarness harness;
  ASSERT_TRUE(put(harness.store(), "/a", "1"));
  harness.disk().fail_next_syncs(1);
  auto failed = put(harness.store(), "/a", "2");
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code(), Code::kUnavailable);
  EXPECT_EQ(*(*harness.store().get("/a"))->value, "1");
  EXPECT_FALSE(put(harness.store(), "/a", "3"));
  EXPECT_FALSE(harness.store().health());
  harness.close();
  harness.disk().reboot();
  harness.restart();
  auto value = *(*harness.store().get("/a"))->value;
  EXPECT_TRUE(value == "1" || value == "2") << value;
  EXPECT_TRUE(put(harness.store(), "/a", "4"));
}

// Loses power at every operation of a run in turn: what was acknowledged is there, with its revision, and nothing else is.
TEST(EmbeddedStore, PowerLossAtAnyOperationKeepsWhatWasAcknowledged) {
  for (uint64_t crash = 1; crash < 260; ++crash) {
    SimulatedHarness harness;
    std::map<std::string, std::string> acknowledged, attempted;
    Revision last = 0;
    harness.disk().crash_after(crash);
    for (int i = 0; i < 60 && !harness.disk().crashed(); ++i) {
      std::string key = "/k/" + std::to_string(i % 7), value = std::to_string(i) + std::string(static_cast<size_t>(i) * 97 % 3000, 'v');
      attempted[key] = value;
      if (auto done = put(harness.store(), key, value)) {
        acknowledged[key] = value;
        last = done->revision;
      }
      if (i % 20 == 10) harness.compact(last);
    }
    bool crashed = harness.disk().crashed();
    harness.close();
    harness.disk().reboot();
    auto opened = harness.open();
    ASSERT_TRUE(opened) << "crash at " << crash << ": " << opened.error().message();
    EXPECT_GE(harness.store().current_revision(), last);
    for (auto& [key, value] : acknowledged) {
      auto entry = *harness.store().get(key);
      ASSERT_TRUE(entry) << "crash at " << crash << " lost " << key;
      EXPECT_TRUE(*entry->value == value || *entry->value == attempted[key]) << "crash at " << crash << " lost a change of " << key;
    }
    ASSERT_TRUE(put(harness.store(), "/k/0", "after"));
    if (!crashed) break;
  }
}

TEST(EmbeddedStore, HistoryLeavesAfterTheWindowAndTheFileStaysSmall) {
  SimulatedHarness harness;
  for (int round = 0; round < 40; ++round) {
    for (int i = 0; i < 50; ++i) ASSERT_TRUE(put(harness.store(), "/k/" + std::to_string(i), std::string(4000, 'v')));
    harness.wait(std::chrono::minutes(1));
  }
  // 200 KB live, 5 to 6 minutes of 200 KB each.
  EXPECT_LT(harness.disk().used(), 12u << 20);
  harness.wait(std::chrono::minutes(7));
  EXPECT_EQ(harness.embedded().stats().history_events, 0u);
  EXPECT_EQ(harness.store().compacted_revision(), harness.store().current_revision());
  auto revision = harness.store().current_revision();
  harness.restart();
  EXPECT_EQ(harness.store().current_revision(), revision);
  EXPECT_EQ(*harness.store().count("/k/"), 50u);
}

TEST(EmbeddedStore, HistoryIsBoundByBytes) {
  TemporaryFolder folder;
  auto store = *EmbeddedStore::open({.directory = folder.path, .history_bytes = 1 << 20});
  for (int i = 0; i < 3000; ++i) ASSERT_TRUE(put(*store, "/a", std::string(4000, 'v')));
  EXPECT_LT(store->stats().history_bytes, 3u << 20);
  EXPECT_GT(store->compacted_revision(), 1);
}

TEST(EmbeddedStore, ASinkMayWriteAndWatchUnderInlineCommit) {
  struct Echo : WatchSink {
    Store* store = nullptr;
    int rounds = 0;
    void on_events(std::span<const EventPtr> events) override {
      for (auto& event : events) {
        if (++rounds < 5) store->write({.key = event->key(), .value = make_bytes(std::to_string(rounds))}, [](auto) {});
      }
    }
  };
  SimulatedHarness harness;
  auto echo = std::make_shared<Echo>();
  echo->store = &harness.store();
  auto watch = harness.store().watch("/", 0, echo);
  ASSERT_TRUE(put(harness.store(), "/a", "0"));
  EXPECT_EQ(echo->rounds, 5);
  EXPECT_EQ(*(*harness.store().get("/a"))->value, "4");
  // In a completion a further write is done when the call returns.
  bool nested = false;
  harness.store().write({.key = "/b", .value = make_bytes("1")}, [&](auto) { nested = put(harness.store(), "/c", "1").has_value(); });
  EXPECT_TRUE(nested);
}

TEST(EmbeddedStore, ConcurrentWritersLoseNoUpdate) {
  TemporaryFolder folder;
  auto store = *EmbeddedStore::open({.directory = folder.path});
  std::vector<std::thread> threads;
  std::atomic<int> done = 0;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 50; ++i) {
        auto updated = update_and_wait(*store, "/counter", [](const EntryPtr& now) -> Result<Update> {
          return Update{.value = make_bytes(std::to_string((now ? std::stoi(*now->value) : 0) + 1))};
        });
        if (updated) ++done;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(std::stoi(*(*store->get("/counter"))->value), done);
}

// A child writes and says through a pipe what was acknowledged, until it is killed.
TEST(EmbeddedStore, KilledWritersLoseNothingAcknowledged) {
  TemporaryFolder folder;
  std::map<int, Revision> acknowledged;
  for (int round = 0; round < 10; ++round) {
    int ends[2];
    ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
    pid_t child = ::fork();
    if (child == 0) {
      auto store = EmbeddedStore::open({.directory = folder.path});
      if (!store) ::_exit(1);
      for (int i = round * 100'000;; ++i) {
        (*store)->write({.key = "/k/" + std::to_string(i), .value = make_bytes(std::string(500, 'v'))}, [fd = ends[1], i](auto result) {
          if (!result) ::_exit(2);
          int64_t record[2] = {i, result->revision};
          if (::write(fd, record, sizeof record) != sizeof record) ::_exit(3);
        });
        if (i % 64 == 63) (void)put(**store, "/wait", "x");
      }
    }
    ::close(ends[1]);
    int64_t record[2];
    int wanted = 200 + round * 37, got = 0;
    while (::read(ends[0], record, sizeof record) == sizeof record) {
      acknowledged[static_cast<int>(record[0])] = record[1];
      if (++got == wanted) ::kill(child, SIGKILL);
    }
    ::close(ends[0]);
    ::waitpid(child, nullptr, 0);
    ASSERT_GE(got, wanted);
    auto store = EmbeddedStore::open({.directory = folder.path});
    ASSERT_TRUE(store) << store.error().message();
    std::set<Revision> revisions;
    for (auto& [i, revision] : acknowledged) {
      auto entry = *(*store)->get("/k/" + std::to_string(i));
      ASSERT_TRUE(entry) << "round " << round << " lost write " << i;
      ASSERT_EQ(entry->mod_revision, revision);
      revisions.insert(revision);
    }
    EXPECT_EQ(revisions.size(), acknowledged.size());
  }
}

}  // namespace
}  // namespace reigen::store
