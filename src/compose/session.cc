#include "compose/session.h"

#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <ctime>

#include "api/json.h"

namespace reigen::compose {

Session::Session(GlobalOptions options, Environment outer) : options_(std::move(options)), outer_(std::move(outer)) {
  auto set = [&](std::string_view name) {
    auto found = outer_.find(name);
    return found == outer_.end() ? std::string() : found->second;
  };
  if (options_.ansi == "auto" && !set("COMPOSE_ANSI").empty()) options_.ansi = set("COMPOSE_ANSI");
  if (options_.progress == "auto" && !set("COMPOSE_PROGRESS").empty()) options_.progress = set("COMPOSE_PROGRESS");
  bool colors = options_.ansi != "never" && set("NO_COLOR").empty();
  bool terminal = ::isatty(2) == 1 && set("TERM") != "dumb";
  ProgressMode mode = terminal && options_.ansi != "never" ? ProgressMode::kTerminal : ProgressMode::kPlain;
  if (options_.progress == "tty") mode = ProgressMode::kTerminal;
  if (options_.progress == "plain") mode = ProgressMode::kPlain;
  if (options_.progress == "quiet") mode = ProgressMode::kQuiet;
  progress_ = std::make_unique<ProgressView>(mode, colors);
  color_out_ = options_.ansi == "always" || (colors && ::isatty(1) == 1);
}

Result<EngineClient*> Session::engine() {
  if (!engine_) {
    TRY_ASSIGN(engine_, EngineClient::connect(options_.host, outer_));
  }
  return engine_.get();
}

// As Docker's programs do: short on a terminal, fields for a log elsewhere.
void Session::warn(std::string_view text) {
  if (::isatty(2) == 1) return progress_->warn(fmt::format("WARN[0000] {}", text));
  std::time_t seconds = std::chrono::duration_cast<std::chrono::seconds>(system_clock().wall().time_since_epoch()).count();
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  char time[32];
  std::strftime(time, sizeof time, "%Y-%m-%dT%H:%M:%SZ", &parts);
  std::string quoted;
  api::append_json_string(quoted, text, false);
  progress_->warn(fmt::format("time=\"{}\" level=warning msg={}", time, quoted));
}

Result<Project> Session::project(const std::vector<std::string>& named) {
  ProjectOptions options = options_.project;
  options.services = named;
  auto opened = open_project(options, outer_);
  if (!opened) {
    failure_code_ = opened.error().code() == Code::kNotFound ? 14 : 15;
    return opened;
  }
  Project project = std::move(*opened);
  for (const auto& name : project.notes.unset) warn(fmt::format("The \"{}\" variable is not set. Defaulting to a blank string.", name));
  for (const auto& finding : project.findings)
    if (finding.treatment == Treatment::kWarned) warn(finding.text);
  return project;
}

Result<Project> Session::project_or_name(const std::vector<std::string>& named) {
  if (options_.project.name.empty() || !options_.project.files.empty()) return project(named);
  Project alone;
  TRY_ASSIGN(alone.name, project_name(options_.project, outer_));
  return alone;
}

Status refuse_unsupported(const Project& project, const std::vector<std::string>& services) {
  for (const auto& finding : project.findings) {
    if (finding.treatment != Treatment::kRefused) continue;
    if (finding.service.empty() || std::ranges::find(services, finding.service) != services.end()) return fail(Code::kUnimplemented, finding.text);
  }
  return {};
}

Status check_services(const Project& project, const std::vector<std::string>& names) {
  for (const auto& name : names)
    if (!project.services.contains(name) && !project.disabled.contains(name) && !project.services.empty())
      return fail(Code::kNotFound, "no such service: " + name);
  return {};
}

}  // namespace reigen::compose
