// What `up`, `create` and `scale` have to do: a pure function of the project and of what runs. Nothing here asks the engine.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "compose/model.h"
#include "compose/observe.h"

namespace reigen::compose {

struct PlanOptions {
  std::vector<std::string> services;             // those to bring about, in the order of their dependencies
  std::set<std::string> targets;                 // those named by the user; empty: all of `services`
  std::map<std::string, int> scale;              // over what the files say
  std::map<std::string, std::string> image_ids;  // by service: what its image is now; missing: not known
  bool force_recreate = false, no_recreate = false, always_recreate_dependencies = false;
  bool remove_orphans = false;
  bool start = true;
};

struct Step {
  enum class Kind : unsigned char {
    kRemove,   // stop and remove `container`
    kCreate,   // container `number` of `service`; `container`, if any, is replaced by it
    kStart,    // `container`, or what the create step `made_by` made
    kRestart,  // `container`, because a service it depends on was made anew
    kWait,     // until `service` is as `condition` says
  };
  static constexpr size_t kNone = SIZE_MAX;
  Kind kind = Kind::kCreate;
  std::string service;
  int number = 0;
  std::string name, container;  // the Docker name; the id
  std::string condition;
  bool required = true;       // kWait: its failure ends everything
  size_t made_by = kNone;     // kStart: the create step
  std::vector<size_t> after;  // steps that must be done before
};

struct Plan {
  std::vector<Step> steps;
  std::vector<std::string> running;  // names of what stays as it is
  std::vector<std::string> orphans;  // names of containers of services that are not in the files
};

// kInvalidArgument: a scale of a service with container_name.
Result<Plan> make_plan(const Project& project, const std::vector<Observed>& containers, const PlanOptions& options);

}  // namespace reigen::compose
