#include "store/log_database.h"

#include <fmt/core.h>
#include <sqlite3.h>

#include <utility>

#include "store/key_index.h"

namespace reigen::store {
namespace {

constexpr int64_t kApplicationId = 0x5265696E;  // "Rein"
constexpr int64_t kFormat = 1;

// The WAL's file grows by as many zeros at once. A sync of bytes that the file already had changes no metadata, which costs a
// journaling file system two flushes more than the data.
constexpr int64_t kWalStep = 1 << 20;
// SQLite's file writes at most 128 KB at once: of a call with more it takes the size's lower bits.
constexpr int64_t kZeros = 64 << 10;
constexpr int64_t kWalFrame = 4096 + 24;

// A superseded row is found by its revision alone, so the table needs no index. `value` is NULL in a deletion.
constexpr const char* kSchema = R"(
CREATE TABLE log(
  revision INTEGER PRIMARY KEY,
  key BLOB NOT NULL,
  value BLOB,
  create_revision INTEGER NOT NULL,
  expires INTEGER NOT NULL,
  checksum INTEGER NOT NULL) STRICT;
CREATE TABLE marks(name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;
INSERT INTO marks VALUES('high_water', 1), ('compacted', 1);
)";

int64_t checksum_of(const LogRow& row) {
  uint64_t h = hash_bytes(row.key, static_cast<uint64_t>(row.revision));
  h = hash_bytes(row.value, h ^ (row.deleted ? 0x5555 : 0));
  int64_t numbers[2] = {row.create_revision, row.expires};
  return static_cast<int64_t>(hash_bytes({reinterpret_cast<const char*>(numbers), sizeof numbers}, h));
}

std::string_view blob(sqlite3_stmt* statement, int column) {
  auto* data = static_cast<const char*>(sqlite3_column_blob(statement, column));
  return {data ? data : "", static_cast<size_t>(sqlite3_column_bytes(statement, column))};
}

void bind_blob(sqlite3_stmt* statement, int index, std::string_view bytes) {
  sqlite3_bind_blob64(statement, index, bytes.data() ? bytes.data() : "", bytes.size(), SQLITE_STATIC);
}

int count_wal_pages(void* counter, sqlite3*, const char*, int pages) {
  *static_cast<int*>(counter) = pages;
  return SQLITE_OK;
}

}  // namespace

LogDatabase::LogDatabase(Options options) : options_(std::move(options)) {}

LogDatabase::LogDatabase(LogDatabase&& other) noexcept { *this = std::move(other); }

LogDatabase& LogDatabase::operator=(LogDatabase&& other) noexcept {
  std::swap(options_, other.options_);
  std::swap(db_, other.db_);
  std::swap(insert_, other.insert_);
  std::swap(remove_, other.remove_);
  std::swap(set_mark_, other.set_mark_);
  std::swap(begin_, other.begin_);
  std::swap(commit_, other.commit_);
  std::swap(wal_pages_, other.wal_pages_);
  std::swap(wal_bytes_, other.wal_bytes_);
  return *this;
}

LogDatabase::~LogDatabase() {
  for (auto* statement : {insert_, remove_, set_mark_, begin_, commit_}) sqlite3_finalize(statement);
  if (db_) sqlite3_close(db_);
}

Fail LogDatabase::failure(std::string_view what, int code) {
  std::string text = fmt::format("{}: {}: {}", options_.path, what, sqlite3_errstr(code));
  if (db_ && sqlite3_errcode(db_) != SQLITE_OK) text = fmt::format("{}: {}: {} ({})", options_.path, what, sqlite3_errmsg(db_), code);
  switch (code & 0xFF) {
    case SQLITE_FULL: return fail(Code::kResourceExhausted, text);
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB: return fail(Code::kDataLoss, text + "; nothing was changed: restore a backup, or move the file away to begin anew");
    case SQLITE_BUSY:
    case SQLITE_LOCKED: return fail(Code::kUnavailable, text);
    case SQLITE_PERM:
    case SQLITE_READONLY: return fail(Code::kPermissionDenied, text);
    default: return fail(Code::kInternal, text);
  }
}

Result<LogDatabase> LogDatabase::open(Options options) {
  LogDatabase database(std::move(options));
  TRY(database.connect());
  bool empty = false;
  TRY(database.check_format(&empty));
  TRY(database.configure());
  if (empty) TRY(database.create_tables());
  TRY(database.prepare_statements());
  return database;
}

Status LogDatabase::connect() {
  int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE | (options_.create ? SQLITE_OPEN_CREATE : 0);
  // unix-excl keeps the WAL's index in this process's memory: the folder's lock file already keeps others out.
  const char* vfs = options_.vfs.empty() ? "unix-excl" : options_.vfs.c_str();
  int code = sqlite3_open_v2(options_.path.c_str(), &db_, flags, vfs);
  if (code != SQLITE_OK) return failure("open", code);
  sqlite3_busy_timeout(db_, 10'000);
  // Until the format is known to be ours, closing must not write either.
  sqlite3_db_config(db_, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
  TRY(execute("PRAGMA temp_store=MEMORY"));
  if (options_.exclusive) TRY(execute("PRAGMA locking_mode=EXCLUSIVE"));
  return {};
}

Status LogDatabase::check_format(bool* empty) {
  TRY_ASSIGN(int64_t id, pragma("application_id"));
  TRY_ASSIGN(int64_t format, pragma("user_version"));
  TRY_ASSIGN(int64_t pages, pragma("page_count"));
  *empty = false;
  if (id == 0 && format == 0 && pages == 0) {
    *empty = true;
    return {};
  }
  if (id != kApplicationId) {
    // A crash while the file was made leaves pages without tables.
    TRY_ASSIGN(int64_t schema, pragma("schema_version"));
    if (id == 0 && format == 0 && schema == 0) {
      *empty = true;
      return {};
    }
    return fail(Code::kDataLoss, options_.path + " is an SQLite database, but not one of Reigen; nothing was changed");
  }
  if (format > kFormat)
    return fail(Code::kUnimplemented, fmt::format("{} has format {}, written by a newer version of Reigen; this one knows {}. Nothing was "
                                                  "changed: start the newer version",
                                                  options_.path, format, kFormat));
  return {};
}

Status LogDatabase::configure() {
  // The page size and auto_vacuum take effect only while the file is empty.
  TRY(execute("PRAGMA page_size=4096"));
  TRY(execute("PRAGMA auto_vacuum=INCREMENTAL"));
  TRY(execute("PRAGMA journal_mode=WAL"));
  TRY(execute("PRAGMA synchronous=FULL"));
  TRY(execute("PRAGMA wal_autocheckpoint=0"));
  TRY(execute("PRAGMA journal_size_limit=50331648"));
  // All data is in memory already; the cache is for the right edge of the tree and rows about to be removed.
  TRY(execute("PRAGMA cache_size=-1024"));
  sqlite3_db_config(db_, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, nullptr);
  sqlite3_wal_hook(db_, count_wal_pages, wal_pages_.get());
  return {};
}

Status LogDatabase::create_tables() {
  return transaction([&]() -> Status {
    TRY(execute(kSchema));
    TRY(execute(fmt::format("PRAGMA application_id={}", kApplicationId).c_str()));
    return execute(fmt::format("PRAGMA user_version={}", kFormat).c_str());
  });
}

Status LogDatabase::prepare_statements() {
  const std::pair<sqlite3_stmt**, const char*> statements[] = {
      {&insert_, "INSERT INTO log VALUES(?,?,?,?,?,?)"},
      {&remove_, "DELETE FROM log WHERE revision=?"},
      {&set_mark_, "UPDATE marks SET value=? WHERE name=?"},
      {&begin_, "BEGIN IMMEDIATE"},
      {&commit_, "COMMIT"},
  };
  for (auto& [statement, sql] : statements) {
    if (*statement) continue;
    int code = sqlite3_prepare_v3(db_, sql, -1, SQLITE_PREPARE_PERSISTENT, statement, nullptr);
    if (code != SQLITE_OK) return failure(sql, code);
  }
  return {};
}

Status LogDatabase::execute(const char* sql) {
  int code = sqlite3_exec(db_, sql, nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) return failure(sql, code);
  return {};
}

Result<int64_t> LogDatabase::pragma(const char* name) {
  sqlite3_stmt* statement = nullptr;
  int code = sqlite3_prepare_v2(db_, (std::string("PRAGMA ") + name).c_str(), -1, &statement, nullptr);
  if (code == SQLITE_OK) code = sqlite3_step(statement);
  int64_t value = code == SQLITE_ROW ? sqlite3_column_int64(statement, 0) : 0;
  sqlite3_finalize(statement);
  if (code != SQLITE_ROW && code != SQLITE_DONE) return failure(name, code);
  return value;
}

Status LogDatabase::step(sqlite3_stmt* statement) {
  int code = sqlite3_step(statement);
  if (code != SQLITE_DONE && code != SQLITE_ROW) {
    Status failed = failure(sqlite3_sql(statement), code);
    sqlite3_reset(statement);
    return failed;
  }
  sqlite3_reset(statement);
  return {};
}

Status LogDatabase::transaction(const std::function<Status()>& body) {
  TRY(begin_ ? step(begin_) : execute("BEGIN IMMEDIATE"));
  Status done = body();
  if (done) done = commit_ ? step(commit_) : execute("COMMIT");
  if (!done && !sqlite3_get_autocommit(db_)) {
    if (sqlite3_exec(db_, "ROLLBACK", nullptr, nullptr, nullptr) != SQLITE_OK)
      return fail(Code::kInternal, done.error().message() + "; and it could not be rolled back");
  }
  return done;
}

Status LogDatabase::load(const std::function<Status(const LogRow&)>& visit) {
  sqlite3_stmt* statement = nullptr;
  constexpr const char* kSelect = "SELECT revision, key, value, create_revision, expires, checksum FROM log ORDER BY revision";
  int code = sqlite3_prepare_v2(db_, kSelect, -1, &statement, nullptr);
  if (code != SQLITE_OK) return failure("read", code);
  Status status;
  while (status && (code = sqlite3_step(statement)) == SQLITE_ROW) {
    LogRow row{.revision = sqlite3_column_int64(statement, 0),
               .key = blob(statement, 1),
               .deleted = sqlite3_column_type(statement, 2) == SQLITE_NULL,
               .value = blob(statement, 2),
               .create_revision = sqlite3_column_int64(statement, 3),
               .expires = sqlite3_column_int64(statement, 4)};
    if (checksum_of(row) != sqlite3_column_int64(statement, 5)) {
      status = fail(Code::kDataLoss,
                    fmt::format("{}: the row of revision {} is corrupt (wrong checksum); nothing was changed: restore a backup", options_.path, row.revision));
      break;
    }
    status = visit(row);
  }
  if (status && code != SQLITE_DONE) status = failure("read", code);
  sqlite3_finalize(statement);
  return status;
}

Result<LogMarks> LogDatabase::marks() {
  sqlite3_stmt* statement = nullptr;
  int code = sqlite3_prepare_v2(db_, "SELECT name, value FROM marks", -1, &statement, nullptr);
  LogMarks marks;
  while (code == SQLITE_OK || code == SQLITE_ROW) {
    code = sqlite3_step(statement);
    if (code != SQLITE_ROW) break;
    auto name = blob(statement, 0);
    (name == "high_water" ? marks.high_water : marks.compacted) = sqlite3_column_int64(statement, 1);
  }
  sqlite3_finalize(statement);
  if (code != SQLITE_DONE) return failure("read marks", code);
  return marks;
}

// Only makes the coming sync cheaper: what fails here shows in the commit, if it matters. Recovery ends at the first frame without
// the WAL's salt, so zeros behind the last one are as good as the end of the file.
void LogDatabase::reserve_wal(std::span<const LogRow> rows) {
  int64_t bytes = 0;
  for (const auto& row : rows) bytes += static_cast<int64_t>(row.key.size() + row.value.size()) + 64;
  int64_t needed = (*wal_pages_ + bytes / 3072 + 16) * kWalFrame;
  if (needed <= wal_bytes_) return;
  sqlite3_file* wal = nullptr;
  if (sqlite3_file_control(db_, "main", SQLITE_FCNTL_JOURNAL_POINTER, static_cast<void*>(&wal)) != SQLITE_OK || !wal || !wal->pMethods) return;
  sqlite3_int64 size = 0;
  if (wal->pMethods->xFileSize(wal, &size) != SQLITE_OK) return;
  static const std::string zeros(kZeros, '\0');
  for (int64_t end = (needed + kWalStep - 1) / kWalStep * kWalStep; size < end; size += kZeros) {
    if (wal->pMethods->xWrite(wal, zeros.data(), static_cast<int>(kZeros), size) != SQLITE_OK) return;
  }
  wal_bytes_ = size;
}

Status LogDatabase::append(std::span<const LogRow> rows) {
  reserve_wal(rows);
  return transaction([&]() -> Status {
    for (const auto& row : rows) {
      sqlite3_bind_int64(insert_, 1, row.revision);
      bind_blob(insert_, 2, row.key);
      if (row.deleted) {
        sqlite3_bind_null(insert_, 3);
      } else {
        bind_blob(insert_, 3, row.value);
      }
      sqlite3_bind_int64(insert_, 4, row.create_revision);
      sqlite3_bind_int64(insert_, 5, row.expires);
      sqlite3_bind_int64(insert_, 6, checksum_of(row));
      TRY(step(insert_));
    }
    return {};
  });
}

Status LogDatabase::trim(std::span<const Revision> revisions, LogMarks marks) {
  return transaction([&]() -> Status {
    for (Revision revision : revisions) {
      sqlite3_bind_int64(remove_, 1, revision);
      TRY(step(remove_));
    }
    const std::pair<const char*, Revision> values[] = {{"high_water", marks.high_water}, {"compacted", marks.compacted}};
    for (auto& [name, value] : values) {
      sqlite3_bind_int64(set_mark_, 1, value);
      sqlite3_bind_text(set_mark_, 2, name, -1, SQLITE_STATIC);
      TRY(step(set_mark_));
    }
    return {};
  });
}

Status LogDatabase::give_back(int pages) { return execute(fmt::format("PRAGMA incremental_vacuum({})", pages).c_str()); }

Status LogDatabase::checkpoint(bool whole) {
  int code = sqlite3_wal_checkpoint_v2(db_, nullptr, whole ? SQLITE_CHECKPOINT_RESTART : SQLITE_CHECKPOINT_PASSIVE, nullptr, nullptr);
  if (code == SQLITE_BUSY || code == SQLITE_LOCKED) return {};
  if (code != SQLITE_OK) return failure("checkpoint", code);
  return {};
}

}  // namespace reigen::store
