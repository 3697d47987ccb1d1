// The filters that all prunes share: until, label, label!.
#pragma once

#include <optional>
#include <string_view>

#include "base/clock.h"
#include "docker/filters.h"

namespace reigen::docker {

struct PruneFilter {
  Filters filters;
  std::optional<WallTime> until;

  // `more`: names beside until, label and label! that the caller reads itself.
  static Result<PruneFilter> parse(std::string_view json, WallTime now, std::initializer_list<std::string_view> more = {}, bool with_until = true);
  template <class Map>
  bool wants_labels(const Map& labels) const {
    if (!filters.labels("label", labels)) return false;
    return !filters.has("label!") || !filters.labels("label!", labels);
  }
  bool wants_time(WallTime created) const { return !until || created < *until; }
};

}  // namespace reigen::docker
