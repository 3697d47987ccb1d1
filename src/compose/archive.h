// Tar archives: build contexts, files that go into containers and come out of them.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/byte_stream.h"
#include "base/fd.h"
#include "base/result.h"
#include "compose/container_request.h"

namespace reigen::compose {

// The files with the folders above them, owned as they say.
Result<std::string> tar_of_files(const std::vector<InlineFile>& files);

// An archive in a file without a name, its descriptor at the beginning.
// A build context: all of `directory` but what .dockerignore names; `dockerfile` (an inline one) is added under `dockerfile_name` when not empty.
Result<Fd> tar_of_context(const std::string& directory, const std::string& dockerfile_name, const std::string& dockerfile);
// A file or folder under the name `as`; with "/." at the end of `path` its contents.
Result<Fd> tar_of_path(const std::string& path, const std::string& as, bool follow_link);

// Unpacks what `read` gives (empty at the end) below `directory`, the first part of each name replaced by `as` when that is not empty. Names that
// leave the folder, and links on the way, are refused.
Status unpack_tar(const std::function<Result<std::string>()>& read, const std::string& directory, const std::string& as);

// Reads a file to its end, for request bodies.
std::shared_ptr<ByteStream> file_stream(Fd file);

}  // namespace reigen::compose
