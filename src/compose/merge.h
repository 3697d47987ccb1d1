// How one file is laid over another. Source: docs.docker.com/reference/compose-file/merge. Both are normalised.
#pragma once

#include <map>
#include <string>

#include "api/value.h"

namespace reigen::compose {

// Maps are joined, lists appended (those with a key, such as ports by target, have the later one in the earlier's place), all else replaced.
void merge_files(api::Value& base, api::Value override_tree);
// Items of one list with the same key: the last stays, in the first's place.
void drop_repeats(api::Value& service);
// A service over another one: also what `extends` means.
void merge_services(api::Value& base, api::Value override_service);

// `!reset` and `!override` of the file that comes: what they name goes from what is below, and `!reset` from the file itself.
void apply_tags(api::Value& base, api::Value& file, const std::map<std::string, std::string>& tags);
// The same of one service, for `extends`.
void apply_service_tags(api::Value& base_service, const std::string& service, const std::map<std::string, std::string>& tags);

}  // namespace reigen::compose
