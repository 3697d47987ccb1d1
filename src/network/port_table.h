// PortTable: who has which port of the host, of pods and containers alike. The one writer of <run>/hostports (port_file.h).
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "network/pod_rules.h"

namespace reigen::network {

// True when both cannot be had: same protocol and port, and an address in common. A pod's any address is that of both families.
bool ports_collide(const PortMapping& a, const PortMapping& b);

// Thread-safe; blocks for the file.
class PortTable {
 public:
  // Makes the folder if missing and reads what an earlier process left.
  static Result<std::shared_ptr<PortTable>> open(const std::string& run_directory);

  // Nobody else gets them until they are claimed or let go, and nobody reads of them: whether another program has them can be found out meanwhile.
  // All or none; kAlreadyExists names the port and who has it.
  Status hold(const std::string& sandbox, std::span<const PortMapping> ports);
  void let_go(const std::string& sandbox);
  // All or none; what the sandbox held is held no longer. The file is written first: what the kernel gets must be found again after a crash.
  // kAlreadyExists as above. A sandbox may have several mappings of one port (one a family).
  Status claim(const std::string& sandbox, std::span<const PortMapping> ports);
  // As claim would answer, changing nothing.
  Status would_collide(std::span<const PortMapping> ports) const;
  // Exchanges what the sandbox has; its own old ones collide with nothing.
  Status replace(const std::string& sandbox, std::span<const PortMapping> ports);
  void release(const std::string& sandbox);

  std::vector<PortMapping> of(const std::string& sandbox) const;
  std::vector<PortMapping> all(bool docker) const;
  // Forgets those of one kind that are not wanted: left by an attach or detach that was cut short.
  void keep(bool docker, const std::function<bool(const PortMapping&)>& wanted);

 private:
  explicit PortTable(std::string run_directory) : run_directory_(std::move(run_directory)) {}
  Status check(const std::string& sandbox, std::span<const PortMapping> ports) const;
  Status write(const std::vector<PortMapping>& ports);

  std::string run_directory_;
  mutable std::mutex mutex_;
  std::vector<PortMapping> ports_, held_;
};

}  // namespace reigen::network
