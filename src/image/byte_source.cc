#include "image/byte_source.h"

#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
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

Result<Compression> detect_compression(std::string_view head) {
  if (head.starts_with("\x1f\x8b")) return Compression::kGzip;
  if (head.starts_with("\x28\xb5\x2f\xfd")) return Compression::kZstd;
  // A skippable frame, with which seekable zstd archives may begin.
  if (head.size() >= 4 && (head[0] & 0xf0) == 0x50 && head.substr(1, 3) == "\x2a\x4d\x18") return Compression::kZstd;
  if (head.starts_with("BZh")) return fail(Code::kUnimplemented, "packed with bzip2; gzip, zstd and plain tar can be read");
  if (head.starts_with("\xfd"
                       "7zX"))
    return fail(Code::kUnimplemented, "packed with xz; gzip, zstd and plain tar can be read");
  return Compression::kNone;
}

struct UnpackingSource::State {
  explicit State(ByteSource& source, RatioLimit bound) : packed(source), limit(bound), input(1 << 17) {}
  ~State() {
    if (zlib_open) ::inflateEnd(&zlib);
    if (zstd) ::ZSTD_freeDStream(zstd);
  }

  Status fill();
  Result<size_t> copy(char* buffer, size_t size);
  Result<size_t> inflate_some(char* buffer, size_t size);
  Result<size_t> zstd_some(char* buffer, size_t size);

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

UnpackingSource::UnpackingSource(std::unique_ptr<State> state) : state_(std::move(state)) {}
UnpackingSource::~UnpackingSource() = default;
Compression UnpackingSource::compression() const { return state_->kind; }

Result<std::unique_ptr<UnpackingSource>> UnpackingSource::open(ByteSource& packed, RatioLimit limit) {
  auto state = std::make_unique<State>(packed, limit);
  while (state->end < 4) {
    TRY_ASSIGN(size_t count, packed.read(state->input.data() + state->end, state->input.size() - state->end));
    state->end += count;
    state->in += count;
    if (count == 0) {
      state->input_ended = true;
      break;
    }
  }
  TRY_ASSIGN(state->kind, detect_compression({state->input.data(), state->end}));
  return std::unique_ptr<UnpackingSource>(new UnpackingSource(std::move(state)));
}

Result<size_t> UnpackingSource::read(char* buffer, size_t size) {
  if (size == 0) return size_t{0};
  auto& s = *state_;
  auto count = s.kind == Compression::kGzip ? s.inflate_some(buffer, size) : s.kind == Compression::kZstd ? s.zstd_some(buffer, size) : s.copy(buffer, size);
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
