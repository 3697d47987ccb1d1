// The files of an image archive by name, whether it is a tar (each is written to a folder first) or a folder.
#pragma once

#include <map>
#include <string>

#include "base/fd.h"
#include "base/result.h"
#include "image/byte_source.h"
#include "image/image_store.h"

namespace reigen::image {

class ArchiveFiles {
 public:
  // `scratch` takes the files of a tar.
  explicit ArchiveFiles(std::string scratch) : scratch_(std::move(scratch)) {}

  Status spool(ByteSource& packed, const Limits& limits);
  Status open_folder(int fd);

  bool has(const std::string& name) const;
  // A document, at most 4 MiB. kNotFound names it.
  Result<std::string> read(const std::string& name) const;

  struct File {
    std::string path;
    bool owned = false;  // written by us: may be linked
  };
  Result<File> take(const std::string& name);

 private:
  Result<std::string> path_of(const std::string& name) const;

  std::string scratch_;
  Fd folder_;
  std::map<std::string, std::string> paths_;
  std::map<std::string, std::string> links_;  // old archives share layers by links
  mutable std::map<std::string, Fd> open_;
};

}  // namespace reigen::image
