// Files: whole reads, atomic durable writes, trees.
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>
#include <vector>

#include "base/fd.h"
#include "base/result.h"

namespace reigen {

// All of a file, at most `limit` bytes (kResourceExhausted beyond). Works for /proc and /sys.
Result<std::string> read_file(const std::string& path, size_t limit = 64 << 20);

// Replaces a file at once: written beside it, synced, renamed. `durable` also syncs the folder.
Status write_file(const std::string& path, std::string_view data, mode_t mode = 0600, bool durable = false);

// Writes into an existing file in one write, as /proc, /sys and cgroup files want it.
Status write_existing(const std::string& path, std::string_view data);

// Makes a folder and its parents; existing ones are fine.
Status make_directories(const std::string& path, mode_t mode = 0755);

// Removes a file or a tree. Follows no link, crosses no mount. A missing path is fine.
Status remove_tree(const std::string& path);

// Names in a folder without . and .., sorted.
Result<std::vector<std::string>> list_directory(const std::string& path);

bool path_exists(const std::string& path);  // also true for a dangling link

// A new folder of mode 0700 under `parent`, named prefix and random letters.
Result<std::string> make_temporary_directory(const std::string& parent, std::string_view prefix);

// Holds an exclusive lock (flock) on a file as long as it lives. kAlreadyExists when another holds it.
class FileLock {
 public:
  static Result<FileLock> acquire(const std::string& path);

 private:
  Fd fd_;
};

}  // namespace reigen
