#include "image/layer_packer.h"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cerrno>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "base/check.h"
#include "base/fd.h"
#include "base/files.h"
#include "image/byte_source.h"

namespace reigen::image {
namespace {

class Packer {
 public:
  explicit Packer(const std::function<Status(std::string_view)>& sink) : sink_(sink), archive_(::archive_write_new(), ::archive_write_free) {
    CHECK(archive_ != nullptr);
  }
  Result<uint64_t> run(const std::string& directory);

 private:
  using Entry = std::unique_ptr<archive_entry, void (*)(archive_entry*)>;

  static la_ssize_t write_bytes(struct archive*, void* self, const void* data, size_t size);
  Status walk(int parent, const std::string& prefix);
  Status add(int parent, const std::string& name, const std::string& path);
  Status add_marker(const std::string& path);
  Status add_data(int fd, const std::string& path);
  void read_xattrs(int fd, archive_entry* entry, bool& opaque);
  Status write_header(archive_entry* entry, const std::string& path);
  Fail failed(const std::string& path) {
    if (error_) return fail(*error_);
    const char* text = ::archive_error_string(archive_.get());
    return fail(Code::kInternal, "pack " + path + ": " + (text ? text : "failed"));
  }

  const std::function<Status(std::string_view)>& sink_;
  std::unique_ptr<struct archive, int (*)(struct archive*)> archive_;
  std::optional<Error> error_;
  std::map<std::pair<dev_t, ino_t>, std::string> links_;
  uint64_t bytes_ = 0;
};

la_ssize_t Packer::write_bytes(struct archive* archive, void* self, const void* data, size_t size) {
  auto& packer = *static_cast<Packer*>(self);
  auto done = packer.sink_({static_cast<const char*>(data), size});
  if (done) return static_cast<la_ssize_t>(size);
  packer.error_ = done.error();
  ::archive_set_error(archive, EIO, "%s", "sink");
  return -1;
}

Result<uint64_t> Packer::run(const std::string& directory) {
  ::archive_write_set_format_pax_restricted(archive_.get());
  ::archive_write_set_format_option(archive_.get(), "pax", "xattrheader", "SCHILY");
  ::archive_write_set_format_option(archive_.get(), "pax", "hdrcharset", "BINARY");
  ::archive_write_set_bytes_per_block(archive_.get(), 1 << 16);
  ::archive_write_set_bytes_in_last_block(archive_.get(), 512);
  if (::archive_write_open(archive_.get(), this, nullptr, write_bytes, nullptr) != ARCHIVE_OK) return failed(directory);
  Fd root(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!root) return fail_errno("open " + directory);
  TRY(walk(root.get(), ""));
  if (::archive_write_close(archive_.get()) != ARCHIVE_OK) return failed(directory);
  return bytes_;
}

Status Packer::walk(int parent, const std::string& prefix) {
  TRY_ASSIGN(auto names, list_directory("/proc/self/fd/" + std::to_string(parent)));
  for (const auto& name : names) TRY(add(parent, name, prefix + name));
  return {};
}

Status Packer::write_header(archive_entry* entry, const std::string& path) {
  int code = ::archive_write_header(archive_.get(), entry);
  return code == ARCHIVE_OK || code == ARCHIVE_WARN ? Status() : failed(path);
}

Status Packer::add_marker(const std::string& path) {
  Entry entry(::archive_entry_new(), ::archive_entry_free);
  ::archive_entry_set_pathname(entry.get(), path.c_str());
  ::archive_entry_set_filetype(entry.get(), AE_IFREG);
  ::archive_entry_set_perm(entry.get(), 0);
  ::archive_entry_set_size(entry.get(), 0);
  ::archive_entry_set_mtime(entry.get(), 0, 0);
  return write_header(entry.get(), path);
}

void Packer::read_xattrs(int fd, archive_entry* entry, bool& opaque) {
  std::vector<char> names(65536);
  ssize_t size = ::flistxattr(fd, names.data(), names.size());
  std::map<std::string, std::string> kept;
  for (ssize_t at = 0; at < size;) {
    std::string name = &names[static_cast<size_t>(at)];
    at += static_cast<ssize_t>(name.size()) + 1;
    std::vector<char> value(65536);
    ssize_t length = ::fgetxattr(fd, name.c_str(), value.data(), value.size());
    if (length < 0) continue;
    if (name == "trusted.overlay.opaque") opaque = length == 1 && value[0] == 'y';
    if (name == "security.capability" || name.starts_with("user.")) kept[name].assign(value.data(), static_cast<size_t>(length));
  }
  for (const auto& [name, value] : kept) ::archive_entry_xattr_add_entry(entry, name.c_str(), value.data(), value.size());
}

Status Packer::add(int parent, const std::string& name, const std::string& path) {
  struct stat info{};
  if (::fstatat(parent, name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) return fail_errno("stat " + path);
  if (S_ISSOCK(info.st_mode)) return {};
  if (S_ISCHR(info.st_mode) && info.st_rdev == 0) return add_marker(path.substr(0, path.size() - name.size()) + ".wh." + name);
  Entry entry(::archive_entry_new(), ::archive_entry_free);
  ::archive_entry_set_pathname(entry.get(), (path + (S_ISDIR(info.st_mode) ? "/" : "")).c_str());
  ::archive_entry_set_mode(entry.get(), info.st_mode);
  ::archive_entry_set_uid(entry.get(), info.st_uid);
  ::archive_entry_set_gid(entry.get(), info.st_gid);
  ::archive_entry_set_mtime(entry.get(), info.st_mtim.tv_sec, 0);
  Fd fd;
  bool opaque = false;
  if (S_ISREG(info.st_mode) || S_ISDIR(info.st_mode)) {
    fd = Fd(::openat(parent, name.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK));
    if (!fd) return fail_errno("open " + path);
    read_xattrs(fd.get(), entry.get(), opaque);
  }
  if (S_ISLNK(info.st_mode)) {
    std::string target(4096, '\0');
    ssize_t length = ::readlinkat(parent, name.c_str(), target.data(), target.size());
    if (length < 0) return fail_errno("readlink " + path);
    target.resize(static_cast<size_t>(length));
    ::archive_entry_set_symlink(entry.get(), target.c_str());
  }
  if (S_ISCHR(info.st_mode) || S_ISBLK(info.st_mode)) ::archive_entry_set_rdev(entry.get(), info.st_rdev);
  bool data = S_ISREG(info.st_mode);
  if (!S_ISDIR(info.st_mode) && info.st_nlink > 1) {
    auto [it, first] = links_.try_emplace({info.st_dev, info.st_ino}, path);
    if (!first) {
      ::archive_entry_set_hardlink(entry.get(), it->second.c_str());
      data = false;
    }
  }
  ::archive_entry_set_size(entry.get(), data ? info.st_size : 0);
  TRY(write_header(entry.get(), path));
  if (data) TRY(add_data(fd.get(), path));
  if (!S_ISDIR(info.st_mode)) return {};
  if (opaque) TRY(add_marker(path + "/.wh..wh..opq"));
  return walk(fd.get(), path + "/");
}

Status Packer::add_data(int fd, const std::string& path) {
  std::vector<char> buffer(1 << 17);
  while (true) {
    ssize_t count = ::read(fd, buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return fail_errno("read " + path);
    if (count == 0) return {};
    if (::archive_write_data(archive_.get(), buffer.data(), static_cast<size_t>(count)) < 0) return failed(path);
    bytes_ += static_cast<uint64_t>(count);
  }
}

}  // namespace

Result<uint64_t> pack_layer(const std::string& directory, const std::function<Status(std::string_view)>& sink) { return Packer(sink).run(directory); }

Status copy_file(const std::string& from, const std::string& to) {
  Fd in(::open(from.c_str(), O_RDONLY | O_CLOEXEC));
  if (!in) return fail_errno("open " + from);
  Fd out(::open(to.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (!out) return fail_errno("open " + to);
  std::vector<char> buffer(1 << 18);
  FdSource source(in.get(), from);
  while (true) {
    TRY_ASSIGN(size_t count, source.read(buffer.data(), buffer.size()));
    if (count == 0) break;
    TRY(write_fully(out.get(), {buffer.data(), count}, to));
  }
  if (::fsync(out.get()) != 0) return fail_errno("sync " + to);
  return {};
}

}  // namespace reigen::image
