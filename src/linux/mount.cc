#include "linux/mount.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/files.h"

namespace reigen::linux {
namespace {

constexpr size_t kOptionLimit = 4000;  // mount(2) takes one page
constexpr long kNsfsMagic = 0x6e736673;

std::string reason(const std::string& target) { return "mount " + target; }

// One option a layer (Linux 6.8 and newer), for images whose layers do not fit into mount(2)'s page.
Status mount_overlay_stepwise(const std::string& target, const std::vector<std::string>& layers, const std::string& upper, const std::string& work) {
  Fd fs(static_cast<int>(::syscall(SYS_fsopen, "overlay", 1u)));
  if (!fs) return fail_errno("open overlay file system");
  auto set = [&](const char* key, const std::string& value) -> Status {
    constexpr unsigned kSetString = 1;
    if (::syscall(SYS_fsconfig, fs.get(), kSetString, key, value.c_str(), 0) != 0) return fail_errno(std::string("overlay ") + key + "=" + value);
    return {};
  };
  for (auto it = layers.rbegin(); it != layers.rend(); ++it) TRY(set("lowerdir+", *it));
  TRY(set("upperdir", upper));
  TRY(set("workdir", work));
  TRY(set("redirect_dir", "off"));
  TRY(set("metacopy", "off"));
  constexpr unsigned kCreate = 6;
  if (::syscall(SYS_fsconfig, fs.get(), kCreate, nullptr, nullptr, 0) != 0) return fail_errno("create overlay for " + target);
  Fd mount_fd(static_cast<int>(::syscall(SYS_fsmount, fs.get(), 1u, 0u)));
  if (!mount_fd) return fail_errno("make overlay mount for " + target);
  constexpr unsigned kEmptyPath = 4;
  if (::syscall(SYS_move_mount, mount_fd.get(), "", AT_FDCWD, target.c_str(), kEmptyPath) != 0) return fail_errno(reason(target));
  return {};
}

// /proc/self/mountinfo writes blanks and backslashes as \ooo.
std::string unescape(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 3 < text.size()) {
      out += static_cast<char>((text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 + (text[i + 3] - '0'));
      i += 3;
    } else {
      out += text[i];
    }
  }
  return out;
}

constexpr int kResolveAttempts = 64;

Result<Fd> open_resolved(int base, const std::string& path, uint64_t flags, uint64_t resolve) {
  std::string relative = path;
  while (!relative.empty() && relative.front() == '/') relative.erase(0, 1);
  if (relative.empty()) relative = ".";
  open_how how{};
  how.flags = flags | O_CLOEXEC;
  how.resolve = resolve;
  for (int attempt = 0; attempt < kResolveAttempts; ++attempt) {
    Fd fd(static_cast<int>(::syscall(SYS_openat2, base, relative.c_str(), &how, sizeof how)));
    if (fd) return fd;
    if (errno != EAGAIN) break;  // a rename elsewhere raced with ".."
  }
  return fail_errno("open " + path);
}

Result<Fd> open_resolved(const std::string& root, const std::string& path, uint64_t flags, uint64_t resolve) {
  Fd base(::open(root.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!base) return fail_errno("open " + root);
  auto opened = open_resolved(base.get(), path, flags, resolve);
  if (!opened) return fail(opened.error().context("in " + root));
  return opened;
}

}  // namespace

Status mount_overlay(const std::string& target, const std::vector<std::string>& layers, const std::string& upper, const std::string& work) {
  if (layers.empty()) return fail(Code::kInvalidArgument, "an overlay needs at least one layer");
  std::string options = "lowerdir=";
  bool plain = true;
  for (auto it = layers.rbegin(); it != layers.rend(); ++it) {
    if (it != layers.rbegin()) options += ':';
    options += *it;
    plain = plain && it->find_first_of(":,\\") == std::string::npos;
  }
  options += ",upperdir=" + upper + ",workdir=" + work + ",redirect_dir=off,metacopy=off";
  if (!plain || options.size() > kOptionLimit) return mount_overlay_stepwise(target, layers, upper, work);
  if (::mount("overlay", target.c_str(), "overlay", 0, options.c_str()) != 0) return fail_errno("mount overlay on " + target);
  return {};
}

Status mount_tmpfs(const std::string& target, const std::string& options, const std::string& source) {
  if (::mount(source.c_str(), target.c_str(), "tmpfs", MS_NOSUID | MS_NODEV, options.c_str()) != 0) return fail_errno("mount tmpfs on " + target);
  return {};
}

Status make_run_folder(const std::string& path) {
  TRY(make_directories(path, 0700));
  struct statfs fs{};
  if (::statfs(path.c_str(), &fs) != 0) return fail_errno("look at " + path);
  bool memory = fs.f_type == TMPFS_MAGIC || fs.f_type == RAMFS_MAGIC;
  if (memory && !(fs.f_flags & ST_NOEXEC)) return {};
  TRY_ASSIGN(auto names, list_directory(path));
  return names.empty() ? mount_tmpfs(path, "mode=700,size=256m") : Status();
}

Status bind_mount(const std::string& source, const std::string& target, bool recursive, bool read_only) {
  const unsigned long flags = recursive ? MS_BIND | MS_REC : MS_BIND;
  if (::mount(source.c_str(), target.c_str(), nullptr, flags, nullptr) != 0) return fail_errno("bind " + source + " on " + target);
  if (read_only && ::mount(nullptr, target.c_str(), nullptr, MS_BIND | MS_REMOUNT | MS_RDONLY, nullptr) != 0) {
    int error = errno;
    (void)unmount(target);
    return fail_errno("make read-only " + target, error);
  }
  return {};
}

Status bind_mount(int source, const std::string& target) { return bind_mount("/proc/self/fd/" + std::to_string(source), target, true); }

Status unmount(const std::string& target) {
  if (::umount2(target.c_str(), MNT_DETACH | UMOUNT_NOFOLLOW) == 0) return {};
  if (errno == EINVAL || errno == ENOENT) return {};
  return fail_errno("unmount " + target);
}

Result<std::vector<std::string>> mounts_below(const std::string& prefix) {
  TRY_ASSIGN(std::string table, read_file("/proc/self/mountinfo"));
  std::vector<std::string> found;
  for (size_t at = 0; at < table.size();) {
    size_t end = std::min(table.find('\n', at), table.size());
    std::string_view line(table.data() + at, end - at);
    at = end + 1;
    size_t start = 0;
    for (int field = 0; field < 4 && start != std::string_view::npos; ++field) start = line.find(' ', start + (field > 0));
    if (start == std::string_view::npos) continue;
    std::string point = unescape(line.substr(start + 1, line.find(' ', start + 1) - start - 1));
    if (point == prefix || point.starts_with(prefix + "/")) found.push_back(std::move(point));
  }
  std::reverse(found.begin(), found.end());
  return found;
}

bool is_mount_point(const std::string& path) {
  struct stat here{}, above{};
  if (::lstat(path.c_str(), &here) != 0 || ::lstat((path + "/..").c_str(), &above) != 0) return false;
  return here.st_dev != above.st_dev;
}

bool is_pinned_namespace(const std::string& path) {
  struct statfs fs{};
  return ::statfs(path.c_str(), &fs) == 0 && fs.f_type == kNsfsMagic;
}

Result<Fd> open_beneath(const std::string& root, const std::string& path) { return open_resolved(root, path, O_PATH, RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS); }

Result<Fd> open_in_root(const std::string& root, const std::string& path, int flags) {
  return open_resolved(root, path, static_cast<uint64_t>(flags), RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);
}

Result<Fd> open_in_root(int root, const std::string& path, int flags) {
  return open_resolved(root, path, static_cast<uint64_t>(flags), RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);
}

Status make_folders_in_root(int root, const std::string& path, mode_t mode) {
  for (size_t start = 0; start < path.size();) {
    size_t end = std::min(path.find('/', start + 1), path.size());
    std::string part = path.substr(0, end), base = path.substr(start + 1, end - start - 1);
    std::string above = start == 0 ? "/" : path.substr(0, start);
    start = end;
    if (base.empty() || base == ".") continue;
    auto there = open_in_root(root, part, O_PATH);
    if (there) continue;
    if (there.error().code() != Code::kNotFound) return fail(std::move(there).error());
    TRY_ASSIGN(Fd parent, open_in_root(root, above, O_PATH | O_DIRECTORY));
    if (::mkdirat(parent.get(), base.c_str(), mode) != 0 && errno != EEXIST) return fail_errno("make " + part);
    TRY_ASSIGN(Fd made, open_in_root(root, part, O_RDONLY | O_DIRECTORY));
    if (::fchmod(made.get(), mode) != 0) return fail_errno("chmod " + part);
  }
  return {};
}

Result<Fd> open_regular_file(int folder, const std::string& name, struct stat* info) {
  Fd found(::openat(folder, name.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
  if (!found) return fail_errno("open " + name);
  if (::fstat(found.get(), info) != 0) return fail_errno("stat " + name);
  if (!S_ISREG(info->st_mode)) return fail(Code::kInvalidArgument, name + " is no regular file");
  Fd fd(::open(("/proc/self/fd/" + std::to_string(found.get())).c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd) return fail_errno("open " + name);
  return fd;
}

Status make_private(const std::string& target) {
  if (::mount(nullptr, target.c_str(), nullptr, MS_PRIVATE | MS_REC, nullptr) != 0) return fail_errno("make private " + target);
  return {};
}

Status make_read_only(int fd) {
  mount_attr attributes{};
  attributes.attr_set = MOUNT_ATTR_RDONLY;
  if (::mount_setattr(fd, "", AT_EMPTY_PATH | AT_RECURSIVE, &attributes, sizeof attributes) != 0) return fail_errno("make a mount read-only");
  return {};
}

bool has_recursive_read_only() {
  // A kernel that knows the call finds the descriptor wrong.
  static const bool known = [] {
    mount_attr attributes{};
    attributes.attr_set = MOUNT_ATTR_RDONLY;
    return ::mount_setattr(-1, "", AT_EMPTY_PATH | AT_RECURSIVE, &attributes, sizeof attributes) != 0 && errno != ENOSYS;
  }();
  return known;
}

}  // namespace reigen::linux
