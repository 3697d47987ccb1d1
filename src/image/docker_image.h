// Images in the form Docker's engine writes them: every field of container.Config, the container they were made from, and an
// image for each step (docker commit, docker import, the classic builder).
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "image/image_config.h"
#include "image/image_writer.h"

namespace reigen::image {

// Docker's container.Config in its field order, with what is empty as Go writes it (null, "", false).
std::string encode_run_config(const ImageConfig& config);
// The whole configuration; keys sorted, as Docker stores it.
std::string encode_docker_image(const ImageConfig& config);

// RFC 3339, UTC, with nanoseconds and no zeros at the end, as Go's RFC3339Nano.
std::string format_nanos(WallTime time);

// An image on another one, by what one container changed.
struct ChildImage {
  std::string parent;            // an image's id; empty: none
  ImageConfig config;            // what containers of it start with; layers and history are those of the parent
  std::string container;         // its id, may be empty
  std::string container_config;  // JSON
  std::string created_by;        // the history's text
  std::string author, comment;
  std::string created;             // RFC 3339; empty: now
  std::optional<LayerInfo> layer;  // nothing: it changed no file
  std::vector<std::string> names;  // as Reference::store_name()
};

// Fills in layers, history and times, and commits it. The layer has been added to the writer or is in the store.
Result<ImageRecord> commit_child(ImageWriter& writer, ChildImage child);

}  // namespace reigen::image
