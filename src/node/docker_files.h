// Text of the files every Docker container gets: /etc/hosts, /etc/hostname, /etc/resolv.conf. As libnetwork writes them. Pure.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace reigen::node {

struct DockerFilesInput {
  std::string hostname, domain;
  std::vector<std::string> addresses;                                   // its own, of all legs in order
  std::vector<std::string> extra_hosts;                                 // "name:address"; the address may be host-gateway
  std::vector<std::pair<std::string, std::vector<std::string>>> links;  // address, names: of containers linked on the default bridge
  std::string host_gateway;                                             // what host-gateway means; empty: unknown
  bool host_network = false;
  bool embedded_dns = false;  // on a network of its own: names are asked at 127.0.0.11
  std::vector<std::string> dns, dns_search, dns_options;
  std::string host_hosts, host_resolv_conf;  // the host's own files
};

// "web.example.com web": what the container is called in hosts.
std::string docker_host_names(const std::string& hostname, const std::string& domain);
// kInvalidArgument: host-gateway is not known here.
Result<std::string> docker_hosts_file(const DockerFilesInput& input);
// The file as it is with the lines that changed between two made by us: in place where only the address is another one, else taken out or put
// last. Whatever else stands there stays.
std::string docker_hosts_update(std::string_view file, std::string_view before, std::string_view now);
std::string docker_hostname_file(const DockerFilesInput& input);
std::string docker_resolv_conf(const DockerFilesInput& input);
// The servers that names go to from here: those given, else the host's.
std::vector<std::string> docker_dns_servers(const DockerFilesInput& input);

// The environment that links on the default bridge give (moby's links.Link.ToEnv).
struct DockerLink {
  std::string parent_name;  // the container that has the link, without the slash
  std::string alias, address;
  std::vector<std::string> child_env;
  std::vector<std::string> ports;  // "80/tcp", exposed by the child
};
std::vector<std::string> docker_link_environment(const DockerLink& link);

}  // namespace reigen::node
