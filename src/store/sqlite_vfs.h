// SqliteVfs: a SQLite VFS whose files live on a base Disk. One connection at a time (locks are not implemented): databases on it
// are opened with locking_mode=EXCLUSIVE, which also keeps the WAL's index in memory.
#pragma once

#include <memory>
#include <string>

#include "base/clock.h"
#include "base/disk.h"

namespace reigen::store {

// Registered with SQLite as name() for as long as it lives; connections must be closed before. The disk outlives it.
class SqliteVfs {
 public:
  SqliteVfs(Disk& disk, Clock& clock);
  ~SqliteVfs();
  SqliteVfs(const SqliteVfs&) = delete;
  SqliteVfs& operator=(const SqliteVfs&) = delete;

  const std::string& name() const { return name_; }

 private:
  struct Methods;
  std::string name_;
  std::unique_ptr<Methods> methods_;
};

}  // namespace reigen::store
