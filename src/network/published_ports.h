// From what a container wants published to host ports that are its own.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "network/container_network.h"
#include "network/port_table.h"

namespace reigen::network {

// Where published ports lead: the addresses of the chosen legs; any: none of that family. With both any nothing can be published.
struct PublishTarget {
  IpAddress v4;
  std::optional<IpAddress> v6;
};

// What one publication on `port` is: a mapping for its address, or for 0.0.0.0 and [::]. The v6 address of the host leads to the v6 target, else
// (copied by the helper) to the v4 one, and the other way round.
std::vector<PortMapping> mappings_of(const Publication& publication, uint16_t port, const PublishTarget& target);

// The same ports led elsewhere.
std::vector<PortMapping> moved_to(std::vector<PortMapping> ports, const PublishTarget& target);

std::vector<Published> published_of(std::span<const PortMapping> ports);

// Whether nobody else on the host listens there: a bind and listen in the namespace of the calling thread, again for so long while the port is in use
// (the helper process closes one given back a moment later). kAlreadyExists: "listen tcp4 0.0.0.0:80: bind: address already in use".
Status test_bind(const PortMapping& port, Duration patience);

// Chooses and claims. One thread at a time.
class PortChooser {
 public:
  PortChooser(PortTable& table, std::string range_file = "/proc/sys/net/ipv4/ip_local_port_range") : table_(table), range_file_(std::move(range_file)) {}

  // All or none, claimed for the sandbox. kAlreadyExists in Docker's words, without the part that names the endpoint.
  Result<std::vector<PortMapping>> claim(const std::string& sandbox, std::span<const Publication> publications, const PublishTarget& target);

 private:
  Result<std::vector<PortMapping>> claim_one(const std::string& sandbox, const Publication& publication, const PublishTarget& target);
  Status try_port(const std::string& sandbox, std::span<const PortMapping> mappings, Duration patience);
  std::pair<uint16_t, uint16_t> local_range() const;

  PortTable& table_;
  std::string range_file_;
  uint16_t last_ = 0;  // given; 0: none yet
};

}  // namespace reigen::network
