// Pusher: sends images to registries (OCI distribution-spec v1.1, Docker registry v2).
#pragma once

#include <atomic>
#include <functional>
#include <string>

#include "base/result.h"
#include "image/image_store.h"
#include "image/puller.h"
#include "image/reference.h"

namespace reigen::image {

struct PushOptions {
  Credentials credentials;
  // id: a layer's diff id; status in Docker's words: "Preparing", "Waiting", "Pushing", "Pushed", "Layer already exists", "Mounted from library/x".
  std::function<void(const PullProgress&)> progress;
  std::atomic<bool>* cancel = nullptr;  // set: ends with kCancelled
};

struct PushReport {
  std::string tag;
  std::string digest;  // of the manifest
  uint64_t size = 0;   // of the manifest
};

class Pusher {
 public:
  explicit Pusher(ImageStore& store, PullerOptions options = {}) : store_(store), options_(std::move(options)) {}

  // Blocks until the image the store has under `reference` (with a tag) is in the registry. Blobs that are there are not sent, others taken
  // over from repositories of the same registry where the image has a digest of one, else sent, going on where a broken connection left off if
  // the registry knows how. A manifest that came from a registry is sent as it was, so it keeps its digest; layers that were packed here are
  // sent as gzip, and a second push knows their digests. Errors as Puller::pull; kNotFound too when the store has no such name.
  Result<PushReport> push(const Reference& reference, const PushOptions& options);

 private:
  ImageStore& store_;
  PullerOptions options_;
};

}  // namespace reigen::image
