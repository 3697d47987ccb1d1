// Store: the datastore of the cluster. Keys and values are bytes, every write gets a revision of its own, and a write is a
// compare-and-set that is acknowledged and published to watchers only when it is durable.
//
// Two implementations keep this contract (store/contract_test.h is its test): EmbeddedStore (SQLite) and one over etcd.
// Keys are those of kube-apiserver ("/registry/pods/default/web"). Encryption of values is the caller's, before write().
//
// Threads: every function may be called from any thread. None of them waits for a disk, except that under `inline_commit`
// (simulation) a write is committed on the caller's thread before write() returns.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace reigen::store {

// Starts at 1 and only grows, also across restarts, deletions and restores. Gaps are allowed (a write that failed to commit).
using Revision = int64_t;
// A value: immutable, kept once in memory and shared by the index, readers, events and watchers.
using Bytes = std::shared_ptr<const std::string>;

inline Bytes make_bytes(std::string value) { return std::make_shared<const std::string>(std::move(value)); }

// What a key holds. Immutable and shared: a list of a hundred thousand keys copies pointers.
struct Entry {
  std::string key;
  Bytes value;                   // never null
  Revision create_revision = 0;  // of the write that made the key, since it last did not exist
  Revision mod_revision = 0;     // of the write that made this value
};
using EntryPtr = std::shared_ptr<const Entry>;

enum class EventType : uint8_t { kPut, kDelete };

// One change. `entry` is null for a deletion, `previous` for a creation; never both.
struct Event {
  Revision revision = 0;
  EntryPtr entry;
  EntryPtr previous;

  EventType type() const { return entry ? EventType::kPut : EventType::kDelete; }
  bool is_create() const { return !previous; }
  const std::string& key() const { return (entry ? entry : previous)->key; }
};
using EventPtr = std::shared_ptr<const Event>;

// A key and what it must be: 0 = must not exist, otherwise its mod_revision.
struct Precondition {
  std::string key;
  Revision mod_revision = 0;
};

struct Write {
  std::string key;
  Bytes value;  // null: delete the key (kNotFound when it does not exist)
  // nullopt: whatever it is. 0: must not exist (kAlreadyExists). Otherwise its mod_revision (kConflict, kNotFound).
  std::optional<Revision> expected = {};
  // All must hold (kConflict, naming the key), for example "I still lead".
  std::vector<Precondition> also = {};
  // The key is deleted, as by a write, this long after the commit unless written again before. 0: never. Coarse (about 1 s).
  Duration ttl = Duration::zero();
};

struct Commit {
  Revision revision = 0;  // of this write; an entry's mod_revision
  EntryPtr entry;         // null for a deletion
  EntryPtr previous;      // what the write replaced, null when the key did not exist
};

// Called once. Precondition failures (kConflict, kAlreadyExists, kNotFound) are answered on the caller's thread before write()
// returns; everything else from the store's publishing thread: be short, never wait for another write there.
//   kResourceExhausted  the disk is full; nothing was written
//   kUnavailable        the store is stopping, or stopped for good after a failed sync: the outcome of a write that was under
//                       way is unknown; or too many writes are pending
using CommitDone = std::move_only_function<void(Result<Commit>)>;
using BatchDone = std::move_only_function<void(std::vector<Result<Commit>>)>;

// The new state for a key, computed from the current one (null: does not exist). May run several times.
struct Update {
  Bytes value;  // null: delete
  Duration ttl = Duration::zero();
  std::vector<Precondition> also = {};
  bool unchanged = false;  // write nothing: done gets {revision = current mod_revision, entry = previous = current}
};
using Transform = std::move_only_function<Result<Update>(const EntryPtr& current)>;

struct ListOptions {
  Revision revision = 0;   // 0: now. Otherwise the state at that revision: kGone when no longer kept, kInvalidArgument when in the future
  std::string start = {};  // the first key to return (inclusive), for the next page: last key + '\0'. Empty: from the prefix on
  size_t limit = 0;        // 0: all
};

struct ListResult {
  std::vector<EntryPtr> entries;  // by key, bytewise
  Revision revision = 0;          // the revision the list shows; pass it on to read the next page
  bool more = false;
  size_t remaining = 0;  // entries after this page
};

// Gets the events of a watch. Calls come one at a time from the store's publishing thread, outside its locks, in revision order:
// be short, queue for yourself.
class WatchSink {
 public:
  virtual ~WatchSink() = default;
  // All events of one commit (or of the replayed history) below the prefix; never empty.
  virtual void on_events(std::span<const EventPtr> events) = 0;
  // Every event up to `revision` has been delivered. After request_progress().
  virtual void on_progress(Revision revision) { (void)revision; }
  // No more calls follow. kGone: events were missed, list again. kUnavailable: the store stops.
  virtual void on_closed(const Error& error) { (void)error; }
};

// A running watch. The destructor ends it: no call starts afterwards, one may still be running (the sink is kept alive for it).
class Watch {
 public:
  virtual ~Watch() = default;
  // Answered by on_progress, after all events up to the revision current now.
  virtual void request_progress() = 0;
};

class Store {
 public:
  virtual ~Store() = default;

  // What is durable; null when the key does not exist.
  virtual Result<EntryPtr> get(std::string_view key) = 0;
  // As get, but also sees writes that are pending; the base for a compare-and-set. Never show it to a reader.
  virtual Result<EntryPtr> get_latest(std::string_view key) = 0;
  // A consistent snapshot.
  virtual Result<ListResult> list(std::string_view prefix, const ListOptions& options = {}) = 0;
  virtual Result<size_t> count(std::string_view prefix) = 0;

  // The newest durable and published revision; at least 1.
  virtual Revision current_revision() = 0;
  // Snapshots and watches reach back to this revision, not before it.
  virtual Revision compacted_revision() = 0;

  virtual void write(Write write, CommitDone done) = 0;
  // Independent writes in one commit, one result each, in order. done is called once, when all are decided.
  virtual void write_batch(std::vector<Write> writes, BatchDone done) = 0;
  // Reads the latest state, transforms it, and writes it if it is still the same; retries at most 16 times, then kConflict. An
  // error of the transform ends it with that error. The transform runs under no lock, on the caller's thread or the store's.
  virtual void update(std::string key, Transform transform, CommitDone done) = 0;

  // Events with keys below `prefix` and a revision > after. `after` 0: from now on. kGone when the history does not reach back to
  // `after`; a future `after` waits for it.
  virtual Result<std::unique_ptr<Watch>> watch(std::string_view prefix, Revision after, std::shared_ptr<WatchSink> sink) = 0;

  // Why writes fail for good, if they do.
  virtual Status health() = 0;
};

// write() and update() for callers that may wait. Not from the store's publishing thread, nor under SimExecutor without inline_commit.
Result<Commit> write_and_wait(Store& store, Write write);
Result<Commit> update_and_wait(Store& store, std::string key, Transform transform);

}  // namespace reigen::store
