// resolv.conf, as far as containers need it (resolv.conf(5)). Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace reigen::node {

struct Resolver {
  std::vector<std::string> servers, searches, options;
};

// Leniently: lines it does not know are left out, comments too.
Resolver parse_resolver(std::string_view text);
std::string write_resolver(const Resolver& resolver);
// On the host's own loopback, where no container reaches it.
bool is_local_server(const std::string& server);

}  // namespace reigen::node
