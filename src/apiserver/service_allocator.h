// ServiceAllocator: the addresses and node ports of Services. Rules of pkg/registry/core/service of Kubernetes: fields are initialised
// and numbers taken before a write, given back when the write fails, and released after a write that no longer needs them.
// Thread-safe; does not block.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/validation.h"
#include "apiserver/range_allocator.h"
#include "apiserver/strategy.h"
#include "base/executor.h"

namespace reigen::store {
class Store;
}
namespace reigen::api::corev1 {
struct Service;
}

namespace reigen::apiserver {

class ObjectReader;
struct ServiceRanges;

class ServiceAllocator {
 public:
  using Service = api::corev1::Service;

  // The ranges must be valid.
  ServiceAllocator(store::Store& store, ObjectReader& reader, Random& random, Executor& executor, const ServiceRanges& ranges);
  ~ServiceAllocator();

  // Takes what a new, resp. changed, service needs and fills it in.
  Result<Rollback> allocate_create(Service& service, bool dry_run);
  Result<Rollback> allocate_update(Service& service, const Service& old, bool dry_run);
  // Gives back what `old` had and `now` (null: deleted) has not.
  void release(const Service& old, const Service* now);

  // One repair now (what is taken without a user goes at once), then one every three minutes, where what has no user goes after three
  // times, because its service may be on its way.
  void start_repair();
  void stop();
  void repair(bool at_once);

 private:
  struct Family {
    std::string name;  // IPv4, IPv6
    api::Cidr cidr;
    std::unique_ptr<RangeAllocator> allocator;
    std::map<uint32_t, int> leaks;  // index -> times seen without a user
  };
  struct Taken;  // of one write

  Family* family(std::string_view name);
  std::optional<uint32_t> index_of(const Family& family, const api::Ip& ip) const;
  api::Ip address_of(const Family& family, uint32_t index) const;
  Status init_families(Service& service, const Service* old);
  Status take_addresses(Service& service, size_t first, Taken& taken);
  Status take_address(Service& service, size_t index, Taken& taken);
  Result<bool> take_port(int32_t port, Taken& taken, std::string& why);
  Result<int32_t> take_any_port(Taken& taken);
  Status init_ports(Service& service, Taken& taken);
  Status update_ports(Service& service, const Service& old, Taken& taken);
  Status take_health_port(Service& service, Taken& taken);
  void give_back(Taken& taken);
  void schedule();

  ObjectReader& reader_;
  Executor& executor_;
  std::vector<Family> families_;
  uint16_t port_low_;
  std::string port_range_;
  RangeAllocator ports_;
  std::map<uint32_t, int> port_leaks_;
  std::mutex repair_mutex_;
  TimerId timer_ = 0;
  std::mutex timer_mutex_;
  std::unique_ptr<TaskGroup> tasks_;
};

}  // namespace reigen::apiserver
