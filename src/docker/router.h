// Router: from a request's path to its route. Pure.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "docker/routes.h"

namespace reigen::docker {

struct Match {
  const Route* route = nullptr;
  ApiVersion version = kNewestVersion;
  std::vector<std::string> params;
};

class Router {
 public:
  // The spans must outlive it.
  explicit Router(std::vector<std::span<const Route>> tables) : tables_(std::move(tables)) {}
  static const Router& all();  // every table of routes.h

  // Errors in Docker's words: 404 "page not found" (also for a method that the path has not), 400 for a version that is not served.
  Result<Match> find(const http::Request& request) const;

 private:
  std::vector<std::span<const Route>> tables_;
};

// What `pattern` leaves open in `segments`; false when it does not fit.
bool match_pattern(std::string_view pattern, std::span<const std::string> segments, std::vector<std::string>& params);

}  // namespace reigen::docker
