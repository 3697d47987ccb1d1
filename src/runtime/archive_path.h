// Paths as Docker's archive calls take them, and what they lead to in a container's files.
#pragma once

#include <sys/stat.h>

#include <string>
#include <string_view>

#include "base/fd.h"
#include "base/result.h"
#include "runtime/runtime.h"

namespace reigen::runtime {

struct ArchivePath {
  std::string clean;    // absolute, without ".", ".." and "/" at the end
  std::string name;     // what a client calls it: the last part, "." after "/.", "/" of the root
  bool follow = false;  // it ended in "/" or "/.", or is the root: a link at its end is followed and must lead to a folder
};

// ".." is resolved before any link is looked at, as Docker does.
ArchivePath parse_archive_path(std::string_view path);

// "/a/./b//../c" → "/a/c"; never climbs above "/".
std::string clean_path(std::string_view path);

struct OpenedPath {
  Fd fd;  // O_PATH
  struct stat info{};
};
Result<OpenedPath> open_archive_path(const RootView& view, const ArchivePath& path);

// Where a path ends in the container when every link is followed; what does not exist is taken as it is written. To be shown or
// opened with openat2 again, never trusted. kInvalidArgument: too many links.
Result<std::string> resolve_path(const RootView& view, const std::string& path);

}  // namespace reigen::runtime
