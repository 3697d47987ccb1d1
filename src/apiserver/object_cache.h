// ObjectCache: the decoded and the encoded forms of stored values, shared by gets, lists, watches and readers. A form is found by the
// revision of its write, which names a value for ever. Bounded by bytes; at the bound what was used least recently goes. What nobody
// used for a minute goes with a later write, since most revisions are superseded by then.
//
// Thread-safe.
#pragma once

#include <array>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>

#include "api/object.h"
#include "base/clock.h"
#include "base/result.h"
#include "store/store.h"

namespace reigen::apiserver {

struct Resource;

class ObjectCache {
 public:
  ObjectCache(size_t max_bytes, Clock& clock);

  enum class Keep : unsigned char { kYes, kNo };  // kNo: take it from the cache, but do not fill the cache (long lists)

  // In the stored version.
  Result<api::Object> stored(const store::EntryPtr& entry, const Resource& resource, Keep keep = Keep::kYes);
  // In the version the resource serves.
  Result<api::Object> served(const store::EntryPtr& entry, const Resource& resource, Keep keep = Keep::kYes);
  // Compact JSON with kind and apiVersion and a final newline.
  Result<store::Bytes> json(const store::EntryPtr& entry, const Resource& resource, Keep keep = Keep::kYes);

  // The same without the newline, appended; what is not in the cache is not added to it (long lists).
  Status append_json(std::string& out, const store::EntryPtr& entry, const Resource& resource);

  // What was just written (stored version, as decoding the entry would give but for resourceVersion), so that nobody decodes it again.
  void add_written(const store::EntryPtr& entry, api::Object object);

  size_t bytes() const;

 private:
  Status append_new_json(std::string& out, const store::EntryPtr& entry, const Resource& resource);
  struct Slot {
    int64_t revision = 0;
    const api::KindInfo* kind = nullptr;  // of `json`
    api::Object object;
    store::Bytes json;
    size_t bytes = 0;
    TimePoint last_used{};
  };
  struct Shard {
    std::mutex mutex;
    std::list<Slot> used;  // newest first
    std::unordered_map<int64_t, std::list<Slot>::iterator> by_revision;
    size_t bytes = 0;
  };
  static constexpr size_t kShards = 16;
  Shard& shard(int64_t revision) { return shards_[static_cast<size_t>(revision) % kShards]; }
  store::Bytes find_json(const store::EntryPtr& entry, const Resource& resource);
  void put(int64_t revision, const api::KindInfo* kind, const api::Object* object, const store::Bytes* json, size_t bytes);

  void touch(Shard& shard, std::list<Slot>::iterator slot);  // the shard's mutex is held
  void shrink(Shard& shard);                                 // likewise

  size_t max_shard_bytes_;
  Clock& clock_;
  mutable std::array<Shard, kShards> shards_;
};

}  // namespace reigen::apiserver
