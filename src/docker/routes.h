// The table of everything the endpoint serves.
#pragma once

#include <span>
#include <string_view>

#include "docker/call.h"

namespace reigen::docker {

enum class BodyKind : unsigned char {
  kNone,    // what is sent is read and dropped, at most 64 KiB
  kJson,    // whole, at most 4 MiB, in Request::body
  kStream,  // Request::body_stream, of any size and as slow as the client likes
  kHijack,  // as kJson; then the connection may become a stream (docker/hijack.h)
};

enum class Pool : unsigned char {
  kWork,  // answers within a moment
  kSlow,  // pulls, loads, builds, copies: may take minutes
};

struct Route {
  std::string_view method;   // "GET"
  std::string_view pattern;  // "/containers/{}/json"; {*} stands for one segment or more (names of images)
  void (*handle)(Call call);
  BodyKind body = BodyKind::kNone;
  Pool pool = Pool::kWork;
  ApiVersion since = kOldestVersion;  // before: 404 "page not found"
};

// Earlier rows win. Each family's file holds its own.
std::span<const Route> system_routes();
std::span<const Route> container_routes();
std::span<const Route> network_routes();
std::span<const Route> volume_routes();
std::span<const Route> image_routes();
std::span<const Route> build_routes();

}  // namespace reigen::docker
