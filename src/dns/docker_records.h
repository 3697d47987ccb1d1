// From Containers to the lines of docker_names.h: pure.
#pragma once

#include <string>
#include <vector>

namespace reigen::api::dockerv1 {
struct Container;
}

namespace reigen::dns {

// The lines of one container, each with its line's end: on every network where it has an address its name, aliases, short id and hostname, each also
// with ".<network>", its reverse name, and its id. None on `bridge`, `host` and `none`, where Docker knows no names, and none while it does not run.
// A name with a blank or a byte that is not printable is left out.
std::vector<std::string> docker_lines(const api::dockerv1::Container& container);

}  // namespace reigen::dns
