#include <fmt/core.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <mutex>

#include "compose/commands/commands.h"
#include "compose/flags.h"
#include "compose/log_view.h"
#include "compose/operations.h"
#include "compose/runner.h"
#include "compose/terminal.h"
#include "compose/up_operation.h"

namespace reigen::compose {
namespace {

struct UpFlags {
  UpOptions up;
  bool detach = false, wait = false, abort_on_exit = false, abort_on_failure = false, attach_dependencies = false, no_color = false, no_prefix = false,
       timestamps = false, watch = false, no_start = false;
  std::vector<std::string> scales, attach, no_attach;
  std::string exit_code_from;
  std::optional<int> wait_timeout;
};

void add_build_flags(Flags& flags, UpFlags& given) {
  auto& up = given.up;
  flags.flag(&up.images.build, "build", 0, "Build images before starting containers")
      .flag(&up.images.no_build, "no-build", 0, "Don't build an image, even if its policy says so")
      .text(&up.images.pull, "pull", 0, "Pull images before running: always, missing, never")
      .flag(&up.images.quiet_pull, "quiet-pull", 0, "Pull without printing progress")
      .flag(&up.force_recreate, "force-recreate", 0, "Recreate containers even if nothing has changed")
      .flag(&up.no_recreate, "no-recreate", 0, "Leave containers that exist as they are")
      .flag(&up.remove_orphans, "remove-orphans", 0, "Remove containers of services not in the files")
      .list(&given.scales, "scale", 0, "SERVICE=NUM, over what the files say")
      .flag(&up.no_deps, "no-deps", 0, "Don't start linked services");
}

Flags up_flags(UpFlags& given) {
  Flags flags("up [OPTIONS] [SERVICE...]", "Create and start containers");
  add_build_flags(flags, given);
  flags.flag(&given.detach, "detach", 'd', "Run containers in the background")
      .flag(&given.abort_on_exit, "abort-on-container-exit", 0, "Stop all when any container stops")
      .flag(&given.abort_on_failure, "abort-on-container-failure", 0, "Stop all when any container fails")
      .text(&given.exit_code_from, "exit-code-from", 0, "Exit as this service's container does; implies --abort-on-container-exit")
      .flag(&given.up.always_recreate_dependencies, "always-recreate-deps", 0, "Recreate dependent containers")
      .list(&given.attach, "attach", 0, "Show the output of these services only")
      .flag(&given.attach_dependencies, "attach-dependencies", 0, "Show the output of dependencies too")
      .list(&given.no_attach, "no-attach", 0, "Don't show the output of these services")
      .flag(&given.no_color, "no-color", 0, "Without colours")
      .flag(&given.no_prefix, "no-log-prefix", 0, "Without names before lines")
      .flag(&given.no_start, "no-start", 0, "Create only")
      .flag(&given.up.renew_volumes, "renew-anon-volumes", 'V', "New anonymous volumes instead of the previous containers'")
      .number(&given.up.timeout, "timeout", 't', "Seconds a stop may take")
      .flag(&given.timestamps, "timestamps", 0, "Show timestamps")
      .flag(&given.wait, "wait", 0, "Wait until services are running or healthy; implies -d")
      .number(&given.wait_timeout, "wait-timeout", 0, "Seconds --wait may take")
      .flag(&given.watch, "watch", 'w', "Not supported");
  return flags;
}

Status check_up_flags(const UpFlags& given) {
  bool aborts = given.abort_on_exit || !given.exit_code_from.empty() || given.abort_on_failure;
  if (given.watch) return fail(Code::kUnimplemented, "--watch is not supported");
  if ((given.detach || given.wait) && (aborts || !given.attach.empty() || given.attach_dependencies))
    return fail(Code::kInvalidArgument,
                fmt::format("{} cannot be combined with --abort-on-container-exit, --attach or --attach-dependencies", given.wait ? "--wait" : "--detach"));
  if (given.up.force_recreate && given.up.no_recreate) return fail(Code::kInvalidArgument, "--force-recreate and --no-recreate are incompatible");
  if (given.up.always_recreate_dependencies && given.up.no_recreate)
    return fail(Code::kInvalidArgument, "--always-recreate-deps and --no-recreate are incompatible");
  static constexpr std::string_view policies[] = {"", "policy", "always", "never", "build", "missing", "if_not_present"};
  if (std::ranges::find(policies, given.up.images.pull) == std::end(policies))
    return fail(Code::kInvalidArgument, fmt::format("invalid --pull option \"{}\"", given.up.images.pull));
  if (given.up.images.build && given.up.images.no_build) return fail(Code::kInvalidArgument, "--build and --no-build are incompatible");
  return {};
}

bool is_attached(const Project& project, const UpFlags& given, const std::string& service) {
  auto named = [&](const std::vector<std::string>& list) { return std::ranges::find(list, service) != list.end(); };
  if (named(given.no_attach)) return false;
  if (!given.attach.empty()) return named(given.attach);
  const Service* known = project.find(service);
  if (const api::Value* attach = known ? known->spec.find("attach") : nullptr; attach && !attach->bool_or(true)) return false;
  return given.up.services.empty() || given.attach_dependencies || named(given.up.services);
}

// Follows the containers' output until all have ended, one makes it end, or the user asks for it.
class Attached {
 public:
  Attached(Session& session, const Project& project, const UpFlags& given, const UpResult& up, const Fd& signals)
      : session_(session), project_(project), given_(given), up_(up), signals_(signals) {}

  Result<int> run() {
    TRY_ASSIGN(engine_, session_.engine());
    LogView view({.color = session_.color_out() && !given_.no_color, .prefix = !given_.no_prefix, .errors_apart = true});
    std::vector<const Observed*> shown;
    for (const auto& container : up_.containers) {
      bool shows = is_attached(project_, given_, container.service);
      if (shows) view.add(short_name(project_.name, container));
      if (shows || aborts()) shown.push_back(&container);
    }
    fmt::print("Attaching to {}\n", names(shown));
    std::fflush(stdout);
    left_ = shown.size();
    if (left_ == 0) return 0;
    ThreadExecutor executor(static_cast<unsigned>(std::min<size_t>(left_, 256)), "logs");
    for (const Observed* container : shown) executor.post([this, container, &view] { follow(*container, view); });
    int code = wait_for_end();
    executor.stop();
    return code;
  }

 private:
  bool aborts() const { return given_.abort_on_exit || given_.abort_on_failure || !given_.exit_code_from.empty(); }

  std::string names(const std::vector<const Observed*>& shown) const {
    std::string out;
    for (const auto* container : shown)
      if (is_attached(project_, given_, container->service)) out += (out.empty() ? "" : ", ") + short_name(project_.name, *container);
    return out;
  }

  void follow(const Observed& container, LogView& view) {
    std::string name = short_name(project_.name, container);
    LogOptions options{.follow = true, .timestamps = given_.timestamps};
    // What ran before `up` has told its past already.
    if (!up_.fresh.contains(container.id)) options.tail = "0";
    if (auto told = up_.told_until.find(container.id); told != up_.told_until.end()) options.since = told->second;
    LogView silent(LogView::Options{});
    auto code = show_log(*engine_, container, name, options, is_attached(project_, given_, container.service) ? view : silent);
    if (code) view.note(name, fmt::format("exited with code {}", *code));
    std::lock_guard lock(mutex_);
    --left_;
    if (code && container.service == given_.exit_code_from && !from_code_) from_code_ = *code;
    if (code && !first_code_ && (given_.abort_on_exit || !given_.exit_code_from.empty() || *code != 0)) first_code_ = *code;
    changed_.notify_all();
  }

  bool over() {
    std::lock_guard lock(mutex_);
    return left_ == 0 || (aborts() && first_code_.has_value());
  }

  void stop_all(const char* why) {
    fmt::print(stderr, "{}\n", why);
    session_.progress().block("Stopping");
    auto containers = observe(*engine_, project_.name);
    if (!containers) return;
    auto mine = of_services(std::move(*containers), up_.services);
    std::erase_if(mine, [](const Observed& container) { return !container.running(); });
    (void)in_dependency_order(project_, mine, true,
                              [&](const Observed& container) { return stop_container(session_, &project_, container, given_.up.timeout); });
  }

  int wait_for_end() {
    bool interrupted = false;
    while (!over()) {
      if (wait_signal(signals_, std::chrono::milliseconds(100)) == 0) continue;
      interrupted = true;
      break;
    }
    if (interrupted) {
      std::atomic<bool> stopped = false;
      ThreadExecutor helper(1, "stop");
      helper.post([&] {
        stop_all("Gracefully stopping... (press Ctrl+C again to force)");
        stopped = true;
      });
      while (!stopped) {
        if (wait_signal(signals_, std::chrono::milliseconds(100)) == 0) continue;
        if (auto containers = observe(*engine_, project_.name))
          for (const auto& container : of_services(std::move(*containers), up_.services)) (void)engine_->post(fmt::format("/containers/{}/kill", container.id));
      }
      return 130;
    }
    if (aborts() && first_code_) stop_all("Aborting on container exit...");
    std::lock_guard lock(mutex_);
    if (!given_.exit_code_from.empty()) return from_code_ ? *from_code_ : exit_code_of(given_.exit_code_from);
    return aborts() && first_code_ ? *first_code_ : 0;
  }

  // Of a service that was stopped with the others.
  int exit_code_of(const std::string& service) {
    for (const auto& container : up_.containers) {
      if (container.service != service) continue;
      auto facts = engine_->get(fmt::format("/containers/{}/json", container.id));
      const api::Value* code = facts ? facts->at({"State", "ExitCode"}) : nullptr;
      if (code) return static_cast<int>(code->int_or(0));
    }
    return 0;
  }

  Session& session_;
  const Project& project_;
  const UpFlags& given_;
  const UpResult& up_;
  const Fd& signals_;
  EngineClient* engine_ = nullptr;
  std::mutex mutex_;
  std::condition_variable changed_;
  size_t left_ = 0;
  std::optional<int> first_code_, from_code_;
};

Status wait_for_all(Session& session, const Project& project, const UpResult& up, std::optional<int> seconds) {
  Duration limit = std::chrono::seconds(seconds.value_or(0));
  return run_all(up.containers.size(), [&](size_t i) {
    const Observed& container = up.containers[i];
    return wait_for_condition(session, project, container.service, {{container.name, container.id}}, "running_or_healthy", limit);
  });
}

}  // namespace

Result<int> run_up(Session& session, const Arguments& arguments) {
  UpFlags given;
  TRY_ASSIGN(auto words, up_flags(given).parse(arguments));
  if (!words) return 0;
  TRY(check_up_flags(given));
  given.up.services = *words;
  given.up.start = !given.no_start;
  bool attached = !given.detach && !given.wait && !given.no_start;
  Fd signals;
  if (attached) signals = block_end_signals();
  TRY_ASSIGN(Project project, session.project(*words));
  TRY(check_services(project, *words));
  if (!given.exit_code_from.empty() && !project.services.contains(given.exit_code_from))
    return fail(Code::kNotFound, fmt::format("no such service: {}: not found", given.exit_code_from));
  TRY_ASSIGN(given.up.scale, parse_scales(project, given.scales, "--scale"));
  given.up.attached = attached;
  TRY_ASSIGN(UpResult up, bring_up(session, project, given.up));
  if (given.wait) TRY(wait_for_all(session, project, up, given.wait_timeout));
  if (!attached || session.options().dry_run) return 0;
  return Attached(session, project, given, up, signals).run();
}

Result<int> run_create(Session& session, const Arguments& arguments) {
  UpFlags given;
  Flags flags("create [OPTIONS] [SERVICE...]", "Create containers for services");
  add_build_flags(flags, given);
  TRY_ASSIGN(auto words, flags.parse(arguments));
  if (!words) return 0;
  TRY(check_up_flags(given));
  given.up.services = *words;
  given.up.start = false;
  TRY_ASSIGN(Project project, session.project(*words));
  TRY(check_services(project, *words));
  TRY_ASSIGN(given.up.scale, parse_scales(project, given.scales, "--scale"));
  TRY_ASSIGN(UpResult up, bring_up(session, project, given.up));
  return 0;
}

Result<int> run_scale(Session& session, const Arguments& arguments) {
  UpOptions options;
  std::optional<int> timeout;
  Flags flags("scale [OPTIONS] [SERVICE=REPLICAS...]", "Scale services");
  flags.flag(&options.no_deps, "no-deps", 0, "Don't start linked services").number(&timeout, "timeout", 't', "Seconds a stop may take");
  TRY_ASSIGN(auto words, flags.parse(arguments));
  if (!words) return 0;
  if (words->empty()) return fail(Code::kInvalidArgument, "requires at least 1 arg(s), only received 0");
  for (const auto& word : *words) options.services.push_back(word.substr(0, word.find('=')));
  TRY_ASSIGN(Project project, session.project(options.services));
  TRY_ASSIGN(options.scale, parse_scales(project, *words));
  options.timeout = timeout;
  options.no_recreate = true;
  options.ignore_orphans = true;
  TRY_ASSIGN(UpResult up, bring_up(session, project, options));
  return 0;
}

}  // namespace reigen::compose
