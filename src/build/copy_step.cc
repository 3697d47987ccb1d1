#include "build/copy_step.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <set>

#include "base/fd.h"
#include "base/files.h"
#include "build/clean_path.h"
#include "image/byte_source.h"
#include "image/digest.h"
#include "image/layer_unpacker.h"
#include "linux/mount.h"

namespace reigen::build {
namespace {

constexpr size_t kMaxItems = 1'000'000;

std::string parent_of(const std::string& path) {
  auto slash = path.rfind('/');
  return slash == std::string::npos ? std::string() : path.substr(0, slash);
}

std::string base_of(const std::string& path) { return path.substr(path.rfind('/') + 1); }

std::string under(const std::string& folder, const std::string& name) { return folder.empty() ? name : folder + "/" + name; }

Result<Fd> open_at(const std::string& root, const std::string& path, int flags) { return linux::open_in_root(root, path.empty() ? "." : path, flags); }

class Finder {
 public:
  Finder(const std::string& root, const IgnoreList& ignore) : root_(root), ignore_(ignore) {}

  Result<std::vector<CopySource>> run(const std::vector<std::string>& patterns) {
    std::vector<CopySource> out;
    for (const auto& pattern : patterns) {
      if (climbs(pattern)) return fail(Code::kInvalidArgument, "forbidden path outside the build context: " + pattern + " ()");
      std::string wanted = clean_path(pattern);
      bool wild = wanted.find_first_of("*?[") != std::string::npos;
      std::set<std::string> matched;
      if (wild) TRY(match(wanted, "", matched));
      else matched.insert(wanted);
      for (const auto& name : matched) {
        TRY_ASSIGN(auto source, take(name));
        out.push_back(std::move(source));
      }
    }
    if (out.empty()) return fail(Code::kNotFound, "no source files were specified");
    return out;
  }

 private:
  Status match(const std::string& pattern, const std::string& folder, std::set<std::string>& out) {
    auto fd = open_at(root_, folder, O_RDONLY | O_DIRECTORY);
    if (!fd) return {};
    TRY_ASSIGN(auto names, list_directory("/proc/self/fd/" + std::to_string(fd->get())));
    auto depth = std::ranges::count(folder, '/') + (folder.empty() ? 0 : 1);
    for (const auto& name : names) {
      std::string path = under(folder, name);
      if (ignored(path)) continue;
      if (match_path(pattern, path)) out.insert(path);
      else if (depth < std::ranges::count(pattern, '/')) TRY(match(pattern, path, out));
    }
    return {};
  }

  bool ignored(const std::string& path) const { return !path.empty() && !ignore_.empty() && !ignore_.has_exceptions() && ignore_.ignores(path); }
  bool ignored_file(const std::string& path) const { return !path.empty() && !ignore_.empty() && ignore_.ignores(path); }

  Result<CopySource> take(const std::string& name) {
    CopySource out;
    out.name = name;
    struct stat info{};
    auto fd = open_at(root_, name, O_PATH);
    if (!fd || ::fstat(fd->get(), &info) != 0)
      return fail(Code::kNotFound, "stat " + name + ": file does not exist" + (ignore_.empty() ? "" : " (or is excluded by .dockerignore)"));
    out.folder = S_ISDIR(info.st_mode);
    if (!out.folder && ignored_file(name))
      return fail(Code::kNotFound, "file not found in build context or excluded by .dockerignore: stat " + name + ": file does not exist");
    TRY(add(out, name, "", info, ""));
    if (out.folder) TRY(walk(out, name, ""));
    return out;
  }

  Status add(CopySource& out, const std::string& path, const std::string& relative, const struct stat& info, std::string link) {
    if (out.items.size() >= kMaxItems) return fail(Code::kResourceExhausted, "copies more than a million files");
    if (!S_ISREG(info.st_mode) && !S_ISDIR(info.st_mode) && !S_ISLNK(info.st_mode)) return {};
    out.items.push_back({path, relative, info.st_mode, info.st_uid, info.st_gid, static_cast<uint64_t>(info.st_size), info.st_mtim.tv_sec, info.st_mtim.tv_nsec,
                         std::move(link)});
    return {};
  }

  Status walk(CopySource& out, const std::string& folder, const std::string& relative) {
    TRY_ASSIGN(auto fd, open_at(root_, folder, O_RDONLY | O_DIRECTORY));
    TRY_ASSIGN(auto names, list_directory("/proc/self/fd/" + std::to_string(fd.get())));
    for (const auto& name : names) {
      std::string path = under(folder, name), below = under(relative, name);
      if (ignored(path)) continue;
      struct stat info{};
      if (::fstatat(fd.get(), name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) return fail_errno("stat " + path);
      std::string link;
      if (S_ISLNK(info.st_mode)) {
        std::array<char, 4096> target;
        ssize_t length = ::readlinkat(fd.get(), name.c_str(), target.data(), target.size());
        if (length < 0) return fail_errno("readlink " + path);
        link.assign(target.data(), static_cast<size_t>(length));
      }
      // An ignored folder is still walked where a rule may take something back in.
      bool skip = ignored_file(path);
      if (!skip) TRY(add(out, path, below, info, link));
      if (S_ISDIR(info.st_mode)) TRY(walk(out, path, below));
    }
    return {};
  }

  const std::string& root_;
  const IgnoreList& ignore_;
};

Result<std::string> peek(int fd) {
  std::string head(512, '\0');
  ssize_t count = ::pread(fd, head.data(), head.size(), 0);
  if (count < 0) return fail_errno("read");
  head.resize(static_cast<size_t>(count));
  return head;
}

// ADD unpacks what is a tar, by its contents and not by its name.
bool is_archive(int fd) {
  auto head = peek(fd);
  if (!head) return false;
  auto is_tar = [](std::string_view block) { return block.size() >= 262 && block.substr(257, 5) == "ustar"; };
  if (is_tar(*head)) return true;
  auto kind = image::detect_compression(*head);
  if (kind == image::Compression::kNone) return false;
  image::FdSource file(fd, "archive");
  auto source = image::UnpackingSource::open(file);
  std::string block(512, '\0');
  size_t have = 0;
  while (source && have < block.size()) {
    auto count = (*source)->read(block.data() + have, block.size() - have);
    if (!count || *count == 0) break;
    have += *count;
  }
  ::lseek(fd, 0, SEEK_SET);
  return is_tar(std::string_view(block).substr(0, have));
}

Status copy_xattrs(int from, int to) {
  std::array<char, 4096> names, value;
  ssize_t size = ::flistxattr(from, names.data(), names.size());
  for (ssize_t at = 0; at < size;) {
    std::string name = &names[static_cast<size_t>(at)];
    at += static_cast<ssize_t>(name.size()) + 1;
    if (name != "security.capability" && !name.starts_with("user.")) continue;
    ssize_t length = ::fgetxattr(from, name.c_str(), value.data(), value.size());
    if (length >= 0 && ::fsetxattr(to, name.c_str(), value.data(), static_cast<size_t>(length), 0) != 0 && errno != ENOTSUP) return fail_errno("set " + name);
  }
  return {};
}

class Copier {
 public:
  Copier(const std::string& from, const CopyTarget& target) : from_(from), target_(target) {}

  Status source(const CopySource& source, bool into_folder) {
    std::string destination = clean_path(target_.destination);
    if (source.folder) {
      TRY(make_folder(target_.root, destination, target_.owner));
      for (const auto& item : source.items)
        if (!item.relative.empty()) TRY(one(item, under(destination, item.relative), from_));
      // What was written into a folder has changed its time.
      for (const auto& item : source.items)
        if (S_ISDIR(item.mode) && !item.relative.empty()) TRY(keep_time(item, under(destination, item.relative)));
      return {};
    }
    const auto& item = source.items.front();
    const std::string& from = source.root.empty() ? from_ : source.root;
    if (target_.extract && source.extract) {
      TRY_ASSIGN(auto fd, open_at(from, item.path, O_RDONLY));
      if (is_archive(fd.get())) return extract(fd.get(), source.name, destination);
    }
    std::string to = into_folder ? under(destination, base_of(source.name)) : destination;
    if (auto parent = parent_of(to); !parent.empty()) TRY(make_folder(target_.root, parent, target_.owner));
    return one(item, to, from);
  }

 private:
  Status extract(int fd, const std::string& name, const std::string& destination) {
    TRY(make_folder(target_.root, destination, target_.owner));
    TRY_ASSIGN(auto folder, open_at(target_.root, destination, O_RDONLY | O_DIRECTORY));
    image::FdSource file(fd, name);
    image::Limits limits;
    auto work = [&]() -> Status {
      TRY_ASSIGN(auto tar, image::UnpackingSource::open(file, {limits.ratio, limits.ratio_from, limits.layer_bytes}));
      image::UnpackOptions options;
      options.whiteouts = false;
      if (target_.owner && !target_.keep_archive_owner) {
        options.owner_uid = target_.owner->first;
        options.owner_gid = target_.owner->second;
      }
      TRY(image::unpack_layer(*tar, "/proc/self/fd/" + std::to_string(folder.get()), options));
      return {};
    };
    if (auto done = work(); !done) return fail(std::move(done).error().context(name));
    return {};
  }

  Status attributes(int fd, const CopyItem& item, const std::string& to) {
    uint32_t uid = target_.owner ? target_.owner->first : item.uid, gid = target_.owner ? target_.owner->second : item.gid;
    uint32_t mode = target_.mode.value_or(item.mode) & 07777;
    timespec times[2] = {{item.mtime_s, item.mtime_ns}, {item.mtime_s, item.mtime_ns}};
    if (::fchown(fd, uid, gid) != 0 || ::fchmod(fd, mode) != 0 || ::futimens(fd, times) != 0) return fail_errno("copy to /" + to);
    return {};
  }

  Status keep_time(const CopyItem& item, const std::string& to) {
    TRY_ASSIGN(auto folder, open_at(target_.root, to, O_RDONLY | O_DIRECTORY));
    timespec times[2] = {{item.mtime_s, item.mtime_ns}, {item.mtime_s, item.mtime_ns}};
    if (::futimens(folder.get(), times) != 0) return fail_errno("copy to /" + to);
    return {};
  }

  // Folders come before what is in them.
  Status one(const CopyItem& item, const std::string& to, const std::string& from) {
    TRY_ASSIGN(auto parent, open_at(target_.root, parent_of(to), O_PATH | O_DIRECTORY));
    std::string base = base_of(to);
    struct stat info{};
    bool there = ::fstatat(parent.get(), base.c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0;
    if (S_ISDIR(item.mode)) {
      // A link to a folder is as good as the folder.
      if (there && S_ISLNK(info.st_mode) && open_at(target_.root, to, O_PATH | O_DIRECTORY)) return {};
      if (there && !S_ISDIR(info.st_mode) && ::unlinkat(parent.get(), base.c_str(), 0) != 0) return fail_errno("replace /" + to);
      if ((!there || !S_ISDIR(info.st_mode)) && ::mkdirat(parent.get(), base.c_str(), 0700) != 0) return fail_errno("make /" + to);
      Fd fd(::openat(parent.get(), base.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
      if (!fd) return fail_errno("open /" + to);
      return attributes(fd.get(), item, to);
    }
    if (there && S_ISDIR(info.st_mode)) return fail(Code::kInvalidArgument, "cannot copy the file " + item.path + " onto the folder /" + to);
    if (there && ::unlinkat(parent.get(), base.c_str(), 0) != 0) return fail_errno("replace /" + to);
    if (S_ISLNK(item.mode)) {
      uint32_t uid = target_.owner ? target_.owner->first : item.uid, gid = target_.owner ? target_.owner->second : item.gid;
      if (::symlinkat(item.link.c_str(), parent.get(), base.c_str()) != 0 || ::fchownat(parent.get(), base.c_str(), uid, gid, AT_SYMLINK_NOFOLLOW) != 0)
        return fail_errno("link /" + to);
      timespec times[2] = {{item.mtime_s, item.mtime_ns}, {item.mtime_s, item.mtime_ns}};
      if (::utimensat(parent.get(), base.c_str(), times, AT_SYMLINK_NOFOLLOW) != 0) return fail_errno("link /" + to);
      return {};
    }
    TRY_ASSIGN(auto in, open_at(from, item.path, O_RDONLY));
    Fd out(::openat(parent.get(), base.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (!out) return fail_errno("create /" + to);
    image::FdSource source(in.get(), item.path);
    std::vector<char> buffer(1 << 17);
    while (true) {
      TRY_ASSIGN(size_t count, source.read(buffer.data(), buffer.size()));
      if (count == 0) break;
      TRY(image::write_fully(out.get(), {buffer.data(), count}, "/" + to));
    }
    TRY(copy_xattrs(in.get(), out.get()));
    return attributes(out.get(), item, to);
  }

  const std::string& from_;
  const CopyTarget& target_;
};

}  // namespace

Result<std::vector<CopySource>> find_sources(const std::string& root, const std::vector<std::string>& patterns, const IgnoreList& ignore) {
  return Finder(root, ignore).run(patterns);
}

namespace {

Status hash_contents(image::Sha256& hash, const std::string& root, const CopyItem& item) {
  TRY_ASSIGN(auto fd, open_at(root, item.path, O_RDONLY));
  image::FdSource file(fd.get(), item.path);
  std::vector<char> buffer(1 << 17);
  while (true) {
    TRY_ASSIGN(size_t count, file.read(buffer.data(), buffer.size()));
    if (count == 0) return {};
    hash.update({buffer.data(), count});
  }
}

}  // namespace

Result<std::string> digest_sources(const std::string& root, const std::vector<CopySource>& sources) {
  image::Sha256 hash;
  auto number = [&](uint64_t value) { hash.update(std::to_string(value) + "\n"); };
  for (const auto& source : sources) {
    hash.update("source\n" + base_of(source.name) + "\n");
    for (const auto& item : source.items) {
      hash.update(item.relative);
      hash.update(std::string_view("\0", 1));
      number(item.mode);
      if (S_ISLNK(item.mode)) hash.update(item.link + "\n");
      if (!S_ISREG(item.mode)) continue;
      number(item.size);
      TRY(hash_contents(hash, source.root.empty() ? root : source.root, item));
    }
  }
  return hash.digest();
}

Result<std::string> classic_digest(const std::string& root, const std::vector<CopySource>& sources) {
  std::vector<std::string> out;
  for (const auto& source : sources) {
    image::Sha256 hash;
    for (const auto& item : source.items) {
      // What the folder itself is like does not count: only what is in it is copied.
      if (source.folder && item.relative.empty()) continue;
      hash.update(source.folder ? item.relative : base_of(source.name));
      hash.update(std::string_view("\0", 1));
      hash.update(std::to_string(item.mode) + " " + std::to_string(item.uid) + " " + std::to_string(item.gid) + "\n");
      if (S_ISLNK(item.mode)) hash.update(item.link + "\n");
      if (!S_ISREG(item.mode)) continue;
      hash.update(std::to_string(item.size) + "\n");
      TRY(hash_contents(hash, source.root.empty() ? root : source.root, item));
    }
    // What was fetched has no name of its own.
    const char* kind = source.folder ? "dir:" : source.root.empty() ? "file:" : "";
    out.push_back(kind + image::hex_of(hash.digest()));
  }
  if (out.size() == 1) return out[0];
  std::string all;
  for (const auto& one : out) all += one + ",";
  return "multi:" + image::hex_of(image::digest_of(all));
}

Status make_folder(const std::string& root, const std::string& path, std::optional<std::pair<uint32_t, uint32_t>> owner) {
  std::string whole = clean_path(path);
  size_t at = 0;
  while (!whole.empty() && at != std::string::npos) {
    at = whole.find('/', at == 0 ? 0 : at + 1);
    std::string part = whole.substr(0, at);
    if (open_at(root, part, O_PATH | O_DIRECTORY)) continue;
    TRY_ASSIGN(auto parent, open_at(root, parent_of(part), O_PATH | O_DIRECTORY));
    std::string base = base_of(part);
    if (::mkdirat(parent.get(), base.c_str(), 0755) != 0) return fail_errno("make folder /" + part);
    if (::fchmodat(parent.get(), base.c_str(), 0755, 0) != 0) return fail_errno("make folder /" + part);
    if (owner && ::fchownat(parent.get(), base.c_str(), owner->first, owner->second, AT_SYMLINK_NOFOLLOW) != 0) return fail_errno("make folder /" + part);
  }
  return {};
}

namespace {

// Where a file that is written to `path` lands: links are followed inside the root, also one to what is not there.
std::string followed(const std::string& root, std::string path) {
  for (int links = 0; links < 40; ++links) {
    auto parent = open_at(root, parent_of(path), O_PATH | O_DIRECTORY);
    if (!parent) return path;
    std::array<char, 4096> target;
    ssize_t length = ::readlinkat(parent->get(), base_of(path).c_str(), target.data(), target.size());
    if (length <= 0) return path;
    std::string link(target.data(), static_cast<size_t>(length));
    path = clean_path(link[0] == '/' ? link : under(parent_of(path), link));
  }
  return path;
}

}  // namespace

Status copy_sources(const std::string& root, const std::vector<CopySource>& sources, const CopyTarget& target) {
  bool slash = target.destination.ends_with('/');
  if (sources.size() > 1 && !slash)
    return fail(Code::kInvalidArgument, std::string("When using ") + (target.extract ? "ADD" : "COPY") +
                                            " with more than one source file, the destination must be a directory and end with a /");
  bool into_folder = slash || open_at(target.root, clean_path(target.destination), O_PATH | O_DIRECTORY).has_value();
  CopyTarget followed_target = target;
  if (!into_folder) followed_target.destination = "/" + followed(target.root, clean_path(target.destination));
  Copier copier(root, followed_target);
  for (const auto& source : sources) TRY(copier.source(source, into_folder));
  return {};
}

Status write_new_file(const CopyTarget& target, const std::string& path, std::string_view data) {
  std::string to = clean_path(path);
  TRY(make_folder(target.root, parent_of(to), target.owner));
  TRY_ASSIGN(auto parent, open_at(target.root, parent_of(to), O_PATH | O_DIRECTORY));
  std::string base = base_of(to);
  if (::unlinkat(parent.get(), base.c_str(), 0) != 0 && errno != ENOENT) return fail_errno("replace /" + to);
  Fd out(::openat(parent.get(), base.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644));
  if (!out) return fail_errno("create /" + to);
  TRY(image::write_fully(out.get(), data, "/" + to));
  auto owner = target.owner.value_or(std::pair<uint32_t, uint32_t>{0, 0});
  if (::fchown(out.get(), owner.first, owner.second) != 0 || ::fchmod(out.get(), target.mode.value_or(0644)) != 0) return fail_errno("create /" + to);
  timespec times[2] = {};
  ::futimens(out.get(), times);
  return {};
}

}  // namespace reigen::build
