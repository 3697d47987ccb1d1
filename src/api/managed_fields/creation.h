// The fields of a new object, straight from its struct to FieldsV1: what comparing it with an empty object would give, several times faster.
#pragma once

#include <optional>
#include <string>

#include "api/managed_fields/typed.h"

namespace reigen::api {

// Without what the server owns and what is reset. Empty where nothing is left; nullopt where an item of a keyed list has no key.
std::optional<std::string> created_fields(const View& object, const Schema& schema, const FieldSet* reset);

}  // namespace reigen::api
