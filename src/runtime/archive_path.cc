#include "runtime/archive_path.h"

#include <fcntl.h>
#include <unistd.h>

#include <vector>

#include "linux/mount.h"

namespace reigen::runtime {
namespace {

constexpr int kLinkLimit = 255;
constexpr size_t kPathLimit = 4096;

// The parts in reverse, so that the next one is at the back.
std::vector<std::string> parts_reversed(std::string_view path) {
  std::vector<std::string> out;
  while (!path.empty()) {
    size_t slash = path.rfind('/');
    std::string_view part = slash == std::string_view::npos ? path : path.substr(slash + 1);
    if (!part.empty() && part != ".") out.emplace_back(part);
    path = slash == std::string_view::npos ? std::string_view() : path.substr(0, slash);
  }
  return out;
}

void pop(std::string& path) { path.resize(path.rfind('/') == std::string::npos ? 0 : path.rfind('/')); }

// The target when `path` is a link; empty otherwise.
std::string link_at(const RootView& view, const std::string& path) {
  auto fd = linux::open_in_root(view.fd(), path, O_PATH | O_NOFOLLOW);
  if (!fd) return "";
  std::string target(kPathLimit, '\0');
  ssize_t length = ::readlinkat(fd->get(), "", target.data(), target.size());
  target.resize(length > 0 ? static_cast<size_t>(length) : 0);
  return target;
}

}  // namespace

std::string clean_path(std::string_view path) {
  std::string out;
  auto parts = parts_reversed(path);
  for (auto it = parts.rbegin(); it != parts.rend(); ++it) {
    if (*it == "..") pop(out);
    else out += "/" + *it;
  }
  return out.empty() ? "/" : out;
}

ArchivePath parse_archive_path(std::string_view path) {
  ArchivePath out;
  out.clean = clean_path(path);
  bool slash = path.ends_with('/');
  while (path.ends_with('/')) path.remove_suffix(1);
  bool dot = path == "." || path.ends_with("/.") || (path.empty() && !slash);
  out.follow = dot || slash || out.clean == "/";
  out.name = dot ? "." : out.clean == "/" ? "/" : out.clean.substr(out.clean.rfind('/') + 1);
  return out;
}

Result<OpenedPath> open_archive_path(const RootView& view, const ArchivePath& path) {
  OpenedPath out;
  TRY_ASSIGN(out.fd, linux::open_in_root(view.fd(), path.clean, O_PATH | (path.follow ? O_DIRECTORY : O_NOFOLLOW)));
  if (::fstat(out.fd.get(), &out.info) != 0) return fail_errno("stat " + path.clean);
  return out;
}

Result<std::string> resolve_path(const RootView& view, const std::string& path) {
  std::string done;
  auto left = parts_reversed(path);
  for (int links = 0; !left.empty();) {
    std::string part = std::move(left.back());
    left.pop_back();
    if (part == "..") {
      pop(done);
      continue;
    }
    done += "/" + part;
    std::string target = link_at(view, done);
    if (target.empty()) continue;
    if (++links > kLinkLimit) return fail(Code::kInvalidArgument, "too many links in " + path);
    pop(done);
    if (target.front() == '/') done.clear();
    auto more = parts_reversed(target);
    left.insert(left.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
  }
  return done.empty() ? "/" : done;
}

}  // namespace reigen::runtime
