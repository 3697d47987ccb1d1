#include "image/layer_entry.h"

#include <sys/stat.h>

#include <algorithm>

namespace reigen::image {
namespace {

constexpr size_t kMaxPath = 4095;
constexpr size_t kMaxDepth = 200;
constexpr std::string_view kWhiteoutPrefix = ".wh.";

// A name as errors show it: bounded, control characters replaced.
std::string shown(std::string_view name) {
  std::string out(name.substr(0, 200));
  for (char& c : out)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
  if (name.size() > 200) out += "...";
  return "\"" + out + "\"";
}

Fail refuse(std::string_view name, const std::string& why) { return fail(Code::kInvalidArgument, "refused entry " + shown(name) + ": " + why); }

Result<std::string> clean(std::string_view raw, std::string_view entry, std::string_view what) {
  if (raw.size() > kMaxPath) return refuse(entry, std::string(what) + " is longer than 4095 bytes");
  if (raw.find('\0') != std::string_view::npos) return refuse(entry, std::string(what) + " holds a zero byte");
  if (raw.starts_with('/')) return refuse(entry, std::string(what) + " is absolute");
  std::string out;
  size_t depth = 0;
  while (!raw.empty()) {
    auto slash = raw.find('/');
    auto part = raw.substr(0, slash);
    raw = slash == std::string_view::npos ? std::string_view() : raw.substr(slash + 1);
    if (part.empty() || part == ".") continue;
    if (part == "..") return refuse(entry, std::string(what) + " holds \"..\"");
    if (part.size() > 255) return refuse(entry, std::string(what) + " has a part longer than 255 bytes");
    if (++depth > kMaxDepth) return refuse(entry, std::string(what) + " is deeper than 200 folders");
    if (!out.empty()) out += '/';
    out += part;
  }
  return out;
}

bool climbs_out(std::string_view path, std::string_view target) {
  if (target.starts_with('/')) path = {};
  auto depth = path.empty() ? 0 : std::ranges::count(path, '/');
  while (!target.empty()) {
    auto slash = target.find('/');
    auto part = target.substr(0, slash);
    target = slash == std::string_view::npos ? std::string_view() : target.substr(slash + 1);
    if (part == "..") {
      if (--depth < 0) return true;
    } else if (!part.empty() && part != ".") {
      ++depth;
    }
  }
  return false;
}

bool harmless_device(mode_t type, unsigned major, unsigned minor) {
  if (type != S_IFCHR) return false;
  if (major == 1) return minor == 3 || minor == 5 || minor == 7 || minor == 8 || minor == 9;  // null zero full random urandom
  return major == 5 && minor <= 2;                                                            // tty console ptmx
}

std::string parent_of(const std::string& path) {
  auto slash = path.rfind('/');
  return slash == std::string::npos ? std::string() : path.substr(0, slash);
}

Result<LayerEntry> plan_whiteout(LayerEntry entry, std::string_view raw, std::string_view base) {
  std::string parent = parent_of(entry.path);
  if (base == ".wh..wh..opq") {
    entry.kind = EntryKind::kOpaque;
    entry.path = std::move(parent);
    return entry;
  }
  if (base.starts_with(".wh..wh.")) {
    entry.kind = EntryKind::kSkip;
    return entry;
  }
  base.remove_prefix(kWhiteoutPrefix.size());
  if (base.empty() || base == "." || base == "..") return refuse(raw, "is no valid whiteout");
  entry.kind = EntryKind::kWhiteout;
  entry.path = parent.empty() ? std::string(base) : parent + "/" + std::string(base);
  return entry;
}

}  // namespace

Result<LayerEntry> plan_entry(const EntryHeader& header, bool whiteouts) {
  LayerEntry entry;
  TRY_ASSIGN(entry.path, clean(header.path, header.path, "its name"));
  auto slash = entry.path.rfind('/');
  std::string base = slash == std::string::npos ? entry.path : entry.path.substr(slash + 1);
  if (whiteouts && base.starts_with(kWhiteoutPrefix)) return plan_whiteout(std::move(entry), header.path, base);
  if (header.hardlink) {
    TRY_ASSIGN(entry.link, clean(header.link, header.path, "the hard link's target"));
    if (entry.path.empty() || entry.link.empty()) return refuse(header.path, "links the root");
    entry.kind = entry.link == entry.path ? EntryKind::kSkip : EntryKind::kHardlink;
    return entry;
  }
  mode_t type = header.mode & S_IFMT;
  if (entry.path.empty() && type != S_IFDIR) return refuse(header.path, "the root is no folder");
  switch (type) {
    case S_IFDIR: entry.kind = EntryKind::kDirectory; break;
    case S_IFREG: entry.kind = EntryKind::kFile; break;
    case S_IFIFO: entry.kind = EntryKind::kFifo; break;
    case S_IFLNK:
      if (header.link.empty()) return refuse(header.path, "a symbolic link to nothing");
      if (header.link.size() > kMaxPath) return refuse(header.path, "the symbolic link's target is longer than 4095 bytes");
      if (climbs_out(entry.path, header.link)) return refuse(header.path, "a symbolic link out of the root, to " + shown(header.link));
      entry.kind = EntryKind::kSymlink;
      entry.link = header.link;
      break;
    case S_IFCHR:
    case S_IFBLK:
      if (!harmless_device(type, header.device_major, header.device_minor))
        return refuse(header.path, std::string("a ") + (type == S_IFCHR ? "character" : "block") + " device (" + std::to_string(header.device_major) + ":" +
                                       std::to_string(header.device_minor) + ")");
      entry.kind = EntryKind::kDevice;
      break;
    case S_IFSOCK: entry.kind = EntryKind::kSkip; break;
    default: return refuse(header.path, "of an unknown type");
  }
  return entry;
}

}  // namespace reigen::image
