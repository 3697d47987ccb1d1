// Options of Docker's that reach the node as text: of logs, devices and cgroups, and the times objects carry.
#include <cstdint>

#include "base/check.h"
#include "node/container_times.h"
#include "node/docker_log_options.h"
#include "node/docker_spec.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace reigen;
  using namespace reigen::node;
  std::string text(reinterpret_cast<const char*>(data), size);
  std::string first = text.substr(0, size / 2), second = text.substr(size / 2);
  if (auto bytes = parse_docker_size(text, 1000)) CHECK(*bytes >= 0);
  if (auto time = parse_docker_time(text)) CHECK(parse_docker_time(docker_time(*time)) == time);
  api::dockerv1::LogConfig log;
  log.type = "json-file";
  log.config["max-size"] = first;
  log.config["max-file"] = second;
  log.config["compress"] = "true";
  if (auto rotation = log_rotation(log)) CHECK(rotation->max_bytes >= 0 && rotation->max_files >= 1);
  (void)parse_device_rule(text);
  api::dockerv1::HostConfig host;
  host.cgroup_parent = text;
  std::string cgroup = docker_cgroup(host, "id");
  CHECK(cgroup.find("/../") == std::string::npos && !cgroup.ends_with("/.."));
  return 0;
}
