// StoreIndex: the file that says which images a store has and what they are called.
//
//   reigen-images 1
//   image <id> <manifest digest> <bytes> <added, Unix seconds>
//   name <docker.io/library/redis:latest> <id>
//   digest <docker.io/library/redis@sha256:…> <id>
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
};

struct StoreIndex {
  std::map<std::string, IndexedImage> images;  // by id
  std::map<std::string, std::string> names;    // to id
  std::map<std::string, std::string> digests;  // name@digest to id

  // Gives an id's last name away: forgets the image and its repo digests.
  void forget(const std::string& id);
  std::string encode() const;
  // kDataLoss names the line; an unknown version is kUnimplemented.
  static Result<StoreIndex> parse(std::string_view text);
};

}  // namespace reigen::image
