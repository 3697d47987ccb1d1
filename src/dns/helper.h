// The network helper: a process of its own that goes on while the server is down. It answers names, of the cluster and in Docker's containers, and serves
// host ports that the kernel cannot translate.
#pragma once

#include <string>

#include "base/ip.h"
#include "base/result.h"

namespace reigen::dns {

// The hidden subcommand's main: `reigen dns-helper <instance> <run directory> <cluster DNS address> [port]`; argv begins with the first of these.
// Puts the address on the loopback link, listens there, reads dns-records, hostports, docker-names and docker-sandboxes in the run directory and follows
// their changes. Ends with SIGTERM or SIGINT.
int run_dns_helper(int argc, char** argv);

struct HelperOptions {
  std::string instance;
  std::string run_directory;
  IpAddress listen;     // the cluster DNS address
  std::string program;  // empty: this one (/proc/self/exe), with the arguments "dns-helper ..."
  uint16_t port = 53;
};

// Leaves a living helper of the same version alone, replaces an older one, starts one where there is none. Answers when it listens
// (at most 3 s); the error says why it does not. Its standard error goes to <run directory>/helper.log.
Status ensure_helper(const HelperOptions& options);

// The file the server writes: <run directory>/dns-records.
std::string records_path(const std::string& run_directory);

}  // namespace reigen::dns
