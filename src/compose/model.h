// A project as the commands see it: what is decided about services and resources stands in fields, the rest in `spec`, the normalised tree
// with every key in its long form (key_table.h names them). Plain values.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "api/value.h"
#include "base/result.h"
#include "compose/checks.h"
#include "compose/interpolation.h"

namespace reigen::compose {

struct Dependency {
  std::string condition = "service_started";  // service_healthy, service_completed_successfully
  bool restart = false;                       // restart with it
  bool required = true;
};

struct Service {
  std::string name;
  api::Value spec;
  std::string image;  // as given; PROJECT-SERVICE for what is only built
  bool builds = false;
  int scale = 1;
  std::string container_name;  // empty: PROJECT-SERVICE-NUMBER
  std::map<std::string, Dependency> depends_on;
  std::vector<std::string> profiles;
  std::vector<std::string> networks;  // keys, the highest priority first
  std::string pull_policy;            // empty: missing
  std::optional<int> stop_grace_seconds;
};

struct Resource {  // a network, volume, secret or config
  std::string key, name;
  bool external = false;
  api::Value spec;
};

struct Project {
  std::string name;
  std::string directory;
  std::vector<std::string> files, env_files;
  Environment environment;
  std::map<std::string, Service> services;  // enabled
  std::map<std::string, Service> disabled;  // by their profiles
  std::map<std::string, Resource> networks, volumes, secrets, configs;
  api::Value tree;  // everything, disabled services too
  std::vector<Finding> findings;
  InterpolationNotes notes;
  bool compatibility = false;  // names with '_'

  char separator() const { return compatibility ? '_' : '-'; }
  std::string container_name(const Service& service, int number) const;
  const Service* find(const std::string& service) const;
};

// Names in the order of dependencies, those first that others need. kInvalidArgument: "dependency cycle detected: a -> b -> a".
Result<std::vector<std::string>> in_order(const Project& project);

// `names` and all that they depend on; all enabled services when empty. kNotFound: "no such service: x".
Result<std::vector<std::string>> with_dependencies(const Project& project, const std::vector<std::string>& names);

// "service:x" in network_mode, ipc, pid: x; else empty.
std::string shared_service(std::string_view mode);

// The services whose containers its own needs to be there when it is made: links, shared namespaces, volumes_from.
std::set<std::string> lenders_of(const Service& service);

}  // namespace reigen::compose
