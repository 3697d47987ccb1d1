// Projects files into a folder so that running pods see all of them change at once: they live in a folder of their own, "..data" points to
// it, and every name at the top points through "..data" (as kubelet's AtomicWriter does, so that clients that watch "..data" work).
#pragma once

#include <sys/types.h>

#include <map>
#include <optional>
#include <string>

#include "base/result.h"

namespace reigen::node {

struct PayloadFile {
  std::string data;
  mode_t mode = 0644;
  std::optional<uid_t> owner;
};
using Payload = std::map<std::string, PayloadFile>;  // relative path, may hold folders

// Does nothing when the folder already shows just this. kInvalidArgument names a path that is absolute or holds "..".
// `group`: files and folders get it, with what a group needs to read.
Status write_payload(const std::string& folder, const Payload& payload, std::optional<gid_t> group, const std::string& unique);

}  // namespace reigen::node
