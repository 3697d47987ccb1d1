// TarReader: the entries of a tar stream, through libarchive. Reads only the tar formats; packing is undone before
// (byte_source.h), so that what is hashed is what is read.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "image/byte_source.h"

namespace reigen::image {

struct TarEntry {
  std::string path;
  std::string link;
  bool hardlink = false;
  mode_t mode = 0;  // with the type
  uid_t uid = 0;
  gid_t gid = 0;
  uint64_t size = 0;
  int64_t mtime_s = 0;
  uint32_t mtime_ns = 0;
  unsigned device_major = 0, device_minor = 0;
  std::map<std::string, std::string> xattrs;
};

// A run of an entry's bytes; between runs there are holes.
struct TarBlock {
  std::string_view data;
  uint64_t offset = 0;
};

class TarReader {
 public:
  explicit TarReader(ByteSource& source);
  ~TarReader();
  TarReader(const TarReader&) = delete;
  TarReader& operator=(const TarReader&) = delete;

  // The next entry, or nothing at the end. Data not read is skipped. kDataLoss when the stream is truncated or no tar.
  Result<std::optional<TarEntry>> next();
  // The next block of the current entry, valid until the next call; nothing at its end.
  Result<std::optional<TarBlock>> block();
  // How many entries next() has returned.
  uint64_t count() const { return count_; }

 private:
  struct State;
  Error error(const char* doing);
  std::unique_ptr<State> state_;
  uint64_t count_ = 0;
};

}  // namespace reigen::image
