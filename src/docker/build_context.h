// What a build is made from: the folder of its context, and the text of its Dockerfile.
#pragma once

#include <atomic>
#include <memory>
#include <string>

#include "base/result.h"
#include "docker/build_request.h"
#include "image/byte_source.h"
#include "image/image_writer.h"

namespace reigen::docker {

// Lives in the store's tmp folder and goes with this object.
struct BuildContext {
  std::unique_ptr<image::ImageWriter> holder;
  std::string folder;
  std::string dockerfile;  // a file beside the folder: the one inside may be left out by .dockerignore
  std::string text;
};

// Unpacks the body, or what `remote` gives: an archive, or a Dockerfile alone. Archives cannot leave the folder. Errors in Docker's words.
Result<BuildContext> open_build_context(image::ImageStore& store, const BuildRequest& request, image::ByteSource* body, std::atomic<bool>* cancel);

}  // namespace reigen::docker
