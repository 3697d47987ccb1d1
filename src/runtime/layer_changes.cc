#include "runtime/layer_changes.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <set>

#include "base/fd.h"
#include "base/files.h"

namespace reigen::runtime {
namespace {

constexpr int kDepthLimit = 1000;

bool is_whiteout(const struct stat& info) { return S_ISCHR(info.st_mode) && info.st_rdev == 0; }

bool is_opaque(int folder) {
  char value = 0;
  return ::fgetxattr(folder, "trusted.overlay.opaque", &value, 1) == 1 && value == 'y';
}

std::string at(int folder, const std::string& name) { return "/proc/self/fd/" + std::to_string(folder) + "/" + name; }

std::string capability_of(int folder, const std::string& name) {
  char value[256];
  ssize_t size = ::lgetxattr(at(folder, name).c_str(), "security.capability", value, sizeof value);
  return size > 0 ? std::string(value, static_cast<size_t>(size)) : "";
}

// Times written by an archive have no fraction of a second.
bool same_time(const timespec& a, const timespec& b) { return a.tv_sec == b.tv_sec && (a.tv_nsec == b.tv_nsec || a.tv_nsec == 0 || b.tv_nsec == 0); }

bool differs(const struct stat& a, const struct stat& b) {
  if (a.st_mode != b.st_mode || a.st_uid != b.st_uid || a.st_gid != b.st_gid || a.st_rdev != b.st_rdev) return true;
  return !S_ISDIR(a.st_mode) && (a.st_size != b.st_size || !same_time(a.st_mtim, b.st_mtim));
}

// The same folder in several layers, the topmost first: what they show together.
class Lower {
 public:
  void add(Fd folder) {
    if (!closed_) closed_ = is_opaque(folder.get());
    folders_.push_back(std::move(folder));
  }
  bool closed() const { return closed_; }

  struct Found {
    struct stat info{};
    int folder = -1;
  };
  std::optional<Found> find(const std::string& name) const {
    for (const auto& folder : folders_) {
      Found found{.folder = folder.get()};
      if (::fstatat(folder.get(), name.c_str(), &found.info, AT_SYMLINK_NOFOLLOW) != 0) continue;
      if (is_whiteout(found.info)) return std::nullopt;
      return found;
    }
    return std::nullopt;
  }
  Lower below(const std::string& name) const {
    Lower out;
    for (const auto& folder : folders_) {
      struct stat info{};
      if (::fstatat(folder.get(), name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) continue;
      if (!S_ISDIR(info.st_mode)) break;
      Fd fd(::openat(folder.get(), name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
      if (!fd) break;
      out.add(std::move(fd));
      if (out.closed()) break;
    }
    return out;
  }
  std::set<std::string> names() const {
    std::set<std::string> out;
    for (const auto& folder : folders_) {
      for (auto& name : list_directory(at(folder.get(), ".")).value_or(std::vector<std::string>())) {
        if (!out.contains(name) && find(name)) out.insert(std::move(name));
      }
    }
    return out;
  }

 private:
  std::vector<Fd> folders_;
  bool closed_ = false;
};

class Comparison {
 public:
  // Adds what `upper` changes in `lower`; the folder itself is the caller's business.
  Status folder(int upper, const Lower& lower, const std::string& path, int depth) {
    if (depth > kDepthLimit) return fail(Code::kResourceExhausted, "folders are nested deeper than " + std::to_string(kDepthLimit));
    auto names = list_directory(at(upper, "."));
    if (!names) return {};
    for (const auto& name : *names) TRY(entry(upper, lower, name, path + "/" + name, depth));
    if (!is_opaque(upper)) return {};
    for (const auto& name : lower.names()) {
      if (!std::binary_search(names->begin(), names->end(), name)) add(LayerChange::Kind::kDeleted, path + "/" + name);
    }
    return {};
  }
  std::vector<LayerChange> take() {
    std::sort(changes_.begin(), changes_.end(), [](const auto& a, const auto& b) { return a.path < b.path; });
    return std::move(changes_);
  }

 private:
  std::vector<LayerChange> changes_;

  void add(LayerChange::Kind kind, std::string path) { changes_.push_back({kind, std::move(path)}); }

  Status entry(int upper, const Lower& lower, const std::string& name, const std::string& path, int depth) {
    struct stat info{};
    if (::fstatat(upper, name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) return {};
    auto old = lower.find(name);
    if (is_whiteout(info)) {
      if (old) add(LayerChange::Kind::kDeleted, path);
      return {};
    }
    size_t before = changes_.size();
    bool told = true;
    if (!old) add(LayerChange::Kind::kAdded, path);
    else if (differs(old->info, info) || capability_of(old->folder, name) != capability_of(upper, name)) add(LayerChange::Kind::kModified, path);
    else told = false;
    if (!S_ISDIR(info.st_mode)) return {};
    Fd fd(::openat(upper, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!fd) return {};
    TRY(folder(fd.get(), old && S_ISDIR(old->info.st_mode) ? lower.below(name) : Lower(), path, depth + 1));
    if (!told && changes_.size() > before) add(LayerChange::Kind::kModified, path);
    return {};
  }
};

}  // namespace

Result<std::vector<LayerChange>> changes_of_layer(const std::string& upper, const std::vector<std::string>& lower) {
  Fd top(::open(upper.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!top) return fail_errno("open " + upper);
  Lower below;
  for (auto it = lower.rbegin(); it != lower.rend() && !below.closed(); ++it) {
    Fd fd(::open(it->c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!fd) return fail_errno("open layer " + *it);
    below.add(std::move(fd));
  }
  Comparison comparison;
  TRY(comparison.folder(top.get(), below, "", 0));
  return comparison.take();
}

}  // namespace reigen::runtime
