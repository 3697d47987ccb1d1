// ImageWriter: one addition to the store (an import, a pull, a build). What it makes stays in tmp/ until it is complete and
// synced; dropped without commit() it leaves nothing. Not thread-safe. While it lives, collection waits.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "image/byte_source.h"
#include "image/image_store.h"

namespace reigen::image {

class ImageWriter {
 public:
  static Result<std::unique_ptr<ImageWriter>> begin(ImageStore& store);
  ~ImageWriter();
  ImageWriter(const ImageWriter&) = delete;
  ImageWriter& operator=(const ImageWriter&) = delete;

  // A folder of its own for files in the making.
  const std::string& directory() const { return directory_; }
  ImageStore& store() const { return store_; }

  // Whether the layer is in the store already, or was added here.
  std::optional<LayerInfo> find_layer(const std::string& chain) const;

  // Says which layers lie on which, for layers that are in the store already: before one is added onto them.
  void declare_chain(const std::vector<std::string>& diff_ids);

  struct Packed {
    std::string path;
    bool owned = false;                                                   // in our folder and not written again: may be linked instead of copied
    std::string label;                                                    // what errors call it
    std::string media_type;                                               // empty: by its contents
    std::string digest;                                                   // when known and to be checked: of the file
    std::string diff_id;                                                  // when known and to be checked: of the tar in it
    std::function<void(uint64_t current, uint64_t total)> progress = {};  // bytes of the file, every MiB and at its end
  };
  // Unpacks a layer onto `parent` (a chain id, or empty). What is neither gzip nor zstd is stored packed with zstd.
  Result<LayerInfo> add_layer(const std::string& parent, const Packed& packed);

  // Takes a folder that is an upper directory of overlayfs on `parent` as a layer: packs it and moves it into the store.
  Result<LayerInfo> add_tree(const std::string& parent, const std::string& directory);
  // The same of a copy: the folder is left as it is. It must not change meanwhile.
  Result<LayerInfo> add_copy(const std::string& parent, const std::string& directory);
  // A whole root as a tar (docker import), packed or plain; `digest`: of what came, when it is wanted.
  Result<LayerInfo> add_tar(const std::string& parent, ByteSource& tar, std::string* digest = nullptr);

  // Stores an image's documents and names; everything added is durable and visible when it returns. The layers must have been
  // added or be in the store. `manifest` empty: one is made. `parent`: as ImageStore::set_parent(); empty leaves a known one.
  Result<ImageRecord> commit(const std::string& config, std::string manifest, const std::vector<std::string>& names,
                             const std::vector<std::string>& repo_digests = {}, const std::string& parent = {});
  // Makes what was added durable without naming an image (build cache).
  Status commit_layers();

 private:
  ImageWriter(ImageStore& store, std::string directory);
  struct Pending;
  struct Hold;
  Status unpack_into(const std::string& parent, const Packed& packed, Pending& layer);
  Result<std::string> folder_of(const std::string& chain) const;
  Result<std::vector<std::string>> parents_of(const std::string& chain) const;
  Status add_document(std::string_view data, const std::string& digest);
  Status place_blob(const std::string& file, const std::string& digest);

  ImageStore& store_;
  std::string directory_;
  std::unique_ptr<Hold> hold_;
  std::vector<Pending> pending_;
};

}  // namespace reigen::image
