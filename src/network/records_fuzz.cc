#include <cstdint>
#include <cstdlib>

#include "network/bridge_links.h"
#include "network/bridge_names.h"
#include "network/port_file.h"

using namespace reigen::network;

// Records that others on the host can change: aliases of links and the file of ports. What is read is written and read again as the same.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  auto ports = parse_ports(text);
  if (parse_ports(format_ports(ports)) != ports) abort();
  if (auto bridge = parse_bridge_alias("f", text); bridge && size <= 200) {
    auto again = parse_bridge_alias("f", bridge_alias("f", *bridge));
    if (!again || again->id != bridge->id || again->pools != bridge->pools || again->internal != bridge->internal) abort();
  }
  if (auto leg = parse_leg_alias("f", text)) {
    std::string alias = leg_alias("f", *leg);
    auto again = parse_leg_alias("f", alias);
    if (!alias.empty() && (!again || again->endpoint.addresses != leg->endpoint.addresses || again->endpoint.mac != leg->endpoint.mac)) abort();
  }
  if (auto path = endpoint_sysctl_path(text, "eth0"); path && (path->find("..") != std::string::npos || path->starts_with('/'))) abort();
  return 0;
}
