#include "docker/version_table.h"

#include <span>

namespace reigen::docker {

namespace {

constexpr ApiVersion kEver{1, 0};

// For versions from `from` up to but without `until`: `drop` (no constant) or add the constant (JSON) where the member is missing or null. `*` stands for
// every member or element.
struct Row {
  std::string_view endpoint;
  ApiVersion from, until;
  std::string_view pointer;
  std::string_view constant;
};

constexpr Row kRows[] = {
    {"container.inspect", kEver, {1, 43}, "/HostConfig/Annotations", ""},
    {"container.inspect", kEver, {1, 44}, "/HostConfig/Mounts/*/BindOptions/ReadOnlyForceRecursive", ""},
    {"container.inspect", kEver, {1, 44}, "/HostConfig/Mounts/*/BindOptions/ReadOnlyNonRecursive", ""},
    {"container.inspect", kEver, {1, 41}, "/HostConfig/CgroupnsMode", ""},
    {"container.inspect", kEver, {1, 40}, "/HostConfig/DeviceRequests", ""},
    {"container.inspect", kEver, {1, 28}, "/HostConfig/DeviceCgroupRules", ""},
    {"container.inspect", kEver, {1, 32}, "/Platform", ""},
    {"container.inspect", kEver, {1, 25}, "/HostConfig/NanoCpus", ""},
    {"container.inspect", kEver, {1, 25}, "/HostConfig/CpuCount", ""},
    {"container.inspect", kEver, {1, 25}, "/HostConfig/CpuRealtimePeriod", ""},
    {"container.inspect", kEver, {1, 25}, "/HostConfig/CpuRealtimeRuntime", ""},
    {"container.inspect", kEver, {1, 25}, "/HostConfig/Init", ""},
    {"container.inspect", kEver, {1, 25}, "/HostConfig/Mounts", ""},
    {"container.inspect", kEver, {1, 25}, "/Config/StopTimeout", ""},
    {"exec.inspect", kEver, {1, 25}, "/Pid", ""},
    {"container.inspect", kEver, {1, 42}, "/HostConfig/KernelMemory", "0"},
    {"container.inspect", {1, 40}, {1, 42}, "/HostConfig/KernelMemoryTCP", "0"},
    {"container.inspect", kEver, {1, 44}, "/NetworkSettings/Networks/*/DNSNames", ""},
    {"container.inspect", kEver, {1, 48}, "/NetworkSettings/Networks/*/GwPriority", ""},
    {"container.inspect", kEver, {1, 32}, "/NetworkSettings/Networks/*/DriverOpts", ""},
    {"container.inspect", kEver, {1, 44}, "/Config/Healthcheck/StartInterval", ""},
    {"container.inspect", kEver, {1, 29}, "/Config/Healthcheck/StartPeriod", ""},
    {"container.list", kEver, {1, 44}, "/*/NetworkSettings/Networks/*/DNSNames", ""},
    {"container.list", kEver, {1, 48}, "/*/NetworkSettings/Networks/*/GwPriority", ""},
    {"container.list", kEver, {1, 32}, "/*/NetworkSettings/Networks/*/DriverOpts", ""},
    {"container.list", kEver, {1, 46}, "/*/HostConfig/Annotations", ""},
    {"container.stats", kEver, {1, 27}, "/cpu_stats/online_cpus", ""},
    {"container.stats", kEver, {1, 27}, "/precpu_stats/online_cpus", ""},
    {"network.inspect", kEver, {1, 48}, "/EnableIPv4", ""},
    {"network.inspect", kEver, {1, 29}, "/Ingress", ""},
    {"network.inspect", kEver, {1, 25}, "/Created", ""},
    {"network.list", kEver, {1, 48}, "/*/EnableIPv4", ""},
    {"network.list", kEver, {1, 29}, "/*/Ingress", ""},
    {"network.list", kEver, {1, 25}, "/*/Created", ""},
    {"volume", kEver, {1, 31}, "/CreatedAt", ""},
    {"volume", kEver, {1, 25}, "/Options", ""},
    {"volume.list", kEver, {1, 31}, "/Volumes/*/CreatedAt", ""},
    {"volume.list", kEver, {1, 25}, "/Volumes/*/Options", ""},
    {"image.inspect", kEver, {1, 44}, "/Created", "\"0001-01-01T00:00:00Z\""},
    {"image.inspect", kEver, {1, 48}, "/Descriptor", ""},
    {"image.list", kEver, {1, 48}, "/*/Descriptor", ""},
    {"image.list", kEver, {1, 47}, "/*/Manifests", ""},
    {"version", kEver, {1, 35}, "/Platform", ""},
    {"version", kEver, {1, 35}, "/Components", ""},
    {"version", kEver, {1, 25}, "/MinAPIVersion", ""},
    {"info", kEver, {1, 50}, "/BridgeNfIptables", "true"},
    {"info", kEver, {1, 50}, "/BridgeNfIp6tables", "true"},
    {"info", kEver, {1, 50}, "/DiscoveredDevices", ""},
    {"info", kEver, {1, 49}, "/FirewallBackend", ""},
    {"info", kEver, {1, 49}, "/ContainerdCommit/Expected", "\"\""},
    {"info", kEver, {1, 49}, "/RuncCommit/Expected", "\"\""},
    {"info", kEver, {1, 49}, "/InitCommit/Expected", "\"\""},
    {"info", kEver, {1, 47}, "/RegistryConfig/AllowNondistributableArtifactsCIDRs", "[]"},
    {"info", kEver, {1, 47}, "/RegistryConfig/AllowNondistributableArtifactsHostnames", "[]"},
    {"info", kEver, {1, 46}, "/Containerd", ""},
    {"info", kEver, {1, 44}, "/CDISpecDirs", ""},
    {"info", kEver, {1, 44}, "/Runtimes/*/status", ""},
    {"info", kEver, {1, 42}, "/KernelMemory", "true"},
    {"info", {1, 40}, {1, 42}, "/KernelMemoryTCP", "true"},
    {"info", kEver, {1, 42}, "/RegistryConfig/Mirrors", "[]"},
    {"info", kEver, {1, 41}, "/CgroupVersion", ""},
    {"info", kEver, {1, 41}, "/DefaultAddressPools", ""},
    {"info", kEver, {1, 40}, "/PidsLimit", ""},
    {"info", kEver, {1, 39}, "/Warnings", ""},
    {"info", kEver, {1, 39}, "/ProductLicense", ""},
    {"info", kEver, {1, 30}, "/Plugins/Log", ""},
    {"info", kEver, {1, 25}, "/Isolation", ""},
    {"df", kEver, {1, 31}, "/Volumes/*/CreatedAt", ""},
    {"df", kEver, {1, 39}, "/BuildCache", ""},
    {"df", {1, 31}, {1, 42}, "/BuilderSize", "0"},
};

std::string_view take_step(std::string_view& pointer) {
  pointer.remove_prefix(1);
  std::string_view step = pointer.substr(0, pointer.find('/'));
  pointer.remove_prefix(step.size());
  return step;
}

void apply(api::Value& value, std::string_view pointer, const Row& row) {
  std::string_view step = take_step(pointer);
  if (step == "*") {
    if (value.is_array()) {
      for (auto& item : value.items()) apply(item, pointer, row);
    } else {
      for (auto& member : value.members()) apply(member.value, pointer, row);
    }
    return;
  }
  if (!value.is_object()) return;
  if (!pointer.empty()) {
    if (auto* next = value.find(step)) apply(*next, pointer, row);
  } else if (row.constant.empty()) {
    value.erase(step);
  } else if (auto* there = value.find(step); !there || there->is_null()) {
    if (auto constant = api::parse_json(row.constant)) value.set(step, std::move(*constant));
  }
}

}  // namespace

void bring_down(api::Value& answer, std::string_view endpoint, ApiVersion version) {
  for (const Row& row : kRows) {
    if (row.endpoint == endpoint && version >= row.from && version < row.until) apply(answer, row.pointer, row);
  }
}

}  // namespace reigen::docker
