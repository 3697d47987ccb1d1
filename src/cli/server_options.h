// What `reigen server` can be told, by flag, by config file (YAML, the flags' names as keys) or by REIGEN_* variable, in this order.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"

namespace CLI {
class App;
}

namespace reigen::cli {

struct ServerOptions {
  std::string data_dir = "/var/lib/reigen";
  std::string bind_address = "0.0.0.0";
  uint16_t https_port = 6443;
  std::string write_kubeconfig;  // empty: DATA_DIR/kubeconfig
  bool merge_kubeconfig = false;
  std::string node_name;  // empty: the host's name in lower case
  int max_pods = 110;
  bool disable_agent = false;
  bool disable_scheduler = false;
  std::string cluster_cidr = "10.42.0.0/16";
  std::string service_cidr = "10.43.0.0/16";
  std::string cluster_dns;  // empty: the tenth address of service_cidr (check_server_options fills it in)
  std::string token_auth_file;
  std::string basic_auth_file;
  bool seccomp_default = false;
  std::string docker_socket;   // empty: no Docker API there
  std::string docker_tcp;      // "address:port", with TLS; empty: none
  std::string docker_tls_dir;  // ca.pem, cert.pem, key.pem; empty: of our own making below DATA_DIR/pki/docker
  std::string docker_group;    // may use the socket; empty: docker, where the host has it
  std::string log_level = "info";
  std::string config;

  bool docker() const { return !docker_socket.empty() || !docker_tcp.empty(); }
};

// "0.0.0.0:2376", "[::]:2376".
struct DockerAddress {
  std::string address;
  uint16_t port = 0;
};
Result<DockerAddress> parse_docker_address(const std::string& text);

// Adds the flags to a subcommand.
void add_server_flags(CLI::App& command, ServerOptions& options);

// Fills what neither flag nor variable gave from the config file. Errors name file, line and key.
Status apply_config_file(CLI::App& command, const std::string& path);

// Checks what can be checked without touching anything (addresses, ranges, files) and fills in what follows from other options. Names
// the flag.
Status check_server_options(ServerOptions& options);

}  // namespace reigen::cli
