// Files to one tree: read, interpolate, check, normalise, extend, include, merge.
#pragma once

#include <string>
#include <vector>

#include "compose/checks.h"
#include "compose/interpolation.h"

namespace reigen::compose {

struct LoadOptions {
  std::vector<std::string> files;  // in order, each over those before; "-" is standard input
  std::string directory;           // the project's, absolute
  Environment environment;
  bool interpolate = true;
  bool resolve_paths = true;
  bool only_variables = false;
};

struct LoadedFiles {
  api::Value tree;  // of long forms only
  std::vector<Finding> findings;
  InterpolationNotes notes;
};

Result<LoadedFiles> load_files(const LoadOptions& options);

}  // namespace reigen::compose
