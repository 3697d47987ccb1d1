#include "image/tar_reader.h"

#include <archive.h>
#include <archive_entry.h>
#include <locale.h>
#include <sys/sysmacros.h>

#include <vector>

#include "base/check.h"
#include "image/pax_check.h"

namespace reigen::image {
namespace {

// libarchive converts pax names, which are UTF-8, to the thread's character set: that has to be UTF-8.
class Utf8Locale {
 public:
  Utf8Locale() : old_(::uselocale(shared())) {}
  ~Utf8Locale() { ::uselocale(old_); }

 private:
  static locale_t shared() {
    static locale_t locale = ::newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr);
    return locale;
  }
  locale_t old_;
};

}  // namespace

struct TarReader::State {
  ByteSource& source;
  struct archive* archive = nullptr;
  std::vector<char> buffer = std::vector<char>(1 << 17);
  std::optional<Error> source_error = {};
  PaxCheck pax = {};
  bool source_ended = false;
  uint64_t size = 0, missing = 0;  // of the current entry; bytes not given out yet
  bool ended = false;

  // Docker's client leaves out the padding behind the last file (and the end) when it puts a Dockerfile of its own into a context.
  bool only_padding_missing() {
    ended = ended || (source_ended && !source_error && missing == 0 && pax.padding() > 0);
    return ended;
  }

  static la_ssize_t read(struct archive* archive, void* self, const void** data) {
    auto& state = *static_cast<State*>(self);
    auto count = state.source.read(state.buffer.data(), state.buffer.size());
    if (!count) {
      state.source_error = count.error();
      ::archive_set_error(archive, EIO, "%s", "source");
      return -1;
    }
    *data = state.buffer.data();
    state.source_ended = *count == 0;
    if (auto right = state.pax.feed({state.buffer.data(), *count}); !right) {
      state.source_error = right.error();
      ::archive_set_error(archive, EIO, "%s", "source");
      return -1;
    }
    return static_cast<la_ssize_t>(*count);
  }
};

TarReader::TarReader(ByteSource& source) : state_(new State{source}) {
  state_->archive = ::archive_read_new();
  CHECK(state_->archive != nullptr);
  ::archive_read_support_format_tar(state_->archive);
  ::archive_read_support_format_empty(state_->archive);
  ::archive_read_support_filter_none(state_->archive);
}

TarReader::~TarReader() { ::archive_read_free(state_->archive); }

Error TarReader::error(const char* doing) {
  if (state_->source_error) return *state_->source_error;
  const char* text = ::archive_error_string(state_->archive);
  return Error(Code::kDataLoss, std::string(doing) + ": " + (text ? text : "corrupt"));
}

Result<std::optional<TarEntry>> TarReader::next() {
  Utf8Locale locale;
  if (count_ == 0 && ::archive_format(state_->archive) == 0 && ::archive_read_open(state_->archive, state_.get(), nullptr, State::read, nullptr) != ARCHIVE_OK)
    return fail(error("not a tar archive"));
  if (state_->ended) return std::optional<TarEntry>();
  struct archive_entry* raw = nullptr;
  int code = ::archive_read_next_header(state_->archive, &raw);
  if (code == ARCHIVE_EOF) return std::optional<TarEntry>();
  if (code == ARCHIVE_FATAL && count_ > 0 && state_->only_padding_missing()) return std::optional<TarEntry>();
  if (code != ARCHIVE_OK && code != ARCHIVE_WARN) return fail(error(count_ == 0 ? "not a tar archive" : "tar archive is corrupt or truncated"));
  ++count_;
  const char* path = ::archive_entry_pathname(raw);
  if (!path) return fail(Code::kInvalidArgument, "entry " + std::to_string(count_) + " has no readable name");
  TarEntry entry;
  entry.path = path;
  if (const char* target = ::archive_entry_hardlink(raw)) {
    entry.hardlink = true;
    entry.link = target;
  } else if (const char* symlink = ::archive_entry_symlink(raw)) {
    entry.link = symlink;
  }
  entry.mode = ::archive_entry_mode(raw);
  entry.uid = static_cast<uid_t>(::archive_entry_uid(raw));
  entry.gid = static_cast<gid_t>(::archive_entry_gid(raw));
  entry.size = ::archive_entry_size_is_set(raw) ? static_cast<uint64_t>(::archive_entry_size(raw)) : 0;
  state_->missing = state_->size = entry.size;
  entry.mtime_s = ::archive_entry_mtime(raw);
  entry.mtime_ns = static_cast<uint32_t>(::archive_entry_mtime_nsec(raw));
  entry.device_major = static_cast<unsigned>(::archive_entry_rdevmajor(raw));
  entry.device_minor = static_cast<unsigned>(::archive_entry_rdevminor(raw));
  ::archive_entry_xattr_reset(raw);
  const char* name = nullptr;
  const void* value = nullptr;
  size_t size = 0;
  while (::archive_entry_xattr_next(raw, &name, &value, &size) == ARCHIVE_OK)
    if (name) entry.xattrs[name] = std::string(static_cast<const char*>(value), size);
  return std::optional<TarEntry>(std::move(entry));
}

Result<std::optional<TarBlock>> TarReader::block() {
  const void* data = nullptr;
  size_t size = 0;
  la_int64_t offset = 0;
  int code = ::archive_read_data_block(state_->archive, &data, &size, &offset);
  if (code == ARCHIVE_EOF || (code == ARCHIVE_FATAL && state_->only_padding_missing())) return std::optional<TarBlock>();
  if (code != ARCHIVE_OK && code != ARCHIVE_WARN) return fail(error("tar archive is corrupt or truncated"));
  uint64_t end = static_cast<uint64_t>(offset) + size;
  state_->missing = end < state_->size ? state_->size - end : 0;
  return std::optional<TarBlock>(TarBlock{{static_cast<const char*>(data), size}, static_cast<uint64_t>(offset)});
}

}  // namespace reigen::image
