#include "docker/mount_points.h"

#include <fmt/core.h>

#include <algorithm>
#include <set>

#include "api/docker_names.h"
#include "apiserver/docker_error.h"

namespace reigen::docker {

namespace {

using api::dockerv1::Config;
using api::dockerv1::HostConfig;
using api::dockerv1::Mount;
using api::dockerv1::MountPoint;

Fail wrong(std::string message) { return fail(Code::kInvalidArgument, std::move(message)); }
Fail wrong_mount(const Mount& mount, std::string_view why) { return wrong(fmt::format("invalid mount config for type \"{}\": {}", mount.type, why)); }

bool is_propagation(std::string_view word) {
  static const std::set<std::string_view> kModes{"private", "rprivate", "slave", "rslave", "shared", "rshared"};
  return kModes.contains(word);
}

struct Mode {
  bool writable = true, no_copy = false;
  std::string propagation;
};

// Each kind of word at most once.
bool parse_mode(std::string_view text, Mode& out) {
  int access = 0, label = 0, propagation = 0, copy = 0, consistency = 0;
  while (!text.empty()) {
    std::string_view word = text.substr(0, text.find(','));
    bool last = word.size() == text.size();
    text.remove_prefix(last ? word.size() : word.size() + 1);
    if (word == "rw" || word == "ro") {
      ++access;
      out.writable = word == "rw";
    } else if (word == "z" || word == "Z") {
      ++label;
    } else if (is_propagation(word)) {
      ++propagation;
      out.propagation = word;
    } else if (word == "nocopy") {
      ++copy;
      out.no_copy = true;
    } else if (word == "consistent" || word == "cached" || word == "delegated" || word == "default") {
      ++consistency;
    } else {
      return false;
    }
    if (!last && text.empty()) return false;
  }
  return access <= 1 && label <= 1 && propagation <= 1 && copy <= 1 && consistency <= 1;
}

constexpr const char* kSharedLabel = "z";  // the mode that Docker shows of its own volumes where none is given

// Of a bind: read-only with all below it, where the kernel can; or not at all.
constexpr const char* kRecursive = "rro";
constexpr const char* kForced = "rro=forced";

Status check_destination(const std::string& destination) {
  if (clean_path(destination) == "/") return wrong("invalid specification: destination can't be '/'");
  if (destination.empty() || destination[0] != '/') return wrong(fmt::format("invalid mount path: '{}' mount path must be absolute", destination));
  return {};
}

std::string size_option(int64_t size) {
  for (auto [suffix, divisor] : {std::pair{'g', int64_t{1} << 30}, {'m', int64_t{1} << 20}, {'k', int64_t{1} << 10}}) {
    if (size % divisor == 0) return fmt::format("size={}{}", size / divisor, suffix);
  }
  return fmt::format("size={}", size);
}

Result<MountPoint> tmpfs_point(const Mount& mount) {
  MountPoint out;
  if (!mount.source.empty()) return wrong_mount(mount, "field Source must not be specified");
  if (mount.bind_options) return wrong_mount(mount, "field BindOptions must not be specified");
  if (mount.volume_options) return wrong_mount(mount, "field VolumeOptions must not be specified");
  if (mount.read_only) out.options.emplace_back("ro");
  if (!mount.tmpfs_options) return out;
  const auto& options = *mount.tmpfs_options;
  if (options.mode != 0) out.options.push_back(fmt::format("mode={:o}", options.mode));
  if (options.size_bytes != 0) out.options.push_back(size_option(options.size_bytes));
  static const std::set<std::string_view> kAllowed{"exec", "noexec"};
  for (const auto& option : options.options) {
    if (option.size() != 1 || !kAllowed.contains(option[0])) return wrong_mount(mount, "invalid option: " + (option.empty() ? std::string() : option[0]));
    out.options.push_back(option[0]);
  }
  return out;
}

Result<MountPoint> bind_point(const Mount& mount, const MountContext& context) {
  MountPoint out;
  if (mount.source.empty()) return wrong_mount(mount, "field Source must not be empty");
  if (mount.volume_options) return wrong_mount(mount, "field VolumeOptions must not be specified");
  if (mount.tmpfs_options) return wrong_mount(mount, "field TmpfsOptions must not be specified");
  if (mount.source[0] != '/') return wrong_mount(mount, fmt::format("invalid mount path: '{}' mount path must be absolute", mount.source));
  out.source = clean_path(mount.source);
  out.propagation = "rprivate";
  if (mount.bind_options) {
    const auto& options = *mount.bind_options;
    if (!options.propagation.empty() && !is_propagation(options.propagation))
      return wrong_mount(mount, fmt::format("invalid propagation mode: {}", options.propagation));
    if (!options.propagation.empty()) out.propagation = options.propagation;
    out.non_recursive = options.non_recursive;
    out.create_source = options.create_mountpoint;
    if (options.read_only_non_recursive && options.read_only_force_recursive)
      return wrong("mount options conflict: ReadOnlyNonRecursive && ReadOnlyForceRecursive");
  }
  bool plain = mount.bind_options && mount.bind_options->read_only_non_recursive;
  bool forced = mount.bind_options && mount.bind_options->read_only_force_recursive;
  if (mount.read_only && context.recursive_read_only && !plain) out.options.emplace_back(forced ? kForced : kRecursive);
  if (!out.create_source && !context.path_exists(out.source)) return wrong_mount(mount, fmt::format("bind source path does not exist: {}", out.source));
  return out;
}

Result<MountPoint> volume_point(const Mount& mount, const MountContext& context, VolumeWish& wish) {
  MountPoint out;
  if (mount.bind_options) return wrong_mount(mount, "field BindOptions must not be specified");
  if (mount.tmpfs_options) return wrong_mount(mount, "field TmpfsOptions must not be specified");
  if (mount.source.empty() && mount.read_only) return wrong_mount(mount, "must not set ReadOnly mode when using anonymous volumes");
  out.anonymous = mount.source.empty();
  out.name = out.anonymous ? context.random.hex(32) : mount.source;
  out.driver = "local";
  if (mount.volume_options) {
    const auto& options = *mount.volume_options;
    out.no_copy = options.no_copy;
    out.subpath = options.subpath;
    if (out.subpath.starts_with("/") || out.subpath.find("..") != std::string::npos)
      return wrong_mount(mount, "invalid subpath: must be a relative path within the volume");
    for (const auto& [name, value] : options.labels) wish.labels.emplace(name, value);
    if (options.driver_config) {
      TRY(check_volume_driver(options.driver_config->name));
      for (const auto& [name, value] : options.driver_config->options) wish.options.emplace(name, value);
    }
  }
  wish.name = out.name;
  wish.anonymous = out.anonymous;
  out.mode = kSharedLabel;
  return out;
}

Status check_new_volume(const std::string& name) {
  if (auto good = check_volume_name(name); !good) return wrong(fmt::format("create {}: {}", name, good.error().message()));
  return {};
}

class Resolver {
 public:
  Resolver(const HostConfig& host, const MountContext& context) : host_(host), context_(context) {}

  Status run(const Config& config) {
    for (const auto& from : host_.volumes_from) TRY(add_from(from));
    for (const auto& bind : host_.binds) TRY(add_bind(bind));
    for (const auto& mount : host_.mounts) TRY(add_mount(mount));
    for (const auto& [destination, empty] : config.volumes) TRY(add_anonymous(destination));
    return {};
  }
  ResolvedMounts take() {
    ResolvedMounts out{.points = {}, .volumes = std::move(volumes_)};
    for (auto& [destination, point] : points_) out.points.push_back(std::move(point));
    return out;
  }

 private:
  Status add_from(const std::string& text) {
    size_t colon = text.find(':');
    std::string mode = colon == std::string::npos ? "rw" : text.substr(colon + 1);
    Mode parsed;
    if (!parse_mode(mode, parsed) || !parsed.propagation.empty() || parsed.no_copy) return wrong(fmt::format("invalid mode: {}", mode));
    auto theirs = context_.mounts_of(text.substr(0, colon));
    if (!theirs) return wrong(theirs.error().message());  // not 404, at which clients pull the image
    for (auto& point : *theirs) {
      point.rw = point.rw && parsed.writable;
      point.mode.clear();
      point.anonymous = false;
      point.no_copy = true;
      points_[point.destination] = std::move(point);
    }
    return {};
  }

  Status add_bind(const std::string& text) {
    TRY_ASSIGN(MountPoint point, parse_bind(text));
    if (point.type == "bind" && !point.rw && context_.recursive_read_only) point.options.emplace_back(kRecursive);
    if (point.type == "volume") {
      TRY(check_volume_driver(host_.volume_driver));
      point.anonymous = point.name.empty();
      if (point.anonymous) point.name = context_.random.hex(32);
      TRY(check_new_volume(point.name));
      volumes_.push_back({.name = point.name, .anonymous = point.anonymous, .labels = {}, .options = {}});
    }
    return add_once(std::move(point));
  }

  Status add_mount(const Mount& mount) {
    if (mount.target.empty()) return wrong_mount(mount, "field Target must not be empty");
    if (auto good = check_destination(mount.target); !good) return wrong_mount(mount, good.error().message());
    MountPoint point;
    if (mount.type == "bind") {
      TRY_ASSIGN(point, bind_point(mount, context_));
    } else if (mount.type == "tmpfs") {
      TRY_ASSIGN(point, tmpfs_point(mount));
    } else if (mount.type == "volume") {
      VolumeWish wish;
      TRY_ASSIGN(point, volume_point(mount, context_, wish));
      TRY(check_new_volume(wish.name));
      volumes_.push_back(std::move(wish));
    } else {
      return wrong_mount(mount, "mount type unknown");
    }
    point.type = mount.type;
    point.destination = clean_path(mount.target);
    point.rw = !mount.read_only;
    return add_once(std::move(point));
  }

  Status add_anonymous(const std::string& text) {
    TRY(check_destination(text));
    std::string destination = clean_path(text);
    if (points_.contains(destination) || host_.tmpfs.contains(destination)) return {};
    TRY(check_volume_driver(host_.volume_driver));
    MountPoint point;
    point.type = "volume";
    point.name = context_.random.hex(32);
    point.driver = "local";
    point.destination = destination;
    point.rw = true;
    point.anonymous = true;
    volumes_.push_back({.name = point.name, .anonymous = true, .labels = {}, .options = {}});
    points_[destination] = std::move(point);
    return {};
  }

  // Two of the user's own at one place are a mistake; over one of VolumesFrom the own one wins.
  Status add_once(MountPoint point) {
    if (!own_.insert(point.destination).second || host_.tmpfs.contains(point.destination))
      return wrong(fmt::format("Duplicate mount point: {}", point.destination));
    std::string destination = point.destination;
    points_[destination] = std::move(point);
    return {};
  }

  const HostConfig& host_;
  const MountContext& context_;
  std::map<std::string, MountPoint> points_;
  std::set<std::string> own_;
  std::vector<VolumeWish> volumes_;
};

}  // namespace

std::string clean_path(std::string_view path) {
  bool absolute = path.starts_with("/");
  std::vector<std::string_view> parts;
  while (!path.empty()) {
    std::string_view part = path.substr(0, path.find('/'));
    path.remove_prefix(std::min(path.size(), part.size() + 1));
    if (part.empty() || part == ".") continue;
    if (part == ".." && !parts.empty() && parts.back() != "..") {
      parts.pop_back();
    } else if (part != ".." || !absolute) {
      parts.push_back(part);
    }
  }
  std::string out = absolute ? "/" : "";
  for (size_t i = 0; i < parts.size(); ++i) {
    if (i > 0) out += '/';
    out += parts[i];
  }
  return out.empty() ? "." : out;
}

Status check_volume_name(std::string_view name) {
  if (name.size() == 1) return wrong("volume name is too short, names should be at least two alphanumeric characters");
  if (!api::is_docker_name(name)) {
    return wrong(
        fmt::format("\"{}\" includes invalid characters for a local volume name, only \"[a-zA-Z0-9][a-zA-Z0-9_.-]\" are allowed. If you intended to "
                    "pass a host directory, use absolute path",
                    name));
  }
  return {};
}

Status check_volume_driver(std::string_view driver) {
  if (driver.empty() || driver == "local") return {};
  return fail(apiserver::docker_error(404, fmt::format("error looking up volume plugin {0}: plugin \"{0}\" not found", driver)));
}

Result<MountPoint> parse_bind(const std::string& text) {
  auto invalid = [&] { return wrong(fmt::format("invalid volume specification: '{}'", text)); };
  std::vector<std::string> parts;
  size_t begin = 0;
  for (size_t colon; (colon = text.find(':', begin)) != std::string::npos; begin = colon + 1) parts.push_back(text.substr(begin, colon - begin));
  parts.push_back(text.substr(begin));
  if (parts.size() > 3 || parts[0].empty()) return invalid();
  MountPoint out;
  Mode mode;
  if (parts.size() == 2 && parse_mode(parts[1], mode)) return invalid();
  mode = {};
  if (parts.size() == 3 && !parse_mode(parts[2], mode)) return wrong(fmt::format("invalid mode: {}", parts[2]));
  std::string source = parts.size() == 1 ? std::string() : parts[0];
  std::string destination = parts.size() == 1 ? parts[0] : parts[1];
  const char* type = source.starts_with("/") ? "bind" : "volume";
  if (auto good = check_destination(destination); !good)
    return wrong(fmt::format("invalid volume specification: '{}': invalid mount config for type \"{}\": {}", text, type, good.error().message()));
  out.destination = clean_path(destination);
  out.mode = parts.size() == 3 ? parts[2] : "";
  out.rw = mode.writable;
  if (source.starts_with("/")) {
    if (mode.no_copy)
      return wrong(fmt::format("invalid volume specification: '{}': invalid mount config for type \"bind\": field VolumeOptions must not be specified", text));
    out.type = "bind";
    out.source = clean_path(source);
    out.propagation = mode.propagation.empty() ? "rprivate" : mode.propagation;
    out.create_source = true;
    return out;
  }
  if (!mode.propagation.empty())
    return wrong(fmt::format("invalid volume specification: '{}': invalid mount config for type \"volume\": field BindOptions must not be specified", text));
  out.type = "volume";
  out.name = source;
  out.driver = "local";
  if (out.mode.empty() && !source.empty()) out.mode = kSharedLabel;
  out.no_copy = mode.no_copy;
  return out;
}

Result<ResolvedMounts> resolve_mounts(const Config& config, const HostConfig& host, const MountContext& context) {
  Resolver resolver(host, context);
  TRY(resolver.run(config));
  return resolver.take();
}

}  // namespace reigen::docker
