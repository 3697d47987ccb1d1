#include "cli/server_options.h"

#include <arpa/inet.h>
#include <fmt/core.h>
#include <yaml-cpp/yaml.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <set>

#include "api/validation.h"
#include "apiserver/auth/credential_file.h"
#include "docker/server.h"
#include "base/files.h"
#include "base/ip.h"

namespace reigen::cli {
namespace {

std::string variable_of(std::string flag) {
  for (auto& c : flag) c = c == '-' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return "REIGEN_" + flag;
}

struct Range {
  uint32_t first = 0;
  int bits = 0;
};

Result<Range> parse_range(std::string_view flag, const std::string& text, int min_bits, int max_bits) {
  auto slash = text.find('/');
  in_addr address{};
  Range range;
  if (slash == std::string::npos || ::inet_pton(AF_INET, text.substr(0, slash).c_str(), &address) != 1 ||
      std::from_chars(text.data() + slash + 1, text.data() + text.size(), range.bits).ptr != text.data() + text.size()) {
    return fail(Code::kInvalidArgument, fmt::format("--{}: \"{}\" is no IPv4 range such as 10.42.0.0/16", flag, text));
  }
  if (range.bits < min_bits || range.bits > max_bits) {
    return fail(Code::kInvalidArgument, fmt::format("--{}: {} must have a prefix of {} to {} bits", flag, text, min_bits, max_bits));
  }
  range.first = ntohl(address.s_addr);
  if (range.first & (~0u >> range.bits)) return fail(Code::kInvalidArgument, fmt::format("--{}: {} has bits set beyond its prefix", flag, text));
  return range;
}

bool overlap(const Range& a, const Range& b) {
  int bits = std::min(a.bits, b.bits);
  return (a.first >> (32 - bits)) == (b.first >> (32 - bits));
}

Status readable_credentials(std::string_view flag, const std::string& path) {
  auto lines = apiserver::read_credential_file(path);
  if (!lines) return Fail(std::move(lines).error().context(fmt::format("--{}", flag)));
  return {};
}

Status set_from_config(CLI::App& command, const std::string& path, const YAML::Node& key, const YAML::Node& value) {
  std::string name = key.as<std::string>("");
  auto where = fmt::format("{}:{}: {}", path, key.Mark().line + 1, name);
  auto* option = command.get_option_no_throw("--" + name);
  if (!option || name == "config" || name == "help") return fail(Code::kInvalidArgument, where + ": no such setting");
  if (!value.IsScalar()) return fail(Code::kInvalidArgument, where + ": expected a single value");
  if (option->count() > 0) return {};
  try {
    option->add_result(value.Scalar());
    option->run_callback();
  } catch (const CLI::Error& error) {
    return fail(Code::kInvalidArgument, fmt::format("{}: {}", where, error.what()));
  }
  return {};
}

}  // namespace

void add_server_flags(CLI::App& command, ServerOptions& options) {
  auto add = [&](const std::string& name, auto& target, const std::string& text) {
    return command.add_option("--" + name, target, text)->envname(variable_of(name))->capture_default_str();
  };
  auto flag = [&](const std::string& name, bool& target, const std::string& text) { command.add_flag("--" + name, target, text)->envname(variable_of(name)); };
  add("data-dir", options.data_dir, "Where everything is kept");
  add("bind-address", options.bind_address, "Address to listen on");
  add("https-port", options.https_port, "Port of the API (0 takes a free one)")->check(CLI::Range(0, 65535));
  add("write-kubeconfig", options.write_kubeconfig, "Where to write the administrator's kubeconfig (default DATA_DIR/kubeconfig)");
  flag("merge-kubeconfig", options.merge_kubeconfig, "Also add it to ~/.kube/config");
  add("node-name", options.node_name, "Name of this node (default the host's name)");
  add("max-pods", options.max_pods, "Pods this node takes; containers of Docker's API do not count")->check(CLI::Range(1, 250));
  flag("disable-agent", options.disable_agent, "Only the control plane: no node here, and no root needed");
  flag("disable-scheduler", options.disable_scheduler, "Leave pods without a node to a scheduler of your own");
  add("cluster-cidr", options.cluster_cidr, "Addresses of pods");
  add("service-cidr", options.service_cidr, "Addresses of services");
  add("cluster-dns", options.cluster_dns, "Address of the cluster's name server (default the tenth of --service-cidr)");
  add("token-auth-file", options.token_auth_file, "CSV file of bearer tokens: token,user,uid,\"group1,group2\"");
  add("basic-auth-file", options.basic_auth_file, "CSV file of passwords: password,user,uid,\"group1,group2\"");
  flag("seccomp-default", options.seccomp_default, "Give pods that say nothing the RuntimeDefault seccomp profile");
  add("docker-socket", options.docker_socket, "Unix socket of Docker's API, such as /var/run/docker.sock (empty: none; needs the agent)");
  add("docker-tcp", options.docker_tcp, "ADDRESS:PORT for Docker's API with TLS and client certificates, such as 0.0.0.0:2376 (empty: none)");
  add("docker-tls-dir", options.docker_tls_dir, "Folder with ca.pem, cert.pem and key.pem for it (default: made, the client's in DATA_DIR/pki/docker)");
  add("docker-group", options.docker_group, "Group, by name or number, that may use Docker's socket (default docker, where there is one)");
  add("log-level", options.log_level, "Least level to log")->check(CLI::IsMember({"debug", "info", "warning", "error"}));
  add("config", options.config, "YAML file with the flags' names as keys");
  command.footer(
      "Every flag can also stand in the config file (data-dir: /srv/reigen) or in a variable (REIGEN_DATA_DIR=/srv/reigen).\n\n"
      "Examples:\n"
      "  reigen server\n"
      "  reigen server --data-dir /srv/second --https-port 7443 --cluster-cidr 10.52.0.0/16 --service-cidr 10.53.0.0/16\n"
      "  reigen server --disable-agent --data-dir ~/control-plane");
}

Status apply_config_file(CLI::App& command, const std::string& path) {
  TRY_ASSIGN(std::string text, read_file(path, 1 << 20));
  try {
    auto root = YAML::Load(text);
    if (root.IsNull()) return {};
    if (!root.IsMap()) return fail(Code::kInvalidArgument, path + ": expected settings as `name: value` lines");
    std::set<std::string> seen;
    for (const auto& entry : root) {
      if (!seen.insert(entry.first.as<std::string>("")).second) {
        return fail(Code::kInvalidArgument, fmt::format("{}:{}: {}: stands there twice", path, entry.first.Mark().line + 1, entry.first.as<std::string>("")));
      }
      TRY(set_from_config(command, path, entry.first, entry.second));
    }
  } catch (const YAML::Exception& error) {
    return fail(Code::kInvalidArgument, fmt::format("{}:{}: {}", path, error.mark.line + 1, error.msg));
  }
  return {};
}

Result<DockerAddress> parse_docker_address(const std::string& text) {
  DockerAddress out;
  size_t colon = text.rfind(':');
  std::string address = text.substr(0, colon);
  if (address.size() > 2 && address.front() == '[' && address.back() == ']') address = address.substr(1, address.size() - 2);
  const char* end = text.data() + text.size();
  bool good = colon != std::string::npos && IpAddress::parse(address) && colon + 1 < text.size();
  if (good) {
    auto [last, error] = std::from_chars(text.data() + colon + 1, end, out.port);
    good = last == end && error == std::errc();
  }
  if (!good) return fail(Code::kInvalidArgument, fmt::format("--docker-tcp: \"{}\" is no address and port such as 0.0.0.0:2376", text));
  out.address = address;
  return out;
}

Status check_server_options(ServerOptions& options) {
  in_addr v4{};
  in6_addr v6{};
  if (auto wrong = api::is_dns1123_subdomain(options.node_name); !options.node_name.empty() && !wrong.empty()) {
    return fail(Code::kInvalidArgument, fmt::format("--node-name: \"{}\": {}", options.node_name, wrong.front()));
  }
  if (::inet_pton(AF_INET, options.bind_address.c_str(), &v4) != 1 && ::inet_pton(AF_INET6, options.bind_address.c_str(), &v6) != 1) {
    return fail(Code::kInvalidArgument, fmt::format("--bind-address: \"{}\" is no IP address", options.bind_address));
  }
  TRY_ASSIGN(Range pods, parse_range("cluster-cidr", options.cluster_cidr, 8, 24));
  TRY_ASSIGN(Range services, parse_range("service-cidr", options.service_cidr, 8, 28));
  if (overlap(pods, services))
    return fail(Code::kInvalidArgument, fmt::format("--cluster-cidr {} and --service-cidr {} overlap", options.cluster_cidr, options.service_cidr));
  if (options.cluster_dns.empty()) options.cluster_dns = IpAddress::v4(services.first).plus(10).str();
  if (::inet_pton(AF_INET, options.cluster_dns.c_str(), &v4) != 1)
    return fail(Code::kInvalidArgument, fmt::format("--cluster-dns: \"{}\" is no IPv4 address", options.cluster_dns));
  uint32_t dns = ntohl(v4.s_addr);
  if (dns >> (32 - services.bits) != services.first >> (32 - services.bits)) {
    return fail(Code::kInvalidArgument, fmt::format("--cluster-dns: {} is not in --service-cidr {}", options.cluster_dns, options.service_cidr));
  }
  if (options.docker() && options.disable_agent)
    return fail(Code::kInvalidArgument, fmt::format("--docker-{}: needs the agent (--disable-agent is set)", options.docker_socket.empty() ? "tcp" : "socket"));
  if (!options.docker_tcp.empty()) TRY(parse_docker_address(options.docker_tcp));
  if (!options.docker_socket.empty() && !options.docker_socket.starts_with('/'))
    return fail(Code::kInvalidArgument, fmt::format("--docker-socket: \"{}\" is no absolute path", options.docker_socket));
  if (!options.docker_group.empty()) {
    if (auto group = docker::find_group(options.docker_group); !group) return fail(group.error().context("--docker-group"));
  }
  // Before anything is opened or made.
  if (!options.token_auth_file.empty()) TRY(readable_credentials("token-auth-file", options.token_auth_file));
  if (!options.basic_auth_file.empty()) TRY(readable_credentials("basic-auth-file", options.basic_auth_file));
  return {};
}

}  // namespace reigen::cli
