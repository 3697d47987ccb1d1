#include "node/docker_view.h"

#include "api/json.h"
#include "api/value.h"

namespace reigen::node {

Result<DockerView> DockerView::of(std::shared_ptr<const api::dockerv1::Container> object) {
  DockerView out;
  const auto& spec = object->spec;
  auto config = api::decode_json_as<api::dockerv1::Config>(spec.config.raw);
  if (!config) return fail(std::move(config).error().context("config of container " + object->metadata.name));
  auto host = api::decode_json_as<api::dockerv1::HostConfig>(spec.host_config.raw);
  if (!host) return fail(std::move(host).error().context("hostConfig of container " + object->metadata.name));
  out.config = std::move(*config);
  out.host = std::move(*host);
  // null and [] are not the same here.
  if (auto tree = api::parse_json(spec.host_config.raw)) {
    const auto* masked = tree->find("MaskedPaths");
    const auto* readonly = tree->find("ReadonlyPaths");
    out.masked_given = masked && masked->is_array();
    out.readonly_given = readonly && readonly->is_array();
  }
  out.object = std::move(object);
  return out;
}

std::optional<std::string> container_of_mode(std::string_view mode) {
  constexpr std::string_view prefix = "container:";
  if (!mode.starts_with(prefix)) return std::nullopt;
  return std::string(mode.substr(prefix.size()));
}

std::string network_mode_of(const api::dockerv1::HostConfig& host) {
  return host.network_mode.empty() || host.network_mode == "default" ? "bridge" : host.network_mode;
}

}  // namespace reigen::node
