// Image garbage collection by kubelet's rule (pkg/kubelet/images/image_gc_manager.go): when the disk of the images is fuller than the
// high mark, images that nothing uses go, the longest unused first, until it is at the low mark.
//
// Unlike kubelet's, images that no registry is known of (imported, built) stay: nobody could bring them back.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/clock.h"
#include "node/image_service.h"

namespace reigen::node {

struct ImageGcPolicy {
  int high_percent = 85, low_percent = 80;  // used; 100 of high turns it off
  Duration min_age = std::chrono::minutes(2);
};

struct ImageGcResult {
  uint64_t wanted = 0, freed = 0;    // bytes
  std::vector<std::string> removed;  // ids
};

// One thread at a time. Forgets last uses with the process: then an image counts as used when it was added.
class ImageGc {
 public:
  ImageGc(ImageService& images, ImageGcPolicy policy) : images_(images), policy_(policy) {}
  // Blocks. The error is that of reading the disk's size.
  Result<ImageGcResult> collect(WallTime now);

 private:
  ImageService& images_;
  const ImageGcPolicy policy_;
  std::map<std::string, WallTime> last_used_;  // by id, of images that exist
};

}  // namespace reigen::node
