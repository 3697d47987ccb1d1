// What a merged tree leaves unsaid: names of resources, the default network, dependencies that follow from links and shared namespaces,
// environment files and values taken from outside.
#pragma once

#include <string>

#include "api/value.h"
#include "base/result.h"
#include "compose/interpolation.h"

namespace reigen::compose {

// `project`: for names; empty: none.
void complete_resources(api::Value& tree, const std::string& project);
// Targets of secrets: what is there without normalisation, too.
void complete_targets(api::Value& tree);
// `directory`: the context of a build that names none.
void complete_services(api::Value& tree, const std::string& directory);
// env_file and label_file become part of environment and labels; names without a value get theirs from `environment`.
Status resolve_environment(api::Value& service, const std::string& name, const Environment& environment);

}  // namespace reigen::compose
