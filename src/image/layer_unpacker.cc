#include "image/layer_unpacker.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/fd.h"
#include "base/files.h"
#include "image/layer_entry.h"
#include "image/tar_reader.h"

namespace reigen::image {
namespace {

constexpr uint64_t kSpaceCheckEvery = uint64_t{64} << 20;
constexpr size_t kHole = 4096;
constexpr mode_t kModeBits = 07777;

Fd open_in(int root, const std::string& path, int flags) {
  open_how how{};
  how.flags = static_cast<uint64_t>(flags) | O_CLOEXEC;
  how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
  const char* name = path.empty() ? "." : path.c_str();
  return Fd(static_cast<int>(::syscall(SYS_openat2, root, name, &how, sizeof how)));
}

struct Place {
  std::string parent, base;
};

Place split(const std::string& path) {
  auto slash = path.rfind('/');
  if (slash == std::string::npos) return {"", path};
  return {path.substr(0, slash), path.substr(slash + 1)};
}

Fail failed(const TarEntry& entry) { return fail_errno("unpack \"" + entry.path.substr(0, 200) + "\""); }

bool is_whiteout(const struct stat& info) { return S_ISCHR(info.st_mode) && info.st_rdev == 0; }

// security.* and user.* mean something in a container; trusted.overlay.* would speak to overlayfs.
bool keeps_xattr(std::string_view name) { return name == "security.capability" || name.starts_with("user."); }

class Unpacker {
 public:
  Unpacker(Fd root, const UnpackOptions& options) : root_(std::move(root)), options_(options) {}
  Result<UnpackStats> run(ByteSource& tar);

 private:
  struct Stamp {
    std::string path;
    timespec mtime;
  };

  Status apply(TarReader& reader, const TarEntry& entry, const LayerEntry& plan);
  Result<int> parent(const std::string& path);
  Status make_implied(const std::string& path);
  void copy_folder_attributes(const std::string& path, int fd);
  Status make_place(int parent, const Place& place, const TarEntry& entry, bool keep_folder, bool& existed, bool& was_whiteout);
  Status make_folder(const TarEntry& entry, const LayerEntry& plan);
  Status make_file(TarReader& reader, const TarEntry& entry, int parent, const Place& place);
  Status write_data(TarReader& reader, const TarEntry& entry, int fd);
  Status make_hardlink(const TarEntry& entry, const LayerEntry& plan, int parent, const Place& place);
  Status copy_from_parents(const TarEntry& entry, const std::string& path, int parent, const Place& place);
  Status make_whiteout(const TarEntry& entry, const LayerEntry& plan);
  Status make_opaque(const TarEntry& entry, const LayerEntry& plan);
  Status set_attributes(int fd, const TarEntry& entry);
  Status check_space();
  uid_t uid_of(const TarEntry& entry) const { return options_.owner_uid >= 0 ? static_cast<uid_t>(options_.owner_uid) : entry.uid; }
  gid_t gid_of(const TarEntry& entry) const { return options_.owner_gid >= 0 ? static_cast<gid_t>(options_.owner_gid) : entry.gid; }

  Fd root_;
  const UnpackOptions& options_;
  UnpackStats stats_;
  std::string cached_path_;
  Fd cached_;
  std::vector<Stamp> stamps_;  // of folders, set last
  uint64_t next_space_check_ = 0;
};

Result<UnpackStats> Unpacker::run(ByteSource& tar) {
  TarReader reader(tar);
  while (true) {
    TRY_ASSIGN(auto entry, reader.next());
    if (!entry) break;
    if (++stats_.entries > options_.limits.layer_entries)
      return fail(Code::kResourceExhausted, "more than " + std::to_string(options_.limits.layer_entries) + " entries");
    EntryHeader header{entry->path, entry->link, entry->hardlink, entry->mode, entry->device_major, entry->device_minor};
    TRY_ASSIGN(auto plan, plan_entry(header, options_.whiteouts));
    if (plan.kind == EntryKind::kFile) {
      if (entry->size > options_.limits.layer_bytes - stats_.bytes)
        return fail(Code::kResourceExhausted, "holds more than " + std::to_string(options_.limits.layer_bytes) + " bytes");
      stats_.bytes += entry->size;
    }
    TRY(check_space());
    TRY(apply(reader, *entry, plan));
  }
  for (auto stamp = stamps_.rbegin(); stamp != stamps_.rend(); ++stamp) {
    Fd fd = open_in(root_.get(), stamp->path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    timespec times[2] = {stamp->mtime, stamp->mtime};
    if (fd) ::futimens(fd.get(), times);
  }
  return stats_;
}

Status Unpacker::check_space() {
  if (stats_.bytes < next_space_check_) return {};
  next_space_check_ = stats_.bytes + kSpaceCheckEvery;
  struct statvfs info{};
  if (::fstatvfs(root_.get(), &info) != 0) return fail_errno("statvfs");
  uint64_t available = uint64_t{info.f_bavail} * info.f_frsize;
  if (available < options_.limits.reserve_bytes)
    return fail(Code::kResourceExhausted, "no space: the disk has less than " + std::to_string(options_.limits.reserve_bytes >> 20) + " MiB free");
  return {};
}

// The folder an entry goes into, made when the tar does not name it. The descriptor is this object's.
Result<int> Unpacker::parent(const std::string& path) {
  if (path.empty()) return root_.get();
  if (cached_ && cached_path_ == path) return cached_.get();
  Fd fd = open_in(root_.get(), path, O_PATH | O_DIRECTORY);
  if (!fd && errno == ENOENT) {
    TRY(make_implied(path));
    fd = open_in(root_.get(), path, O_PATH | O_DIRECTORY);
  }
  if (!fd) return fail_errno("unpack: folder \"" + path.substr(0, 200) + "\"");
  cached_ = std::move(fd);
  cached_path_ = path;
  return cached_.get();
}

Status Unpacker::make_implied(const std::string& path) {
  size_t at = 0;
  while (at != std::string::npos) {
    at = path.find('/', at == 0 ? 0 : at + 1);
    std::string part = path.substr(0, at);
    if (open_in(root_.get(), part, O_PATH)) continue;
    if (errno != ENOENT) return fail_errno("unpack: folder \"" + part.substr(0, 200) + "\"");
    auto [above, base] = split(part);
    Fd parent = open_in(root_.get(), above, O_PATH | O_DIRECTORY);
    if (!parent || ::mkdirat(parent.get(), base.c_str(), 0755) != 0) return fail_errno("unpack: folder \"" + part.substr(0, 200) + "\"");
    Fd made(::openat(parent.get(), base.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (made) copy_folder_attributes(part, made.get());
  }
  return {};
}

void Unpacker::copy_folder_attributes(const std::string& path, int fd) {
  ::fchmod(fd, 0755);
  for (const auto& directory : options_.parents) {
    Fd root(::open(directory.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    Fd below = open_in(root.get(), path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    struct stat info{};
    if (!below || ::fstat(below.get(), &info) != 0) continue;
    if (::fchown(fd, info.st_uid, info.st_gid) == 0) ::fchmod(fd, info.st_mode & kModeBits);
    stamps_.push_back({path, info.st_mtim});
    return;
  }
}

// Clears the place of a new entry: what came earlier in the same layer is replaced, but a folder by a folder.
Status Unpacker::make_place(int parent, const Place& place, const TarEntry& entry, bool keep_folder, bool& existed, bool& was_whiteout) {
  struct stat info{};
  existed = was_whiteout = false;
  if (::fstatat(parent, place.base.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) return errno == ENOENT ? Status() : failed(entry);
  if (keep_folder && S_ISDIR(info.st_mode)) {
    existed = true;
    return {};
  }
  was_whiteout = is_whiteout(info);
  if (S_ISDIR(info.st_mode)) {
    TRY(remove_tree("/proc/self/fd/" + std::to_string(parent) + "/" + place.base));
    cached_path_.clear();
    cached_.reset();
    return {};
  }
  if (::unlinkat(parent, place.base.c_str(), 0) != 0) return failed(entry);
  return {};
}

Status Unpacker::apply(TarReader& reader, const TarEntry& entry, const LayerEntry& plan) {
  switch (plan.kind) {
    case EntryKind::kSkip: return {};
    case EntryKind::kDirectory: return make_folder(entry, plan);
    case EntryKind::kWhiteout: return make_whiteout(entry, plan);
    case EntryKind::kOpaque: return make_opaque(entry, plan);
    default: break;
  }
  Place place = split(plan.path);
  bool existed = false, was_whiteout = false;
  {
    TRY_ASSIGN(int above, parent(place.parent));
    TRY(make_place(above, place, entry, false, existed, was_whiteout));
  }
  TRY_ASSIGN(int above, parent(place.parent));
  if (plan.kind == EntryKind::kFile) return make_file(reader, entry, above, place);
  if (plan.kind == EntryKind::kHardlink) return make_hardlink(entry, plan, above, place);
  if (plan.kind == EntryKind::kSymlink) {
    if (::symlinkat(plan.link.c_str(), above, place.base.c_str()) != 0) return failed(entry);
    cached_path_.clear();
    cached_.reset();
    TRY_ASSIGN(above, parent(place.parent));
  } else {
    dev_t device = plan.kind == EntryKind::kDevice ? ::makedev(entry.device_major, entry.device_minor) : 0;
    if (::mknodat(above, place.base.c_str(), entry.mode, device) != 0) return failed(entry);
  }
  if (::fchownat(above, place.base.c_str(), uid_of(entry), gid_of(entry), AT_SYMLINK_NOFOLLOW) != 0) return failed(entry);
  if (plan.kind != EntryKind::kSymlink && ::fchmodat(above, place.base.c_str(), entry.mode & kModeBits, 0) != 0) return failed(entry);
  timespec stamp{entry.mtime_s, static_cast<long>(entry.mtime_ns)};
  timespec times[2] = {stamp, stamp};
  ::utimensat(above, place.base.c_str(), times, AT_SYMLINK_NOFOLLOW);
  return {};
}

Status Unpacker::set_attributes(int fd, const TarEntry& entry) {
  if (::fchown(fd, uid_of(entry), gid_of(entry)) != 0 || ::fchmod(fd, entry.mode & kModeBits) != 0) return failed(entry);
  for (const auto& [name, value] : entry.xattrs) {
    if (!keeps_xattr(name)) continue;
    if (::fsetxattr(fd, name.c_str(), value.data(), value.size(), 0) != 0 && errno != ENOTSUP) return failed(entry);
  }
  return {};
}

Status Unpacker::make_folder(const TarEntry& entry, const LayerEntry& plan) {
  Fd made;
  if (plan.path.empty()) {
    made = open_in(root_.get(), "", O_RDONLY | O_DIRECTORY);
  } else {
    Place place = split(plan.path);
    TRY_ASSIGN(int above, parent(place.parent));
    bool existed = false, was_whiteout = false;
    TRY(make_place(above, place, entry, true, existed, was_whiteout));
    TRY_ASSIGN(above, parent(place.parent));
    if (!existed && ::mkdirat(above, place.base.c_str(), 0700) != 0) return failed(entry);
    made = Fd(::openat(above, place.base.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    // The folder below was removed in this layer, so it must not show through the new one.
    if (made && was_whiteout && ::fsetxattr(made.get(), "trusted.overlay.opaque", "y", 1, 0) != 0) return failed(entry);
  }
  if (!made) return failed(entry);
  TRY(set_attributes(made.get(), entry));
  stamps_.push_back({plan.path, {entry.mtime_s, static_cast<long>(entry.mtime_ns)}});
  return {};
}

Status Unpacker::make_file(TarReader& reader, const TarEntry& entry, int parent, const Place& place) {
  Fd fd(::openat(parent, place.base.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!fd) return failed(entry);
  TRY(write_data(reader, entry, fd.get()));
  TRY(set_attributes(fd.get(), entry));
  timespec stamp{entry.mtime_s, static_cast<long>(entry.mtime_ns)};
  timespec times[2] = {stamp, stamp};
  ::futimens(fd.get(), times);
  return {};
}

Status Unpacker::write_data(TarReader& reader, const TarEntry& entry, int fd) {
  if (::ftruncate(fd, static_cast<off_t>(entry.size)) != 0) return failed(entry);
  uint64_t written = 0;
  while (true) {
    TRY_ASSIGN(auto block, reader.block());
    if (!block) return {};
    auto data = block->data;
    if (block->offset > entry.size || data.size() > entry.size - block->offset)
      return fail(Code::kDataLoss, "entry \"" + entry.path.substr(0, 200) + "\" is longer than its header says");
    uint64_t offset = block->offset;
    while (!data.empty()) {
      auto piece = data.substr(0, std::max(kHole, data.size() & ~(kHole - 1)));
      static const char zeros[kHole] = {};
      // Zeros are left as holes, page by page only where the first page is one: cheap, and enough for sparse files.
      if (piece.size() >= kHole && std::memcmp(piece.data(), zeros, kHole) == 0) {
        piece = piece.substr(0, kHole);
      } else {
        ssize_t count = ::pwrite(fd, piece.data(), piece.size(), static_cast<off_t>(offset));
        if (count < 0 && errno == EINTR) continue;
        if (count <= 0) return failed(entry);
        piece = piece.substr(0, static_cast<size_t>(count));
      }
      offset += piece.size();
      data.remove_prefix(piece.size());
    }
    written += block->data.size();
    if (written >= kSpaceCheckEvery) {
      written = 0;
      next_space_check_ = 0;
      TRY(check_space());
    }
  }
}

Status Unpacker::make_hardlink(const TarEntry& entry, const LayerEntry& plan, int parent, const Place& place) {
  Place target = split(plan.link);
  Fd folder = open_in(root_.get(), target.parent, O_PATH | O_DIRECTORY);
  struct stat info{};
  if (folder && ::fstatat(folder.get(), target.base.c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0) {
    if (S_ISDIR(info.st_mode) || is_whiteout(info))
      return fail(Code::kInvalidArgument, "refused entry \"" + entry.path.substr(0, 200) + "\": a hard link to what is no file");
    if (::linkat(folder.get(), target.base.c_str(), parent, place.base.c_str(), 0) != 0) return failed(entry);
    return {};
  }
  return copy_from_parents(entry, plan.link, parent, place);
}

// The target of a hard link stands in a layer below: its copy takes the name.
Status Unpacker::copy_from_parents(const TarEntry& entry, const std::string& path, int parent, const Place& place) {
  for (const auto& directory : options_.parents) {
    Fd root(::open(directory.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    Fd from = open_in(root.get(), path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    struct stat info{};
    if (!from || ::fstat(from.get(), &info) != 0 || !S_ISREG(info.st_mode)) continue;
    Fd to(::openat(parent, place.base.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (!to) return failed(entry);
    for (off_t left = info.st_size; left > 0;) {
      ssize_t count = ::copy_file_range(from.get(), nullptr, to.get(), nullptr, static_cast<size_t>(left), 0);
      if (count <= 0) return failed(entry);
      left -= count;
    }
    if (::fchown(to.get(), info.st_uid, info.st_gid) != 0 || ::fchmod(to.get(), info.st_mode & kModeBits) != 0) return failed(entry);
    timespec times[2] = {info.st_mtim, info.st_mtim};
    ::futimens(to.get(), times);
    return {};
  }
  return fail(Code::kInvalidArgument,
              "refused entry \"" + entry.path.substr(0, 200) + "\": a hard link to \"" + path.substr(0, 200) + "\", which does not exist");
}

Status Unpacker::make_whiteout(const TarEntry& entry, const LayerEntry& plan) {
  Place place = split(plan.path);
  TRY_ASSIGN(int above, parent(place.parent));
  struct stat info{};
  if (::fstatat(above, place.base.c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0) {
    // The same layer brings the name anew; a new folder hides the one below.
    if (!S_ISDIR(info.st_mode)) return {};
    Fd folder(::openat(above, place.base.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!folder || ::fsetxattr(folder.get(), "trusted.overlay.opaque", "y", 1, 0) != 0) return failed(entry);
    return {};
  }
  if (::mknodat(above, place.base.c_str(), S_IFCHR, 0) != 0) return failed(entry);
  return {};
}

Status Unpacker::make_opaque(const TarEntry& entry, const LayerEntry& plan) {
  if (!plan.path.empty()) TRY(parent(plan.path));
  Fd folder = open_in(root_.get(), plan.path, O_RDONLY | O_DIRECTORY);
  if (!folder || ::fsetxattr(folder.get(), "trusted.overlay.opaque", "y", 1, 0) != 0) return failed(entry);
  return {};
}

}  // namespace

Result<UnpackStats> unpack_layer(ByteSource& tar, const std::string& directory, const UnpackOptions& options) {
  Fd root(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!root) return fail_errno("open " + directory);
  return Unpacker(std::move(root), options).run(tar);
}

}  // namespace reigen::image
