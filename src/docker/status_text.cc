#include "docker/status_text.h"

#include <fmt/core.h>

#include "docker/time_argument.h"

namespace reigen::docker {

std::string human_duration(Duration duration) {
  using std::chrono::duration_cast;
  auto seconds = duration_cast<std::chrono::seconds>(duration).count();
  if (seconds < 1) return "Less than a second";
  if (seconds == 1) return "1 second";
  if (seconds < 60) return fmt::format("{} seconds", seconds);
  auto minutes = duration_cast<std::chrono::minutes>(duration).count();
  if (minutes == 1) return "About a minute";
  if (minutes < 60) return fmt::format("{} minutes", minutes);
  auto hours = (minutes + 30) / 60;
  if (hours == 1) return "About an hour";
  if (hours < 48) return fmt::format("{} hours", hours);
  if (hours < 24 * 7 * 2) return fmt::format("{} days", hours / 24);
  if (hours < 24 * 30 * 2) return fmt::format("{} weeks", hours / 24 / 7);
  if (hours < 24 * 365 * 2) return fmt::format("{} months", hours / 24 / 30);
  return fmt::format("{} years", minutes / 60 / 24 / 365);
}

std::optional<WallTime> parse_time(std::string_view text) {
  if (text.size() < 20 || text.starts_with("0001-")) return std::nullopt;
  auto time = parse_moment(text, {});
  if (!time) return std::nullopt;
  return *time;
}

std::string status_text(const api::dockerv1::ContainerStatus& status, WallTime now) {
  auto since = [&](const std::string& text) { return human_duration(now - parse_time(text).value_or(now)); };
  const std::string& state = status.state;
  if (state == "paused") return fmt::format("Up {} (Paused)", since(status.started_at));
  if (state == "restarting") return fmt::format("Restarting ({}) {} ago", status.exit_code, since(status.finished_at));
  if (state == "running") {
    if (status.health.empty() || status.health == "none") return fmt::format("Up {}", since(status.started_at));
    return fmt::format("Up {} ({})", since(status.started_at), status.health == "starting" ? "health: starting" : status.health);
  }
  if (state == "dead") return "Dead";
  if (!parse_time(status.started_at)) return "Created";
  if (!parse_time(status.finished_at)) return "";
  return fmt::format("Exited ({}) {} ago", status.exit_code, since(status.finished_at));
}

}  // namespace reigen::docker
