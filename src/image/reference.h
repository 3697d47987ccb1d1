// Reference: the name of an image, normalised once for both APIs.
//
// The rules are those of Docker (distribution/reference): `redis` means docker.io/library/redis:latest; the first component is a
// registry only when it holds a '.' or a ':', is "localhost", or has upper-case letters; a digest may follow a tag.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace reigen::image {

struct Reference {
  std::string registry;    // "docker.io", "localhost:5000"
  std::string repository;  // "library/redis"
  std::string tag;         // empty only when there is a digest
  std::string digest;      // "sha256:<64 hex digits>" or empty

  // registry/repository, without tag and digest: "docker.io/library/redis".
  std::string name() const;
  // The whole in canonical form: "docker.io/library/redis:latest", "…@sha256:…", "…:tag@sha256:…".
  std::string str() const;
  // What names the image in a store: as str(), but a digest makes the tag meaningless and drops it.
  std::string store_name() const;
  // As Docker shows it: "redis:latest", "localhost:5000/x:1".
  std::string familiar() const;
  std::string familiar_name() const;  // without tag and digest
  // The host that is asked: docker.io is served by registry-1.docker.io.
  std::string registry_host() const;

  bool operator==(const Reference&) const = default;
};

// kInvalidArgument with Docker's text, e.g. "invalid reference format". kubelet reports that as InvalidImageName after
// `couldn't parse image name "X": `. At most 4096 bytes are looked at.
Result<Reference> parse_reference(std::string_view text);

// For a name that an image is given: kInvalidArgument when it would look like a digest.
Status check_new_name(const Reference& reference);

// "sha256:" and 64 lower-case hex digits.
bool is_digest(std::string_view text);

}  // namespace reigen::image
