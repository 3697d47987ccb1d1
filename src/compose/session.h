// What one run of `reigen compose` has: flags common to all commands, the project, the engine, where progress goes. Made once, used by a command.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "compose/engine_client.h"
#include "compose/progress_view.h"
#include "compose/project.h"

namespace reigen::compose {

struct GlobalOptions {
  ProjectOptions project;
  std::string host;
  std::string ansi = "auto", progress = "auto";
  bool dry_run = false;
  int parallel = 8;
};

class Session {
 public:
  Session(GlobalOptions options, Environment outer);

  // Connects at the first call.
  Result<EngineClient*> engine();
  // Loads the files; tells of unset variables and keys without effect. `named`: services of the command line.
  Result<Project> project(const std::vector<std::string>& named = {});
  // The name alone, and the project when there are files: `down -p x` and others work without any.
  Result<Project> project_or_name(const std::vector<std::string>& named = {});
  ProgressView& progress() { return *progress_; }
  const GlobalOptions& options() const { return options_; }
  GlobalOptions& options() { return options_; }
  const Environment& environment() const { return outer_; }
  bool color_out() const { return color_out_; }
  void warn(std::string_view text);
  // 14 and 15 after files could not be found or understood, 17 after a build that failed, 18 after a pull, else 1.
  int failure_code() const { return failure_code_; }
  void set_failure_code(int code) { failure_code_ = code; }

 private:
  GlobalOptions options_;
  Environment outer_;
  std::unique_ptr<EngineClient> engine_;
  std::unique_ptr<ProgressView> progress_;
  bool color_out_ = false;
  std::atomic<int> failure_code_ = 1;
};

// kUnimplemented names the first key of these services that cannot be honoured; for commands that create, build or run them.
Status refuse_unsupported(const Project& project, const std::vector<std::string>& services);
// kNotFound "no such service: x" for a name that is none of the project's.
Status check_services(const Project& project, const std::vector<std::string>& names);

}  // namespace reigen::compose
