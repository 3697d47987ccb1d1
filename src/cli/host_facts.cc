#include "cli/host_facts.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <memory>
#include <sstream>

#include "base/files.h"

namespace reigen::cli {
namespace {

// The link of the default route (/proc/net/route: destination 00000000).
std::string default_link() {
  auto routes = read_file("/proc/net/route", 1 << 20);
  if (!routes) return {};
  std::istringstream lines(*routes);
  std::string line, link, destination;
  while (std::getline(lines, line)) {
    std::istringstream words(line);
    if (words >> link >> destination && destination == "00000000") return link;
  }
  return {};
}

}  // namespace

std::string host_name() {
  char name[256] = {};
  ::gethostname(name, sizeof name - 1);
  std::string out;
  for (char c : std::string(name)) {
    char lower = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    out += std::isalnum(static_cast<unsigned char>(lower)) || lower == '.' || lower == '-' ? lower : '-';
  }
  while (!out.empty() && !std::isalnum(static_cast<unsigned char>(out.front()))) out.erase(0, 1);
  while (!out.empty() && !std::isalnum(static_cast<unsigned char>(out.back()))) out.pop_back();
  return out.empty() ? "node" : out;
}

std::vector<std::string> host_addresses() {
  ifaddrs* list = nullptr;
  if (::getifaddrs(&list) != 0) return {};
  std::unique_ptr<ifaddrs, void (*)(ifaddrs*)> owner(list, ::freeifaddrs);
  auto preferred = default_link();
  std::vector<std::string> first, others;
  for (auto* at = list; at; at = at->ifa_next) {
    if (!at->ifa_addr || at->ifa_addr->sa_family != AF_INET || !(at->ifa_flags & IFF_UP) || (at->ifa_flags & IFF_LOOPBACK)) continue;
    char text[INET_ADDRSTRLEN];
    ::inet_ntop(AF_INET, &reinterpret_cast<sockaddr_in*>(at->ifa_addr)->sin_addr, text, sizeof text);
    // Bridges of containers, Docker's and our own, are no address of the host; one that leads out is.
    bool bridge = ::access(("/sys/class/net/" + std::string(at->ifa_name) + "/bridge").c_str(), F_OK) == 0;
    if (bridge && preferred != at->ifa_name) continue;
    auto& list_of = preferred == at->ifa_name ? first : others;
    bool known = std::ranges::find(first, text) != first.end() || std::ranges::find(others, text) != others.end();
    if (!known) list_of.emplace_back(text);  // two bridges may have one address
  }
  first.insert(first.end(), others.begin(), others.end());
  return first;
}

}  // namespace reigen::cli
