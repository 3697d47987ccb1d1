// Rows of docker.reigen.dev.

#include "api/dockerv1.h"
#include "api/metav1.h"
#include "apiserver/table/cells.h"
#include "apiserver/table/rows.h"

namespace reigen::apiserver {
namespace {

using namespace api::dockerv1;

std::string age(const api::Object& object, WallTime now) { return age_of(object.meta().creation_timestamp, now); }

void container_row(const api::Object& object, WallTime now, Row& row) {
  const auto& container = object.as<Container>();
  const ContainerStatus& status = container.status;
  row.text(container.metadata.name);
  row.text(container.spec.docker_name);
  row.text(container.spec.image_name);
  row.text(status.state == "exited" ? "exited (" + std::to_string(status.exit_code) + ")" : status.state);
  row.text(std::to_string(status.restart_count));
  row.text(container.spec.node_name);
  row.text(age(object, now));
}

void network_row(const api::Object& object, WallTime now, Row& row) {
  const auto& network = object.as<Network>();
  std::vector<std::string> subnets;
  for (const AddressPool& pool : network.spec.pools) subnets.push_back(pool.subnet);
  row.text(network.metadata.name);
  row.text(network.spec.docker_name);
  row.text(network.spec.driver);
  row.text(subnets.empty() ? "<none>" : joined(subnets));
  row.text(age(object, now));
}

void volume_row(const api::Object& object, WallTime now, Row& row) {
  const auto& volume = object.as<Volume>();
  row.text(volume.metadata.name);
  row.text(volume.spec.docker_name);
  row.text(volume.spec.driver);
  row.text(volume.spec.node_name);
  row.text(age(object, now));
}

void name_claim_row(const api::Object& object, WallTime, Row& row) {
  const auto& claim = object.as<NameClaim>();
  row.text(claim.metadata.name);
  row.text(claim.spec.kind);
  row.text(claim.spec.docker_name);
  row.text(claim.spec.holder);
}

constexpr RowLine kLines[] = {
    {"docker.reigen.dev", "Container", container_row},
    {"docker.reigen.dev", "NameClaim", name_claim_row},
    {"docker.reigen.dev", "Network", network_row},
    {"docker.reigen.dev", "Volume", volume_row},
};

}  // namespace

std::span<const RowLine> docker_rows() { return kLines; }

}  // namespace reigen::apiserver
