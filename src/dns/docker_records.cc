#include "dns/docker_records.h"

#include <fmt/core.h>

#include <algorithm>
#include <set>

#include "api/dockerv1.h"
#include "api/json.h"
#include "base/ip.h"

namespace reigen::dns {

using api::dockerv1::Container;
using api::dockerv1::EndpointStatus;

namespace {

constexpr size_t kShortId = 12;
constexpr size_t kMaxName = 253;

// Empty when it can be no name.
std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c <= ' ' || c >= 127) return {};
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  }
  return out.size() <= kMaxName ? out : std::string();
}

bool has_names(const std::string& network) { return network != "bridge" && network != "host" && network != "none"; }

std::set<std::string> names_on(const Container& container, const EndpointStatus& endpoint, const std::string& hostname) {
  std::set<std::string> names{lower(container.spec.docker_name), lower(container.metadata.name.substr(0, kShortId)), lower(hostname)};
  for (const auto& request : container.spec.networks)
    if (request.network == endpoint.network)
      for (const std::string& alias : request.aliases) names.insert(lower(alias));
  names.erase("");
  return names;
}

}  // namespace

std::vector<std::string> docker_lines(const Container& container) {
  std::vector<std::string> lines;
  bool has_address = std::ranges::any_of(container.status.networks, [](const EndpointStatus& endpoint) {
    return has_names(endpoint.network) && (!endpoint.ip_address.empty() || !endpoint.ipv6_address.empty());
  });
  if (!has_address) return lines;
  std::string hostname;
  if (auto config = api::decode_json_as<api::dockerv1::Config>(container.spec.config.raw)) hostname = config->hostname;
  for (const EndpointStatus& endpoint : container.status.networks) {
    std::string network = lower(endpoint.network_id), suffix = "." + lower(endpoint.network);
    if (!has_names(endpoint.network) || network.empty()) continue;
    auto names = names_on(container, endpoint, hostname);
    for (const std::string* text : {&endpoint.ip_address, &endpoint.ipv6_address}) {
      auto address = IpAddress::parse(*text);
      if (!address) continue;
      for (const std::string& name : names) {
        lines.push_back(fmt::format("{} {} {}\n", network, name, address->str()));
        if (suffix.size() > 1) lines.push_back(fmt::format("{} {}{} {}\n", network, name, suffix, address->str()));
      }
      lines.push_back(fmt::format("{} {} = {}{}\n", network, address->str(), lower(container.spec.docker_name), suffix));
      lines.push_back(fmt::format("{} @ {} {}\n", container.metadata.name, network, address->str()));
    }
  }
  return lines;
}

}  // namespace reigen::dns
