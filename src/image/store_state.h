// What the parts of the module share of a store: its paths, locks and index. Not for other modules.
#pragma once

#include <memory>
#include <mutex>
#include <string>

#include "base/fd.h"
#include "base/result.h"
#include "image/image_store.h"
#include "image/store_index.h"

namespace reigen::image {

// A lock between processes and threads (flock on a descriptor of its own), held as long as it lives.
class StoreLock {
 public:
  enum class Mode : unsigned char { kShared, kExclusive, kTryExclusive };
  // kUnavailable when kTryExclusive finds it held.
  static Result<StoreLock> take(const std::string& path, Mode mode);

 private:
  Fd fd_;
};

struct ImageStore::State {
  std::string directory;
  Limits limits;

  std::string path(std::string_view inside) const { return directory + "/" + std::string(inside); }
  // The folder of an unpacked layer, by chain id; its contents are in diff/.
  std::string layer_path(const std::string& chain) const;

  // The index as it is on disk; cached while the file does not change. Each one read counts `generation` up.
  Result<std::shared_ptr<const StoreIndex>> index() const;
  // Changes the index under the lock between processes: `change` may fail, then nothing is written.
  Status update_index(const std::function<Status(StoreIndex&)>& change);

  // Lock held by everybody who adds blobs and layers that nothing refers to yet (shared) and by collection (exclusive).
  Result<StoreLock> hold_collection() const { return StoreLock::take(path("collect.lock"), StoreLock::Mode::kShared); }

  mutable std::mutex mutex;
  mutable std::shared_ptr<const StoreIndex> cached;
  mutable std::string cached_stamp;
  mutable uint64_t generation = 0;
};

// The name of a layer's folder: 16 hex digits of its chain id.
std::string layer_folder(const std::string& chain);
// Reads layers/<folder>/meta. kNotFound when the layer is not unpacked.
Result<LayerInfo> read_layer_info(const ImageStore::State& state, const std::string& chain);
std::string encode_layer_info(const LayerInfo& info);

// The id a user means: by name in any spelling, repo digest, id or its prefix. The errors of ImageStore::find.
Result<std::string> resolve_image(const StoreIndex& index, std::string_view name);
Fail no_such_image(std::string_view name);
// Whether `name` is the id, with or without "sha256:", or a prefix of 4 digits or more.
bool is_id_of(std::string_view name, const std::string& id);

ImageRecord make_record(const StoreIndex& index, const std::string& id);

}  // namespace reigen::image
