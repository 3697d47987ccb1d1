// EmbeddedStore: the default Store. SQLite as a log, the index in memory.
//
// On disk: one row per write, its revision as the integer primary key, so that a commit is an append. In memory: key → entry, and
// the events of the history window (for watches that resume and snapshots of the past). Both are rebuilt from the log at start.
// Superseded rows leave in batches after the window and pages are given back, so the file is bounded by what exists.
//
// A failed sync fails the batch and stops the store for writes until it is opened again; it is never retried as if clean. A full
// disk fails the writes under way (kResourceExhausted), and the store goes on.
#pragma once

#include <memory>
#include <string>

#include "base/executor.h"
#include "store/store.h"

namespace reigen {
class Disk;
}

namespace reigen::store {

struct EmbeddedOptions {
  std::string directory;         // holds store.db, its WAL, and the lock file; made when missing
  Executor* executor = nullptr;  // for timers (expiry, history); outlives the store
  // Commit on the thread that calls write(), for the simulation. Otherwise the store has threads of its own.
  bool inline_commit = false;
  Duration history_window = std::chrono::minutes(5);
  size_t history_bytes = 64 << 20;      // keys and values of superseded entries and events, at most
  size_t max_pending_writes = 1 << 16;  // beyond: kUnavailable
  // null: the machine's file system. Otherwise (tests, simulation) everything goes through it; no lock file is made.
  Disk* disk = nullptr;
  // Told once when a failed commit has stopped the store for writes. May be empty. On the publishing thread.
  std::function<void(const Error&)> on_failure;
};

class EmbeddedStore final : public Store {
 public:
  // Opens or makes the store. kAlreadyExists: another server holds the directory. kDataLoss: the database is corrupt.
  // kUnimplemented: it was written by a newer version. Errors name the file, and nothing in it is changed.
  static Result<std::unique_ptr<EmbeddedStore>> open(EmbeddedOptions options);
  // Commits what is pending, closes watches (kUnavailable), closes the database.
  ~EmbeddedStore() override;

  Result<EntryPtr> get(std::string_view key) override;
  Result<EntryPtr> get_latest(std::string_view key) override;
  Result<ListResult> list(std::string_view prefix, const ListOptions& options = {}) override;
  Result<size_t> count(std::string_view prefix) override;
  Revision current_revision() override;
  Revision compacted_revision() override;
  void write(Write write, CommitDone done) override;
  void write_batch(std::vector<Write> writes, BatchDone done) override;
  void update(std::string key, Transform transform, CommitDone done) override;
  Result<std::unique_ptr<Watch>> watch(std::string_view prefix, Revision after, std::shared_ptr<WatchSink> sink) override;
  Status health() override;

  struct Stats {
    size_t keys = 0;
    size_t history_events = 0;
    size_t history_bytes = 0;
    size_t pending_writes = 0;
    size_t watches = 0;
    uint64_t commits = 0;  // batches
    uint64_t rows = 0;     // writes committed
    int64_t file_bytes = 0;
    int64_t wal_bytes = 0;
  };
  Stats stats();

  // Drops history up to and including `revision` now, rather than when the window ends.
  void compact(Revision revision);

  class Impl;

 private:
  explicit EmbeddedStore(std::shared_ptr<Impl> impl);
  std::shared_ptr<Impl> impl_;  // watches refer to it weakly
};

}  // namespace reigen::store
