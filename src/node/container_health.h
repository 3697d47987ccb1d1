// Docker's health checks of one running container: a command at intervals, by exec.
//
// Rules as moby's daemon/health.go: the first check comes one interval after the start; failures while `starting` and within the start
// period do not count; `retries` failures in a row make it unhealthy, one success healthy. The newest five results are kept.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <mutex>
#include <string>
#include <vector>

#include "api/dockerv1.h"
#include "base/executor.h"
#include "runtime/runtime.h"

namespace reigen::node {

struct HealthResult {
  WallTime start{}, end{};
  int exit_code = 0;
  std::string output;
};

// What is known of a container's health. Not thread-safe.
struct HealthState {
  std::string status;  // "" without checks; starting, healthy, unhealthy
  int streak = 0;      // failures in a row
  std::deque<HealthResult> log;

  // JSON array of {Start, End, ExitCode, Output}, the oldest first.
  std::string log_json() const;
};

struct HealthChecks {
  std::vector<std::string> command;
  Duration interval{}, timeout{}, start_period{}, start_interval{};
  int retries = 3;
};
// Nothing: no checks, or NONE. Zeros in the configuration become Docker's defaults (30 s, 30 s, 0, 5 s, 3).
std::optional<HealthChecks> health_checks(const api::dockerv1::Config& config);

// Takes a result in. True when the status changed.
bool note_health(HealthState& state, const HealthChecks& checks, WallTime started_at, HealthResult result);
// How long until the next check.
Duration next_health_check(const HealthState& state, const HealthChecks& checks, Duration since_start);

std::string go_duration_text(Duration duration);  // as Go prints one: "1m30s", "1.5s", "400ms"

// Runs the checks from start() on until stop() or its end. Thread-safe.
class ContainerHealth : public std::enable_shared_from_this<ContainerHealth> {
 public:
  struct Told {
    // Both are called on an executor's thread, without any lock of ours held.
    std::function<void()> changed;  // the status is another one
    // A check begins (no code) or has ended.
    std::function<void(const std::string& exec_id, const std::vector<std::string>& command, std::optional<int> exit_code)> probed;
  };
  ContainerHealth(runtime::Runtime& runtime, Executor& executor, std::shared_ptr<TaskGroup> tasks, std::string runtime_id, HealthChecks checks,
                  WallTime started_at, HealthState state, Told told);
  void start();
  void stop();
  void pause(bool paused);
  HealthState state() const;

 private:
  void arm();
  void probe();
  void done(WallTime begun, const std::string& exec_id, Result<runtime::ExecResult> result);

  runtime::Runtime& runtime_;
  Executor& executor_;
  const std::shared_ptr<TaskGroup> tasks_;
  const std::string runtime_id_;
  const HealthChecks checks_;
  const WallTime started_at_;
  const Told told_;
  mutable std::mutex mutex_;
  HealthState state_;
  bool stopped_ = false, paused_ = false;
  TimerId timer_ = 0;
};

}  // namespace reigen::node
