// pull, push, build.
#include <fmt/core.h>

#include <algorithm>
#include <set>

#include "compose/commands/commands.h"
#include "compose/flags.h"
#include "compose/image_steps.h"
#include "compose/runner.h"
#include "compose/short_forms.h"

namespace reigen::compose {
namespace {

// The services meant: those named (with dependencies when asked for), else all.
Result<std::vector<std::string>> meant(const Project& project, const std::vector<std::string>& words, bool dependencies) {
  TRY(check_services(project, words));
  if (!words.empty() && !dependencies) return words;
  return with_dependencies(project, words);
}

}  // namespace

Result<int> run_pull(Session& session, const Arguments& arguments) {
  bool quiet = false, ignore_failures = false, ignore_buildable = false, dependencies = false, parallel = true;
  std::string policy;
  Flags flags("pull [OPTIONS] [SERVICE...]", "Pull service images");
  flags.flag(&ignore_buildable, "ignore-buildable", 0, "Leave out images that can be built")
      .flag(&ignore_failures, "ignore-pull-failures", 0, "Pull what can be pulled")
      .flag(&dependencies, "include-deps", 0, "Pull dependencies too")
      .flag(&parallel, "parallel", 0, "Has no effect: pulls are parallel")
      .text(&policy, "policy", 0, "missing or always")
      .flag(&quiet, "quiet", 'q', "Without progress");
  TRY_ASSIGN(auto words, flags.parse(arguments));
  if (!words) return 0;
  TRY_ASSIGN(Project project, session.project(*words));
  TRY_ASSIGN(auto services, meant(project, *words, dependencies));
  TRY_ASSIGN(EngineClient * engine, session.engine());
  session.progress().block("Pulling");
  std::set<std::string> taken;
  std::vector<const Service*> wanted;
  for (const auto& name : services) {
    const Service* service = project.find(name);
    bool given = !service->spec.text_at({"image"}).empty();
    std::string skip = !given                                                               ? "Skipped - No image to be pulled"
                       : service->builds && ignore_buildable                                ? "Skipped - Image can be built"
                       : service->pull_policy == "never" || service->pull_policy == "build" ? "Skipped"
                       : taken.contains(service->image)                                     ? "Skipped - Image is already being pulled"
                                                                                            : "";
    if (skip.empty() && (policy == "missing" || service->pull_policy == "missing")) {
      TRY_ASSIGN(std::string id, image_id(*engine, service->image));
      if (!id.empty()) skip = "Skipped - Image is already present locally";
    }
    if (!skip.empty()) {
      if (!quiet) session.progress().done(name, skip);
      continue;
    }
    taken.insert(service->image);
    wanted.push_back(service);
  }
  if (session.options().dry_run) return 0;
  auto pulled = run_all(wanted.size(), [&](size_t i) -> Status {
    auto done = pull_image(session, wanted[i]->name, wanted[i]->image, std::string(wanted[i]->spec.text_at({"platform"})), quiet);
    if (!done && wanted[i]->builds) {
      session.warn(fmt::format("{} can be built: {}", wanted[i]->name, done.error().message()));
      return {};
    }
    return done;
  });
  if (!pulled && !ignore_failures) return fail(std::move(pulled).error());
  return 0;
}

Result<int> run_push(Session& session, const Arguments& arguments) {
  bool ignore_failures = false, dependencies = false, quiet = false;
  Flags flags("push [OPTIONS] [SERVICE...]", "Push service images");
  flags.flag(&ignore_failures, "ignore-push-failures", 0, "Push what can be pushed")
      .flag(&dependencies, "include-deps", 0, "Push dependencies too")
      .flag(&quiet, "quiet", 'q', "Without progress");
  TRY_ASSIGN(auto words, flags.parse(arguments));
  if (!words) return 0;
  TRY_ASSIGN(Project project, session.project(*words));
  TRY_ASSIGN(auto services, meant(project, *words, dependencies));
  std::vector<const Service*> wanted;
  for (const auto& name : services) {
    const Service* service = project.find(name);
    if (service->builds && !service->spec.text_at({"image"}).empty()) wanted.push_back(service);
  }
  if (session.options().dry_run) return 0;
  auto pushed = run_all(wanted.size(), [&](size_t i) { return push_image(session, wanted[i]->name, wanted[i]->image); });
  if (!pushed && !ignore_failures) return fail(std::move(pushed).error());
  return 0;
}

Result<int> run_build(Session& session, const Arguments& arguments) {
  BuildOptions options;
  bool dependencies = false, compress = false, force_remove = true, parallel = true;
  std::string builder, ssh, progress;
  Flags flags("build [OPTIONS] [SERVICE...]", "Build or rebuild services");
  flags.list(&options.arguments, "build-arg", 0, "Set a build argument")
      .text(&builder, "builder", 0, "Not supported")
      .flag(&compress, "compress", 0, "Has no effect")
      .flag(&force_remove, "force-rm", 0, "Has no effect: it is always so")
      .text(&options.memory, "memory", 'm', "Memory of the build's containers")
      .flag(&options.no_cache, "no-cache", 0, "Do not use the cache")
      .flag(&parallel, "parallel", 0, "Has no effect")
      .text(&progress, "progress", 0, "Has no effect here")
      .flag(&options.pull, "pull", 0, "Always pull newer base images")
      .flag(&options.push, "push", 0, "Push the images")
      .flag(&options.quiet, "quiet", 'q', "Print nothing of the build")
      .text(&ssh, "ssh", 0, "Not supported")
      .flag(&dependencies, "with-dependencies", 0, "Build dependencies too");
  TRY_ASSIGN(auto words, flags.parse(arguments));
  if (!words) return 0;
  if (!ssh.empty() || !builder.empty()) return fail(Code::kUnimplemented, "--ssh and --builder need BuildKit, which is not supported");
  if (!options.memory.empty()) {
    auto bytes = parse_bytes(options.memory);
    if (!bytes)
      return fail(Code::kInvalidArgument, fmt::format("invalid argument \"{}\" for \"-m, --memory\" flag: {}", options.memory, bytes.error().message()));
    options.memory = std::to_string(*bytes);
  }
  TRY_ASSIGN(Project project, session.project(*words));
  TRY_ASSIGN(auto services, meant(project, *words, dependencies));
  TRY(refuse_unsupported(project, services));
  size_t built = 0;
  for (const auto& name : services) {
    const Service* service = project.find(name);
    if (!service->builds) continue;
    ++built;
    if (!session.options().dry_run) TRY(build_image(session, project, *service, options));
  }
  if (built == 0) session.warn("No services to build");
  return 0;
}

}  // namespace reigen::compose
