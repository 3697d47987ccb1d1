#include "dns/docker_names.h"

#include <algorithm>

#include "dns/record_table.h"

namespace reigen::dns {
namespace {

constexpr size_t kMaxFound = 1024;
constexpr uint16_t kInternetClass = 1;

bool is_same_name(std::string_view alias, std::string_view lower) {
  return alias.size() == lower.size() &&
         std::ranges::equal(alias, lower, [](unsigned char a, unsigned char b) { return (a >= 'A' && a <= 'Z' ? a + 32 : a) == b; });
}

// All addresses of the name, of both families; empty: nobody has it.
std::vector<IpAddress> look_up(const DockerNames& names, const network::SandboxNames& asker, std::string_view name) {
  for (const auto& [alias, id] : asker.links) {
    if (!is_same_name(alias, name)) continue;
    for (const std::string& network : asker.networks)
      if (auto found = names.addresses_of_container(id, network); !found.empty()) return found;
  }
  for (const std::string& network : asker.networks)
    if (auto found = names.addresses(network, name); !found.empty()) return found;
  return {};
}

std::optional<Answer> find_reverse(const DockerNames& names, const network::SandboxNames& asker, const Query& query) {
  auto address = parse_reverse_name(query.name);
  if (!address) return std::nullopt;
  for (const std::string& network : asker.networks) {
    std::string target = encode_name(names.name_of(network, *address));
    if (target.size() <= 1) continue;
    Answer answer;
    answer.authoritative = false;
    answer.answers.push_back({query.name, Type::kPtr, kDockerTtlSeconds, std::move(target)});
    return answer;
  }
  return std::nullopt;
}

}  // namespace

std::string docker_names_path(const std::string& run_directory) { return run_directory + "/docker-names"; }

// The start of the first line that is not less than the key, by halving the bytes.
std::vector<std::string_view> DockerNames::find(std::string_view key) const {
  auto line_at = [&](size_t at) { return text_.substr(at, std::min(text_.find('\n', at), text_.size()) - at); };
  size_t low = 0, high = text_.size();
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    auto newline = middle == 0 ? std::string_view::npos : text_.rfind('\n', middle - 1);
    size_t start = newline == std::string_view::npos ? 0 : newline + 1;
    start = std::max(start, low);
    std::string_view line = line_at(start);
    if (line < key) low = std::min(text_.size(), start + line.size() + 1);
    else high = start;
  }
  std::vector<std::string_view> found;
  while (low < text_.size() && found.size() < kMaxFound) {
    std::string_view line = line_at(low);
    if (!line.starts_with(key)) break;
    found.push_back(line.substr(key.size()));
    low += line.size() + 1;
  }
  return found;
}

std::vector<IpAddress> DockerNames::addresses(std::string_view network, std::string_view name) const {
  std::vector<IpAddress> addresses;
  for (std::string_view rest : find(std::string(network) + " " + std::string(name) + " "))
    if (auto address = IpAddress::parse(rest)) addresses.push_back(*address);
  return addresses;
}

std::vector<IpAddress> DockerNames::addresses_of_container(std::string_view id, std::string_view network) const {
  std::vector<IpAddress> addresses;
  for (std::string_view rest : find(std::string(id) + " @ " + std::string(network) + " "))
    if (auto address = IpAddress::parse(rest)) addresses.push_back(*address);
  return addresses;
}

std::string DockerNames::name_of(std::string_view network, const IpAddress& address) const {
  auto found = find(std::string(network) + " " + address.str() + " = ");
  return found.empty() ? std::string() : std::string(found.front());
}

std::optional<Answer> find_docker_name(const DockerNames& names, const network::SandboxNames& asker, const Query& query, uint32_t shuffle) {
  if (query.dns_class != kInternetClass || query.name.empty()) return std::nullopt;
  if (query.type == static_cast<uint16_t>(Type::kPtr)) return find_reverse(names, asker, query);
  auto addresses = look_up(names, asker, query.name);
  if (addresses.empty()) return std::nullopt;
  bool any = query.type == static_cast<uint16_t>(Type::kAny);
  bool v4 = any || query.type == static_cast<uint16_t>(Type::kA), v6 = any || query.type == static_cast<uint16_t>(Type::kAaaa);
  std::erase_if(addresses, [&](const IpAddress& address) { return address.is_v4() ? !v4 : !v6; });
  if (!addresses.empty()) std::ranges::rotate(addresses, addresses.begin() + static_cast<long>(shuffle % addresses.size()));
  Answer answer;
  answer.authoritative = false;
  for (const IpAddress& address : addresses)
    answer.answers.push_back({query.name, address.is_v4() ? Type::kA : Type::kAaaa, kDockerTtlSeconds, std::string(address.bytes())});
  return answer;
}

}  // namespace reigen::dns
