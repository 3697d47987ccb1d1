#include "apiserver/object_cache.h"

#include "api/json.h"
#include "api/metav1.h"
#include "apiserver/codec.h"
#include "apiserver/registry.h"

namespace reigen::apiserver {
namespace {

constexpr size_t kSlotBytes = 200;
constexpr Duration kUnused = std::chrono::minutes(1);
// A decoded object takes some four times its protobuf.
constexpr size_t kDecodedFactor = 4;

}  // namespace

ObjectCache::ObjectCache(size_t max_bytes, Clock& clock) : max_shard_bytes_(max_bytes / kShards), clock_(clock) {}

void ObjectCache::add_written(const store::EntryPtr& entry, api::Object object) {
  object.mut_meta().resource_version = std::to_string(entry->mod_revision);
  put(entry->mod_revision, nullptr, &object, nullptr, entry->value->size() * kDecodedFactor);
}

size_t ObjectCache::bytes() const {
  size_t sum = 0;
  for (Shard& shard : shards_) {
    std::lock_guard lock(shard.mutex);
    sum += shard.bytes;
  }
  return sum;
}

void ObjectCache::put(int64_t revision, const api::KindInfo* kind, const api::Object* object, const store::Bytes* json, size_t bytes) {
  Shard& shard = this->shard(revision);
  std::lock_guard lock(shard.mutex);
  auto found = shard.by_revision.find(revision);
  if (found == shard.by_revision.end()) {
    shard.used.push_front(Slot{.revision = revision, .kind = nullptr, .object = {}, .json = nullptr, .bytes = kSlotBytes});
    shard.bytes += kSlotBytes;
    found = shard.by_revision.emplace(revision, shard.used.begin()).first;
  }
  Slot& slot = *found->second;
  if (object && !slot.object) slot.object = *object, slot.bytes += bytes, shard.bytes += bytes;
  if (json && slot.kind != kind) {
    if (slot.json) slot.bytes -= slot.json->size(), shard.bytes -= slot.json->size();
    slot.json = *json, slot.kind = kind, slot.bytes += bytes, shard.bytes += bytes;
  }
  touch(shard, found->second);
  shrink(shard);
}

void ObjectCache::touch(Shard& shard, std::list<Slot>::iterator slot) {
  shard.used.splice(shard.used.begin(), shard.used, slot);
  slot->last_used = clock_.now();
}

void ObjectCache::shrink(Shard& shard) {
  TimePoint stale = shard.used.front().last_used - kUnused;
  while (shard.used.size() > 1 && (shard.bytes > max_shard_bytes_ || shard.used.back().last_used < stale)) {
    shard.bytes -= shard.used.back().bytes;
    shard.by_revision.erase(shard.used.back().revision);
    shard.used.pop_back();
  }
}

Result<api::Object> ObjectCache::stored(const store::EntryPtr& entry, const Resource& resource, Keep keep) {
  Shard& shard = this->shard(entry->mod_revision);
  {
    std::lock_guard lock(shard.mutex);
    auto found = shard.by_revision.find(entry->mod_revision);
    if (found != shard.by_revision.end() && found->second->object) {
      touch(shard, found->second);
      return found->second->object;
    }
  }
  auto object = decode_stored(*entry->value, *resource.stored, entry->mod_revision);
  if (!object) return fail(std::move(object).error().context(entry->key));
  if (keep == Keep::kYes) put(entry->mod_revision, nullptr, &*object, nullptr, entry->value->size() * kDecodedFactor);
  return object;
}

Result<api::Object> ObjectCache::served(const store::EntryPtr& entry, const Resource& resource, Keep keep) {
  TRY_ASSIGN(api::Object object, stored(entry, resource, keep));
  return resource.kind == resource.stored ? Result<api::Object>(std::move(object)) : convert(std::move(object), *resource.kind);
}

Status ObjectCache::append_new_json(std::string& out, const store::EntryPtr& entry, const Resource& resource) {
  if (resource.kind == resource.stored) {
    auto status = append_stored_json(out, *entry->value, *resource.stored, entry->mod_revision);
    if (!status) return fail(std::move(status).error().context(entry->key));
    return {};
  }
  TRY_ASSIGN(api::Object object, served(entry, resource, Keep::kNo));
  api::append_json(out, object);
  return {};
}

Status ObjectCache::append_json(std::string& out, const store::EntryPtr& entry, const Resource& resource) {
  if (store::Bytes kept = find_json(entry, resource)) {
    out.append(*kept, 0, kept->size() - 1);
    return {};
  }
  return append_new_json(out, entry, resource);
}

store::Bytes ObjectCache::find_json(const store::EntryPtr& entry, const Resource& resource) {
  Shard& shard = this->shard(entry->mod_revision);
  std::lock_guard lock(shard.mutex);
  auto found = shard.by_revision.find(entry->mod_revision);
  if (found == shard.by_revision.end() || found->second->kind != resource.kind) return nullptr;
  touch(shard, found->second);
  return found->second->json;
}

Result<store::Bytes> ObjectCache::json(const store::EntryPtr& entry, const Resource& resource, Keep keep) {
  if (store::Bytes kept = find_json(entry, resource)) return kept;
  std::string text;
  TRY(append_new_json(text, entry, resource));
  text += '\n';
  text.shrink_to_fit();
  store::Bytes json = store::make_bytes(std::move(text));
  if (keep == Keep::kYes) put(entry->mod_revision, resource.kind, nullptr, &json, json->size());
  return json;
}

}  // namespace reigen::apiserver
