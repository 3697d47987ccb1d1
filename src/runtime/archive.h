// Archive: files of a RootView in and out as tar, as `docker cp` and `docker export` want them.
//
// Paths are the container's: absolute or not, ".." and links are resolved below the view's root, whatever the container does
// meanwhile. Blocks; any thread. Of two calls on one view neither disturbs the other.
// Errors: kNotFound: no such path; kInvalidArgument: "extraction point is not a directory", or an entry that is refused;
// kPermissionDenied: the place is mounted read-only; kDataLoss: a tar that is cut or none.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"
#include "image/byte_source.h"
#include "runtime/runtime.h"

namespace reigen::runtime {

struct PathStat {
  std::string name;  // last part of the path as asked for; "/" of the root
  int64_t size = 0;
  uint32_t mode = 0;  // Go's os.FileMode: type bits are not those of stat(2)
  WallTime modified{};
  std::string link_target;  // of a link: the path it ends at, in the container
};

// The last part is not followed when it is a link, but with "/" or "/." behind it.
Result<PathStat> stat_path(const RootView& view, const std::string& path);

// The folder or file at `path` under its own name, a link as a link; "d/." gives the contents under "./".
Status read_archive(const RootView& view, const std::string& path, const std::function<Status(std::string_view)>& sink);

struct ExtractOptions {
  bool keep_dir_kind = false;  // a folder is not replaced by a file, nor a file by a folder: kInvalidArgument
  bool copy_owner = false;     // all belongs to uid and gid, not to whom the archive says
  uint32_t uid = 0, gid = 0;
};

// Unpacks into the folder at `path`, which is there (a link at its end is followed). gzip and zstd are undone.
Status extract_archive(const RootView& view, const std::string& path, image::ByteSource& tar, const ExtractOptions& options);

// The whole root without its mounts: of view_layer() without mounts.
Status export_root(const RootView& view, const std::function<Status(std::string_view)>& sink);

}  // namespace reigen::runtime
