// The inside of EmbeddedStore. Not for others to include.
//
// One *loop* at a time is the committing and publishing thread: whoever gives it the first work starts it (inline, or on a thread
// of the store), and it ends when nothing is left. All of LogDatabase, WatchHub and dead_rows_ belong to the loop.
#pragma once

#include <condition_variable>
#include <deque>
#include <mutex>
#include <queue>
#include <shared_mutex>
#include <unordered_map>

#include "base/files.h"
#include "store/embedded_store.h"
#include "store/history.h"
#include "store/key_index.h"
#include "store/log_database.h"
#include "store/sqlite_vfs.h"
#include "store/watch_hub.h"

namespace reigen::store {

class EmbeddedStore::Impl : public std::enable_shared_from_this<EmbeddedStore::Impl> {
 public:
  static Result<std::shared_ptr<Impl>> open(EmbeddedOptions options);
  explicit Impl(EmbeddedOptions options);
  ~Impl();
  void shutdown();

  EntryPtr get(std::string_view key);
  EntryPtr get_latest(std::string_view key);
  Result<ListResult> list(std::string_view prefix, const ListOptions& options);
  size_t count(std::string_view prefix);
  Revision current_revision() const { return published_; }
  Revision compacted_revision();
  void write(Write write, CommitDone done);
  void write_batch(std::vector<Write> writes, BatchDone done);
  void update(std::string key, Transform transform, CommitDone done);
  Result<std::unique_ptr<Watch>> watch(std::string_view prefix, Revision after, std::shared_ptr<WatchSink> sink);
  Status health();
  Stats stats();
  void compact(Revision revision);

 private:
  struct Pending {
    Revision revision = 0;  // 0: nothing to write, `done` only waits for what was pending before
    EntryPtr entry;         // as in Commit
    EntryPtr previous;
    int64_t expires = 0;
    CommitDone done;

    const std::string& key() const { return (entry ? entry : previous)->key; }
  };
  struct Finished {
    CommitDone done;
    Result<Commit> result;
  };
  struct Committed {
    std::vector<Finished> finished;
    std::vector<EventPtr> events;  // for the hub
  };
  struct Latest {  // the newest pending state of a key
    Revision revision = 0;
    EntryPtr entry;  // null: being deleted
  };
  struct Expiry {
    int64_t when;  // Unix ns
    std::weak_ptr<const Entry> entry;
    bool operator<(const Expiry& other) const { return when > other.when; }  // the soonest on top
  };
  class WatchHandle;

  Status open_database();
  Status load_row(const LogRow& row);

  // With mutex_ held.
  EntryPtr latest(std::string_view key) const;
  Status check(const Write& write, const EntryPtr& current) const;
  Status admit(Write& write, CommitDone& done);  // takes `done` only when it succeeds
  bool claim_loop();                             // true: the caller must start_loop() after unlocking
  void schedule_tick(TimePoint due);
  std::vector<Pending> take_batch();

  void start_loop();
  void add_chore(Fn chore);
  Status try_write(Write& write, CommitDone& done);
  void wait_for_pending(Commit commit, CommitDone done);

  // On the loop.
  void run_loop();
  Committed commit(std::vector<Pending> batch);
  std::vector<Finished> fail_batch(std::vector<Pending> batch, const Error& error);
  std::vector<EventPtr> apply(const std::vector<Pending>& batch);  // to index and history, where readers see it
  void join(const std::shared_ptr<Watcher>& watcher, std::vector<EventPtr> backlog);
  void stop_writes(const Error& error);
  void tick();
  void expire(int64_t now);
  bool trim();  // true when there is more to do
  void trim_to(Revision revision);
  void after_commit();
  void give_back_pages();
  void checkpoint_aside();

  const EmbeddedOptions options_;
  Clock& clock_;
  std::unique_ptr<SqliteVfs> vfs_;
  std::optional<FileLock> file_lock_;
  std::optional<LogDatabase> database_;
  std::optional<LogDatabase> checkpointer_;  // of the thread that runs checkpoint_aside
  std::unique_ptr<ThreadExecutor> own_;      // null when inline
  Executor* timers_ = nullptr;

  mutable std::mutex mutex_;
  std::condition_variable idle_;
  std::deque<Pending> queue_;
  std::vector<Fn> chores_;
  std::unordered_map<std::string, Latest> overlay_;
  Revision last_revision_ = 1;  // the newest given to a write
  bool busy_ = false;           // a loop runs or is about to
  bool stopping_ = false;
  std::optional<Error> failed_;
  std::priority_queue<Expiry> expiries_;
  TimerId tick_timer_ = 0;
  TimePoint tick_due_{};
  uint64_t commits_ = 0, rows_ = 0;

  // Changed only by the loop while it holds both mutex_ and this; so either is enough to read.
  mutable std::shared_mutex index_mutex_;
  KeyIndex index_;
  History history_;
  std::atomic<Revision> published_ = 1;

  WatchHub hub_;
  std::vector<Revision> dead_rows_;  // dropped from memory, still in the file
  bool trimming_ = false;
  std::atomic<bool> checkpointing_ = false;
  int checkpointed_pages_ = 0;
  std::atomic<int> wal_pages_ = 0;
  std::atomic<int64_t> file_pages_ = 0;
};

}  // namespace reigen::store
