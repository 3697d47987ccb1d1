#include "runtime/layer_copy.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cerrno>
#include <map>
#include <set>
#include <string_view>
#include <vector>

#include "base/fd.h"
#include "base/files.h"
#include "linux/mount.h"

namespace reigen::runtime {
namespace {

constexpr int kDepthLimit = 1000;
constexpr mode_t kModeBits = 07777;

std::string path_of(int fd) { return "/proc/self/fd/" + std::to_string(fd); }

// Overlayfs keeps more notes (origin, impure): they are true only in the layer they were made in.
bool keeps_xattr(std::string_view name) { return name == "security.capability" || name == "trusted.overlay.opaque" || name.starts_with("user."); }

void copy_xattrs(int from, int to) {
  char names[65536], value[65536];
  ssize_t size = ::flistxattr(from, names, sizeof names);
  for (ssize_t i = 0; i < size;) {
    std::string_view name(names + i);
    i += static_cast<ssize_t>(name.size()) + 1;
    if (!keeps_xattr(name)) continue;
    ssize_t length = ::fgetxattr(from, name.data(), value, sizeof value);
    if (length >= 0) ::fsetxattr(to, name.data(), value, static_cast<size_t>(length), 0);
  }
}

// Where the file system has no way of its own.
Status copy_by_hand(int from, int to, const std::string& path) {
  std::vector<char> buffer(1 << 18);
  while (true) {
    ssize_t count = ::read(from, buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return fail_errno("read " + path);
    if (count == 0) return {};
    for (ssize_t done = 0; done < count;) {
      ssize_t written = ::write(to, buffer.data() + done, static_cast<size_t>(count - done));
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) return fail_errno("write " + path);
      done += written;
    }
  }
}

Status copy_bytes(int from, int to, uint64_t size, const std::string& path) {
  if (::ioctl(to, FICLONE, from) == 0) return {};
  for (uint64_t left = size; left > 0;) {
    ssize_t count = ::copy_file_range(from, nullptr, to, nullptr, left, 0);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && left == size && errno != ENOSPC && errno != EIO) return copy_by_hand(from, to, path);
    if (count < 0) return fail_errno("copy " + path);
    if (count == 0) return {};  // it was cut meanwhile
    left -= static_cast<uint64_t>(count);
  }
  return {};
}

class TreeCopy {
 public:
  explicit TreeCopy(Fd top) : top_(std::move(top)) {}

  Status folder(int from, int to, const std::string& path, int depth) {
    if (depth > kDepthLimit) return fail(Code::kResourceExhausted, "folders are nested deeper than " + std::to_string(kDepthLimit));
    TRY_ASSIGN(auto names, list_directory(path_of(from)));
    for (const auto& name : names) TRY(entry(from, to, name, path.empty() ? name : path + "/" + name, depth));
    struct stat info{};
    if (::fstat(from, &info) != 0) return fail_errno("stat " + path);
    return attributes(from, to, info, path);
  }

 private:
  Fd top_;
  std::map<std::pair<dev_t, ino_t>, std::string> links_;

  // In this order: a new owner ends capabilities and set-uid bits.
  Status attributes(int from, int to, const struct stat& info, const std::string& path) {
    if (::fchown(to, info.st_uid, info.st_gid) != 0 || ::fchmod(to, info.st_mode & kModeBits) != 0) return fail_errno("copy " + path);
    copy_xattrs(from, to);
    timespec times[2] = {info.st_mtim, info.st_mtim};
    return ::futimens(to, times) == 0 ? Status() : fail_errno("copy " + path);
  }

  Status entry(int from, int to, const std::string& name, const std::string& path, int depth) {
    struct stat info{};
    if (::fstatat(from, name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) return errno == ENOENT ? Status() : fail_errno("stat " + path);
    if (S_ISSOCK(info.st_mode)) return {};
    if (S_ISDIR(info.st_mode)) {
      Fd source(::openat(from, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
      if (!source) return {};
      if (::mkdirat(to, name.c_str(), 0700) != 0) return fail_errno("make " + path);
      Fd target(::openat(to, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
      if (!target) return fail_errno("open " + path);
      return folder(source.get(), target.get(), path, depth + 1);
    }
    if (info.st_nlink > 1 && !(S_ISCHR(info.st_mode) && info.st_rdev == 0)) {
      auto [it, first] = links_.try_emplace({info.st_dev, info.st_ino}, path);
      if (!first && ::linkat(top_.get(), it->second.c_str(), to, name.c_str(), 0) == 0) return {};
    }
    if (S_ISREG(info.st_mode)) return file(from, to, name, path);
    return node(from, to, name, path, info);
  }

  Status file(int from, int to, const std::string& name, const std::string& path) {
    struct stat info{};
    auto source = linux::open_regular_file(from, name, &info);
    if (!source) return {};
    Fd target(::openat(to, name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (!target) return fail_errno("create " + path);
    TRY(copy_bytes(source->get(), target.get(), static_cast<uint64_t>(info.st_size), path));
    return attributes(source->get(), target.get(), info, path);
  }

  // Links, pipes, devices and whiteouts. Nobody else writes into the copy.
  Status node(int from, int to, const std::string& name, const std::string& path, const struct stat& info) {
    if (S_ISLNK(info.st_mode)) {
      std::string target(4096, '\0');
      ssize_t length = ::readlinkat(from, name.c_str(), target.data(), target.size());
      if (length < 0) return {};
      target.resize(static_cast<size_t>(length));
      if (::symlinkat(target.c_str(), to, name.c_str()) != 0) return fail_errno("link " + path);
    } else if (::mknodat(to, name.c_str(), info.st_mode, info.st_rdev) != 0) {
      return fail_errno("make " + path);
    }
    timespec times[2] = {info.st_mtim, info.st_mtim};
    if (::fchownat(to, name.c_str(), info.st_uid, info.st_gid, AT_SYMLINK_NOFOLLOW) != 0) return fail_errno("copy " + path);
    if (!S_ISLNK(info.st_mode) && ::fchmodat(to, name.c_str(), info.st_mode & kModeBits, 0) != 0) return fail_errno("copy " + path);
    ::utimensat(to, name.c_str(), times, AT_SYMLINK_NOFOLLOW);
    return {};
  }
};

Status add_bytes(int folder, std::set<std::pair<dev_t, ino_t>>& seen, uint64_t& bytes, int depth) {
  if (depth > kDepthLimit) return fail(Code::kResourceExhausted, "folders are nested deeper than " + std::to_string(kDepthLimit));
  TRY_ASSIGN(auto names, list_directory(path_of(folder)));
  for (const auto& name : names) {
    struct stat info{};
    if (::fstatat(folder, name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) continue;
    if (S_ISDIR(info.st_mode)) {
      Fd below(::openat(folder, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
      if (below) TRY(add_bytes(below.get(), seen, bytes, depth + 1));
    } else if (info.st_nlink < 2 || seen.emplace(info.st_dev, info.st_ino).second) {
      bytes += static_cast<uint64_t>(info.st_size);
    }
  }
  return {};
}

}  // namespace

Status copy_tree(const std::string& from, const std::string& to) {
  Fd source(::open(from.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)), target(::open(to.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!source || !target) return fail_errno("open " + (source ? to : from));
  Fd top(::fcntl(target.get(), F_DUPFD_CLOEXEC, 0));
  return TreeCopy(std::move(top)).folder(source.get(), target.get(), "", 0);
}

Result<uint64_t> tree_bytes(const std::string& path) {
  Fd folder(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder) return fail_errno("open " + path);
  std::set<std::pair<dev_t, ino_t>> seen;
  uint64_t bytes = 0;
  TRY(add_bytes(folder.get(), seen, bytes, 0));
  return bytes;
}

}  // namespace reigen::runtime
