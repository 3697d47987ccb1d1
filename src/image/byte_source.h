// ByteSource: bytes read in order (a file, what is unpacked from it, what is counted and hashed on the way).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/result.h"
#include "image/digest.h"

namespace reigen::image {

class ByteSource {
 public:
  virtual ~ByteSource() = default;
  // Up to `size` bytes; 0 at the end. Blocks.
  virtual Result<size_t> read(char* buffer, size_t size) = 0;
};

// Reads a descriptor it does not own, from its current position.
class FdSource final : public ByteSource {
 public:
  FdSource(int fd, std::string name) : fd_(fd), name_(std::move(name)) {}
  Result<size_t> read(char* buffer, size_t size) override;

 private:
  int fd_;
  std::string name_;
};

class StringSource final : public ByteSource {
 public:
  explicit StringSource(std::string_view data) : data_(data) {}
  Result<size_t> read(char* buffer, size_t size) override;

 private:
  std::string_view data_;
};

// Passes bytes on, counting and hashing them, and showing them to `tee`.
class HashingSource final : public ByteSource {
 public:
  explicit HashingSource(ByteSource& from) : from_(from) {}
  Result<size_t> read(char* buffer, size_t size) override;
  uint64_t count() const { return count_; }
  std::string digest() { return hash_.digest(); }  // once, after the end
  std::function<Status(std::string_view)> tee;

 private:
  ByteSource& from_;
  Sha256 hash_;
  uint64_t count_ = 0;
};

enum class Compression : unsigned char { kNone, kGzip, kZstd, kBzip2, kXz };

// What the first bytes (6 are enough) say.
Compression detect_compression(std::string_view head);

// Bounds what comes out of a decompressor against what goes in.
struct RatioLimit {
  uint64_t ratio = 0;  // 0: none
  uint64_t from = 0;
  uint64_t bytes = UINT64_MAX;
};

// Reads what `packed` unpacks to; looks at its first bytes to see how. The source must outlive it.
class UnpackingSource final : public ByteSource {
 public:
  static Result<std::unique_ptr<UnpackingSource>> open(ByteSource& packed, RatioLimit limit = {});
  ~UnpackingSource() override;
  Result<size_t> read(char* buffer, size_t size) override;
  Compression compression() const;

 private:
  struct State;
  explicit UnpackingSource(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// Reads to the end.
Status drain(ByteSource& source);

// Packs into a file it does not own: zstd, level 1.
class ZstdWriter {
 public:
  explicit ZstdWriter(int fd, std::string name);
  ~ZstdWriter();
  ZstdWriter(const ZstdWriter&) = delete;
  ZstdWriter& operator=(const ZstdWriter&) = delete;
  Status write(std::string_view data);
  Status finish();
  std::string digest() { return hash_.digest(); }  // once, after finish()
  uint64_t size() const { return size_; }

 private:
  Status emit(std::string_view data, bool end);
  void* stream_;
  int fd_;
  std::string name_;
  Sha256 hash_;
  uint64_t size_ = 0;
};

// Packs into a file it does not own: gzip, level 6, the same bytes for the same input.
class GzipWriter {
 public:
  explicit GzipWriter(int fd, std::string name);
  ~GzipWriter();
  GzipWriter(const GzipWriter&) = delete;
  GzipWriter& operator=(const GzipWriter&) = delete;
  Status write(std::string_view data);
  Status finish();
  std::string digest() { return hash_.digest(); }  // once, after finish()
  uint64_t size() const { return size_; }

 private:
  Status emit(std::string_view data, bool end);
  struct Stream;
  std::unique_ptr<Stream> stream_;
  int fd_;
  std::string name_;
  Sha256 hash_;
  uint64_t size_ = 0;
};

// write() until all is written.
Status write_fully(int fd, std::string_view data, const std::string& name);

}  // namespace reigen::image
