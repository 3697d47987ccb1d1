// What an entry of a layer's tar stands for, decided from its header alone: nothing here touches a file.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace reigen::image {

enum class EntryKind : unsigned char {
  kSkip,  // means nothing on a disk: pax globals, aufs leftovers
  kDirectory,
  kFile,
  kSymlink,
  kHardlink,
  kFifo,
  kDevice,
  kWhiteout,  // path: what is removed from the layers below
  kOpaque,    // path: the folder whose contents below are hidden
};

struct EntryHeader {
  std::string_view path;
  std::string_view link;  // target of a symbolic link
  bool hardlink = false;  // then `link` is the hard link's target
  mode_t mode = 0;        // with the type
  unsigned device_major = 0, device_minor = 0;
};

struct LayerEntry {
  EntryKind kind = EntryKind::kSkip;
  std::string path;  // clean and relative, without "." and ".."; "" is the root
  std::string link;  // a symbolic link's target as it stands; a hard link's cleaned like a path
};

// Refused with kInvalidArgument, naming the entry: absolute names and "..", links out of the root (Docker's rule: a symbolic
// link may be absolute, it is then resolved inside the container, but may not climb above the root), devices but those every
// container has (/dev/null and the like), names longer than 4095 bytes or deeper than 200 folders.
// `whiteouts` false: names that begin with ".wh." are files like others.
Result<LayerEntry> plan_entry(const EntryHeader& header, bool whiteouts = true);

}  // namespace reigen::image
