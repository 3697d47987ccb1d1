// What runs of a project, as the engine's lists have it.
#pragma once

#include <string>
#include <vector>

#include "api/value.h"
#include "base/result.h"
#include "compose/engine_client.h"

namespace reigen::compose {

struct Observed {
  std::string id, name, service;
  int number = 0;
  bool one_off = false;
  std::string state, status;                     // "running", "Up 3 minutes (healthy)"
  std::string image, image_id, hash, made_from;  // made_from: the image's id when it was made
  api::Value raw;

  bool running() const { return state == "running" || state == "paused" || state == "restarting"; }
};

enum class OneOffs : unsigned char { kWithout, kToo, kOnly };

// By service and number. Containers of docker-compose 1.29 and Compose v2 too.
Result<std::vector<Observed>> observe(EngineClient& engine, const std::string& project, OneOffs one_offs = OneOffs::kWithout);
Observed observed_of(const api::Value& container);

// The running container of a service with this number (0: the first); one that does not run only with `stopped`. kNotFound: `service "x" is not running`.
Result<Observed> pick(const std::vector<Observed>& containers, const std::string& service, int number, bool stopped = false);

}  // namespace reigen::compose
