// PodNetwork: addresses, links and host ports of the pods of one node.
//
// A pod gets a veth pair: `eth0` in its namespace, and on the host a link rg<6 digits of the instance><7 of the sandbox> with a
// route for each of the pod's addresses. There is no bridge: all traffic between pods passes the host's IP layer. The link's alias
// ("reigen:<instance>:<sandbox>:<addresses>") is the record of the allocation: what lives as long as the sandbox needs no file, and
// after a restart or crash open() finds it there. Everything made here is removed by remove_network (network/clean.h).
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/ip.h"
#include "base/result.h"

namespace reigen::network {

class PortTable;

struct HostPort {
  std::string protocol = "TCP";  // TCP, UDP, SCTP
  IpAddress host_ip;             // any: all addresses of the host, 127.0.0.1 and [::1] too
  uint16_t host_port = 0;
  uint16_t container_port = 0;
  bool operator==(const HostPort&) const = default;
};

struct Attachment {
  std::string sandbox;
  std::string link;                  // the host's side
  std::vector<IpAddress> addresses;  // the first is podIP
};

struct PodNetworkOptions {
  std::string instance;                  // [a-z0-9-], at most 32: names the tables, and by its hash the links
  std::string run_directory;             // holds the host ports across restarts; made if missing
  std::vector<IpNetwork> cluster_cidrs;  // what leaves them is masqueraded
  std::vector<IpNetwork> pod_cidrs;      // this node's share, one a family; addresses come from here
  int mtu = 0;                           // 0: as the link of the default route, else 1500
  std::shared_ptr<PortTable> ports;      // shared by the instance's networks; null: one of its own
};

// What check() found in the way on this host.
struct Finding {
  bool mended = false;
  std::string what;    // one sentence
  std::string remedy;  // what the administrator can do
};

// Thread-safe. Calls block (a few ms). One process per instance at a time.
class PodNetwork {
 public:
  // Sets the host up (ip_forward, table, marked accept rules where the host's policy drops) and adopts the links it finds. What it
  // sets up goes on working when this process ends.
  static Result<std::unique_ptr<PodNetwork>> open(PodNetworkOptions options);
  virtual ~PodNetwork() = default;

  // Gives the namespace at `netns_path` its eth0 and addresses, and maps its host ports. Again with the same sandbox: the same
  // attachment. kResourceExhausted when no address is free; kAlreadyExists names a host port that another sandbox has.
  virtual Result<Attachment> attach(const std::string& sandbox, const std::string& netns_path, const std::vector<HostPort>& host_ports) = 0;
  // Takes link, addresses and host ports back. Unknown is fine.
  virtual Status detach(const std::string& sandbox) = 0;

  virtual std::optional<Attachment> find(const std::string& sandbox) const = 0;
  virtual std::vector<Attachment> attachments() const = 0;

  // Detaches every sandbox that is not in `live`.
  virtual Status collect(const std::set<std::string>& live) = 0;

  // Looks again for what may have changed under us (a firewall that drops forwarded packets, ip_forward turned off), mends it, and
  // names it. Cheap; called now and then, and by `reigen check`.
  virtual std::vector<Finding> check() = 0;
};

}  // namespace reigen::network
