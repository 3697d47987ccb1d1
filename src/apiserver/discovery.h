// The documents by which clients learn what is served: /api, /apis, /apis/GROUP, /apis/GROUP/VERSION, and the aggregated form
// (KEP-3352). Made once as JSON; immutable.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include "apiserver/media_type.h"
#include "apiserver/registry.h"

namespace reigen::apiserver {

class Discovery {
 public:
  using Document = std::shared_ptr<const std::string>;
  explicit Discovery(const Registry& registry);

  // `path` without a final slash: "/api", "/apis/apps/v1", ... Null when there is no such document. The discovery shapes count only
  // for /api and /apis.
  Document find(std::string_view path, Shape shape) const;

 private:
  void add_aggregated(const Registry& registry, bool core);
  struct Hash {
    using is_transparent = void;
    size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
  };
  std::unordered_map<std::string, Document, Hash, std::equal_to<>> documents_;
};

}  // namespace reigen::apiserver
