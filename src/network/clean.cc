#include "network/clean.h"

#include <signal.h>

#include <algorithm>
#include <charconv>
#include <filesystem>

#include "base/files.h"
#include "linux/network_namespace.h"
#include "linux/nftables.h"
#include "linux/route_socket.h"
#include "network/bridge_names.h"
#include "network/firewall.h"
#include "network/helper_process.h"
#include "network/names.h"

namespace reigen::network {
namespace {

// By their aliases: they may have any name.
Result<std::vector<linux::Link>> named_bridges(const std::string& instance) {
  TRY_ASSIGN(auto route, linux::RouteSocket::open());
  TRY_ASSIGN(auto links, route.links());
  std::erase_if(links, [&](const linux::Link& link) { return link.kind != "bridge" || !parse_bridge_alias(instance, link.alias); });
  return links;
}

Status clean_links(const std::string& instance, const std::vector<linux::Link>& bridges) {
  TRY_ASSIGN(auto route, linux::RouteSocket::open());
  Status first;
  auto keep = [&](Status status) {
    if (!status && status.error().code() != Code::kNotFound && first) first = std::move(status);
  };
  for (const std::string& prefix : {link_prefix(instance), container_link_prefix(instance), bridge_prefix(instance)}) {
    TRY_ASSIGN(auto links, route.links(prefix));
    for (const linux::Link& link : links) keep(route.remove_link(link.index));
  }
  for (const linux::Link& link : bridges) keep(route.remove_link(link.index));
  TRY_ASSIGN(auto addresses, route.addresses());
  for (const linux::Address& address : addresses)
    if (address.label == address_label(instance)) keep(route.remove_address(address));
  return first;
}

Status clean_tables(const std::string& instance, const std::vector<linux::Link>& bridges) {
  TRY_ASSIGN(auto nft, linux::NftSocket::open());
  std::vector<std::string> names;
  for (const linux::Link& link : bridges)
    if (!link.name.starts_with(bridge_prefix(instance))) names.push_back(link.name);
  TRY(unmend_firewall(nft, instance, names));
  TRY_ASSIGN(auto tables, nft.tables());
  linux::NftBatch batch;
  for (const linux::NftTable& table : tables)
    if (table.name == pods_table(instance) || table.name == services_table(instance) || table.name == docker_table(instance)) batch.delete_table(table);
  return nft.commit(batch);
}

Status clean_namespaces(const std::string& run_directory) {
  if (run_directory.empty()) return {};
  std::error_code error;
  std::vector<std::string> pins;
  for (auto entry = std::filesystem::recursive_directory_iterator(run_directory, error); !error && entry != std::filesystem::recursive_directory_iterator();
       entry.increment(error))
    if (entry->is_regular_file(error) && linux::is_network_namespace(entry->path())) pins.push_back(entry->path());
  Status first;
  for (const std::string& pin : pins)
    if (Status removed = linux::remove_network_namespace(pin); !removed && first) first = std::move(removed);
  return first;
}

}  // namespace

Status remove_network(const std::string& instance, const std::string& run_directory) {
  Status first = run_directory.empty() ? Status() : stop_helper(run_directory);
  std::vector<linux::Link> bridges;
  if (auto found = named_bridges(instance)) bridges = std::move(*found);
  for (Status status : {clean_links(instance, bridges), clean_tables(instance, bridges), clean_namespaces(run_directory)})
    if (!status && first) first = std::move(status);
  return first;
}

}  // namespace reigen::network
