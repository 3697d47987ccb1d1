// StoreReader: ObjectReader over the store's memory and the decoded-object cache.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "apiserver/object_reader.h"
#include "store/store.h"

namespace reigen::apiserver {

class ObjectCache;
class Registry;
struct Resource;

class StoreReader final : public ObjectReader {
 public:
  StoreReader(store::Store& store, const Registry& registry, ObjectCache& cache);
  ~StoreReader() override;

  Result<api::Object> get(std::string_view group, std::string_view resource, std::string_view namespace_, std::string_view name) override;
  void for_each(std::string_view group, std::string_view resource, std::string_view namespace_, const std::function<bool(const api::Object&)>& fn) override;
  uint64_t changes(std::string_view group, std::string_view resource) override;
  // Counts a write of this process before its answer: the store tells watchers, which count the others', after the writer.
  void changed(const Resource& resource);

 private:
  struct Counter;
  store::Store& store_;
  const Registry& registry_;
  ObjectCache& cache_;
  std::mutex mutex_;
  std::map<const Resource*, std::shared_ptr<Counter>> counters_;  // made when first asked for
  std::map<const Resource*, std::unique_ptr<store::Watch>> watches_;
};

}  // namespace reigen::apiserver
