// ImageStore: the images of one instance, under <data-dir>/images.
//
//   index                      names and images, replaced at once
//   blobs/sha256/<hex>         manifests, configurations and layers as they came (or packed by us)
//   layers/<16 hex>/diff       an unpacked layer, ready as a lower directory of overlayfs; `meta` beside it
//   pins/<owner>               which image a container uses
//   tmp/                       what is being made; emptied by the next collection
//
// Layers are keyed by chain id and shared between images. Every change is made in tmp/, synced and renamed, under file locks, so
// that several processes (the server, `reigen image …`) may use one store at once and a crash leaves only files in tmp/.
// Thread-safe; every call may block on the disk.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "image/image_config.h"
#include "image/reference.h"

namespace reigen::image {

// Bounds on foreign layers; what exceeds one is refused with kResourceExhausted.
struct Limits {
  uint64_t layer_bytes = uint64_t{32} << 30;  // unpacked
  uint64_t layer_entries = 2'000'000;
  uint64_t ratio = 300;  // unpacked : packed, looked at beyond ratio_from bytes
  uint64_t ratio_from = uint64_t{512} << 20;
  uint64_t archive_bytes = uint64_t{128} << 30;
  uint64_t archive_entries = 100'000;
  uint64_t reserve_bytes = uint64_t{256} << 20;  // of the disk, left free
};

struct ImageRecord {
  std::string id;                         // digest of the configuration: "sha256:…", Docker's image id
  std::string manifest_digest;            // of the manifest as it came, or of the one we made
  std::vector<std::string> names;         // "docker.io/library/redis:latest", sorted
  std::vector<std::string> repo_digests;  // "docker.io/library/redis@sha256:…", sorted
  uint64_t size = 0;                      // of all layers, unpacked
  int64_t added_s = 0;                    // Unix time
  std::string parent = {};                // what it was built or committed from, as long as that is here; only known where it was made
  int64_t tagged_s = 0;                   // Unix time of the last tag(); 0: never
};

// One act of a removal, in the order in which they happened.
struct RemoveStep {
  enum class Kind : unsigned char { kUntagged, kUntaggedDigest, kDeleted, kDeletedLayer } kind = Kind::kUntagged;
  std::string what;   // a name, a repo digest, an image's id, a layer's chain id
  std::string image;  // the id
};

struct RemoveReport {
  std::vector<std::string> untagged;  // names
  std::vector<std::string> deleted;   // image ids
  uint64_t reclaimed = 0;             // bytes of unpacked layers
  std::vector<RemoveStep> steps;      // all of it; filled by the forms with options
};

// Who keeps an image from being removed.
struct ImageUser {
  std::string container;  // as it is called in errors: the first 12 digits of its id
  bool running = false;   // then no force helps
};

struct RemoveOptions {
  bool force = false;         // several names, and users that do not run, are no obstacle
  bool keep_parents = false;  // noprune: parents without a name stay
  // A user of the image, a running one when there is any. Empty: pins are users that run.
  std::function<std::optional<ImageUser>(const std::string& id)> user;
};

struct PruneOptions {
  bool dangling_only = true;                                              // only images without a name
  std::function<bool(const ImageRecord&, const ImageConfig&)> want = {};  // empty: all
  std::function<std::optional<ImageUser>(const std::string& id)> user = {};
};

struct LayerInfo {
  std::string chain_id;
  std::string diff_id;
  std::string blob;        // digest of the stored blob
  std::string media_type;  // of the blob
  uint64_t blob_size = 0;
  uint64_t size = 0;  // unpacked
};

class ImageStore {
 public:
  // Makes the folders when missing. kPermissionDenied without root where the folder is not ours.
  static Result<std::unique_ptr<ImageStore>> open(const std::string& directory, Limits limits = {});
  ~ImageStore();

  const std::string& directory() const;
  const Limits& limits() const;

  // Looks up a name in any spelling, a repo digest, an id ("sha256:…" or bare) or a prefix of an id (4 digits or more).
  // kNotFound "No such image: x" ; kConflict when a prefix is ambiguous.
  Result<ImageRecord> find(std::string_view name) const;
  Result<std::vector<ImageRecord>> list() const;                           // sorted by id
  Result<std::vector<std::string>> children(const std::string& id) const;  // sorted; of "": images without a parent
  // Counts up whenever the index has changed, by whomever: what was read is right as long as it stays.
  uint64_t generation() const;
  Result<ImageConfig> config(const std::string& id) const;
  // The raw bytes of a small blob (manifest, configuration), verified. At most 4 MiB.
  Result<std::string> blob(const std::string& digest) const;
  std::string blob_path(const std::string& digest) const;

  // The layers of an image, lowest first.
  Result<std::vector<LayerInfo>> layers(const std::string& id) const;
  // Pin the image first, so that nobody removes them meanwhile.
  // Absolute paths, lowest first, as runtime::Root takes them. An image without layers has one, empty, folder.
  Result<std::vector<std::string>> layer_dirs(const std::string& id) const;

  // Of one layer, by chain id; and of a build's cache entry, which names layers to keep, a chain id a line.
  std::string layer_path(const std::string& chain) const;
  std::string cache_path(const std::string& key) const;

  // While an owner ("container-<id>", at most 200 bytes of [a-zA-Z0-9_.-]) pins an image, its layers stay, also when its names
  // go, and over restarts of the process (not over a loss of power). Pinning again replaces. Unpinning what is not pinned is fine.
  Status pin(const std::string& owner, const std::string& id);
  Status unpin(const std::string& owner);
  Result<std::vector<std::pair<std::string, std::string>>> pins() const;  // {owner, id}

  Status tag(const std::string& id, const Reference& name);
  // Parents without an own name are removed with their last child. A parent that is not here is none.
  Status set_parent(const std::string& id, const std::string& parent);
  // Removes a name; or, given an id, the image with all names (more than one name in different repositories: kConflict unless
  // `force`). The last name takes the image along. kConflict when a pin uses it.
  Result<RemoveReport> remove(std::string_view name, bool force = false);
  // As Docker does it (its image_delete): a name that is the only one takes the image along, an id all names in one repository, and
  // parents without a name go too. Errors in its words. An image that is forced away from under a pin keeps its layers and its configuration
  // until the pin goes: config(), layers() and layer_dirs() go on answering for its id.
  Result<RemoveReport> remove(std::string_view name, const RemoveOptions& options);
  // Removes images without a name (`all`: every image) that no pin uses and no image that stays has as a parent, then collects.
  Result<RemoveReport> prune(bool all = false);
  // As Docker does it: images that are in use, or have children that stay, are left out silently.
  Result<RemoveReport> prune(const PruneOptions& options);
  // Removes blobs, layers and temporary files that nothing refers to. Does nothing while somebody adds an image.
  Status collect();

  // For those who add images (import, pull, build). See image/image_writer.h.
  struct State;
  State& state() const { return *state_; }

 private:
  explicit ImageStore(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace reigen::image
