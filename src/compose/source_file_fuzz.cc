#include <cstdint>

#include "compose/checks.h"
#include "compose/config_view.h"
#include "compose/normalise.h"

// A whole file up to its long form, as far as no other file is read.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace reigen::compose;
  auto files = parse_source("x", {reinterpret_cast<const char*>(data), size});
  if (!files) return 0;
  for (auto& file : *files) {
    std::vector<Finding> findings;
    if (!check_file(file, findings) || !normalise_file(file, {.directory = "/d"})) continue;
    (void)write_yaml(config_tree(file.tree, true));
  }
  return 0;
}
