// The cluster's name server: answers from the record table, forwards everything else.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/ip.h"
#include "base/result.h"
#include "dns/event_loop.h"
#include "dns/record_table.h"

namespace reigen::dns {

struct NameServerOptions {
  std::vector<IpAddress> listen;
  uint16_t port = 53;
  // Asked for each forwarded query that finds the list older than 5 s.
  std::function<std::vector<IpAddress>()> upstreams;
  uint16_t upstream_port = 53;
};

// Bounds: 512 forwarded queries at a time (more: SERVFAIL), 64 TCP connections (more: closed at once), 10 s of silence on one. A forwarded
// query has 2 s a server and two rounds. All on the loop's thread.
class NameServer {
 public:
  static Result<std::unique_ptr<NameServer>> open(EventLoop& loop, NameServerOptions options);
  virtual ~NameServer() = default;

  // The text must be valid until the next call. Before the first one names of the cluster get SERVFAIL.
  virtual void set_records(RecordTable table) = 0;
};

}  // namespace reigen::dns
