// Dockerfiles into images.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "image/image_store.h"

namespace reigen::build {

struct BuildEvent {
  enum class Kind : unsigned char { kStep, kCached, kOutput, kErrorOutput, kDone, kWarning };
  Kind kind = Kind::kStep;
  size_t step = 0, total = 0;
  std::string text;  // the instruction; a chunk of a program's output; what is warned of
};

struct BuildOptions {
  std::string context;     // a folder
  std::string dockerfile;  // a path; empty: <context>/Dockerfile
  std::vector<std::string> tags;
  std::map<std::string, std::string> args;
  std::map<std::string, std::string> labels;
  std::string target;  // a stage; empty: the last
  bool no_cache = false;
  image::Platform platform = image::Platform::host();
  std::function<void(const BuildEvent&)> progress;  // called on the building thread
  std::atomic<bool>* cancel = nullptr;              // set: ends with kCancelled
  // Fetches a base image that the store lacks; without it such a base is kNotFound.
  std::function<Result<image::ImageRecord>(const image::Reference&)> pull;
};

// Blocks. Needs root. Layers that were made stay as a cache also when a later step fails; nothing else is left. Errors name
// the Dockerfile and the line. RUN uses the host's network.
Result<image::ImageRecord> build_image(image::ImageStore& store, const BuildOptions& options);

}  // namespace reigen::build
