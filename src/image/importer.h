// Images from archives: OCI layouts (folders or tars) and what `docker save` writes (old and new form, many images in one),
// plain or packed with gzip or zstd.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/result.h"
#include "image/byte_source.h"
#include "image/image_store.h"

namespace reigen::image {

struct ImportOptions {
  Platform platform = Platform::host();
  std::vector<std::string> names;  // for an archive of one image: its names, instead of those in the archive
};

struct LoadedImage {
  ImageRecord image;
  std::vector<std::string> names;  // those the archive gave it, as Reference::store_name()
};

struct LoadProgress {
  std::string id;      // diff id of the layer
  std::string status;  // "Loading layer"
  uint64_t current = 0, total = 0;
};
using LoadProgressSink = std::function<void(const LoadProgress&)>;

// `docker load`: as import_images of a stream; parents that the archive names are kept. `progress` is called on this thread, for layers that
// were not here yet; it may be empty.
Result<std::vector<LoadedImage>> load_images(ImageStore& store, ByteSource& archive, const ImportOptions& options, const LoadProgressSink& progress);

// `path`: a file or the folder of an OCI layout. All images are added or, when anything is wrong, none; the error names the
// file inside the archive. Blocks.
Result<std::vector<ImageRecord>> import_images(ImageStore& store, const std::string& path, const ImportOptions& options = {});
// The same from a descriptor (standard input); `label` names it in errors.
Result<std::vector<ImageRecord>> import_images(ImageStore& store, int fd, const std::string& label, const ImportOptions& options = {});

}  // namespace reigen::image
