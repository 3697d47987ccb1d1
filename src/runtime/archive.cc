// What is at a path, and files out as tar.
#include "runtime/archive.h"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "base/check.h"
#include "base/far_times.h"
#include "base/fd.h"
#include "base/files.h"
#include "linux/mount.h"
#include "runtime/archive_path.h"

namespace reigen::runtime {
namespace {

constexpr size_t kChunk = 1 << 18;
constexpr int kDepthLimit = 1000;

// Go's os.FileMode.
uint32_t go_mode(mode_t mode) {
  uint32_t out = mode & 0777;
  switch (mode & S_IFMT) {
    case S_IFDIR: out |= 1u << 31; break;
    case S_IFLNK: out |= 1u << 27; break;
    case S_IFBLK: out |= 1u << 26; break;
    case S_IFCHR: out |= 1u << 26 | 1u << 21; break;
    case S_IFIFO: out |= 1u << 25; break;
    case S_IFSOCK: out |= 1u << 24; break;
    default: break;
  }
  if (mode & S_ISUID) out |= 1u << 23;
  if (mode & S_ISGID) out |= 1u << 22;
  if (mode & S_ISVTX) out |= 1u << 20;
  return out;
}

// Writes entries with seconds only, owners as numbers and capabilities, as Docker does. Sockets are left out, and so is what vanishes.
class TarWriter {
 public:
  explicit TarWriter(const std::function<Status(std::string_view)>& sink) : sink_(sink), archive_(::archive_write_new(), ::archive_write_free) {
    CHECK(archive_ != nullptr);
  }

  Status begin() {
    ::archive_write_set_format_pax_restricted(archive_.get());
    ::archive_write_set_format_option(archive_.get(), "pax", "xattrheader", "SCHILY");
    ::archive_write_set_bytes_per_block(archive_.get(), kChunk);
    ::archive_write_set_bytes_in_last_block(archive_.get(), 512);
    return ::archive_write_open(archive_.get(), this, nullptr, write_bytes, nullptr) == ARCHIVE_OK ? Status() : failed("archive");
  }
  Status finish() { return ::archive_write_close(archive_.get()) == ARCHIVE_OK ? Status() : failed("archive"); }

  // The folder itself (unless `name` is empty) and all below, with `prefix` before their names.
  Status add_folder(int folder, const struct stat& info, const std::string& name, const std::string& prefix, int depth = 0) {
    if (depth > kDepthLimit) return fail(Code::kResourceExhausted, "folders are nested deeper than " + std::to_string(kDepthLimit));
    Fd fd(::openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!fd) return fail_errno("open " + name);
    if (!name.empty()) TRY(write_header(info, name, fd.get(), "", "", 0));
    auto names = list_directory("/proc/self/fd/" + std::to_string(fd.get()));
    if (!names) return {};
    for (const auto& child : *names) TRY(add(fd.get(), child, prefix + child, depth));
    return {};
  }

  // The entry `base` of a folder under the name `name`.
  Status add(int folder, const std::string& base, const std::string& name, int depth = 0) {
    struct stat info{};
    if (::fstatat(folder, base.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) return {};
    if (S_ISSOCK(info.st_mode)) return {};
    if (S_ISDIR(info.st_mode)) {
      Fd below(::openat(folder, base.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
      if (!below || ::fstat(below.get(), &info) != 0) return {};
      return add_folder(below.get(), info, name + "/", name + "/", depth + 1);
    }
    if (S_ISREG(info.st_mode)) {
      auto file = linux::open_regular_file(folder, base, &info);
      return file ? add_file(file->get(), info, name) : Status();
    }
    std::string target;
    if (S_ISLNK(info.st_mode)) {
      target.resize(4096);
      ssize_t length = ::readlinkat(folder, base.c_str(), target.data(), target.size());
      if (length <= 0) return {};
      target.resize(static_cast<size_t>(length));
    }
    return write_header(info, name, -1, target, hard_link_of(info, name), 0);
  }

 private:
  const std::function<Status(std::string_view)>& sink_;
  std::unique_ptr<struct archive, int (*)(struct archive*)> archive_;
  std::optional<Error> error_;
  std::map<std::pair<dev_t, ino_t>, std::string> links_;
  std::vector<char> buffer_ = std::vector<char>(kChunk);

  static la_ssize_t write_bytes(struct archive* archive, void* self, const void* data, size_t size) {
    auto& writer = *static_cast<TarWriter*>(self);
    auto done = writer.sink_({static_cast<const char*>(data), size});
    if (done) return static_cast<la_ssize_t>(size);
    writer.error_ = done.error();
    ::archive_set_error(archive, EIO, "%s", "sink");
    return -1;
  }
  Fail failed(const std::string& name) {
    if (error_) return fail(*error_);
    const char* text = ::archive_error_string(archive_.get());
    return fail(Code::kInternal, "archive " + name + ": " + (text ? text : "failed"));
  }

  // The name under which a file of several names was written before; empty the first time.
  std::string hard_link_of(const struct stat& info, const std::string& name) {
    if (info.st_nlink < 2) return "";
    auto [it, first] = links_.try_emplace({info.st_dev, info.st_ino}, name);
    return first ? "" : it->second;
  }

  Status write_header(const struct stat& info, const std::string& name, int fd, const std::string& link, const std::string& hard_link, uint64_t size) {
    std::unique_ptr<archive_entry, void (*)(archive_entry*)> entry(::archive_entry_new(), ::archive_entry_free);
    ::archive_entry_set_pathname(entry.get(), name.c_str());
    ::archive_entry_set_mode(entry.get(), info.st_mode);
    ::archive_entry_set_uid(entry.get(), info.st_uid);
    ::archive_entry_set_gid(entry.get(), info.st_gid);
    ::archive_entry_set_mtime(entry.get(), info.st_mtim.tv_sec, 0);
    ::archive_entry_set_size(entry.get(), static_cast<la_int64_t>(size));
    if (!link.empty()) ::archive_entry_set_symlink(entry.get(), link.c_str());
    if (!hard_link.empty()) ::archive_entry_set_hardlink(entry.get(), hard_link.c_str());
    if (S_ISCHR(info.st_mode) || S_ISBLK(info.st_mode)) ::archive_entry_set_rdev(entry.get(), info.st_rdev);
    char value[256];
    ssize_t length = fd < 0 ? -1 : ::fgetxattr(fd, "security.capability", value, sizeof value);
    if (length > 0) ::archive_entry_xattr_add_entry(entry.get(), "security.capability", value, static_cast<size_t>(length));
    int code = ::archive_write_header(archive_.get(), entry.get());
    return code == ARCHIVE_OK || code == ARCHIVE_WARN ? Status() : failed(name);
  }

  Status add_file(int fd, const struct stat& info, const std::string& name) {
    std::string hard_link = hard_link_of(info, name);
    uint64_t left = hard_link.empty() ? static_cast<uint64_t>(info.st_size) : 0;
    TRY(write_header(info, name, fd, "", hard_link, left));
    // What grows meanwhile is cut, what shrinks is filled with zeros by libarchive: the size was told.
    while (left > 0) {
      ssize_t count = ::read(fd, buffer_.data(), std::min<uint64_t>(buffer_.size(), left));
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) return fail_errno("read " + name);
      if (count == 0) return {};
      if (::archive_write_data(archive_.get(), buffer_.data(), static_cast<size_t>(count)) < 0) return failed(name);
      left -= static_cast<uint64_t>(count);
    }
    return {};
  }
};

}  // namespace

Result<PathStat> stat_path(const RootView& view, const std::string& path) {
  auto parsed = parse_archive_path(path);
  TRY_ASSIGN(auto opened, open_archive_path(view, parsed));
  PathStat out;
  out.name = parsed.name;
  out.size = opened.info.st_size;
  out.mode = go_mode(opened.info.st_mode);
  out.modified = wall_at(opened.info.st_mtim.tv_sec, opened.info.st_mtim.tv_nsec);
  if (S_ISLNK(opened.info.st_mode)) {
    TRY_ASSIGN(out.link_target, resolve_path(view, parsed.clean));
  }
  return out;
}

Status read_archive(const RootView& view, const std::string& path, const std::function<Status(std::string_view)>& sink) {
  auto parsed = parse_archive_path(path);
  TRY_ASSIGN(auto opened, open_archive_path(view, parsed));
  TarWriter writer(sink);
  TRY(writer.begin());
  if (S_ISDIR(opened.info.st_mode)) {
    std::string prefix = parsed.name == "/" ? "/" : parsed.name + "/";
    TRY(writer.add_folder(opened.fd.get(), opened.info, prefix, prefix));
  } else {
    // Not what was opened but what its folder has under the name: both may be swapped, neither leads out.
    std::string folder = parsed.clean.substr(0, parsed.clean.rfind('/'));
    TRY_ASSIGN(Fd parent, linux::open_in_root(view.fd(), folder, O_PATH | O_DIRECTORY));
    TRY(writer.add(parent.get(), parsed.name, parsed.name));
  }
  return writer.finish();
}

Status export_root(const RootView& view, const std::function<Status(std::string_view)>& sink) {
  TarWriter writer(sink);
  TRY(writer.begin());
  TRY(writer.add_folder(view.fd(), {}, "", ""));
  return writer.finish();
}

}  // namespace reigen::runtime
