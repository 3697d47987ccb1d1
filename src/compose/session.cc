#include "compose/session.h"

#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>

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

void Session::warn(std::string_view text) { progress_->warn(fmt::format("WARN[0000] {}", text)); }

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

Result<Project> Session::project_or_name() {
  auto loaded = project();
  if (loaded || loaded.error().code() != Code::kNotFound || !options_.project.files.empty()) return loaded;
  auto name = project_name(options_.project, outer_);
  if (!name || options_.project.name.empty()) return loaded;
  failure_code_ = 1;
  Project project;
  project.name = *name;
  return project;
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
