// Brings a project about: images, networks, volumes, then the plan. What `up`, `create`, `scale` and `run` share.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "compose/image_steps.h"
#include "compose/planner.h"
#include "compose/session.h"

namespace reigen::compose {

struct UpOptions {
  std::vector<std::string> services;  // named by the user; empty: all
  bool no_deps = false;
  std::map<std::string, int> scale;
  bool force_recreate = false, no_recreate = false, always_recreate_dependencies = false;
  bool remove_orphans = false, ignore_orphans = false, start = true, renew_volumes = false;
  bool attached = false;       // what the containers print now is wanted
  std::optional<int> timeout;  // of stops
  ImageOptions images;
};

struct UpResult {
  std::vector<std::string> services;              // brought about, in order
  std::vector<Observed> containers;               // of them, as they are now
  std::set<std::string> fresh;                    // ids made or started now
  std::map<std::string, std::string> told_until;  // with `attached`: behind the last line of a started one's runs before, as the engine takes it
};

Result<UpResult> bring_up(Session& session, const Project& project, const UpOptions& options);

Status ensure_networks(Session& session, const Project& project, const std::vector<std::string>& services);
Status ensure_volumes(Session& session, const Project& project, const std::vector<std::string>& services);

// Creates one container: image volumes, links and shared namespaces looked up, further networks connected, inline files written.
// `replaces`: the one whose anonymous volumes it takes over; null: none. The new id.
struct CreateOptions {
  std::string name;
  int number = 1;
  bool one_off = false, use_aliases = true;
  const Observed* replaces = nullptr;
  bool renew_volumes = false;
  std::string image_id;
  api::Value overrides;  // members of the body that win (run's flags); HostConfig is merged
};
Result<std::string> create_container(Session& session, const Project& project, const Service& service, const CreateOptions& options);

// "web=3" of --scale (`flag`) and the scale command.
Result<std::map<std::string, int>> parse_scales(const Project& project, const std::vector<std::string>& arguments, std::string_view flag = "");

}  // namespace reigen::compose
