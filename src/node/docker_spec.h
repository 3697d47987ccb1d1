// Docker's Config and HostConfig as the runtime takes them. Pure but for add_docker_devices, which looks at the host's /dev.
#pragma once

#include <string>
#include <vector>

#include "node/docker_view.h"
#include "runtime/spec.h"

namespace reigen::node {

struct DockerSpecInput {
  const DockerView& view;
  std::vector<std::string> layers;    // of the image
  std::string hostname;               // as the container will see it
  std::vector<std::string> link_env;  // docker_link_environment
};

struct DockerSpec {
  runtime::ContainerSpec spec;
  std::string seccomp_profile;  // Docker's JSON from --security-opt, not converted yet; empty: none
};

// All but ids, sandbox, log, mounts, devices, shared namespaces. kInvalidArgument: in Docker's words.
Result<DockerSpec> make_docker_spec(const DockerSpecInput& input);

// The environment of the program: the defaults, then links', then Config.Env over them; a name without '=' takes one away.
std::vector<std::string> docker_environment(const DockerSpecInput& input);

// Limits without devices; also for `update`.
runtime::Resources docker_resources(const api::dockerv1::HostConfig& host);

// Everything of the sandbox but ids, labels, hostname's source and shared namespaces.
void fill_docker_sandbox(const DockerView& view, runtime::SandboxSpec& spec);

// "c 1:3 mr" and the like. kInvalidArgument: "invalid device cgroup rule format: 'x'".
Result<runtime::DeviceRule> parse_device_rule(const std::string& text);

// Where a container's cgroup stands below the instance's: "docker/<parent>/<id>". A parent cannot lead out.
std::string docker_cgroup(const api::dockerv1::HostConfig& host, const std::string& id);

// Devices, their rules, and rates of block devices, from what the host's paths are.
Status add_docker_devices(const api::dockerv1::HostConfig& host, runtime::ContainerSpec& spec);
Status add_device_rates(const api::dockerv1::HostConfig& host, runtime::Resources& resources);

}  // namespace reigen::node
