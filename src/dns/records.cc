#include "dns/records.h"

#include <fmt/core.h>

#include <algorithm>
#include <map>

#include "api/corev1.h"
#include "api/discoveryv1.h"
#include "dns/record_table.h"

namespace reigen::dns {

using api::corev1::Service;
using api::discoveryv1::EndpointSlice;

namespace {

std::string lower(std::string text) {
  std::ranges::transform(text, text.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

class Builder {
 public:
  explicit Builder(const RecordInput& input) : input_(input) {
    for (const auto& slice : input.slices) {
      auto name = slice->metadata.labels.find("kubernetes.io/service-name");
      if (name != slice->metadata.labels.end()) slices_[slice->metadata.namespace_ + "/" + name->second].push_back(slice.get());
    }
  }

  std::string run() {
    for (const std::string& name : input_.namespaces) add(name + ".svc." + input_.domain, "NAMESPACE", "");
    for (const IpAddress& address : input_.name_servers) add_address("ns.dns." + input_.domain, address);
    for (const auto& service : input_.services) add_service(*service);
    std::ranges::sort(lines_);
    lines_.erase(std::ranges::unique(lines_).begin(), lines_.end());
    std::string text = fmt::format("#reigen-dns 1 {}\n", input_.domain);
    for (const IpNetwork& network : input_.cidrs) text += fmt::format("#cidr {}\n", network.str());
    for (const std::string& line : lines_) text += line;
    return text;
  }

 private:
  void add(std::string_view name, std::string_view type, std::string_view data) {
    lines_.push_back(fmt::format("{} {} {}\n", reverse_labels(name), type, data));
  }
  void add_address(const std::string& name, const IpAddress& address) { add(name, address.is_v4() ? "A" : "AAAA", address.str()); }

  void add_service(const Service& service) {
    std::string base = fmt::format("{}.{}.svc.{}", service.metadata.name, service.metadata.namespace_, input_.domain);
    if (service.spec.type == "ExternalName") {
      std::string target = lower(service.spec.external_name);
      if (target.ends_with('.')) target.pop_back();
      bool plain = target.find_first_of(" \n") == std::string::npos;
      if (!target.empty() && plain) add(base, "CNAME", target);
      return;
    }
    if (service.spec.cluster_ip == "None") return add_headless(service, base);
    for (const std::string& text : service.spec.cluster_ips) {
      auto address = IpAddress::parse(text);
      if (!address) continue;
      add_address(base, *address);
      add(reverse_name(*address), "PTR", base);
    }
    if (service.spec.cluster_ip.empty()) return;
    for (const auto& port : service.spec.ports)
      if (!port.name.empty()) add_port(port.name, port.protocol, port.port, base, base);
  }

  void add_port(const std::string& name, const std::string& protocol, int32_t port, const std::string& base, const std::string& target) {
    add(fmt::format("_{}._{}.{}", lower(name), lower(protocol.empty() ? "tcp" : protocol), base), "SRV", fmt::format("100 {} {}", port, target));
  }

  // An endpoint of a service that publishes addresses that are not ready is marked ready in its slice.
  void add_headless(const Service& service, const std::string& base) {
    for (const EndpointSlice* slice : slices_[service.metadata.namespace_ + "/" + service.metadata.name]) {
      for (const auto& endpoint : slice->endpoints) {
        if (!endpoint.conditions.ready.value_or(true)) continue;
        for (const std::string& text : endpoint.addresses) {
          auto address = IpAddress::parse(text);
          if (!address) continue;
          std::string host = endpoint.hostname.value_or("");
          if (host.empty()) {
            host = address->str();
            std::ranges::replace(host, '.', '-');
            std::ranges::replace(host, ':', '-');
          }
          std::string name = lower(host) + "." + base;
          add_address(base, *address);
          add_address(name, *address);
          add(reverse_name(*address), "PTR", name);
          for (const auto& port : slice->ports)
            if (port.name && !port.name->empty() && port.port) add_port(*port.name, port.protocol.value_or("TCP"), *port.port, base, name);
        }
      }
    }
  }

  const RecordInput& input_;
  std::map<std::string, std::vector<const EndpointSlice*>> slices_;
  std::vector<std::string> lines_;
};

}  // namespace

std::string build_records(const RecordInput& input) { return Builder(input).run(); }

}  // namespace reigen::dns
