// AddressPool: hands out the addresses of one network.
#pragma once

#include <optional>
#include <vector>

#include "base/ip.h"

namespace reigen::network {

// Goes round, so that an address rests as long as possible before it is used again. The first two addresses (network and
// the node's own) and IPv4's last are never given. Of a larger network only the first 65,536 are used. Not thread-safe.
class AddressPool {
 public:
  explicit AddressPool(const IpNetwork& network);

  std::optional<IpAddress> take();         // nothing when all are taken
  bool reserve(const IpAddress& address);  // false when taken or not of this network
  void release(const IpAddress& address);  // unknown is fine
  const IpNetwork& network() const { return network_; }
  size_t free_count() const { return free_; }

 private:
  std::optional<size_t> index_of(const IpAddress& address) const;

  IpNetwork network_;
  std::vector<bool> taken_;
  size_t next_ = 0;
  size_t free_ = 0;
};

}  // namespace reigen::network
