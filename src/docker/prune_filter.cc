#include "docker/prune_filter.h"

#include <fmt/core.h>

#include <vector>

#include "docker/error_answer.h"
#include "docker/time_argument.h"

namespace reigen::docker {

Result<PruneFilter> PruneFilter::parse(std::string_view json, WallTime now, std::initializer_list<std::string_view> more, bool with_until) {
  PruneFilter out;
  TRY_ASSIGN(out.filters, Filters::parse(json));
  Filters rest = out.filters;
  for (auto name : more) rest.remove(name);
  if (with_until) {
    TRY(rest.check({"until", "label", "label!"}));
  } else {
    TRY(rest.check({"label", "label!"}));
  }
  const auto& times = out.filters.values("until");
  if (times.size() > 1) return fail(unreadable("more than one until filter specified"));
  if (!times.empty()) {
    TRY_ASSIGN(out.until, parse_moment(*times.begin(), now));
  }
  return out;
}

}  // namespace reigen::docker
