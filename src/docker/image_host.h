// ImageHost: what is asked of a node's images: the store, what fetches and sends them, and parsed configurations. The local node's only, now.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "image/image_config.h"
#include "image/image_store.h"
#include "image/puller.h"
#include "image/pusher.h"

namespace reigen::docker {

struct Engine;

// An image as lists and inspect want it.
struct ImageDetails {
  image::ImageRecord record;
  image::ImageConfig config;
  int64_t created_s = 0;  // Unix time; of an image that does not say, the year 1
  int64_t created_ns = 0;
};
using ImageDetailsPtr = std::shared_ptr<const ImageDetails>;

inline constexpr int64_t kYearOne = -62135596800;  // Go's zero time in Unix seconds

// Thread-safe; what reads the store may block on the disk.
class ImageHost {
 public:
  ImageHost(image::ImageStore& store, const image::PullerOptions& options)
      : store_(store), options_(options), puller_(store, options), pusher_(store, options) {}

  image::ImageStore& store() { return store_; }
  image::Puller& puller() { return puller_; }
  image::Pusher& pusher() { return pusher_; }
  const image::PullerOptions& options() const { return options_; }

  // By name, id or prefix. kNotFound in Docker's words: "No such image: x:latest".
  Result<ImageDetailsPtr> find(std::string_view name);
  // All, sorted by id. Kept until the store's index changes.
  Result<std::vector<ImageDetailsPtr>> list();

  // How errors and answers call it: "x:latest" for "x", as it is for an id.
  static std::string shown_name(std::string_view name);

 private:
  using Cache = std::map<std::string, ImageDetailsPtr>;
  Result<std::shared_ptr<const Cache>> cache();

  image::ImageStore& store_;
  image::PullerOptions options_;
  image::Puller puller_;
  image::Pusher pusher_;
  std::mutex mutex_;
  uint64_t generation_ = 0;
  std::shared_ptr<const Cache> cache_;
};

// "redis:latest" for "docker.io/library/redis:latest".
std::string familiar(const std::string& store_name);
std::vector<std::string> familiar(const std::vector<std::string>& store_names);

// Tells an image's event; attributes are its labels and `name`. A `details` of null: it is gone.
void tell_image_event(Engine& engine, const std::string& action, const std::string& id, const std::string& name, const ImageDetails* details);

// Who uses an image: Containers by the informer, pods' containers by their pins.
std::function<std::optional<image::ImageUser>(const std::string& id)> image_users(Engine& engine);

}  // namespace reigen::docker
