// Files in from a tar. The container may run and be hostile: it can swap any folder for a link at any moment. So folders are opened with
// openat2 below the view's root, the entry itself is made with a call that follows no link, and what a call would follow (chmod) is done
// through a descriptor.
#include <fcntl.h>
#include <linux/stat.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cerrno>
#include <vector>

#include "base/fd.h"
#include "base/files.h"
#include "image/tar_reader.h"
#include "linux/mount.h"
#include "runtime/archive.h"
#include "runtime/archive_path.h"

namespace reigen::runtime {
namespace {

constexpr mode_t kModeBits = 07777;

std::string proc_path(int fd) { return "/proc/self/fd/" + std::to_string(fd); }
std::string quoted(const std::string& text) { return "\"" + text.substr(0, 300) + "\""; }
bool keeps_xattr(std::string_view name) { return name == "security.capability" || name.starts_with("user."); }

uint64_t mount_id_of(int fd) {
  struct statx info{};
  return ::statx(fd, "", AT_EMPTY_PATH, STATX_MNT_ID, &info) == 0 ? info.stx_mnt_id : 0;
}

struct Place {
  std::string folder, base;  // folder: relative to the destination, "" is the destination itself
};

// How far a relative path climbs above where it starts; an absolute one never does.
bool climbs_out(std::string_view path, int depth) {
  while (!path.empty()) {
    size_t slash = path.find('/');
    std::string_view part = path.substr(0, slash);
    path = slash == std::string_view::npos ? std::string_view() : path.substr(slash + 1);
    if (part == "..") {
      if (--depth < 0) return true;
    } else if (!part.empty() && part != ".") {
      ++depth;
    }
  }
  return false;
}

class Extractor {
 public:
  Extractor(const RootView& view, std::string destination, const ExtractOptions& options)
      : view_(view), destination_(std::move(destination)), options_(options) {}

  Status run(image::ByteSource& tar) {
    image::TarReader reader(tar);
    while (true) {
      TRY_ASSIGN(auto entry, reader.next());
      if (!entry) break;
      TRY(apply(reader, *entry));
    }
    for (auto stamp = stamps_.rbegin(); stamp != stamps_.rend(); ++stamp) {
      auto fd = linux::open_in_root(view_.fd(), full(stamp->path), O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
      timespec times[2] = {stamp->modified, stamp->modified};
      if (fd) ::futimens(fd->get(), times);
    }
    return {};
  }

 private:
  struct Stamp {
    std::string path;
    timespec modified;
  };
  const RootView& view_;
  const std::string destination_;
  const ExtractOptions& options_;
  std::string cached_path_;
  Fd cached_;
  std::vector<Stamp> stamps_;  // of folders, set last

  std::string full(const std::string& relative) const {
    std::string base = destination_ == "/" ? "" : destination_;
    return relative.empty() ? destination_ : base + "/" + relative;
  }
  Fail failed(const image::TarEntry& entry) const { return fail_errno("extract " + quoted(entry.path)); }
  static timespec modified(const image::TarEntry& entry) { return {entry.mtime_s, static_cast<long>(entry.mtime_ns)}; }

  // The entry's path below the destination, clean; "" is the destination.
  Result<std::string> place_of(const std::string& path) const {
    if (!path.starts_with('/') && climbs_out(path, 0)) {
      return fail(Code::kInvalidArgument, quoted(path) + " is outside of " + quoted(destination_));
    }
    return clean_path(path).substr(1);
  }

  Status apply(image::TarReader& reader, const image::TarEntry& entry) {
    TRY_ASSIGN(std::string path, place_of(entry.path));
    if (path.empty() && S_ISDIR(entry.mode)) return {};
    if (path.empty()) return fail(Code::kInvalidArgument, "cannot replace the destination " + quoted(destination_));
    size_t slash = path.rfind('/');
    Place place{slash == std::string::npos ? "" : path.substr(0, slash), slash == std::string::npos ? path : path.substr(slash + 1)};
    if (S_ISSOCK(entry.mode)) return {};
    if (S_ISLNK(entry.mode) && !entry.hardlink) TRY(check_link(entry, place));
    bool existed = false;
    TRY(clear_place(entry, path, place, existed));
    TRY_ASSIGN(int folder, parent(place.folder));
    if (entry.hardlink) return make_hard_link(entry, folder, place);
    switch (entry.mode & S_IFMT) {
      case S_IFDIR: return make_folder(entry, path, folder, place, existed);
      case S_IFREG: return make_file(reader, entry, folder, place);
      case S_IFLNK:
        if (::symlinkat(entry.link.c_str(), folder, place.base.c_str()) != 0) return failed(entry);
        break;
      case S_IFIFO:
      case S_IFCHR:
      case S_IFBLK:
        if (::mknodat(folder, place.base.c_str(), entry.mode & (S_IFMT | 0600), ::makedev(entry.device_major, entry.device_minor)) != 0) return failed(entry);
        break;
      default: return fail(Code::kInvalidArgument, "extract " + quoted(entry.path) + ": of an unknown type");
    }
    return set_node_attributes(entry, folder, place);
  }

  // Docker's rule: a link may be absolute, but may not climb above the destination.
  Status check_link(const image::TarEntry& entry, const Place& place) const {
    if (entry.link.empty()) return fail(Code::kInvalidArgument, "extract " + quoted(entry.path) + ": a link to nothing");
    int depth = 0;
    for (auto part = clean_path(place.folder); !part.empty() && part != "/"; part.resize(part.rfind('/'))) ++depth;
    if (destination_ == "/" || !climbs_out(entry.link, depth)) return {};
    return fail(Code::kInvalidArgument, "invalid symlink " + quoted(full(place.folder) + "/" + place.base) + " -> " + quoted(entry.link));
  }

  // The folder an entry goes into, made when it is missing. The descriptor is this object's.
  Result<int> parent(const std::string& folder) {
    if (cached_ && cached_path_ == folder) return cached_.get();
    auto opened = linux::open_in_root(view_.fd(), full(folder), O_PATH | O_DIRECTORY);
    if (!opened && opened.error().code() == Code::kNotFound && !folder.empty()) {
      TRY(make_parents(folder));
      opened = linux::open_in_root(view_.fd(), full(folder), O_PATH | O_DIRECTORY);
    }
    if (!opened) return fail(opened.error().context("extract"));
    cached_ = std::move(*opened);
    cached_path_ = folder;
    return cached_.get();
  }

  Status make_parents(const std::string& folder) {
    for (size_t end = folder.find('/');; end = folder.find('/', end + 1)) {
      std::string part = folder.substr(0, end);
      if (!linux::open_in_root(view_.fd(), full(part), O_PATH)) {
        size_t slash = part.rfind('/');
        std::string above = slash == std::string::npos ? "" : part.substr(0, slash);
        std::string base = slash == std::string::npos ? part : part.substr(slash + 1);
        TRY_ASSIGN(Fd fd, linux::open_in_root(view_.fd(), full(above), O_PATH | O_DIRECTORY));
        if (::mkdirat(fd.get(), base.c_str(), 0755) != 0 && errno != EEXIST) return fail_errno("make folder " + full(part));
      }
      if (end == std::string::npos) return {};
    }
  }

  // What stands at the place goes, but a folder that a folder is laid over.
  Status clear_place(const image::TarEntry& entry, const std::string& path, const Place& place, bool& existed) {
    TRY_ASSIGN(int folder, parent(place.folder));
    struct stat info{};
    if (::fstatat(folder, place.base.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) return errno == ENOENT ? Status() : failed(entry);
    bool is_folder = S_ISDIR(info.st_mode), wants_folder = S_ISDIR(entry.mode) && !entry.hardlink;
    if (options_.keep_dir_kind && is_folder != wants_folder) {
      const char* text = is_folder ? "cannot overwrite directory %1 with non-directory %2" : "cannot overwrite non-directory %1 with directory %2";
      std::string message = text;
      message.replace(message.find("%1"), 2, quoted(full(path)));
      message.replace(message.find("%2"), 2, quoted(destination_));
      return fail(Code::kInvalidArgument, message);
    }
    existed = is_folder && wants_folder;
    if (existed) return {};
    if (!is_folder) return ::unlinkat(folder, place.base.c_str(), 0) == 0 || errno == ENOENT ? Status() : failed(entry);
    TRY(remove_tree(proc_path(folder) + "/" + place.base));
    cached_.reset();
    return {};
  }

  uid_t uid_of(const image::TarEntry& entry) const { return options_.copy_owner ? options_.uid : entry.uid; }
  gid_t gid_of(const image::TarEntry& entry) const { return options_.copy_owner ? options_.gid : entry.gid; }

  // Of what was opened for reading or writing.
  Status set_attributes(const image::TarEntry& entry, int fd) {
    if (::fchown(fd, uid_of(entry), gid_of(entry)) != 0 || ::fchmod(fd, entry.mode & kModeBits) != 0) return failed(entry);
    for (const auto& [name, value] : entry.xattrs) {
      if (!keeps_xattr(name)) continue;
      if (::fsetxattr(fd, name.c_str(), value.data(), value.size(), 0) != 0 && errno != ENOTSUP && errno != EPERM) return failed(entry);
    }
    return {};
  }

  Status make_folder(const image::TarEntry& entry, const std::string& path, int folder, const Place& place, bool existed) {
    if (!existed && ::mkdirat(folder, place.base.c_str(), 0700) != 0) return failed(entry);
    Fd made(::openat(folder, place.base.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!made) return failed(entry);
    stamps_.push_back({path, modified(entry)});
    return set_attributes(entry, made.get());
  }

  Status make_file(image::TarReader& reader, const image::TarEntry& entry, int folder, const Place& place) {
    Fd fd(::openat(folder, place.base.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (!fd) return failed(entry);
    while (true) {
      TRY_ASSIGN(auto block, reader.block());
      if (!block) break;
      if (block->offset > entry.size || block->data.size() > entry.size - block->offset) {
        return fail(Code::kDataLoss, "entry " + quoted(entry.path) + " is longer than its header says");
      }
      for (size_t done = 0; done < block->data.size();) {
        ssize_t count = ::pwrite(fd.get(), block->data.data() + done, block->data.size() - done, static_cast<off_t>(block->offset + done));
        if (count < 0 && errno == EINTR) continue;
        if (count <= 0) return failed(entry);
        done += static_cast<size_t>(count);
      }
    }
    struct stat info{};
    if (::fstat(fd.get(), &info) != 0) return failed(entry);
    if (static_cast<uint64_t>(info.st_size) != entry.size && ::ftruncate(fd.get(), static_cast<off_t>(entry.size)) != 0) return failed(entry);
    TRY(set_attributes(entry, fd.get()));
    timespec times[2] = {modified(entry), modified(entry)};
    ::futimens(fd.get(), times);
    return {};
  }

  Status make_hard_link(const image::TarEntry& entry, int folder, const Place& place) {
    if (!entry.link.starts_with('/') && climbs_out(entry.link, 0)) {
      return fail(Code::kInvalidArgument, "invalid hardlink " + quoted(entry.link) + " -> " + quoted(entry.path));
    }
    std::string target = clean_path(full(clean_path(entry.link).substr(1)));
    size_t slash = target.rfind('/');
    TRY_ASSIGN(Fd from, linux::open_in_root(view_.fd(), target.substr(0, slash), O_PATH | O_DIRECTORY));
    if (::linkat(from.get(), target.substr(slash + 1).c_str(), folder, place.base.c_str(), 0) != 0) return failed(entry);
    return {};
  }

  // Links, pipes and devices. chmod follows links, so it is given a descriptor of what was found to be no link.
  Status set_node_attributes(const image::TarEntry& entry, int folder, const Place& place) {
    Fd made(::openat(folder, place.base.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
    struct stat info{};
    if (!made || ::fstat(made.get(), &info) != 0) return failed(entry);
    if ((info.st_mode & S_IFMT) != (entry.mode & S_IFMT)) return fail(Code::kConflict, "extract " + quoted(entry.path) + ": it was replaced meanwhile");
    if (::fchownat(made.get(), "", uid_of(entry), gid_of(entry), AT_EMPTY_PATH) != 0) return failed(entry);
    timespec times[2] = {modified(entry), modified(entry)};
    if (S_ISLNK(info.st_mode)) {
      ::utimensat(folder, place.base.c_str(), times, AT_SYMLINK_NOFOLLOW);
      return {};
    }
    if (::chmod(proc_path(made.get()).c_str(), entry.mode & kModeBits) != 0) return failed(entry);
    ::utimensat(AT_FDCWD, proc_path(made.get()).c_str(), times, 0);
    return {};
  }
};

}  // namespace

Status extract_archive(const RootView& view, const std::string& path, image::ByteSource& tar, const ExtractOptions& options) {
  std::string clean = clean_path(path);
  TRY_ASSIGN(Fd place, linux::open_in_root(view.fd(), clean, O_PATH));
  struct stat info{};
  if (::fstat(place.get(), &info) != 0) return fail_errno("stat " + clean);
  if (!S_ISDIR(info.st_mode)) return fail(Code::kInvalidArgument, "extraction point is not a directory");
  struct statvfs system{};
  Fd readable(::openat(place.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (readable && ::fstatvfs(readable.get(), &system) == 0 && (system.f_flag & ST_RDONLY)) {
    bool root = mount_id_of(place.get()) == mount_id_of(view.fd());
    return fail(Code::kPermissionDenied, root ? "container rootfs is marked read-only" : "mounted volume is marked read-only");
  }
  TRY_ASSIGN(std::string destination, resolve_path(view, clean));
  TRY_ASSIGN(auto source, image::UnpackingSource::open(tar));
  return Extractor(view, std::move(destination), options).run(*source);
}

}  // namespace reigen::runtime
