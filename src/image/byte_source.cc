#include "image/byte_source.h"

#include <archive.h>
#include <archive_entry.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <optional>
#include <vector>

#include "base/check.h"

namespace reigen::image {

Result<size_t> FdSource::read(char* buffer, size_t size) {
  while (true) {
    ssize_t count = ::read(fd_, buffer, size);
    if (count >= 0) return static_cast<size_t>(count);
    if (errno != EINTR) return fail_errno("read " + name_);
  }
}

Result<size_t> StringSource::read(char* buffer, size_t size) {
  size = std::min(size, data_.size());
  std::memcpy(buffer, data_.data(), size);
  data_.remove_prefix(size);
  return size;
}

Result<size_t> HashingSource::read(char* buffer, size_t size) {
  TRY_ASSIGN(size_t count, from_.read(buffer, size));
  hash_.update({buffer, count});
  count_ += count;
  if (tee && count > 0) TRY(tee({buffer, count}));
  return count;
}

Compression detect_compression(std::string_view head) {
  if (head.starts_with("\x1f\x8b")) return Compression::kGzip;
  if (head.starts_with("\x28\xb5\x2f\xfd")) return Compression::kZstd;
  // A skippable frame, with which seekable zstd archives may begin.
  if (head.size() >= 4 && (head[0] & 0xf0) == 0x50 && head.substr(1, 3) == "\x2a\x4d\x18") return Compression::kZstd;
  if (head.starts_with("BZh")) return Compression::kBzip2;
  if (head.starts_with("\xfd"
                       "7zXZ"))
    return Compression::kXz;
  return Compression::kNone;
}

struct UnpackingSource::State {
  explicit State(ByteSource& source, RatioLimit bound) : packed(source), limit(bound), input(1 << 17) {}
  ~State() {
    if (zlib_open) ::inflateEnd(&zlib);
    if (zstd) ::ZSTD_freeDStream(zstd);
    if (archive) ::archive_read_free(archive);
  }

  Status fill();
  Result<size_t> copy(char* buffer, size_t size);
  Result<size_t> inflate_some(char* buffer, size_t size);
  Result<size_t> zstd_some(char* buffer, size_t size);
  Result<size_t> filter_some(char* buffer, size_t size);
  Status open_filter();
  static la_ssize_t read_packed(struct archive* archive, void* self, const void** data);

  ByteSource& packed;
  RatioLimit limit;
  std::vector<char> input;
  size_t begin = 0, end = 0;
  bool input_ended = false;
  uint64_t in = 0, out = 0;
  Compression kind = Compression::kNone;
  z_stream zlib{};
  bool zlib_open = false;
  bool between_members = true;  // at the border of a gzip member or a zstd frame: the input may end here
  ZSTD_DStream* zstd = nullptr;
  struct archive* archive = nullptr;  // bzip2 and xz
  std::optional<Error> error = {};
};

Status UnpackingSource::State::fill() {
  if (begin < end || input_ended) return {};
  TRY_ASSIGN(size_t count, packed.read(input.data(), input.size()));
  begin = 0;
  end = count;
  in += count;
  input_ended = count == 0;
  return {};
}

Result<size_t> UnpackingSource::State::copy(char* buffer, size_t size) {
  if (begin == end) {
    if (input_ended) return size_t{0};
    TRY_ASSIGN(size_t count, packed.read(buffer, size));
    in += count;
    return count;
  }
  size = std::min(size, end - begin);
  std::memcpy(buffer, input.data() + begin, size);
  begin += size;
  return size;
}

Result<size_t> UnpackingSource::State::inflate_some(char* buffer, size_t size) {
  zlib.next_out = reinterpret_cast<Bytef*>(buffer);
  zlib.avail_out = static_cast<uInt>(size);
  while (zlib.avail_out == size) {
    TRY(fill());
    if (begin == end) {
      if (between_members) return size_t{0};
      return fail(Code::kDataLoss, "gzip data ends early");
    }
    if (between_members) {
      // What follows the last member and is no member is padding, as gzip itself has it.
      if (zlib_open && input[begin] != '\x1f') {
        begin = end;
        continue;
      }
      if (zlib_open) ::inflateReset(&zlib);
      if (!zlib_open && ::inflateInit2(&zlib, 15 + 16) != Z_OK) return fail(Code::kResourceExhausted, "no memory to unpack gzip");
      zlib_open = true;
      between_members = false;
    }
    zlib.next_in = reinterpret_cast<Bytef*>(input.data() + begin);
    zlib.avail_in = static_cast<uInt>(end - begin);
    int code = ::inflate(&zlib, Z_NO_FLUSH);
    begin = end - zlib.avail_in;
    if (code == Z_STREAM_END) {
      between_members = true;
    } else if (code != Z_OK && code != Z_BUF_ERROR) {
      return fail(Code::kDataLoss, std::string("gzip data is corrupt: ") + (zlib.msg ? zlib.msg : "bad block"));
    }
  }
  return size - zlib.avail_out;
}

Result<size_t> UnpackingSource::State::zstd_some(char* buffer, size_t size) {
  if (!zstd) {
    zstd = ::ZSTD_createDStream();
    if (!zstd) return fail(Code::kResourceExhausted, "no memory to unpack zstd");
    ::ZSTD_DCtx_setParameter(zstd, ZSTD_d_windowLogMax, 27);
  }
  ZSTD_outBuffer output{buffer, size, 0};
  while (output.pos == 0) {
    TRY(fill());
    bool ended = begin == end;
    ZSTD_inBuffer chunk{input.data() + begin, end - begin, 0};
    size_t code = ::ZSTD_decompressStream(zstd, &output, &chunk);
    begin += chunk.pos;
    if (::ZSTD_isError(code)) return fail(Code::kDataLoss, std::string("zstd data is corrupt: ") + ::ZSTD_getErrorName(code));
    if (chunk.pos > 0 || output.pos > 0) between_members = code == 0;
    if (ended && output.pos == 0 && !between_members) return fail(Code::kDataLoss, "zstd data ends early");
    if (ended) break;
  }
  return output.pos;
}

la_ssize_t UnpackingSource::State::read_packed(struct archive* archive, void* self, const void** data) {
  auto& state = *static_cast<State*>(self);
  if (auto filled = state.fill(); !filled) {
    state.error = filled.error();
    ::archive_set_error(archive, EIO, "%s", "source");
    return -1;
  }
  *data = state.input.data() + state.begin;
  auto count = static_cast<la_ssize_t>(state.end - state.begin);
  state.begin = state.end;
  return count;
}

// libarchive's filters without a format: one entry, which is all that is packed.
Status UnpackingSource::State::open_filter() {
  archive = ::archive_read_new();
  CHECK(archive != nullptr);
  if (kind == Compression::kBzip2) ::archive_read_support_filter_bzip2(archive);
  else ::archive_read_support_filter_xz(archive);
  ::archive_read_support_format_raw(archive);
  ::archive_read_support_format_empty(archive);
  struct archive_entry* entry = nullptr;
  if (::archive_read_open(archive, this, nullptr, read_packed, nullptr) == ARCHIVE_OK && ::archive_read_next_header(archive, &entry) != ARCHIVE_FATAL)
    return {};
  if (error) return fail(*error);
  return fail(Code::kDataLoss, std::string(kind == Compression::kBzip2 ? "bzip2" : "xz") + " data is corrupt");
}

Result<size_t> UnpackingSource::State::filter_some(char* buffer, size_t size) {
  if (!archive) TRY(open_filter());
  la_ssize_t count = ::archive_read_data(archive, buffer, size);
  if (count >= 0) return static_cast<size_t>(count);
  if (error) return fail(*error);
  const char* text = ::archive_error_string(archive);
  return fail(Code::kDataLoss, std::string(kind == Compression::kBzip2 ? "bzip2" : "xz") + " data is corrupt" + (text ? std::string(": ") + text : ""));
}

UnpackingSource::UnpackingSource(std::unique_ptr<State> state) : state_(std::move(state)) {}
UnpackingSource::~UnpackingSource() = default;
Compression UnpackingSource::compression() const { return state_->kind; }

Result<std::unique_ptr<UnpackingSource>> UnpackingSource::open(ByteSource& packed, RatioLimit limit) {
  auto state = std::make_unique<State>(packed, limit);
  while (state->end < 6) {
    TRY_ASSIGN(size_t count, packed.read(state->input.data() + state->end, state->input.size() - state->end));
    state->end += count;
    state->in += count;
    if (count == 0) {
      state->input_ended = true;
      break;
    }
  }
  state->kind = detect_compression({state->input.data(), state->end});
  return std::unique_ptr<UnpackingSource>(new UnpackingSource(std::move(state)));
}

Result<size_t> UnpackingSource::read(char* buffer, size_t size) {
  if (size == 0) return size_t{0};
  auto& s = *state_;
  auto some = [&]() -> Result<size_t> {
    switch (s.kind) {
      case Compression::kGzip: return s.inflate_some(buffer, size);
      case Compression::kZstd: return s.zstd_some(buffer, size);
      case Compression::kBzip2:
      case Compression::kXz: return s.filter_some(buffer, size);
      case Compression::kNone: break;
    }
    return s.copy(buffer, size);
  };
  auto count = some();
  if (!count) return count;
  s.out += *count;
  if (s.out > s.limit.bytes) return fail(Code::kResourceExhausted, "unpacks to more than " + std::to_string(s.limit.bytes) + " bytes");
  if (s.limit.ratio && s.out > s.limit.from && s.out / s.limit.ratio > s.in)
    return fail(Code::kResourceExhausted, "unpacks to more than " + std::to_string(s.limit.ratio) + " times its size, as only a bomb does");
  return count;
}

Status drain(ByteSource& source) {
  std::array<char, 65536> buffer;
  while (true) {
    TRY_ASSIGN(size_t count, source.read(buffer.data(), buffer.size()));
    if (count == 0) return {};
  }
}

ZstdWriter::ZstdWriter(int fd, std::string name) : stream_(::ZSTD_createCStream()), fd_(fd), name_(std::move(name)) {
  CHECK(stream_ != nullptr);
  ::ZSTD_initCStream(static_cast<ZSTD_CStream*>(stream_), 1);
}

ZstdWriter::~ZstdWriter() { ::ZSTD_freeCStream(static_cast<ZSTD_CStream*>(stream_)); }

Status ZstdWriter::emit(std::string_view data, bool end) {
  std::array<char, 1 << 17> buffer;
  ZSTD_inBuffer input{data.data(), data.size(), 0};
  while (true) {
    ZSTD_outBuffer output{buffer.data(), buffer.size(), 0};
    size_t left = ::ZSTD_compressStream2(static_cast<ZSTD_CStream*>(stream_), &output, &input, end ? ZSTD_e_end : ZSTD_e_continue);
    if (::ZSTD_isError(left)) return fail(Code::kInternal, std::string("zstd: ") + ::ZSTD_getErrorName(left));
    std::string_view packed(buffer.data(), output.pos);
    hash_.update(packed);
    size_ += packed.size();
    TRY(write_fully(fd_, packed, name_));
    if (end ? left == 0 : input.pos == input.size) return {};
  }
}

Status ZstdWriter::write(std::string_view data) { return emit(data, false); }
Status ZstdWriter::finish() { return emit({}, true); }

struct GzipWriter::Stream {
  z_stream zlib{};
};

GzipWriter::GzipWriter(int fd, std::string name) : stream_(new Stream), fd_(fd), name_(std::move(name)) {
  CHECK(::deflateInit2(&stream_->zlib, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) == Z_OK);
}

GzipWriter::~GzipWriter() { ::deflateEnd(&stream_->zlib); }

Status GzipWriter::emit(std::string_view data, bool end) {
  std::array<char, 1 << 16> buffer;
  auto& zlib = stream_->zlib;
  zlib.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(data.data()));
  zlib.avail_in = static_cast<uInt>(data.size());
  while (true) {
    zlib.next_out = reinterpret_cast<Bytef*>(buffer.data());
    zlib.avail_out = static_cast<uInt>(buffer.size());
    int code = ::deflate(&zlib, end ? Z_FINISH : Z_NO_FLUSH);
    if (code == Z_STREAM_ERROR) return fail(Code::kInternal, "gzip: deflate failed");
    std::string_view packed(buffer.data(), buffer.size() - zlib.avail_out);
    hash_.update(packed);
    size_ += packed.size();
    TRY(write_fully(fd_, packed, name_));
    if (end ? code == Z_STREAM_END : zlib.avail_in == 0 && zlib.avail_out > 0) return {};
  }
}

Status GzipWriter::write(std::string_view data) { return data.empty() ? Status() : emit(data, false); }
Status GzipWriter::finish() { return emit({}, true); }

Status write_fully(int fd, std::string_view data, const std::string& name) {
  while (!data.empty()) {
    ssize_t count = ::write(fd, data.data(), data.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return fail_errno("write " + name);
    data.remove_prefix(static_cast<size_t>(count));
  }
  return {};
}

}  // namespace reigen::image
