// Holds a file against the table of keys: unknown keys and wrong shapes are errors with file and line, scalars get the type they should have,
// what cannot be honoured is noted. After interpolation, before anything is merged.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "compose/key_table.h"
#include "compose/source_file.h"

namespace reigen::compose {

// A key that is not honoured. Those that are refused end what would create, build or run the service.
struct Finding {
  Treatment treatment = Treatment::kWarned;
  std::string service;  // empty: of no single one
  std::string text;     // "compose.yaml:7: services.web.develop: there is no watch yet"
};

// A file of version 1 has its services at the top; it is turned into one of today's.
bool is_version_1(const api::Value& tree);

// `keep_variables`: the file was not interpolated, so a text with a '$' may stand for any scalar.
Status check_file(SourceFile& file, std::vector<Finding>& findings, bool keep_variables = false);

}  // namespace reigen::compose
