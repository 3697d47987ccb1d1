// ContainerNetwork: the bridge networks of Docker's containers on one node, and their published ports.
//
// A network is a bridge, rn<6 digits of the instance><7 of the network's id> or the name its user wants; an endpoint is a veth pair, ethN in the
// container's namespace and rc<6 digits><7 of the endpoint's id> on the host, where it is a port of the bridge. The links' aliases are the record
// (bridge_names.h): after a restart open() finds all there, and published ports in <run>/hostports (port_table.h). Networks are kept apart by the nft
// table reigen-<instance>-docker (bridge_rules.h). Addresses are chosen by the caller. Everything made here is removed by remove_network (clean.h).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/ip.h"
#include "base/result.h"
#include "linux/route_socket.h"
#include "network/pod_network.h"

namespace reigen::network {

struct BridgeSpec {
  std::string id;    // 64 digits
  std::string link;  // wanted name of the bridge (com.docker.network.bridge.name: [a-zA-Z0-9_.-]{1,15}, not there yet); empty: made from the id
  struct Pool {
    IpNetwork subnet;
    IpAddress gateway;
    bool operator==(const Pool&) const = default;
  };
  std::vector<Pool> pools;     // one a family at most
  bool internal = false;       // no way in or out but from the host; no default route
  bool isolate_ports = false;  // enable_icc=false: its endpoints do not see each other
  bool masquerade = true;
  IpAddress publish_on;  // com.docker.network.bridge.host_binding_ipv4, for publications without an address; any: all
  int mtu = 0;           // 0: as the link of the host's default route
  std::string name;      // Docker's: of equal priorities the lowest name gives the default route
};

struct Endpoint {
  std::string id, network;  // 64 digits each
  std::vector<IpAddress> addresses;
  linux::MacAddress mac{};  // zero: 02:42 and the IPv4 address
  int gateway_priority = 0;
  // com.docker.network.endpoint.sysctls: names as in /proc/sys with dots, IFNAME for the link ("net.ipv4.conf.IFNAME.log_martians"). Only net.*.IFNAME.*
  std::vector<std::pair<std::string, std::string>> sysctls;
};

// What shall be published. `first` and `last` 0: a port chosen by us; else the first free one of the range.
struct Publication {
  std::string protocol = "TCP";  // TCP, UDP, SCTP
  IpAddress host_ip;             // any: all addresses of the host
  bool both_families = true;     // with an any address: 0.0.0.0 and [::]
  uint16_t first = 0, last = 0, container_port = 0;
};

struct Published {
  std::string protocol;
  IpAddress host_ip;
  uint16_t host_port = 0, container_port = 0;
  bool operator==(const Published&) const = default;
};

struct Leg {
  Endpoint endpoint;                // mac as it is; without sysctls
  std::string link;                 // the host's end
  std::string name;                 // in the container: eth0
  std::vector<IpAddress> gateways;  // empty on an internal network
};

struct ContainerAttachment {
  std::string sandbox;
  std::vector<Leg> legs;         // by name: eth0, eth1
  std::vector<Published> ports;  // an any address of both families is two
};

// Thread-safe; calls block (some ms). One process per instance at a time. What is made goes on working when this process ends.
class ContainerNetwork {
 public:
  // Sets the host up and adopts the links, bridges and ports it finds. pod_cidrs may be empty. `ports` must be the pods' too, where there are pods.
  static Result<std::unique_ptr<ContainerNetwork>> open(PodNetworkOptions options);
  virtual ~ContainerNetwork() = default;

  // Gives the namespace at `netns` its links, in order (eth0 first), routes and published ports; `name` is the container's, for errors. Bridges are made
  // with their first endpoint. No legs is fine (none). The default route of a family is that of the network with the highest priority, then of one with
  // both families, then the lowest name, that is not internal; its leg is where published ports lead. All or nothing. Again with the same sandbox: the same
  // attachment. `sandbox`: at most 64 bytes without blanks and ':'. kAlreadyExists: "driver failed programming external connectivity on endpoint NAME (ID):
  // Bind for 0.0.0.0:80 failed: port is already allocated", or with "listen tcp4 0.0.0.0:80: bind: address already in use" behind the same prefix when someone
  // else on the host has it.
  virtual Result<ContainerAttachment> attach(const std::string& sandbox, const std::string& netns, const std::string& name,
                                             const std::vector<std::pair<BridgeSpec, Endpoint>>& legs, const std::vector<Publication>& ports) = 0;

  // While it runs. The new attachment, with all legs. The default route and the published ports move when the chosen network changes. A network it is
  // on already: kAlreadyExists. A sandbox without legs counts as known.
  virtual Result<ContainerAttachment> connect(const std::string& sandbox, const std::string& netns, const BridgeSpec& bridge, const Endpoint& endpoint) = 0;
  // kNotFound when it is not on that network.
  virtual Status disconnect(const std::string& sandbox, const std::string& netns, const std::string& network) = 0;

  // What must be over before an end is told: ports given back, links down. detach() removes the rest, later. Unknown is fine for both.
  virtual Status release(const std::string& sandbox) = 0;
  virtual Status detach(const std::string& sandbox) = 0;

  // Missing is fine. kConflict while endpoints are on it.
  virtual Status remove_bridge(const std::string& network) = 0;

  // Also of a sandbox that was released: without ports.
  virtual std::optional<ContainerAttachment> find(const std::string& sandbox) const = 0;
  // Detaches every sandbox and removes every bridge that is not in the sets.
  virtual Status collect(const std::set<std::string>& live_sandboxes, const std::set<std::string>& live_networks) = 0;

  // Networks of the host's addresses and routes that a new network must not overlap; the default route, loopback and our own links are left out.
  virtual Result<std::vector<IpNetwork>> networks_in_use() = 0;

  struct Counters {
    std::string name;  // in the container
    uint64_t rx_bytes = 0, rx_packets = 0, rx_errors = 0, rx_dropped = 0, tx_bytes = 0, tx_packets = 0, tx_errors = 0, tx_dropped = 0;
  };
  // As the container sees them. kNotFound for an unknown sandbox.
  virtual Result<std::vector<Counters>> counters(const std::string& sandbox) = 0;

  // As PodNetwork::check: looks again for firewalls of the host that drop the containers' packets, and forwarding that was turned off.
  virtual std::vector<Finding> check() = 0;
};

}  // namespace reigen::network
