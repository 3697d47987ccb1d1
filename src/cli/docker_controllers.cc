#include "cli/docker_controllers.h"

#include "base/log.h"
#include "controllers/container/container_controller.h"
#include "linux/route_socket.h"

namespace reigen::cli {
namespace {

// The networks the host is in. What cannot be read is no reason not to start.
std::vector<IpNetwork> host_networks() {
  std::vector<IpNetwork> networks;
  auto socket = linux::RouteSocket::open();
  auto addresses = socket ? socket->addresses() : Result<std::vector<linux::Address>>(Fail(std::move(socket).error()));
  if (!addresses) {
    LOG(kWarning, "docker", "the host's addresses: {}", addresses.error().message());
    return networks;
  }
  for (const auto& one : *addresses)
    if (auto network = IpNetwork::parse(one.address.str() + "/" + std::to_string(one.prefix))) networks.push_back(*network);
  return networks;
}

}  // namespace

std::unique_ptr<controllers::Controller> make_docker_controller(controllers::Context& context, const ServerOptions& options) {
  if (!options.docker()) return nullptr;
  controllers::ContainerControllerOptions settings;
  for (const std::string* range : {&options.cluster_cidr, &options.service_cidr})
    if (auto network = IpNetwork::parse(*range)) settings.cluster_ranges.push_back(*network);
  settings.networks_in_use = host_networks;
  return controllers::make_container_controller(context, std::move(settings));
}

}  // namespace reigen::cli
