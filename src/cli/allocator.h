// The executable's allocator, jemalloc (jemalloc(3), TUNING). A build with a sanitizer has its own allocator, for which none of this is.
#pragma once

namespace reigen::cli {

// From now on a thread of the allocator gives unused pages back to the kernel, also while the process rests: without it the pages of a burst stay until the
// next one. Once, for processes that live long; a process with two threads may not enter namespaces, so helpers do without.
void give_back_memory();

}  // namespace reigen::cli
