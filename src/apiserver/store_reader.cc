#include "apiserver/store_reader.h"

#include "api/errors.h"
#include "apiserver/object_cache.h"
#include "apiserver/registry.h"
#include "base/log.h"

namespace reigen::apiserver {

struct StoreReader::Counter final : store::WatchSink {
  std::atomic<uint64_t> changes{1};
  void on_events(std::span<const store::EventPtr>) override { changes.fetch_add(1, std::memory_order_release); }
  void on_closed(const Error&) override { changes.fetch_add(1, std::memory_order_release); }
};

StoreReader::StoreReader(store::Store& store, const Registry& registry, ObjectCache& cache) : store_(store), registry_(registry), cache_(cache) {}
StoreReader::~StoreReader() = default;

Result<api::Object> StoreReader::get(std::string_view group, std::string_view resource, std::string_view namespace_, std::string_view name) {
  const Resource* found = registry_.find_any(group, resource);
  if (!found) return fail(Code::kInvalidArgument, "no resource " + std::string(resource));
  TRY_ASSIGN(store::EntryPtr entry, store_.get(found->key(namespace_, name)));
  if (!entry) return fail(api::not_found(found->name(), name));
  return cache_.stored(entry, *found);
}

void StoreReader::for_each(std::string_view group, std::string_view resource, std::string_view namespace_, const std::function<bool(const api::Object&)>& fn) {
  const Resource* found = registry_.find_any(group, resource);
  if (!found) return;
  auto list = store_.list(found->list_prefix(namespace_));
  if (!list) return;
  for (const store::EntryPtr& entry : list->entries) {
    auto object = cache_.stored(entry, *found, ObjectCache::Keep::kNo);
    if (!object) LOG(kError, "apiserver", "{}", object.error().message());
    else if (!fn(*object)) return;
  }
}

uint64_t StoreReader::changes(std::string_view group, std::string_view resource) {
  const Resource* found = registry_.find_any(group, resource);
  if (!found) return 0;
  std::lock_guard lock(mutex_);
  std::shared_ptr<Counter>& counter = counters_[found];
  if (!counter) {
    counter = std::make_shared<Counter>();
    auto watch = store_.watch(found->key_prefix, 0, counter);
    if (watch) watches_[found] = std::move(*watch);
    else LOG(kError, "apiserver", "watch {}: {}", found->key_prefix, watch.error().message());
  }
  return counter->changes.load(std::memory_order_acquire);
}

void StoreReader::changed(const Resource& resource) {
  const Resource* found = registry_.find_any(resource.group(), resource.plural());
  std::lock_guard lock(mutex_);
  auto counter = counters_.find(found);
  if (counter != counters_.end()) counter->second->changes.fetch_add(1, std::memory_order_release);
}

}  // namespace reigen::apiserver
