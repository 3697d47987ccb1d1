// How many files this process may have open.
#pragma once

namespace reigen::linux {

// Up to the hard limit: a thousand clients are a thousand descriptors. What is started later inherits it. Best effort.
void raise_file_limit();

}  // namespace reigen::linux
