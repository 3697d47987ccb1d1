#include "dns/upstreams.h"

#include <algorithm>

#include "base/files.h"

namespace reigen::dns {
namespace {
constexpr size_t kMostServers = 3;  // as glibc

bool is_stub(const IpAddress& address) { return address.str() == "127.0.0.53" || address.str() == "127.0.0.54"; }
}  // namespace

std::vector<IpAddress> parse_nameservers(std::string_view text) {
  std::vector<IpAddress> servers;
  constexpr std::string_view kWord = "nameserver";
  constexpr std::string_view kBlank = " \t\r";
  while (!text.empty() && servers.size() < kMostServers) {
    auto newline = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, newline);
    text.remove_prefix(std::min(text.size(), newline + 1));
    if (!line.starts_with(kWord)) continue;
    line.remove_prefix(kWord.size());
    auto from = line.find_first_not_of(kBlank);
    if (from == 0 || from == std::string_view::npos) continue;
    line.remove_prefix(from);
    if (auto address = IpAddress::parse(line.substr(0, line.find_first_of(kBlank)))) servers.push_back(*address);
  }
  return servers;
}

std::vector<IpAddress> host_nameservers(const std::string& root, const std::vector<IpAddress>& own) {
  auto read = [&](const char* path) {
    auto text = read_file(root + path, 64 << 10);
    return text ? parse_nameservers(*text) : std::vector<IpAddress>();
  };
  auto servers = read("/etc/resolv.conf");
  if (std::ranges::any_of(servers, is_stub)) servers = read("/run/systemd/resolve/resolv.conf");
  std::erase_if(servers, [&](const IpAddress& server) { return is_stub(server) || std::ranges::find(own, server) != own.end(); });
  return servers;
}

}  // namespace reigen::dns
