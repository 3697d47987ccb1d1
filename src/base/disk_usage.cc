#include "base/disk_usage.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <memory>
#include <set>
#include <vector>

#include "base/fd.h"

namespace reigen {
namespace {

constexpr uint64_t kBlock = 512;   // of st_blocks, on every file system
constexpr size_t kMaxDepth = 512;  // a folder in progress holds a descriptor

class Walk {
 public:
  Walk(dev_t device, uint64_t limit) : device_(device), limit_(limit) {}

  // False: the limit was reached.
  bool add(const struct stat& info) {
    if (usage.inodes >= limit_) return usage.complete = false;
    if (info.st_nlink > 1 && !S_ISDIR(info.st_mode) && !seen_.insert(info.st_ino).second) return true;
    ++usage.inodes;
    usage.bytes += static_cast<uint64_t>(info.st_blocks) * kBlock;
    return true;
  }

  // Deep trees must not be deep recursions.
  void run(Fd top) {
    push(std::move(top));
    while (!open_.empty()) {
      DIR* dir = open_.back().get();
      dirent* entry = ::readdir(dir);
      if (!entry) {
        open_.pop_back();
        continue;
      }
      if (!visit(::dirfd(dir), entry->d_name)) return;
    }
  }

  DiskUsage usage;

 private:
  bool visit(int folder, const std::string& name) {
    if (name == "." || name == "..") return true;
    struct stat info{};
    if (::fstatat(folder, name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0 || info.st_dev != device_) return true;
    if (!add(info)) return false;
    if (!S_ISDIR(info.st_mode)) return true;
    if (open_.size() >= kMaxDepth) usage.complete = false;
    else push(Fd(::openat(folder, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)));
    return true;
  }

  void push(Fd fd) {
    DIR* dir = fd ? ::fdopendir(fd.get()) : nullptr;
    if (!dir) return;
    (void)fd.release();
    open_.emplace_back(dir, ::closedir);
  }

  const dev_t device_;
  const uint64_t limit_;
  std::set<ino_t> seen_;
  std::vector<std::unique_ptr<DIR, int (*)(DIR*)>> open_;
};

}  // namespace

Result<DiskUsage> disk_usage(const std::string& path, uint64_t limit) {
  struct stat info{};
  if (::lstat(path.c_str(), &info) != 0) return fail_errno("measure " + path);
  Walk walk(info.st_dev, limit);
  if (walk.add(info) && S_ISDIR(info.st_mode)) {
    Fd top(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!top) return fail_errno("measure " + path);
    walk.run(std::move(top));
  }
  return walk.usage;
}

}  // namespace reigen
