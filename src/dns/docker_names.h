// Docker's names: what 127.0.0.11 answers in a container of bridge networks. Pure; the file is <run directory>/docker-names.
//
// Sorted lines of three kinds: "<network> <name> <address>" for every name of a container on a network, in lower case; "<network> <address> = <name>" for
// its reverse name; "<container's id> @ <network> <address>" for links.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ip.h"
#include "dns/message.h"
#include "network/sandbox_names.h"

namespace reigen::dns {

inline constexpr uint32_t kDockerTtlSeconds = 600;

std::string docker_names_path(const std::string& run_directory);

// A view into a text that outlives it. Lines that are not understood are not found.
class DockerNames {
 public:
  DockerNames() = default;
  explicit DockerNames(std::string_view text) : text_(text) {}

  std::vector<IpAddress> addresses(std::string_view network, std::string_view name) const;
  std::vector<IpAddress> addresses_of_container(std::string_view id, std::string_view network) const;
  std::string name_of(std::string_view network, const IpAddress& address) const;  // empty: none

 private:
  // What follows the key in every line that begins with it; at most 1024.
  std::vector<std::string_view> find(std::string_view key) const;

  std::string_view text_;
};

// The asker's links first, then its networks in order; the first that knows the name answers, with all addresses of the family asked for, turned by
// `shuffle`. A name that is known without such an address is answered with none. Nothing: others have to be asked.
std::optional<Answer> find_docker_name(const DockerNames& names, const network::SandboxNames& asker, const Query& query, uint32_t shuffle);

}  // namespace reigen::dns
