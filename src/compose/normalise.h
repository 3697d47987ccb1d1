// The long form of everything: pairs become maps, commands lists of words, ports and volumes objects, paths absolute. What is long already
// stays. Merging then needs to know one form only.
#pragma once

#include <string>

#include "api/value.h"
#include "base/result.h"
#include "compose/source_file.h"

namespace reigen::compose {

struct NormaliseOptions {
  std::string directory;        // what relative paths are relative to
  bool resolve_paths = true;    // false: as written (`config --no-path-resolution`)
  bool keep_variables = false;  // texts with a '$' stay as they are (`config --no-interpolate`)
};

// Of a checked file. Errors are kInvalidArgument with file and line.
Status normalise_file(SourceFile& file, const NormaliseOptions& options);

// One service; for what `extends` brings from elsewhere and for `run`'s arguments.
Status normalise_service(api::Value& service, const NormaliseOptions& options);

}  // namespace reigen::compose
