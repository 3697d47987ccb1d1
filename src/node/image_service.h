// ImageService: an image on the node, ready to be a container's root. Policies and back-off are the pod worker's.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/executor.h"
#include "base/result.h"

namespace reigen::image {
class ImageStore;
class Puller;
}  // namespace reigen::image

namespace reigen::node {

// What a container takes from its image.
struct ImageInfo {
  std::string id;   // "sha256:…" of the configuration
  std::string ref;  // status.containerStatuses[].imageID: a repo digest, or the id
  uint64_t size = 0;
  std::vector<std::string> layers;  // lowest first
  std::vector<std::string> entrypoint, cmd, env, volumes;
  std::string user, working_dir, stop_signal;
};

struct NodeImage {
  std::vector<std::string> names;
  uint64_t size = 0;
};

// An image of the node's store, for garbage collection.
struct StoredImage {
  std::string id;
  uint64_t size = 0;
  WallTime added{};
  bool pullable = false;  // a registry has it, as far as is known
  bool pinned = false;
};

struct DiskSpace {
  uint64_t capacity = 0, available = 0;  // bytes
};

class ImageService {
 public:
  virtual ~ImageService() = default;
  // kNotFound when it is not on the node; kInvalidArgument when the name is none. Blocks (disk).
  virtual Result<ImageInfo> find(const std::string& name) = 0;
  // By its id alone: also one that was removed while a container keeps it pinned.
  virtual Result<ImageInfo> find_id(const std::string& id) { return find(id); }
  // A folder on the images' disk for what is being made; "" where there is none.
  virtual std::string scratch_directory() const { return ""; }
  // Fetches it, then done(info) on any thread. `docker_configs`: texts of pull secrets, in order.
  virtual void pull(const std::string& name, std::vector<std::string> docker_configs, std::move_only_function<void(Result<ImageInfo>)> done) = 0;
  // Keeps the image while a container of this id uses it.
  virtual Status pin(const std::string& owner, const std::string& image_id) = 0;
  virtual Status unpin(const std::string& owner) = 0;
  virtual std::vector<NodeImage> list() = 0;
  virtual std::vector<StoredImage> list_all() = 0;
  virtual Result<DiskSpace> disk() = 0;
  // With all its names. kConflict when a container uses it.
  virtual Status remove(const std::string& id) = 0;
};

// Over the image store. Pulls run on an executor of their own with a few threads, so that they never starve the pods.
std::unique_ptr<ImageService> make_image_service(image::ImageStore& store, image::Puller& puller);
// Every image is there.
std::unique_ptr<ImageService> make_hollow_image_service();

}  // namespace reigen::node
