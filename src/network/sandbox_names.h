// Whose questions 127.0.0.11 answers: the file <run>/docker-sandboxes between the node, which writes it, and the helper process, which serves.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/ip.h"
#include "base/result.h"

namespace reigen::network {

struct SandboxNames {
  std::string sandbox;
  std::string netns;                                       // path of the pinned namespace
  std::vector<std::string> networks;                       // ids, in the order in which names are looked for; without the network `bridge`
  std::vector<IpAddress> servers;                          // --dns; empty: the host's
  bool forward = true;                                     // false: only internal networks, nothing is asked of others
  std::vector<std::pair<std::string, std::string>> links;  // alias and the container's id
  bool operator==(const SandboxNames&) const = default;
};

// A line each: "<sandbox> <netns path> <networks, comma or -> <servers, comma or -> <forward 0|1> <alias=id ...>". An alias with a blank, '=' or a byte
// that is not printable, and a whole line whose sandbox, path or network has one, is left out.
std::string sandbox_names_path(const std::string& run_directory);
std::string format_sandbox_names(std::span<const SandboxNames> sandboxes);
// Broken lines are left out. At most 65,536 sandboxes.
std::vector<SandboxNames> parse_sandbox_names(std::string_view text);

// The file's one writer: keeps what stands there across restarts. Thread-safe; each change writes the file anew before it returns.
class SandboxNamesFile {
 public:
  explicit SandboxNamesFile(const std::string& run_directory);  // reads what is there

  Status set(SandboxNames names);             // adds or replaces; the same again writes nothing
  Status remove(const std::string& sandbox);  // unknown is fine; the helper closes its sockets, which hold the namespace
  Status collect(const std::set<std::string>& live);

 private:
  Status write();

  std::string path_;
  std::mutex mutex_;
  std::map<std::string, SandboxNames> sandboxes_;
};

}  // namespace reigen::network
