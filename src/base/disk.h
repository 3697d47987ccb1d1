// Disk: files with explicit syncs, as an interface, so that a database can run on a simulated disk (sim_disk.h).
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"

namespace reigen {

// Closed by its destructor. One thread at a time.
class DiskFile {
 public:
  virtual ~DiskFile() = default;
  // Returns fewer bytes only at the end of the file.
  virtual Result<size_t> read(uint64_t offset, std::span<char> into) = 0;
  virtual Status write(uint64_t offset, std::string_view data) = 0;
  virtual Status truncate(uint64_t size) = 0;
  // What was written before is durable once it returns without an error. After an error nothing is known about it.
  virtual Status sync() = 0;
  virtual Result<uint64_t> size() = 0;
};

class Disk {
 public:
  virtual ~Disk() = default;
  // kNotFound when it is missing and must not be made.
  virtual Result<std::unique_ptr<DiskFile>> open(const std::string& path, bool create) = 0;
  virtual Status remove(const std::string& path) = 0;  // kNotFound when missing; durable
  virtual bool exists(const std::string& path) = 0;
};

}  // namespace reigen
