#include "docker/create_versions.h"

#include <fmt/core.h>

#include <algorithm>

#include "docker/version_table.h"

namespace reigen::docker {

namespace {

using api::Value;

constexpr std::string_view kEndpointSysctls = "com.docker.network.endpoint.sysctls";

Fail wrong(std::string message) { return fail(Code::kInvalidArgument, std::move(message)); }

bool is_bridge_or_own(std::string_view mode) { return !mode.empty() && mode != "host" && mode != "none" && !mode.starts_with("container:"); }

bool has_options(const Value& mount, std::string_view name) {
  const Value* options = mount.find(name);
  return options && !options->is_null();
}

void drop_newer_mount_options(Value& host, ApiVersion version) {
  Value* mounts = host.find("Mounts");
  if (!mounts) return;
  for (auto& mount : mounts->items()) {
    if (Value* bind = mount.find("BindOptions")) {
      if (version < since::kNonRecursiveBinds) bind->erase("NonRecursive");
      if (version < since::kCreateMountpoint) bind->erase("CreateMountpoint");
      if (version < since::kReadOnlyRecursive) bind->erase("ReadOnlyNonRecursive");
    }
    if (version < since::kTmpfsOptions) {
      if (Value* tmpfs = mount.find("TmpfsOptions")) tmpfs->erase("Options");
    }
    if (version < since::kStrictMountOptions) {
      std::string type(mount.text_at({"Type"}));
      if (type != "bind") mount.erase("BindOptions");
      if (type != "volume") mount.erase("VolumeOptions");
      if (type != "tmpfs") mount.erase("TmpfsOptions");
    }
  }
}

Status refuse_newer_mounts(const Value& host, ApiVersion version) {
  const Value* mounts = host.find("Mounts");
  if (!mounts) return {};
  for (const auto& mount : mounts->items()) {
    std::string_view type = mount.text_at({"Type"});
    for (auto [options, of] : {std::pair{"VolumeOptions", "volume"}, {"BindOptions", "bind"}, {"TmpfsOptions", "tmpfs"}}) {
      if (version >= since::kStrictMountOptions && has_options(mount, options) && type != of)
        return wrong(fmt::format("{} must not be specified on mount type \"{}\"", options, type));
    }
    const Value* force = mount.at({"BindOptions", "ReadOnlyForceRecursive"});
    if (version < since::kReadOnlyRecursive && type == "bind" && force && force->bool_or(false))
      return wrong("BindOptions.ReadOnlyForceRecursive needs API v1.44 or newer");
    if (version < since::kVolumeSubpath && !mount.text_at({"VolumeOptions", "Subpath"}).empty()) return wrong("VolumeOptions.Subpath needs API v1.45 or newer");
    if (version < since::kImageMounts && type == "image") return wrong("Mount type \"Image\" needs API v1.48 or newer");
  }
  return {};
}

void warn_volume_driver(CreateRequest& request, ApiVersion version) {
  const Value* mounts = request.host.find("Mounts");
  if (version < since::kVolumeDriverWarning || !mounts || request.host.text_at({"VolumeDriver"}).empty()) return;
  for (const auto& mount : mounts->items()) {
    if (mount.text_at({"Type"}) != "volume" || !mount.text_at({"VolumeOptions", "DriverConfig", "Name"}).empty()) continue;
    request.warnings.emplace_back(
        "WARNING: the container-wide volume-driver configuration is ignored for volumes specified via 'mount'. Use '--mount type=volume,volume-driver=...' "
        "instead");
    return;
  }
}

void adjust_kernel_memory(CreateRequest& request, ApiVersion version) {
  Value& host = request.host;
  if (version < since::kKernelMemoryTcp || version >= since::kNoKernelMemory) host.erase("KernelMemoryTCP");
  const Value* limit = host.find("KernelMemory");
  bool wanted = limit && limit->int_or(0) > 0;
  if (version >= since::kNoKernelMemory) {
    host.erase("KernelMemory");
    // Docker forgets it without a word.
    if (wanted) request.warnings.emplace_back("Specifying a kernel memory limit is deprecated and has no effect.");
    return;
  }
  if (!wanted) return;
  request.warnings.emplace_back("Specifying a kernel memory limit is deprecated and will be removed in a future release.");
  request.warnings.emplace_back("Your kernel does not support kernel memory limit capabilities or the cgroup is not mounted. Limitation discarded.");
  host.erase("KernelMemory");
}

// The endpoint of the network mode, made where there is none.
Result<Value*> main_endpoint(CreateRequest& request, ApiVersion version) {
  std::string mode(request.host.text_at({"NetworkMode"}));
  if (request.endpoints.empty()) return &(request.endpoints[mode == "default" ? "bridge" : mode] = Value::object());
  auto found = version < since::kSeveralEndpoints ? request.endpoints.begin() : request.endpoints.find(mode);
  if (found == request.endpoints.end() && mode == "default") found = request.endpoints.find("bridge");
  if (found == request.endpoints.end()) return wrong("HostConfig.NetworkMode must match the identity of a network in NetworkSettings.Networks");
  if (!found->second.is_object()) found->second = Value::object();
  return &found->second;
}

Status adjust_mac(CreateRequest& request, ApiVersion version) {
  std::string mac(request.config.text_at({"MacAddress"}));
  if (version < since::kEndpointMac) {
    for (auto& [name, endpoint] : request.endpoints) {
      if (endpoint.is_object()) endpoint.erase("MacAddress");
    }
    return {};
  }
  if (mac.empty()) return {};
  if (is_bridge_or_own(request.host.text_at({"NetworkMode"}))) {
    TRY_ASSIGN(Value * endpoint, main_endpoint(request, version));
    std::string_view own = endpoint->text_at({"MacAddress"});
    if (!own.empty() && own != mac)
      return wrong("the container-wide MAC address must match the endpoint-specific MAC address for the main network, or be left empty");
    endpoint->set("MacAddress", mac);
  }
  request.config.erase("MacAddress");
  request.warnings.emplace_back("The container-wide MacAddress field is now deprecated. It should be specified in EndpointsConfig instead.");
  return {};
}

// "net.ipv4.conf.eth0.log_martians" is set once eth0 is there: its name in the endpoint's options, where it is called IFNAME. Empty: none of a link.
struct LinkSysctl {
  std::string link, name;
};
LinkSysctl link_sysctl(std::string_view name) {
  std::vector<std::string_view> parts;
  std::string_view rest = name;
  for (int i = 0; i < 4; ++i) {
    size_t dot = rest.find('.');
    if (dot == std::string_view::npos) return {};
    parts.push_back(rest.substr(0, dot));
    rest.remove_prefix(dot + 1);
  }
  if (parts[0] != "net" || !parts[3].starts_with("eth")) return {};
  return {std::string(parts[3]), fmt::format("net.{}.{}.IFNAME.{}", parts[1], parts[2], rest)};
}

Status move_sysctls(CreateRequest& request, ApiVersion version) {
  std::string mode(request.host.text_at({"NetworkMode"}));
  Value* sysctls = request.host.find("Sysctls");
  if (!sysctls || mode == "host" || mode.starts_with("container:")) return {};
  std::string names, settings;
  Value kept = Value::object();
  for (const auto& member : sysctls->members()) {
    auto link = link_sysctl(member.key());
    if (link.name.empty()) {
      kept.set(member.key(), member.value);
      continue;
    }
    if (version >= since::kSysctlsByEndpoint)
      return fail(Code::kInternal,
                  fmt::format("interface specific sysctl setting \"{}\" must be supplied using driver option '{}'", member.key(), kEndpointSysctls));
    if (link.link != "eth0")
      return fail(Code::kInternal, fmt::format("unable to determine network endpoint for sysctl {}, use driver option '{}' to set per-interface sysctls",
                                               member.key(), kEndpointSysctls));
    names += (names.empty() ? "" : ",") + std::string(member.key());
    settings += (settings.empty() ? "" : ",") + link.name + "=" + std::string(member.value.text());
  }
  if (names.empty()) return {};
  TRY_ASSIGN(Value * endpoint, main_endpoint(request, version));
  Value& options = endpoint->make({"DriverOpts"});
  if (!options.is_object()) options = Value::object();
  std::string own(options.text_at({kEndpointSysctls}));
  options.set(kEndpointSysctls, own.empty() ? settings : settings + "," + own);
  request.warnings.push_back(fmt::format("Migrated sysctl \"{}\" to DriverOpts{{\"{}\":\"{}\"}}.", names, kEndpointSysctls, settings));
  *sysctls = std::move(kept);
  return {};
}

Status adjust_networks(CreateRequest& request, ApiVersion version) {
  if (version < since::kSeveralEndpoints && request.endpoints.size() > 1) {
    std::string names;
    for (const auto& [name, settings] : request.endpoints) names += (names.empty() ? "" : ", ") + name;
    return wrong(fmt::format("Container cannot be connected to network endpoints: {}", names));
  }
  std::string mode(request.host.text_at({"NetworkMode"}));
  if (mode.empty()) request.host.set("NetworkMode", version < since::kDefaultIsBridge ? "default" : "bridge");
  if (mode == "default" && version >= since::kDefaultIsBridge) {
    request.host.set("NetworkMode", "bridge");
    if (auto found = request.endpoints.find("default"); found != request.endpoints.end()) {
      auto moved = request.endpoints.extract(found);
      moved.key() = "bridge";
      request.endpoints.insert(std::move(moved));
    }
  }
  if (version < since::kGatewayPriority) {
    for (auto& [name, endpoint] : request.endpoints) {
      if (endpoint.is_object()) endpoint.erase("GwPriority");
    }
  }
  TRY(adjust_mac(request, version));
  return move_sysctls(request, version);
}

}  // namespace

Status bring_up(CreateRequest& request, ApiVersion version, const HostFacts& facts) {
  Value& host = request.host;
  if (version < since::kAutoRemove) host.set("AutoRemove", false);
  if (version < since::kPrivateIpc && host.text_at({"IpcMode"}).empty()) host.set("IpcMode", "shareable");
  if (version < since::kCgroupNamespace && facts.cgroup_version == 1 && host.text_at({"CgroupnsMode"}).empty()) host.set("CgroupnsMode", "host");
  if (version < since::kConsoleSize) host.set("ConsoleSize", Value::array({0, 0}));
  if (version < since::kAnnotations) host.erase("Annotations");
  if (Value* check = request.config.find("Healthcheck"); check && check->is_object() && version < since::kStartInterval) check->erase("StartInterval");
  adjust_kernel_memory(request, version);
  TRY(refuse_newer_mounts(host, version));
  drop_newer_mount_options(host, version);
  warn_volume_driver(request, version);
  if (const Value* limit = host.find("PidsLimit"); limit && limit->is_int() && limit->int_or(0) <= 0) host.set("PidsLimit", Value());
  return adjust_networks(request, version);
}

}  // namespace reigen::docker
