#include "cli/allocator.h"

#include <cstddef>

// - narenas: four for some forty threads; one each would cost more memory than the waiting it saves.
// - tcache_*: what a thread may keep for itself. With jemalloc's own 200 objects of each size, and 20 of the large ones, forty threads that mostly rest
// held 6.8 MB
//   of the 10.9 MB allocated.
// - dirty_decay_ms, max_background_threads: for give_back_memory().
extern "C" const char* malloc_conf;
const char* malloc_conf =
    "narenas:4,tcache_nslots_small_min:4,tcache_nslots_small_max:64,tcache_max:16384,"
    "dirty_decay_ms:5000,max_background_threads:1";

extern "C" [[gnu::weak]] int mallctl(const char* name, void* old_value, size_t* old_size, void* new_value, size_t new_size);

namespace reigen::cli {

void give_back_memory() {
  bool on = true;
  if (mallctl) mallctl("background_thread", nullptr, nullptr, &on, sizeof on);
}

}  // namespace reigen::cli
