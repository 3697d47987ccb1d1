// ImageConfig: what an image says about the containers made from it (OCI image-spec, config.md; Docker's extensions).
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace reigen::image {

struct Platform {
  std::string os = "linux";
  std::string architecture;  // Go's names: amd64, arm64; empty: this machine's
  std::string variant;

  // "linux/arm64/v8", "linux/amd64", "arm64" (Docker's short form).
  static Result<Platform> parse(std::string_view text);
  static Platform host();
  std::string str() const;
  bool operator==(const Platform&) const = default;
};

// Durations are in nanoseconds; 0 is Docker's default.
struct HealthCheck {
  std::vector<std::string> test;  // {"NONE"}, {"CMD", ...} or {"CMD-SHELL", "..."}
  int64_t interval_ns = 0;
  int64_t timeout_ns = 0;
  int64_t start_period_ns = 0;
  int64_t start_interval_ns = 0;
  int64_t retries = 0;
  bool operator==(const HealthCheck&) const = default;
};

struct HistoryEntry {
  std::string created;  // RFC 3339
  std::string created_by;
  std::string author;
  std::string comment;
  bool empty_layer = false;
};

struct ImageConfig {
  std::string created;  // RFC 3339, may be empty
  std::string author;
  std::string architecture;
  std::string os;
  std::string variant;

  std::string user;
  std::vector<std::string> entrypoint;
  std::vector<std::string> cmd;
  bool entrypoint_set = false;  // present and not null, also when empty
  bool cmd_set = false;
  std::vector<std::string> env;  // "K=V"
  std::string working_dir;
  std::vector<std::string> volumes;        // sorted
  std::vector<std::string> exposed_ports;  // "80/tcp", sorted
  std::map<std::string, std::string> labels;
  std::optional<HealthCheck> health_check;
  std::string stop_signal;
  std::vector<std::string> shell;
  std::vector<std::string> on_build;
  bool args_escaped = false;

  // What only Docker has: encode_image_config leaves it out, image/docker_image.h keeps it.
  std::string hostname, domainname, mac_address;
  std::string image;  // that the container was made from
  bool attach_stdin = false, attach_stdout = false, attach_stderr = false;
  bool tty = false, open_stdin = false, stdin_once = false, network_disabled = false;
  std::optional<int64_t> stop_timeout_s;
  std::string docker_version, container;
  std::string container_config;  // JSON as it was: of the container whose changes the newest layer is

  std::vector<std::string> diff_ids;  // of the layers, lowest first
  std::vector<HistoryEntry> history;

  std::string comment() const { return history.empty() ? std::string() : history.back().comment; }
};

// Bounds: 4 MiB of JSON, 127 layers, 4096 entries in any list. kInvalidArgument names what is wrong.
Result<ImageConfig> parse_image_config(std::string_view json);
// The object inside alone (Docker's container.Config): user to args_escaped, and what only Docker has.
Result<ImageConfig> parse_run_config(std::string_view json);
// Keys in a fixed order, so that the same configuration has the same digest.
std::string encode_image_config(const ImageConfig& config);

}  // namespace reigen::image
