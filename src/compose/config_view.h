// How `config` prints a project: YAML as go-yaml v3 writes it, keys in the order of the specification's types, or JSON.
#pragma once

#include <string>

#include "api/value.h"

namespace reigen::compose {

// Keys in their order, what says nothing (false, 0, "", empty lists) left out; dollars doubled when `escape`, so that the result can be read again.
api::Value config_tree(const api::Value& tree, bool escape);

// Block style, two blanks, sequences indented.
// As the files have it, in the order of the names: without interpolation.
api::Value sorted_tree(const api::Value& tree);
std::string write_yaml(const api::Value& tree);
// Two blanks a level, as Go's MarshalIndent.
std::string write_json(const api::Value& tree);

}  // namespace reigen::compose
