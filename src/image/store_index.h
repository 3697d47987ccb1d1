// StoreIndex: the file that says which images a store has and what they are called.
//
//   reigen-images 2
//   image <id> <manifest digest> <bytes> <added, Unix seconds>
//   parent <id> <id>                       the image it was built or committed from, while that one is here
//   tagged <id> <Unix seconds>             when it was last given a name by a user
//   name <docker.io/library/redis:latest> <id>
//   digest <docker.io/library/redis@sha256:…> <id>
//
// Version 1 had no parents and times of tags.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "base/result.h"

namespace reigen::image {

struct IndexedImage {
  std::string manifest;
  uint64_t size = 0;
  int64_t added_s = 0;
  std::string parent = {};
  int64_t tagged_s = 0;
};

struct StoreIndex {
  std::map<std::string, IndexedImage> images;  // by id
  std::map<std::string, std::string> names;    // to id
  std::map<std::string, std::string> digests;  // name@digest to id

  // Forgets an image with its names and repo digests; its children have no parent then.
  void forget(const std::string& id);
  bool has_name(const std::string& id) const;  // or a digest
  bool has_child(const std::string& id) const;
  std::string encode() const;
  // kDataLoss names the line; an unknown version is kUnimplemented.
  static Result<StoreIndex> parse(std::string_view text);
};

}  // namespace reigen::image
