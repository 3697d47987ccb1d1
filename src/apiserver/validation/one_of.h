// Is a text one of a few?
#pragma once

#include <algorithm>
#include <initializer_list>
#include <string_view>

namespace reigen::apiserver {

inline bool is_one_of(std::string_view value, std::initializer_list<std::string_view> known) { return std::ranges::find(known, value) != known.end(); }

}  // namespace reigen::apiserver
