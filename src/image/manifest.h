// Manifests and indexes of OCI (image-spec v1.1) and Docker (schema 2), and the manifest.json of `docker save`.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "image/image_config.h"

namespace reigen::image {

namespace media {
inline constexpr std::string_view kOciIndex = "application/vnd.oci.image.index.v1+json";
inline constexpr std::string_view kOciManifest = "application/vnd.oci.image.manifest.v1+json";
inline constexpr std::string_view kOciConfig = "application/vnd.oci.image.config.v1+json";
inline constexpr std::string_view kOciLayer = "application/vnd.oci.image.layer.v1.tar";
inline constexpr std::string_view kOciLayerGzip = "application/vnd.oci.image.layer.v1.tar+gzip";
inline constexpr std::string_view kOciLayerZstd = "application/vnd.oci.image.layer.v1.tar+zstd";
inline constexpr std::string_view kDockerIndex = "application/vnd.docker.distribution.manifest.list.v2+json";
inline constexpr std::string_view kDockerManifest = "application/vnd.docker.distribution.manifest.v2+json";
}  // namespace media

struct Descriptor {
  std::string media_type;
  std::string digest;  // checked: is_digest
  int64_t size = 0;    // >= 0
  Platform platform;   // in an index
  std::map<std::string, std::string> annotations;
};

struct Manifest {
  Descriptor config;
  std::vector<Descriptor> layers;
};

struct ManifestIndex {
  std::vector<Descriptor> manifests;
};

// One image of a `docker save` archive.
struct ArchivedImage {
  std::string config;  // file names inside the archive
  std::vector<std::string> layers;
  std::vector<std::string> names;  // "redis:latest"
  std::string parent = {};         // an image's id; docker save says it when that image is in the archive too
};

// Whether a document is an index, by its mediaType or, without one, by its fields.
Result<bool> is_index(std::string_view json);
// Bounds: 4 MiB, 127 layers, 4096 entries of an index. Docker's schema 1 is refused by name.
Result<Manifest> parse_manifest(std::string_view json);
Result<ManifestIndex> parse_index(std::string_view json);
Result<std::vector<ArchivedImage>> parse_archive_manifest(std::string_view json);

std::string encode_manifest(const Manifest& manifest);

// The entry of an index for a platform; kNotFound lists what there is. Without an exact variant the first of the architecture.
Result<Descriptor> choose_platform(const ManifestIndex& index, const Platform& platform);

}  // namespace reigen::image
