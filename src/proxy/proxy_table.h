// The proxy's nft table of one family: its rules, and changes to its elements.
#pragma once

#include <map>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "linux/nftables.h"
#include "proxy/service_plan.h"

namespace reigen::proxy {

struct ProxyOptions {
  std::string instance;
  std::vector<IpNetwork> cluster_cidrs;  // where pods are
  std::vector<IpNetwork> service_cidrs;  // all addresses there are ours; what no service has is refused
};

// Mirrors what the kernel has. Each change becomes one transaction; when the kernel refuses it, the mirror is out of step and the
// caller must replace() again. Not thread-safe.
class ProxyTable {
 public:
  ProxyTable(const ProxyOptions& options, IpFamily family);

  IpFamily family() const { return family_; }
  linux::NftTable table() const;

  // The whole table with all its services, at once. `existing`: the chains of the table that is there now; where its layout is
  // ours, the memory of session affinity is kept.
  linux::NftBatch replace(const std::map<std::string, std::vector<ServicePort>>& services, bool table_exists, const std::vector<std::string>& existing);

  // One service's elements (no ports: removed). A frontend that another service already has stays with that one until it lets go.
  void change(linux::NftBatch& batch, const std::string& service, const std::vector<ServicePort>& ports);

  // Elements in the kernel by the mirror.
  size_t element_count() const;

 private:
  struct Owned {
    std::string service;
    PlannedElement element;
  };
  struct Delta {
    std::array<std::vector<PlannedElement>, kProxySets> removed;
    std::array<std::vector<PlannedElement>, kProxySets> added;
  };
  void add_layout(linux::NftBatch& batch);
  void add_chain(linux::NftBatch& batch, const ChainKind& kind);
  void diff(const std::string& service, std::vector<PlannedElement> wanted, Delta& delta);
  void retry_contested(Delta& delta);
  void emit(linux::NftBatch& batch, const Delta& delta);
  void count_chain(linux::NftBatch& batch, const ChainKind& kind, int change, std::vector<ChainKind>& unused);
  std::string chain_of(const PlannedElement& element) const;

  ProxyOptions options_;
  IpFamily family_;
  std::array<std::unordered_map<std::string, std::string>, kProxySets> owners_;  // key -> service
  std::unordered_map<std::string, std::vector<PlannedElement>> services_;        // what each has in the kernel, sorted
  std::map<std::string, std::vector<PlannedElement>> contested_;                 // what each wanted, of services that lost some
  std::map<ChainKind, size_t> chains_;                                           // uses
};

}  // namespace reigen::proxy
