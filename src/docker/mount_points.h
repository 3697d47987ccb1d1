// What a container mounts: Binds, Mounts, Volumes and VolumesFrom brought into one list. Pure but for the look at existing host paths.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "api/dockerv1.h"
#include "base/random.h"
#include "base/result.h"

namespace reigen::docker {

// A volume that must exist before the container does.
struct VolumeWish {
  std::string name;
  bool anonymous = false;
  std::map<std::string, std::string> labels, options;
};

struct ResolvedMounts {
  std::vector<api::dockerv1::MountPoint> points;  // by destination
  std::vector<VolumeWish> volumes;                // in the order met
};

struct MountContext {
  Random& random;
  bool recursive_read_only = false;  // a bind that is read-only is so with all that is mounted below (API 1.44)
  // The mounts of the container that VolumesFrom names; 404 where there is none.
  std::function<Result<std::vector<api::dockerv1::MountPoint>>(std::string_view)> mounts_of;
  std::function<bool(const std::string&)> path_exists;  // on the host
};

// Errors in Docker's words: 400, or 404 for an unknown volume driver or container.
Result<ResolvedMounts> resolve_mounts(const api::dockerv1::Config& config, const api::dockerv1::HostConfig& host, const MountContext& context);

// "source:destination[:mode]" or "destination". kInvalidArgument "invalid volume specification: 'x'", "invalid mode: x".
Result<api::dockerv1::MountPoint> parse_bind(const std::string& text);
// As Go's path.Clean.
std::string clean_path(std::string_view path);
Status check_volume_name(std::string_view name);
Status check_volume_driver(std::string_view driver);

}  // namespace reigen::docker
