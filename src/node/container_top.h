// What `docker top` shows: the host's ps, its lines of one container.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "apiserver/node_containers.h"
#include "base/result.h"

namespace reigen::node {

// The arguments as words; refused are those that could rename the column of pids or do more than choose columns. Empty: -ef.
Result<std::vector<std::string>> ps_words(const std::string& arguments);
// The lines of these pids. 500 "Couldn't find PID field in ps output".
Result<apiserver::TopResult> parse_ps(std::string_view output, const std::vector<int>& pids);
// Runs ps as nobody where that is enough. Blocks (some ms).
Result<apiserver::TopResult> run_ps(const std::string& arguments, const std::vector<int>& pids);

}  // namespace reigen::node
