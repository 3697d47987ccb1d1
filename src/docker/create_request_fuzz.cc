// A body of POST /containers/create on its way to what is stored: read, checked, merged with an image, its mounts and networks resolved.
#include <cstdint>
#include <cstdlib>

#include "api/json.h"
#include "base/check.h"
#include "docker/create_checks.h"
#include "docker/create_request.h"
#include "docker/mount_points.h"
#include "docker/network_requests.h"

namespace {

using namespace reigen;
using namespace reigen::docker;

HostFacts facts_of_a_host() {
  HostFacts out;
  out.memory = 1 << 30;
  out.cpus = 2;
  out.online_cpus = {0, 1};
  out.memory_limit = out.swap_limit = out.cpu_quota = out.cpu_shares = out.cpu_set = out.pids_limit = true;
  return out;
}

image::ImageConfig image_of_a_program() {
  image::ImageConfig out;
  out.entrypoint = {"/program"};
  out.env = {"PATH=/bin"};
  out.volumes = {"/data"};
  out.exposed_ports = {"80/tcp"};
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const HostFacts facts = facts_of_a_host();
  static const image::ImageConfig image = image_of_a_program();
  auto body = api::parse_json({reinterpret_cast<const char*>(data), size});
  if (!body) return 0;
  auto request = read_create_request(*body, kNewestVersion, facts);
  if (!request || !check_create(*request, facts) || !merge_image(*request, image)) return 0;
  fill_defaults(*request, facts);
  MountContext mounts{.random = system_random(),
                      .mounts_of = [](std::string_view) -> Result<std::vector<api::dockerv1::MountPoint>> { return std::vector<api::dockerv1::MountPoint>(); },
                      .path_exists = [](const std::string&) { return true; }};
  NetworkContext networks{.find_network = [](std::string_view) { return std::shared_ptr<const api::dockerv1::Network>(); },
                          .find_container = [](std::string_view) -> Result<std::string> { return std::string(64, 'a'); }};
  if (auto resolved = resolve_mounts(request->typed_config(), request->typed_host(), mounts)) {
    // Where something is mounted is a path of the container's, without a way up.
    for (const auto& point : resolved->points) {
      CHECK(point.destination.starts_with('/'));
      CHECK((point.destination + "/").find("/../") == std::string::npos);
      if (point.type == "bind") CHECK(point.source.starts_with('/'));
    }
    for (const auto& volume : resolved->volumes) CHECK(volume.name.empty() || volume.name.find('/') == std::string::npos);
  }
  (void)resolve_networks(*request, networks);
  std::string path;
  std::vector<std::string> arguments;
  resolve_command(*request, path, arguments);
  // What is stored is read again.
  CHECK(api::parse_json(api::to_json(request->config)).has_value());
  CHECK(api::parse_json(api::to_json(request->host)).has_value());
  return 0;
}
