// Images into one archive that `docker load`, skopeo and we read: an OCI layout with the manifest.json and repositories of
// `docker save`, layers as plain tars, those shared by images once.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "image/image_store.h"

namespace reigen::image {

// `names`: as for ImageStore::find; images asked for by id have no name in the archive. Writes to a descriptor, so that
// it may be a pipe, or to a sink. A name without tag and digest stands for all tags of its repository. The parent of an image is
// named when it is in the archive too. The same images give the same bytes.
Status export_images(const ImageStore& store, const std::vector<std::string>& names, int fd, const std::string& label);
Status export_images(const ImageStore& store, const std::vector<std::string>& names, const std::function<Status(std::string_view)>& sink);

}  // namespace reigen::image
