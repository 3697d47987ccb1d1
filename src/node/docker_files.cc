#include "node/docker_files.h"

#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <tuple>

#include "base/ip.h"
#include "node/resolver_file.h"

namespace reigen::node {
namespace {

constexpr const char* kEmbeddedServer = "127.0.0.11";

std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> out;
  while (!text.empty()) {
    size_t end = std::min(text.find('\n'), text.size());
    out.push_back(text.substr(0, end));
    text.remove_prefix(std::min(text.size(), end + 1));
  }
  return out;
}

bool has_own_settings(const DockerFilesInput& input) { return !input.dns.empty() || !input.dns_search.empty() || !input.dns_options.empty(); }

Resolver resolver_of(const DockerFilesInput& input) {
  Resolver out = parse_resolver(input.host_resolv_conf);
  if (!input.dns.empty()) out.servers = input.dns;
  else std::erase_if(out.servers, is_local_server);
  if (out.servers.empty()) out.servers = {"8.8.8.8", "8.8.4.4"};
  if (!input.dns_search.empty()) out.searches = input.dns_search;
  if (out.searches == std::vector<std::string>{"."}) out.searches.clear();  // "." alone means none
  if (!input.dns_options.empty()) out.options = input.dns_options;
  return out;
}

}  // namespace

std::string docker_host_names(const std::string& hostname, const std::string& domain) {
  std::string full = domain.empty() ? hostname : fmt::format("{}.{}", hostname, domain);
  std::string_view first = std::string_view(full).substr(0, full.find('.'));
  return first.size() == full.size() ? full : fmt::format("{} {}", full, first);
}

Result<std::string> docker_hosts_file(const DockerFilesInput& input) {
  std::string out;
  if (input.host_network && input.extra_hosts.empty()) return input.host_hosts;
  out =
      "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\nfe00::0\tip6-localnet\nff00::0\tip6-mcastprefix\n"
      "ff02::1\tip6-allnodes\nff02::2\tip6-allrouters\n";
  for (const auto& entry : input.extra_hosts) {
    size_t colon = entry.find_first_of(":=");
    if (colon == std::string::npos) return fail(Code::kInvalidArgument, "bad format for add-host: \"" + entry + "\"");
    std::string address = entry.substr(colon + 1);
    if (address == "host-gateway") {
      if (input.host_gateway.empty()) return fail(Code::kInternal, "unable to derive the IP value for host-gateway");
      address = input.host_gateway;
    }
    if (address.starts_with('[') && address.ends_with(']')) address = address.substr(1, address.size() - 2);
    out += address + "\t" + entry.substr(0, colon) + "\n";
  }
  for (const auto& [address, names] : input.links) {
    out += address + "\t";
    for (size_t i = 0; i < names.size(); ++i) out += (i ? " " : "") + names[i];
    out += "\n";
  }
  std::string names = docker_host_names(input.hostname, input.domain);
  for (const auto& address : input.addresses) out += address + "\t" + names + "\n";
  return out;
}

std::string docker_hosts_update(std::string_view file, std::string_view before, std::string_view now) {
  auto lines = lines_of(file), gone = lines_of(before), fresh = lines_of(now);
  std::erase_if(gone, [&](std::string_view line) {
    auto same = std::ranges::find(fresh, line);
    if (same == fresh.end()) return false;
    fresh.erase(same);
    return true;
  });
  auto names_of = [](std::string_view line) { return line.substr(std::min(line.find('\t'), line.size())); };
  for (std::string_view line : gone) {
    auto at = std::ranges::find(lines, line);
    auto follower = std::ranges::find(fresh, names_of(line), names_of);
    if (at == lines.end()) continue;
    if (follower == fresh.end()) {
      lines.erase(at);
    } else {
      *at = *follower;
      fresh.erase(follower);
    }
  }
  lines.insert(lines.end(), fresh.begin(), fresh.end());
  std::string out;
  for (std::string_view line : lines) out.append(line).append("\n");
  return out;
}

std::string docker_hostname_file(const DockerFilesInput& input) { return input.hostname + "\n"; }

std::string docker_resolv_conf(const DockerFilesInput& input) {
  if (input.host_network && !has_own_settings(input)) return input.host_resolv_conf;
  Resolver out = resolver_of(input);
  if (!input.embedded_dns) return write_resolver(out);
  out.servers = {kEmbeddedServer};
  bool has_ndots = std::any_of(out.options.begin(), out.options.end(), [](const auto& option) { return option.starts_with("ndots:"); });
  if (!has_ndots) out.options.emplace_back("ndots:0");
  return write_resolver(out);
}

std::vector<std::string> docker_dns_servers(const DockerFilesInput& input) {
  std::vector<std::string> out;
  for (const auto& server : input.dns) {
    if (IpAddress::parse(server)) out.push_back(server);
  }
  return out;
}

std::vector<std::string> docker_link_environment(const DockerLink& link) {
  std::string alias = link.alias;
  std::transform(alias.begin(), alias.end(), alias.begin(), [](unsigned char c) { return c == '-' ? '_' : static_cast<char>(std::toupper(c)); });
  // By number, TCP before UDP of the same.
  std::vector<std::tuple<int, std::string>> ports;
  for (const auto& port : link.ports) {
    int number = 0;
    size_t slash = port.find('/');
    std::from_chars(port.data(), port.data() + std::min(slash, port.size()), number);
    if (number > 0) ports.emplace_back(number, slash == std::string::npos ? "tcp" : port.substr(slash + 1));
  }
  std::sort(ports.begin(), ports.end());
  std::vector<std::string> out;
  auto url = [&](const auto& port) { return std::get<1>(port) + "://" + link.address + ":" + std::to_string(std::get<0>(port)); };
  if (!ports.empty()) out.push_back(alias + "_PORT=" + url(ports.front()));
  for (const auto& port : ports) {
    std::string protocol = std::get<1>(port), number = std::to_string(std::get<0>(port)), upper = protocol;
    std::transform(upper.begin(), upper.end(), upper.begin(), [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
    std::string key = alias + "_PORT_" + number + "_" + upper;
    out.push_back(key + "=" + url(port));
    out.push_back(key + "_ADDR=" + link.address);
    out.push_back(key + "_PORT=" + number);
    out.push_back(key + "_PROTO=" + protocol);
  }
  out.push_back(alias + "_NAME=/" + link.parent_name + "/" + link.alias);
  for (const auto& entry : link.child_env) {
    size_t equals = entry.find('=');
    if (equals == std::string::npos) continue;
    std::string key = entry.substr(0, equals);
    if (key == "HOME" || key == "PATH") continue;
    out.push_back(alias + "_ENV_" + entry);
  }
  return out;
}

}  // namespace reigen::node
