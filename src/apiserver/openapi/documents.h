// Whole OpenAPI documents, put together piece by piece: only one path or definition exists as a tree at a time. Thread-safe.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace reigen::apiserver::openapi {

std::string make_v2_json();
std::string make_v2_protobuf();

struct GroupVersionPath {
  std::string_view group, version;
  std::string path;  // "api/v1", "apis/apps/v1"
};
// Every group version that has resources, in the order of discovery.
std::vector<GroupVersionPath> group_versions();
std::string make_v3_json(std::string_view group, std::string_view version);

}  // namespace reigen::apiserver::openapi
