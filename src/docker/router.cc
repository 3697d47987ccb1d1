#include "docker/router.h"

namespace reigen::docker {

namespace {

size_t count_segments(std::string_view pattern) {
  size_t n = 0;
  for (char c : pattern) n += c == '/';
  return n;
}

}  // namespace

bool match_pattern(std::string_view pattern, std::span<const std::string> segments, std::vector<std::string>& params) {
  params.clear();
  while (!pattern.empty()) {
    pattern.remove_prefix(1);
    std::string_view step = pattern.substr(0, pattern.find('/'));
    pattern.remove_prefix(step.size());
    if (segments.empty()) return false;
    size_t used = 1;
    if (step == "{*}") {
      size_t behind = count_segments(pattern);
      if (segments.size() <= behind) return false;
      used = segments.size() - behind;
      std::string joined = segments[0];
      for (size_t i = 1; i < used; ++i) joined += "/" + segments[i];
      params.push_back(std::move(joined));
    } else if (step == "{}") {
      params.push_back(segments[0]);
    } else if (step != segments[0]) {
      return false;
    }
    segments = segments.subspan(used);
  }
  return segments.empty();
}

const Router& Router::all() {
  static const Router router({system_routes(), container_routes(), network_routes(), volume_routes(), image_routes(), build_routes()});
  return router;
}

Result<Match> Router::find(const http::Request& request) const {
  Match match;
  std::span<const std::string> segments = request.segments;
  if (!segments.empty() && is_version_segment(segments[0])) {
    TRY_ASSIGN(match.version, negotiate(segments[0]));
    segments = segments.subspan(1);
  }
  // Docker has this one path with a slash at its end.
  bool slash = request.raw_path.ends_with('/') && !(segments.size() == 1 && segments[0] == "networks");
  if (segments.empty() || slash) return fail(Code::kNotFound, "page not found");
  for (const auto& table : tables_) {
    for (const Route& route : table) {
      if (route.method != request.method || match.version < route.since || !match_pattern(route.pattern, segments, match.params)) continue;
      match.route = &route;
      return match;
    }
  }
  return fail(Code::kNotFound, "page not found");
}

}  // namespace reigen::docker
