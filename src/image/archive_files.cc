#include "image/archive_files.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/files.h"
#include "image/byte_source.h"
#include "image/layer_entry.h"
#include "image/tar_reader.h"

namespace reigen::image {
namespace {

constexpr size_t kMaxDocumentFile = 4 << 20;
constexpr int kMaxLinks = 8;

// The name a link inside the archive leads to; empty when it leaves the archive.
std::string follow(const std::string& from, const std::string& target) {
  std::string path = target.starts_with('/') ? target : from.substr(0, from.rfind('/') == std::string::npos ? 0 : from.rfind('/') + 1) + target;
  std::string out;
  size_t start = 0;
  while (start <= path.size()) {
    size_t end = std::min(path.find('/', start), path.size());
    std::string part = path.substr(start, end - start);
    start = end + 1;
    if (part.empty() || part == ".") continue;
    if (part == "..") {
      if (out.empty()) return "";
      auto slash = out.rfind('/');
      out.resize(slash == std::string::npos ? 0 : slash);
      continue;
    }
    out += (out.empty() ? "" : "/") + part;
  }
  return out;
}

Status write_entry(TarReader& reader, const std::string& path, uint64_t& total, uint64_t limit) {
  Fd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!fd) return fail_errno("open " + path);
  while (true) {
    TRY_ASSIGN(auto block, reader.block());
    if (!block) return {};
    total += block->data.size();
    if (total > limit) return fail(Code::kResourceExhausted, "holds more than " + std::to_string(limit) + " bytes");
    if (::lseek(fd.get(), static_cast<off_t>(block->offset), SEEK_SET) < 0) return fail_errno("seek " + path);
    TRY(write_fully(fd.get(), block->data, path));
  }
}

}  // namespace

Status ArchiveFiles::spool(ByteSource& packed, const Limits& limits) {
  TRY_ASSIGN(auto unpacked, UnpackingSource::open(packed, {limits.ratio, limits.ratio_from, limits.archive_bytes}));
  TarReader reader(*unpacked);
  uint64_t total = 0;
  while (true) {
    TRY_ASSIGN(auto entry, reader.next());
    if (!entry) break;
    if (reader.count() > limits.archive_entries) return fail(Code::kResourceExhausted, "has more than " + std::to_string(limits.archive_entries) + " files");
    // Names are keys only, yet what looks like an attack is refused as in a layer.
    EntryHeader header{entry->path, entry->link, entry->hardlink, entry->mode, entry->device_major, entry->device_minor};
    TRY_ASSIGN(auto plan, plan_entry(header, false));
    if (plan.kind == EntryKind::kSymlink || plan.kind == EntryKind::kHardlink) {
      links_[plan.path] = plan.kind == EntryKind::kHardlink ? plan.link : follow(plan.path, plan.link);
    } else if (plan.kind == EntryKind::kFile) {
      std::string path = scratch_ + "/file-" + std::to_string(reader.count());
      TRY(write_entry(reader, path, total, limits.archive_bytes));
      paths_[plan.path] = path;
    }
  }
  return {};
}

Status ArchiveFiles::open_folder(int fd) {
  folder_ = Fd(::fcntl(fd, F_DUPFD_CLOEXEC, 0));
  return folder_ ? Status() : Status(fail_errno("open folder"));
}

Result<std::string> ArchiveFiles::path_of(const std::string& name) const {
  if (!folder_) {
    std::string at = follow("", name);
    for (int hops = 0; hops < kMaxLinks; ++hops) {
      if (auto it = paths_.find(at); it != paths_.end()) return it->second;
      auto link = links_.find(at);
      if (link == links_.end()) break;
      at = link->second;
    }
    return fail(Code::kNotFound, "\"" + name.substr(0, 200) + "\" is missing from the archive, which may be truncated");
  }
  auto& fd = open_[name];
  if (!fd) {
    open_how how{};
    how.flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK;
    how.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS;
    fd = Fd(static_cast<int>(::syscall(SYS_openat2, folder_.get(), name.c_str(), &how, sizeof how)));
    struct stat info{};
    if (!fd || ::fstat(fd.get(), &info) != 0) {
      auto error = fail_errno(name);
      open_.erase(name);
      return error;
    }
    if (!S_ISREG(info.st_mode)) {
      open_.erase(name);
      return fail(Code::kInvalidArgument, name + " is no file");
    }
  }
  return "/proc/self/fd/" + std::to_string(fd.get());
}

bool ArchiveFiles::has(const std::string& name) const { return path_of(name).has_value(); }

Result<std::string> ArchiveFiles::read(const std::string& name) const {
  TRY_ASSIGN(auto path, path_of(name));
  auto text = read_file(path, kMaxDocumentFile);
  if (!text) return fail(std::move(text).error().context(name));
  return text;
}

Result<ArchiveFiles::File> ArchiveFiles::take(const std::string& name) {
  TRY_ASSIGN(auto path, path_of(name));
  return File{std::move(path), !folder_};
}

}  // namespace reigen::image
