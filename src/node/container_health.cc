#include "node/container_health.h"

#include <fmt/core.h>

#include "api/value.h"
#include "base/random.h"
#include "node/action.h"
#include "node/container_times.h"

namespace reigen::node {
namespace {

constexpr size_t kLogEntries = 5;
constexpr size_t kOutputLimit = 4096;
constexpr auto kDefaultInterval = std::chrono::seconds(30);
constexpr auto kDefaultTimeout = std::chrono::seconds(30);
constexpr auto kDefaultStartInterval = std::chrono::seconds(5);
constexpr int kDefaultRetries = 3;
constexpr int kKilledExit = 137;

Duration or_default(int64_t nanoseconds, Duration fallback) { return nanoseconds > 0 ? Duration(nanoseconds) : fallback; }

}  // namespace

std::optional<HealthChecks> health_checks(const api::dockerv1::Config& config) {
  if (!config.healthcheck || config.healthcheck->test.size() < 2) return std::nullopt;
  const auto& from = *config.healthcheck;
  HealthChecks out;
  if (from.test[0] == "CMD-SHELL") {
    out.command = config.shell;
    if (out.command.empty()) out.command = {"/bin/sh", "-c"};
  } else if (from.test[0] != "CMD") {
    return std::nullopt;
  }
  out.command.insert(out.command.end(), from.test.begin() + 1, from.test.end());
  out.interval = or_default(from.interval, kDefaultInterval);
  out.timeout = or_default(from.timeout, kDefaultTimeout);
  out.start_period = or_default(from.start_period, Duration::zero());
  out.start_interval = or_default(from.start_interval, kDefaultStartInterval);
  out.retries = from.retries > 0 ? static_cast<int>(from.retries) : kDefaultRetries;
  return out;
}

std::string HealthState::log_json() const {
  api::Value list = api::Value::array();
  for (const auto& result : log) {
    list.push_back(api::Value::object(
        {{"Start", docker_time(result.start)}, {"End", docker_time(result.end)}, {"ExitCode", result.exit_code}, {"Output", result.output}}));
  }
  return api::to_json(list);
}

bool note_health(HealthState& state, const HealthChecks& checks, WallTime started_at, HealthResult result) {
  std::string before = state.status;
  bool good = result.exit_code == 0;
  bool early = state.status == "starting" && result.start - started_at < checks.start_period;
  state.log.push_back(std::move(result));
  while (state.log.size() > kLogEntries) state.log.pop_front();
  if (good) {
    state.streak = 0;
    state.status = "healthy";
  } else if (!early && ++state.streak >= checks.retries) {
    state.status = "unhealthy";
  }
  return state.status != before;
}

Duration next_health_check(const HealthState& state, const HealthChecks& checks, Duration since_start) {
  bool starting = state.status == "starting" && since_start < checks.start_period;
  return starting ? std::min(checks.start_interval, checks.interval) : checks.interval;
}

std::string go_duration_text(Duration duration) {
  int64_t nanos = duration.count();
  if (nanos == 0) return "0s";
  auto trimmed = [](int64_t whole, int64_t fraction, int digits) {
    std::string text = fmt::format("{}.{:0{}}", whole, fraction, digits);
    while (text.back() == '0') text.pop_back();
    if (text.back() == '.') text.pop_back();
    return text;
  };
  if (nanos < 1000) return fmt::format("{}ns", nanos);
  if (nanos < 1'000'000) return trimmed(nanos / 1000, nanos % 1000, 3) + "µs";
  if (nanos < 1'000'000'000) return trimmed(nanos / 1'000'000, nanos % 1'000'000, 6) + "ms";
  int64_t seconds = nanos / 1'000'000'000;
  std::string out;
  if (seconds >= 3600) out += fmt::format("{}h", seconds / 3600);
  if (seconds >= 60) out += fmt::format("{}m", seconds / 60 % 60);
  return out + trimmed(seconds % 60, nanos % 1'000'000'000, 9) + "s";
}

ContainerHealth::ContainerHealth(runtime::Runtime& runtime, Executor& executor, std::shared_ptr<TaskGroup> tasks, std::string runtime_id, HealthChecks checks,
                                 WallTime started_at, HealthState state, Told told)
    : runtime_(runtime),
      executor_(executor),
      tasks_(std::move(tasks)),
      runtime_id_(std::move(runtime_id)),
      checks_(std::move(checks)),
      started_at_(started_at),
      told_(std::move(told)),
      state_(std::move(state)) {}

void ContainerHealth::start() { arm(); }

void ContainerHealth::arm() {
  std::lock_guard lock(mutex_);
  if (stopped_) return;
  Duration delay = next_health_check(state_, checks_, executor_.clock().wall() - started_at_);
  timer_ = executor_.after(delay, tasks_->wrap([weak = weak_from_this()] {
    if (auto self = weak.lock()) self->probe();
  }));
}

void ContainerHealth::probe() {
  {
    std::lock_guard lock(mutex_);
    if (stopped_) return;
  }
  if (std::unique_lock lock(mutex_); paused_) {
    lock.unlock();
    return arm();
  }
  WallTime begun = executor_.clock().wall();
  std::string exec_id = system_random().hex(32);
  if (told_.probed) told_.probed(exec_id, checks_.command, std::nullopt);
  run_exec(runtime_, executor_, runtime_id_, checks_.command, checks_.timeout, kOutputLimit,
           [weak = weak_from_this(), begun, exec_id](Result<runtime::ExecResult> result) {
             if (auto self = weak.lock()) self->done(begun, exec_id, std::move(result));
           });
}

void ContainerHealth::done(WallTime begun, const std::string& exec_id, Result<runtime::ExecResult> result) {
  HealthResult noted{begun, executor_.clock().wall(), -1, ""};
  if (result) {
    noted.exit_code = result->exit_code;
    noted.output = std::move(result->out);
  } else if (result.error().code() == Code::kDeadlineExceeded) {
    noted.output = "Health check exceeded timeout (" + go_duration_text(checks_.timeout) + ")";
  } else {
    noted.output = result.error().message();
  }
  // One that took too long was killed.
  if (told_.probed) told_.probed(exec_id, checks_.command, noted.exit_code < 0 ? kKilledExit : noted.exit_code);
  bool changed = false;
  {
    std::lock_guard lock(mutex_);
    if (stopped_) return;
    changed = note_health(state_, checks_, started_at_, std::move(noted));
  }
  if (changed) told_.changed();
  arm();
}

void ContainerHealth::stop() {
  std::lock_guard lock(mutex_);
  stopped_ = true;
  if (timer_) executor_.cancel(timer_);
}

void ContainerHealth::pause(bool paused) {
  std::lock_guard lock(mutex_);
  paused_ = paused;
}

HealthState ContainerHealth::state() const {
  std::lock_guard lock(mutex_);
  return state_;
}

}  // namespace reigen::node
