#include "node/resolver_file.h"

#include <algorithm>

namespace reigen::node {
namespace {

std::vector<std::string> words_of(std::string_view line) {
  std::vector<std::string> out;
  for (size_t at = 0; at < line.size();) {
    size_t end = std::min(line.find_first_of(" \t\r", at), line.size());
    if (end > at) out.emplace_back(line.substr(at, end - at));
    at = end + 1;
  }
  return out;
}

std::string joined(const char* key, const std::vector<std::string>& list) {
  if (list.empty()) return "";
  std::string out = key;
  for (const auto& entry : list) out += " " + entry;
  return out + "\n";
}

}  // namespace

Resolver parse_resolver(std::string_view text) {
  Resolver out;
  while (!text.empty()) {
    size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    auto parts = words_of(line.substr(0, line.find_first_of("#;")));
    if (parts.size() < 2) continue;
    std::vector<std::string> rest(parts.begin() + 1, parts.end());
    if (parts[0] == "nameserver") out.servers.push_back(rest[0]);
    if (parts[0] == "search" || parts[0] == "domain") out.searches = rest;
    if (parts[0] == "options") out.options = rest;
  }
  return out;
}

std::string write_resolver(const Resolver& resolver) {
  std::string out = joined("search", resolver.searches);
  for (const auto& server : resolver.servers) out += "nameserver " + server + "\n";
  return out + joined("options", resolver.options);
}

bool is_local_server(const std::string& server) { return server.starts_with("127.") || server == "::1"; }

}  // namespace reigen::node
