// Making and passing file descriptors.
#pragma once

#include "base/fd.h"
#include "base/result.h"

namespace reigen {

struct Pipe {
  Fd read, write;
};
// Both ends with O_CLOEXEC.
Result<Pipe> open_pipe();

// The descriptor that waits on a Unix socket (SCM_RIGHTS), with O_CLOEXEC. Does not block: kNotFound when there is none.
Result<Fd> receive_descriptor(int socket);

}  // namespace reigen
