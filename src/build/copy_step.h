// COPY and ADD: what they take, and how it comes into a layer.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "build/ignore.h"

namespace reigen::build {

// A source as found: a file, a link or a folder with what is in it.
struct CopyItem {
  std::string path;      // below the source's root
  std::string relative;  // below the destination; empty: the destination itself
  uint32_t mode = 0;     // with the type
  uint32_t uid = 0, gid = 0;
  uint64_t size = 0;
  int64_t mtime_s = 0, mtime_ns = 0;
  std::string link;
};

struct CopySource {
  std::string name;  // as matched: "src/main.cc"
  bool folder = false;
  std::vector<CopyItem> items;  // a folder's contents; or the one file
  std::string root = {};        // another root than the other sources'
  bool extract = true;          // an archive is unpacked where the target says so
};

// Looks up sources below `root` (links stay inside). `ignore`: for the build context. kNotFound and kInvalidArgument in
// Docker's words.
Result<std::vector<CopySource>> find_sources(const std::string& root, const std::vector<std::string>& patterns, const IgnoreList& ignore);

// A digest of names, modes and contents; what else a file has (times, owners) does not count.
Result<std::string> digest_sources(const std::string& root, const std::vector<CopySource>& sources);
// As Docker's classic builder names them in histories: "file:<hex>", "dir:<hex>", of several "multi:<hex>". Owners' numbers count too.
Result<std::string> classic_digest(const std::string& root, const std::vector<CopySource>& sources);

struct CopyTarget {
  std::string root;                                    // of the layer, mounted
  std::string destination;                             // absolute; a folder when it ends with '/'
  std::optional<std::pair<uint32_t, uint32_t>> owner;  // none: as in the source
  std::optional<uint32_t> mode;
  bool extract = false;             // ADD: archives are unpacked
  bool keep_archive_owner = false;  // what is in them belongs to whom they say, not to `owner`
};

Status copy_sources(const std::string& root, const std::vector<CopySource>& sources, const CopyTarget& target);

// Makes a folder and those above it, owned by root or `owner`; existing ones stay as they are. Follows links inside the root.
Status make_folder(const std::string& root, const std::string& path, std::optional<std::pair<uint32_t, uint32_t>> owner = std::nullopt);
// A new file with these contents (COPY <<EOF).
Status write_new_file(const CopyTarget& target, const std::string& path, std::string_view data);

}  // namespace reigen::build
