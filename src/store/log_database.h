// LogDatabase: the embedded store's file. A SQLite table with one row per write, keyed by revision, and two marks.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "store/store.h"

struct sqlite3;
struct sqlite3_stmt;

namespace reigen::store {

// One write as it is on disk. Views live as long as the call they are passed to.
struct LogRow {
  Revision revision = 0;
  std::string_view key;
  bool deleted = false;
  std::string_view value;        // empty when deleted
  Revision create_revision = 0;  // 0 when deleted
  int64_t expires = 0;           // Unix time in ns; 0: never
};

struct LogMarks {
  Revision high_water = 0;  // no revision up to this one may be given again
  Revision compacted = 0;   // rows superseded at or before this revision may be gone
};

// Not thread-safe, but one object per thread on the same file is fine (the checkpointer has its own).
class LogDatabase {
 public:
  struct Options {
    std::string path;
    std::string vfs;         // "" for the machine's file system
    bool exclusive = false;  // this is the only connection; required by a SqliteVfs
    bool create = true;
  };

  // kDataLoss: not a database of ours, or corrupt. kUnimplemented: written by a newer version. Nothing is changed then.
  static Result<LogDatabase> open(Options options);
  LogDatabase(LogDatabase&& other) noexcept;
  LogDatabase& operator=(LogDatabase&& other) noexcept;
  ~LogDatabase();

  // All rows by revision, each checked against its checksum (kDataLoss). Stops at the first error of `visit`.
  Status load(const std::function<Status(const LogRow&)>& visit);
  Result<LogMarks> marks();

  // One transaction, durable on return. kResourceExhausted: the disk is full, nothing was written, the next may succeed. Any other
  // error: the state of the disk is unknown, and the database must not be written again.
  Status append(std::span<const LogRow> rows);
  // One transaction: removes rows and sets the marks. Errors as of append.
  Status trim(std::span<const Revision> revisions, LogMarks marks);
  // Gives up to `pages` unused pages back to the file system.
  Status give_back(int pages);
  Result<int64_t> pragma(const char* name);  // "page_count", "freelist_count", ...

  // Pages in the WAL after the last commit of this connection.
  int wal_pages() const { return *wal_pages_; }
  // Copies the WAL into the database. `whole` also waits for other connections and lets the next commit begin the WAL anew, over
  // what stands in the file.
  Status checkpoint(bool whole);

  const std::string& path() const { return options_.path; }

 private:
  explicit LogDatabase(Options options);
  Status connect();
  Status check_format(bool* empty);
  Status configure();
  Status create_tables();
  Status prepare_statements();
  Status execute(const char* sql);
  Status transaction(const std::function<Status()>& body);
  Status step(sqlite3_stmt* statement);
  void reserve_wal(std::span<const LogRow> rows);
  Fail failure(std::string_view what, int code);

  Options options_;
  sqlite3* db_ = nullptr;
  sqlite3_stmt* insert_ = nullptr;
  sqlite3_stmt* remove_ = nullptr;
  sqlite3_stmt* set_mark_ = nullptr;
  sqlite3_stmt* begin_ = nullptr;
  sqlite3_stmt* commit_ = nullptr;
  std::unique_ptr<int> wal_pages_ = std::make_unique<int>(0);
  int64_t wal_bytes_ = 0;  // size of the WAL's file, when known
};

}  // namespace reigen::store
