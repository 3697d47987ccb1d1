// Runs steps that wait for one another, several at a time.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/result.h"

namespace reigen::compose {

struct GraphOptions {
  int parallel = 8;
  const std::function<bool()>* cancelled = nullptr;  // asked before each step
};

// Calls `run(i)` for each i below after.size() once all of after[i] are done. After the first error no further step begins; it is returned when
// those in progress have ended. Blocks.
Status run_graph(const std::vector<std::vector<size_t>>& after, const std::function<Status(size_t)>& run, const GraphOptions& options = {});

// All at once, without order; all are tried, the first error is returned.
Status run_all(size_t count, const std::function<Status(size_t)>& run, int parallel = 8);

}  // namespace reigen::compose
