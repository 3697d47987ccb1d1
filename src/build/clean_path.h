// Paths as text.
#pragma once

#include <string>
#include <string_view>

namespace reigen::build {

// Relative and without ".", empty parts and "..", which never climbs above the start: "/a/./b/../c/" is "a/c".
std::string clean_path(std::string_view path);
// As clean_path, of `path` seen from the folder `base` unless it is absolute; begins with '/'.
std::string absolute_path(std::string_view base, std::string_view path);
// What WORKDIR makes of the folder `base`: an absolute path stays as it is written, as Docker has it.
std::string changed_folder(std::string_view base, std::string_view path);
// Whether ".." climbs above the start.
bool climbs(std::string_view path);

}  // namespace reigen::build
