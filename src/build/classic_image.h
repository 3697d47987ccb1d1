// The chain of images of the classic builder: its texts, and its cache, which are the images themselves.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "build/stage.h"
#include "image/docker_image.h"
#include "image/image_writer.h"

namespace reigen::build {

struct BuildOptions;

class ClassicImages {
 public:
  ClassicImages(image::ImageStore& store, image::ImageWriter& writer, const BuildOptions& options);

  // The image that the instruction has made before on `parent` (empty: scratch): the newest child whose container was configured equally
  // (Docker's compare), or what cache_from has in its history. Nothing: it has to be done.
  Result<std::optional<std::string>> probe(const std::string& parent, const image::ImageConfig& container);
  // A stage begins: with cache_from any of its images may be followed again.
  void reset();

  // Puts an image on the stage's. `container`: of the step, its command is the history's text. The stage's chain and layers follow.
  Status commit(Stage& stage, const image::ImageConfig& container, const std::string& id, std::optional<image::LayerInfo> layer);
  // Makes `image` the stage's; its configuration stays what the instructions have made of it.
  Status follow(Stage& stage, const std::string& image);

 private:
  Result<std::optional<std::string>> local(const std::string& parent, const image::ImageConfig& container);
  Result<std::optional<std::string>> from_sources(const std::string& parent, const image::ImageConfig& container);
  Result<std::string> restore(const std::string& parent, const std::string& target, size_t length, const image::ImageConfig& container);
  bool is_ancestor(const std::string& image, const std::string& of) const;

  image::ImageStore& store_;
  image::ImageWriter& writer_;
  const BuildOptions& options_;
  std::vector<std::string> sources_;
};

// A container of a step that only notes something: the configuration with "#(nop) …" as its command. `single`: as one word with the comment.
image::ImageConfig noted(const Stage& stage, const std::string& comment, bool single = false);

// The comment of an instruction that changes the configuration only: "ENV A=1 B=two words". `before`: the stage as it was.
Result<std::string> comment_of(const Stage& before, const Stage& after, const Instruction& instruction);

// Docker's compare of two containers' configurations: what makes a cached image the right one.
bool same_container(const image::ImageConfig& a, const image::ImageConfig& b);

std::string go_quoted_list(const std::vector<std::string>& list);  // Go's %q: ["a" "b"]

}  // namespace reigen::build
