// PaxCheck: whether the pax records of a tar stream are of the lengths they tell. libarchive takes one that is not, and makes another name or size
// of it; Go's reader, and so Docker, refuses it. Sees the stream before libarchive does.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace reigen::image {

class PaxCheck {
 public:
  // The next bytes of the stream. kDataLoss names the entry. What is no tar as POSIX has it is left to libarchive: nothing is checked from there on.
  Status feed(std::string_view data);
  // Bytes to the next header when that is less than a block: the last entry has its contents, perhaps not all of its padding. Else 0.
  uint64_t padding() const { return part_ == Part::kHeader && held_.empty() && skip_ < 512 ? skip_ : 0; }

 private:
  enum class Part : unsigned char { kHeader, kMoreHeader, kRecords, kNothing };
  Status take_block();
  Status take_header();
  void take_records();
  void collect(Part part, uint64_t bytes);

  Part part_ = Part::kHeader;
  std::string held_;         // of the part, until it is whole
  uint64_t wanted_ = 512;    // bytes of the part
  uint64_t skip_ = 0;        // bytes before the part
  uint64_t body_ = 0;        // of an entry with more header blocks
  bool broken_ = false;      // a record before the next entry is wrong
  std::string path_, size_;  // as the records before the next entry have them
};

}  // namespace reigen::image
