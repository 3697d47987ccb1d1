#include "node/tree_copy.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstring>
#include <set>
#include <string>
#include <vector>

#include "base/fd.h"

namespace reigen::node {
namespace {

constexpr int kMaxDepth = 1000;
constexpr size_t kCopyChunk = 1 << 20;

Result<std::vector<std::string>> names_in(int folder) {
  Fd own(::openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!own) return fail_errno("open a folder");
  DIR* dir = ::fdopendir(own.get());
  if (!dir) return fail_errno("read a folder");
  (void)own.release();
  std::vector<std::string> out;
  while (const dirent* entry = ::readdir(dir)) {
    std::string name = entry->d_name;
    if (name != "." && name != "..") out.push_back(std::move(name));
  }
  ::closedir(dir);
  return out;
}

// The kernel has no xattr calls at a folder's descriptor: a path below /proc/self/fd leads there.
std::string path_at(int folder, const std::string& name) { return "/proc/self/fd/" + std::to_string(folder) + "/" + name; }

void copy_attributes(const std::string& from, const std::string& to) {
  std::string names(64 * 1024, '\0');
  ssize_t size = ::llistxattr(from.c_str(), names.data(), names.size());
  for (ssize_t at = 0; at < size;) {
    const char* name = names.data() + at;
    at += static_cast<ssize_t>(std::strlen(name)) + 1;
    char value[64 * 1024];
    ssize_t length = ::lgetxattr(from.c_str(), name, value, sizeof value);
    bool overlay = std::strncmp(name, "trusted.overlay.", 16) == 0;
    if (length >= 0 && !overlay) (void)::lsetxattr(to.c_str(), name, value, static_cast<size_t>(length), 0);
  }
}

Status copy_bytes(int from, int to) {
  if (::ioctl(to, FICLONE, from) == 0) return {};
  while (true) {
    ssize_t count = ::copy_file_range(from, nullptr, to, nullptr, kCopyChunk * 64, 0);
    if (count == 0) return {};
    if (count < 0) break;
  }
  std::string buffer(kCopyChunk, '\0');
  if (::lseek(from, 0, SEEK_SET) < 0 || ::lseek(to, 0, SEEK_SET) < 0) return fail_errno("copy a file");
  while (true) {
    ssize_t count = ::read(from, buffer.data(), buffer.size());
    if (count == 0) return {};
    if (count < 0) return fail_errno("read a file");
    for (ssize_t done = 0; done < count;) {
      ssize_t written = ::write(to, buffer.data() + done, static_cast<size_t>(count - done));
      if (written < 0) return fail_errno("write a file");
      done += written;
    }
  }
}

// Hard links become files of their own: a name given to link(2) could be led elsewhere by a container that has the target.
class TreeCopy {
 public:
  Status folder(int source, int target, int depth) {
    if (depth > kMaxDepth) return fail(Code::kResourceExhausted, "folders lie too deep in each other");
    TRY_ASSIGN(auto names, names_in(source));
    for (const auto& name : names) {
      if (auto copied = entry(source, target, name, depth); !copied) return fail(std::move(copied).error().context(name));
    }
    return finish_folder(source, target);
  }

 private:
  static Status finish_folder(int source, int target) {
    struct stat info{};
    if (::fstat(source, &info) != 0) return fail_errno("stat");
    copy_attributes(path_at(source, "."), path_at(target, "."));
    if (::fchown(target, info.st_uid, info.st_gid) != 0) return fail_errno("chown");
    if (::fchmod(target, info.st_mode & 07777) != 0) return fail_errno("chmod");
    timespec times[2] = {info.st_atim, info.st_mtim};
    (void)::futimens(target, times);
    return {};
  }

  Status entry(int source, int target, const std::string& name, int depth) {
    struct stat info{};
    if (::fstatat(source, name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) return fail_errno("stat");
    if (S_ISDIR(info.st_mode)) return sub_folder(source, target, name, depth);
    if (S_ISREG(info.st_mode)) return file(source, target, name, info);
    if (S_ISLNK(info.st_mode)) {
      char text[PATH_MAX + 1];
      ssize_t length = ::readlinkat(source, name.c_str(), text, PATH_MAX);
      if (length < 0) return fail_errno("readlink");
      text[length] = '\0';
      if (::symlinkat(text, target, name.c_str()) != 0) return fail_errno("symlink");
    } else if (::mknodat(target, name.c_str(), info.st_mode, info.st_rdev) != 0) {
      return fail_errno("mknod");
    }
    return dress(target, name, info, source);
  }

  Status sub_folder(int source, int target, const std::string& name, int depth) {
    Fd from(::openat(source, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!from) return fail_errno("open");
    if (::mkdirat(target, name.c_str(), 0700) != 0) return fail_errno("mkdir");
    Fd to(::openat(target, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!to) return fail_errno("open");
    return folder(from.get(), to.get(), depth + 1);
  }

  static Status file(int source, int target, const std::string& name, const struct stat& info) {
    Fd from(::openat(source, name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
    if (!from) return fail_errno("open");
    Fd to(::openat(target, name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (!to) return fail_errno("create");
    TRY(copy_bytes(from.get(), to.get()));
    copy_attributes(path_at(source, name), path_at(target, name));
    if (::fchown(to.get(), info.st_uid, info.st_gid) != 0) return fail_errno("chown");
    if (::fchmod(to.get(), info.st_mode & 07777) != 0) return fail_errno("chmod");
    timespec times[2] = {info.st_atim, info.st_mtim};
    (void)::futimens(to.get(), times);
    return {};
  }

  static Status dress(int target, const std::string& name, const struct stat& info, int source) {
    copy_attributes(path_at(source, name), path_at(target, name));
    if (::fchownat(target, name.c_str(), info.st_uid, info.st_gid, AT_SYMLINK_NOFOLLOW) != 0) return fail_errno("chown");
    timespec times[2] = {info.st_atim, info.st_mtim};
    (void)::utimensat(target, name.c_str(), times, AT_SYMLINK_NOFOLLOW);
    return {};
  }
};

void add_bytes(int folder, int depth, std::set<std::pair<dev_t, ino_t>>& seen, uint64_t& sum) {
  auto names = names_in(folder);
  if (!names || depth > kMaxDepth) return;
  for (const auto& name : *names) {
    struct stat info{};
    if (::fstatat(folder, name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) continue;
    if (!S_ISDIR(info.st_mode) && info.st_nlink > 1 && !seen.emplace(info.st_dev, info.st_ino).second) continue;
    if (!S_ISDIR(info.st_mode)) {
      sum += static_cast<uint64_t>(info.st_size);
      continue;
    }
    Fd child(::openat(folder, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (child) add_bytes(child.get(), depth + 1, seen, sum);
  }
}

}  // namespace

Status copy_tree(int source, int target) { return TreeCopy().folder(source, target, 0); }

uint64_t tree_bytes(int folder) {
  uint64_t sum = 0;
  std::set<std::pair<dev_t, ino_t>> seen;
  add_bytes(folder, 0, seen, sum);
  return sum;
}

Result<bool> is_empty_folder(int folder) {
  TRY_ASSIGN(auto names, names_in(folder));
  return names.empty();
}

}  // namespace reigen::node
