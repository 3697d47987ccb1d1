// The contract of Store as a test suite, for every implementation:
//
//   INSTANTIATE_TYPED_TEST_SUITE_P(Embedded, StoreContract, EmbeddedHarness);
//
// A harness is default-constructible and has: Store& store(); void restart(); void compact(Revision); void wait(Duration), which lets
// time pass (at least) and everything published be delivered.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <condition_variable>
#include <mutex>
#include <optional>

#include "store/store.h"

namespace reigen::store {

// Collects what a watch delivers.
class RecordingSink : public WatchSink {
 public:
  void on_events(std::span<const EventPtr> batch) override {
    std::lock_guard lock(mutex_);
    events_.insert(events_.end(), batch.begin(), batch.end());
    changed_.notify_all();
  }
  void on_progress(Revision revision) override {
    std::lock_guard lock(mutex_);
    progress_ = revision;
    changed_.notify_all();
  }
  void on_closed(const Error& error) override {
    std::lock_guard lock(mutex_);
    closed_ = error.code();
    changed_.notify_all();
  }
  // The first n events as "put key=value", "delete key"; fewer when they do not come.
  std::vector<std::string> take(size_t n) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, std::chrono::seconds(5), [&] { return events_.size() >= n; });
    std::vector<std::string> texts;
    for (auto& event : events_) {
      std::string text = event->type() == EventType::kPut ? "put " + event->key() + "=" + *event->entry->value : "delete " + event->key();
      if (event->previous) text += " was " + *event->previous->value;
      texts.push_back(text);
    }
    return texts;
  }
  Revision wait_progress(Revision at_least) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, std::chrono::seconds(5), [&] { return progress_ >= at_least; });
    return progress_;
  }
  std::vector<EventPtr> events() {
    std::lock_guard lock(mutex_);
    return events_;
  }
  std::optional<Code> closed() {
    std::lock_guard lock(mutex_);
    return closed_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<EventPtr> events_;
  Revision progress_ = 0;
  std::optional<Code> closed_;
};

template <class Harness>
class StoreContract : public testing::Test {
 protected:
  Store& store() { return harness_.store(); }
  Result<Commit> write(Write w) { return write_and_wait(store(), std::move(w)); }
  Revision put(const std::string& key, const std::string& value) {
    auto commit = write({.key = key, .value = make_bytes(value)});
    EXPECT_TRUE(commit) << commit.error().message();
    return commit ? commit->revision : 0;
  }
  Result<Commit> create(const std::string& key, const std::string& value) { return write({.key = key, .value = make_bytes(value), .expected = 0}); }
  Revision remove(const std::string& key) {
    auto commit = write({.key = key});
    return commit ? commit->revision : 0;
  }
  std::string value_of(const std::string& key) {
    auto entry = store().get(key);
    if (!entry) return "error";
    return *entry ? *(*entry)->value : "missing";
  }
  std::vector<std::string> keys(const ListResult& list) {
    std::vector<std::string> names;
    for (auto& entry : list.entries) names.push_back(entry->key + "=" + *entry->value);
    return names;
  }
  std::vector<std::string> list(const std::string& prefix, ListOptions options = {}) {
    auto result = store().list(prefix, options);
    if (!result) return {"error " + std::string(to_string(result.error().code()))};
    return keys(*result);
  }
  static std::optional<Code> code(const auto& result) {
    if (result) return std::nullopt;
    return result.error().code();
  }

  Harness harness_;
};

using testing::ElementsAre;
using testing::IsEmpty;

TYPED_TEST_SUITE_P(StoreContract);

TYPED_TEST_P(StoreContract, RevisionsGrowByWrite) {
  EXPECT_GE(this->store().current_revision(), 1);
  auto a = this->put("/a", "1");
  auto b = this->put("/b", "2");
  EXPECT_GT(b, a);
  EXPECT_EQ(this->store().current_revision(), b);
  auto entry = *this->store().get("/a");
  EXPECT_EQ(entry->mod_revision, a);
  EXPECT_EQ(entry->create_revision, a);
  auto again = this->put("/a", "3");
  entry = *this->store().get("/a");
  EXPECT_EQ(entry->mod_revision, again);
  EXPECT_EQ(entry->create_revision, a);
}

TYPED_TEST_P(StoreContract, PreconditionsAreChecked) {
  auto made = this->create("/a", "1");
  ASSERT_TRUE(made);
  EXPECT_EQ(made->previous, nullptr);
  EXPECT_EQ(this->code(this->create("/a", "2")), Code::kAlreadyExists);
  auto bytes = make_bytes("2");
  EXPECT_EQ(this->code(this->write({.key = "/a", .value = bytes, .expected = made->revision + 100})), Code::kConflict);
  EXPECT_EQ(this->code(this->write({.key = "/b", .value = bytes, .expected = made->revision})), Code::kNotFound);
  EXPECT_EQ(this->code(this->write({.key = "/b"})), Code::kNotFound);
  auto changed = this->write({.key = "/a", .value = bytes, .expected = made->revision});
  ASSERT_TRUE(changed);
  EXPECT_EQ(*changed->previous->value, "1");
  auto gone = this->write({.key = "/a", .expected = changed->revision});
  ASSERT_TRUE(gone);
  EXPECT_EQ(*gone->previous->value, "2");
  EXPECT_EQ(this->value_of("/a"), "missing");
  EXPECT_TRUE(this->create("/a", "3"));
}

TYPED_TEST_P(StoreContract, PreconditionsOnOtherKeysFence) {
  auto lease = this->put("/lease", "me");
  EXPECT_TRUE(this->write({.key = "/a", .value = make_bytes("1"), .also = {{"/lease", lease}, {"/none", 0}}}));
  this->put("/lease", "other");
  EXPECT_EQ(this->code(this->write({.key = "/a", .value = make_bytes("2"), .also = {{"/lease", lease}}})), Code::kConflict);
  EXPECT_EQ(this->value_of("/a"), "1");
}

TYPED_TEST_P(StoreContract, PendingWritesCountForCompareAndSet) {
  std::vector<Write> writes;
  for (int i = 0; i < 3; ++i) writes.push_back({.key = "/a", .value = make_bytes(std::to_string(i)), .expected = 0});
  writes.push_back({.key = "/b", .value = make_bytes("b"), .expected = 0});
  std::mutex mutex;
  std::condition_variable done;
  std::optional<std::vector<Result<Commit>>> results;
  this->store().write_batch(std::move(writes), [&](auto r) {
    std::lock_guard lock(mutex);
    results = std::move(r);
    done.notify_all();
  });
  std::unique_lock lock(mutex);
  done.wait(lock, [&] { return results.has_value(); });
  ASSERT_EQ(results->size(), 4u);
  EXPECT_TRUE((*results)[0]);
  EXPECT_EQ(this->code((*results)[1]), Code::kAlreadyExists);
  EXPECT_EQ(this->code((*results)[2]), Code::kAlreadyExists);
  EXPECT_TRUE((*results)[3]);
  EXPECT_EQ(this->value_of("/a"), "0");
}

TYPED_TEST_P(StoreContract, AnEmptyBatchIsAnswered) {
  bool told = false;
  this->store().write_batch({}, [&](auto results) { told = results.empty(); });
  EXPECT_TRUE(told);
}

TYPED_TEST_P(StoreContract, UpdateTransformsTheLatest) {
  auto append = [&](const std::string& text) {
    return update_and_wait(this->store(), "/a",
                           [text](const EntryPtr& now) -> Result<Update> { return Update{.value = make_bytes((now ? *now->value : "") + text)}; });
  };
  EXPECT_TRUE(append("x"));
  EXPECT_TRUE(append("y"));
  EXPECT_EQ(this->value_of("/a"), "xy");
  auto same = update_and_wait(this->store(), "/a", [](const EntryPtr&) -> Result<Update> { return Update{.unchanged = true}; });
  ASSERT_TRUE(same);
  EXPECT_EQ(same->revision, this->store().current_revision());
  auto refused = update_and_wait(this->store(), "/a", [](const EntryPtr&) -> Result<Update> { return fail(Code::kInvalidArgument, "no"); });
  EXPECT_EQ(this->code(refused), Code::kInvalidArgument);
  EXPECT_TRUE(update_and_wait(this->store(), "/a", [](const EntryPtr&) -> Result<Update> { return Update{}; }));
  EXPECT_EQ(this->value_of("/a"), "missing");
}

TYPED_TEST_P(StoreContract, ListsArePagesOfOneSnapshot) {
  for (const char* key : {"/p/a", "/p/b", "/p/c", "/p/d", "/q/a", "/o"}) this->put(key, "1");
  auto page = this->store().list("/p/", {.limit = 2});
  ASSERT_TRUE(page);
  EXPECT_THAT(this->keys(*page), ElementsAre("/p/a=1", "/p/b=1"));
  EXPECT_TRUE(page->more);
  EXPECT_EQ(page->remaining, 2u);
  Revision at = page->revision;
  this->put("/p/bb", "new");
  this->put("/p/c", "changed");
  this->remove("/p/d");
  std::string next("/p/b\0", 5);
  EXPECT_THAT(this->list("/p/", {.revision = at, .start = next}), ElementsAre("/p/c=1", "/p/d=1"));
  auto last = this->store().list("/p/", {.revision = at, .start = next, .limit = 1});
  EXPECT_EQ(last->remaining, 1u);
  EXPECT_THAT(this->list("/p/"), ElementsAre("/p/a=1", "/p/b=1", "/p/bb=new", "/p/c=changed"));
  EXPECT_THAT(this->list("/p/", {.revision = at}), ElementsAre("/p/a=1", "/p/b=1", "/p/c=1", "/p/d=1"));
  EXPECT_EQ(*this->store().count("/p/"), 4u);
  EXPECT_THAT(this->list("/x/"), IsEmpty());
  EXPECT_THAT(this->list("/p/", {.revision = at + 1000}), ElementsAre("error " + std::string(to_string(Code::kInvalidArgument))));
}

TYPED_TEST_P(StoreContract, WatchTellsChangesBelowThePrefix) {
  auto sink = std::make_shared<RecordingSink>();
  auto watch = this->store().watch("/p/", 0, sink);
  ASSERT_TRUE(watch);
  this->harness_.wait(Duration::zero());
  this->put("/p/a", "1");
  this->put("/q/a", "other");
  this->put("/p/a", "2");
  this->remove("/p/a");
  EXPECT_THAT(sink->take(3), ElementsAre("put /p/a=1", "put /p/a=2 was 1", "delete /p/a was 2"));
  (*watch)->request_progress();
  EXPECT_EQ(sink->wait_progress(this->store().current_revision()), this->store().current_revision());
}

TYPED_TEST_P(StoreContract, WatchersShareEvents) {
  auto one = std::make_shared<RecordingSink>(), two = std::make_shared<RecordingSink>();
  Revision now = this->put("/x", "x");
  auto first = this->store().watch("/p/", now, one);
  auto second = this->store().watch("/p/a", now, two);
  this->put("/p/a", "1");
  one->take(1);
  two->take(1);
  ASSERT_EQ(one->events().size(), 1u);
  ASSERT_EQ(two->events().size(), 1u);
  EXPECT_EQ(one->events()[0], two->events()[0]);
  EXPECT_EQ(one->events()[0]->entry, *this->store().get("/p/a"));
}

TYPED_TEST_P(StoreContract, WatchResumesWithinHistory) {
  Revision first = this->put("/p/a", "1");
  this->put("/p/b", "1");
  this->remove("/p/a");
  auto sink = std::make_shared<RecordingSink>();
  auto watch = this->store().watch("/p/", first, sink);
  this->put("/p/c", "1");
  EXPECT_THAT(sink->take(3), ElementsAre("put /p/b=1", "delete /p/a was 1", "put /p/c=1"));
}

TYPED_TEST_P(StoreContract, ACancelledWatchIsSilent) {
  auto sink = std::make_shared<RecordingSink>();
  auto watch = this->store().watch("/p/", 0, sink);
  this->harness_.wait(Duration::zero());
  this->put("/p/a", "1");
  EXPECT_EQ(sink->take(1).size(), 1u);
  watch->reset();
  this->put("/p/a", "2");
  this->harness_.wait(std::chrono::milliseconds(10));
  EXPECT_EQ(sink->events().size(), 1u);
}

TYPED_TEST_P(StoreContract, TheCompactedPastIsGone) {
  Revision first = this->put("/p/a", "1");
  Revision second = this->put("/p/a", "2");
  this->harness_.compact(second);
  EXPECT_EQ(this->store().compacted_revision(), second);
  EXPECT_THAT(this->list("/p/", {.revision = first}), ElementsAre("error " + std::string(to_string(Code::kGone))));
  EXPECT_THAT(this->list("/p/", {.revision = second}), ElementsAre("/p/a=2"));
  auto sink = std::make_shared<RecordingSink>();
  EXPECT_EQ(this->code(this->store().watch("/p/", first, sink)), Code::kGone);
  EXPECT_TRUE(this->store().watch("/p/", second, sink));
}

TYPED_TEST_P(StoreContract, StateHistoryAndRevisionSurviveARestart) {
  this->put("/p/a", "1");
  Revision start = this->put("/p/b", "1");
  this->put("/p/a", "2");
  Revision last = this->remove("/p/b");
  this->harness_.restart();
  EXPECT_EQ(this->store().current_revision(), last);
  EXPECT_THAT(this->list("/p/"), ElementsAre("/p/a=2"));
  EXPECT_THAT(this->list("/p/", {.revision = start}), ElementsAre("/p/a=1", "/p/b=1"));
  auto sink = std::make_shared<RecordingSink>();
  auto watch = this->store().watch("/p/", start, sink);
  EXPECT_THAT(sink->take(2), ElementsAre("put /p/a=2 was 1", "delete /p/b was 1"));
  EXPECT_GT(this->put("/p/c", "1"), last);
}

TYPED_TEST_P(StoreContract, RevisionNeverGoesBackWhenTheLastRowIsGone) {
  this->put("/p/a", "1");
  Revision last = this->remove("/p/a");
  this->harness_.compact(last);
  this->harness_.restart();
  EXPECT_EQ(this->store().current_revision(), last);
  EXPECT_EQ(this->store().compacted_revision(), last);
  EXPECT_THAT(this->list("/"), IsEmpty());
  EXPECT_GT(this->put("/p/a", "2"), last);
}

TYPED_TEST_P(StoreContract, KeysExpire) {
  auto sink = std::make_shared<RecordingSink>();
  auto watch = this->store().watch("/e/", 0, sink);
  ASSERT_TRUE(this->write({.key = "/e/a", .value = make_bytes("1"), .ttl = std::chrono::milliseconds(1)}));
  ASSERT_TRUE(this->write({.key = "/e/b", .value = make_bytes("1"), .ttl = std::chrono::milliseconds(1)}));
  this->put("/e/b", "kept");
  this->harness_.wait(std::chrono::milliseconds(2500));
  EXPECT_EQ(this->value_of("/e/a"), "missing");
  EXPECT_EQ(this->value_of("/e/b"), "kept");
  EXPECT_THAT(sink->take(4), testing::Contains("delete /e/a was 1"));
}

TYPED_TEST_P(StoreContract, ExpirySurvivesARestart) {
  ASSERT_TRUE(this->write({.key = "/e/a", .value = make_bytes("1"), .ttl = std::chrono::milliseconds(1)}));
  this->harness_.restart();
  this->harness_.wait(std::chrono::milliseconds(2500));
  EXPECT_EQ(this->value_of("/e/a"), "missing");
}

REGISTER_TYPED_TEST_SUITE_P(StoreContract, RevisionsGrowByWrite, PreconditionsAreChecked, PreconditionsOnOtherKeysFence, PendingWritesCountForCompareAndSet,
                            AnEmptyBatchIsAnswered, UpdateTransformsTheLatest, ListsArePagesOfOneSnapshot, WatchTellsChangesBelowThePrefix, WatchersShareEvents,
                            WatchResumesWithinHistory, ACancelledWatchIsSilent, TheCompactedPastIsGone, StateHistoryAndRevisionSurviveARestart,
                            RevisionNeverGoesBackWhenTheLastRowIsGone, KeysExpire, ExpirySurvivesARestart);

}  // namespace reigen::store
