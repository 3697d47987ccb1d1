// LayerMaker: one layer of a build, out of the cache or made on a mounted overlay.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "build/stage.h"
#include "image/image_store.h"
#include "image/image_writer.h"

namespace reigen::build {

class LayerMaker {
 public:
  explicit LayerMaker(image::ImageStore& store, image::ImageWriter& writer, bool no_cache) : store_(store), writer_(writer), no_cache_(no_cache) {}

  // A mounted view of a stage's layers, writable into a folder of its own. Unmounted when it is dropped.
  class View {
   public:
    View() = default;
    View(View&& other) noexcept { *this = std::move(other); }
    View& operator=(View&& other) noexcept;
    ~View();
    const std::string& root() const { return root_; }
    const std::string& upper() const { return upper_; }
    const std::string& scratch() const { return scratch_; }

   private:
    friend class LayerMaker;
    std::string folder_, root_, upper_, scratch_;
  };
  Result<View> view(const Stage& stage);
  Result<View> view_of(const std::vector<std::string>& folders);  // lowest first
  // A new folder that lives as long as the build.
  Result<std::string> new_folder(const std::string& name);

  // Puts the cached layer of `key` on the stage. False: there is none.
  Result<bool> reuse(Stage& stage, const std::string& key);
  // Runs `work` on a view and puts what it changed on the stage as a layer, remembered under `key`.
  Status make(Stage& stage, const std::string& key, const std::function<Status(const View&)>& work);

  // As make, but nothing is put on the stage or remembered; nothing comes back when no file was changed.
  Result<std::optional<image::LayerInfo>> change(const Stage& stage, const std::function<Status(const View&)>& work);
  // The same of a folder with what was changed elsewhere. The folder is gone afterwards, also after an error.
  Result<std::optional<image::LayerInfo>> adopt(const Stage& stage, const std::string& folder);

  // The key of a step on a stage: what it does, and what it depends on.
  static std::string key(const Stage& stage, const std::vector<std::string>& parts);

 private:
  Result<std::vector<std::string>> folders(const Stage& stage) const;
  void put(Stage& stage, const image::LayerInfo& info, const std::string& created);

  image::ImageStore& store_;
  image::ImageWriter& writer_;
  bool no_cache_;
  uint64_t next_ = 0;
};

std::string format_time(int64_t unix_seconds);  // RFC 3339, UTC

}  // namespace reigen::build
