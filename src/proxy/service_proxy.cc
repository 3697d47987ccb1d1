#include "proxy/service_proxy.h"

#include <algorithm>
#include <mutex>

#include "base/log.h"
#include "proxy/stale_flows.h"

namespace reigen::proxy {
namespace {

class KernelProxy final : public ServiceProxy {
 public:
  KernelProxy(const ProxyOptions& options, linux::NftSocket nft) : nft_(std::move(nft)) {
    for (IpFamily family : {IpFamily::kV4, IpFamily::kV6}) {
      bool used = std::ranges::any_of(options.service_cidrs, [&](const IpNetwork& cidr) { return cidr.address.family() == family; });
      if (used) tables_.emplace_back(options, family);
    }
  }

  Status replace(std::map<std::string, std::vector<ServicePort>> services) override {
    std::lock_guard lock(mutex_);
    services_ = std::move(services);
    return replace_locked();
  }

  Status change(std::map<std::string, std::vector<ServicePort>> services) override {
    std::lock_guard lock(mutex_);
    StaleFlows stale;
    for (const auto& [name, ports] : services) {
      auto had = services_.find(name);
      stale.compare(had == services_.end() ? std::vector<ServicePort>() : had->second, ports);
    }
    Status done;
    for (ProxyTable& table : tables_) {
      linux::NftBatch batch;
      for (const auto& [name, ports] : services) table.change(batch, name, ports);
      if (done) done = nft_.commit(batch);
    }
    for (auto& [name, ports] : services) {
      if (ports.empty()) services_.erase(name);
      else services_[name] = std::move(ports);
    }
    if (!done) {
      LOG(kWarning, "proxy", "{}; the table is replaced", done.error().message());
      TRY(replace_locked());
    }
    if (Status forgotten = stale.forget(); !forgotten) LOG(kWarning, "proxy", "{}", forgotten.error().message());
    return {};
  }

 private:
  Status replace_locked() {
    TRY_ASSIGN(auto chains, nft_.chains());
    TRY_ASSIGN(auto all_tables, nft_.tables());
    for (ProxyTable& table : tables_) {
      std::vector<std::string> existing;
      for (const auto& chain : chains)
        if (chain.table == table.table()) existing.push_back(chain.name);
      bool exists = std::ranges::find(all_tables, table.table()) != all_tables.end();
      Status done = nft_.commit(table.replace(services_, exists, existing));
      // Someone put something of theirs in: away with all of it.
      if (!done && exists) done = nft_.commit(table.replace(services_, true, {}));
      if (!done) return fail(std::move(done.error()).context("replace the services' table"));
    }
    return {};
  }

  std::mutex mutex_;
  linux::NftSocket nft_;
  std::vector<ProxyTable> tables_;
  std::map<std::string, std::vector<ServicePort>> services_;
};

}  // namespace

Result<std::unique_ptr<ServiceProxy>> ServiceProxy::open(ProxyOptions options) {
  TRY_ASSIGN(auto nft, linux::NftSocket::open());
  return std::make_unique<KernelProxy>(options, std::move(nft));
}

}  // namespace reigen::proxy
