// Opens a project: finds its files, reads its environment, names it, loads it and decides which services are enabled.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "compose/model.h"

namespace reigen::compose {

struct ProjectOptions {
  std::vector<std::string> files;      // --file; else COMPOSE_FILE, else what is found
  std::vector<std::string> env_files;  // --env-file; else COMPOSE_ENV_FILES, else .env
  std::vector<std::string> profiles;   // --profile; and COMPOSE_PROFILES
  std::string name;                    // --project-name; else COMPOSE_PROJECT_NAME, `name:`, the folder's
  std::string directory;               // --project-directory; else the first file's
  bool compatibility = false;
  bool interpolate = true, resolve_paths = true, normalise = true, consistency = true;
  bool only_variables = false;  // what is asked for is which there are: what is missing is no error
  // Services named on the command line: enabled with their dependencies whatever their profiles.
  std::vector<std::string> services;
};

// `outer`: the process' environment.
Result<Project> open_project(const ProjectOptions& options, const Environment& outer);

// The name of the project alone; files are only asked when nothing else gives one. For commands that work without a file.
Result<std::string> project_name(const ProjectOptions& options, const Environment& outer);

Environment process_environment();

// Lower case, without what names cannot have; may be empty.
std::string normal_name(std::string_view text);

// Scale, image and the rest of a service from its tree.
Service make_service(const std::string& name, const std::string& project, bool compatibility, api::Value spec);

}  // namespace reigen::compose
