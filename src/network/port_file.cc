#include "network/port_file.h"

#include <fmt/core.h>

#include <charconv>

namespace reigen::network {
namespace {

constexpr std::string_view kPod = "pod", kDocker = "docker";

std::vector<std::string_view> words_of(std::string_view line) {
  std::vector<std::string_view> words;
  while (!line.empty()) {
    auto space = std::min(line.find(' '), line.size());
    if (space > 0) words.push_back(line.substr(0, space));
    line.remove_prefix(std::min(line.size(), space + 1));
  }
  return words;
}

bool parse_port(std::string_view text, uint16_t& port) {
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  return error == std::errc{} && end == text.data() + text.size() && port != 0;
}

}  // namespace

std::string port_file_path(const std::string& run_directory) { return run_directory + "/hostports"; }

std::string format_ports(std::span<const PortMapping> ports) {
  std::string text;
  for (const PortMapping& mapping : ports)
    text += fmt::format("{} {} {} {} {} {} {}\n", mapping.sandbox, mapping.port.protocol, mapping.port.host_ip.str(), mapping.port.host_port, mapping.pod.str(),
                        mapping.port.container_port, mapping.docker ? kDocker : kPod);
  return text;
}

std::vector<PortMapping> parse_ports(std::string_view text) {
  std::vector<PortMapping> ports;
  while (!text.empty()) {
    auto newline = std::min(text.find('\n'), text.size());
    auto words = words_of(text.substr(0, newline));
    text.remove_prefix(std::min(text.size(), newline + 1));
    if (words.size() == 6) words.push_back(kPod);
    if (words.size() != 7 || (words[6] != kPod && words[6] != kDocker)) continue;
    auto host = IpAddress::parse(words[2]);
    auto pod = IpAddress::parse(words[4]);
    PortMapping mapping;
    if (!host || !pod || protocol_number(words[1]) == 0 || !parse_port(words[3], mapping.port.host_port) || !parse_port(words[5], mapping.port.container_port))
      continue;
    mapping.sandbox = words[0];
    mapping.port.protocol = words[1];
    mapping.port.host_ip = *host;
    mapping.pod = *pod;
    mapping.docker = words[6] == kDocker;
    ports.push_back(std::move(mapping));
  }
  return ports;
}

}  // namespace reigen::network
