// POST /build: the classic builder behind Docker's stream of texts.
#include <deque>

#include "apiserver/docker_error.h"
#include "base/far_times.h"
#include "base/files.h"
#include "build/builder.h"
#include "build/dockerfile_check.h"
#include "build/run_mounts.h"
#include "docker/build_containers.h"
#include "docker/build_context.h"
#include "docker/engine.h"
#include "docker/filters.h"
#include "docker/image_handlers.h"
#include "docker/image_host.h"
#include "docker/json_progress.h"
#include "docker/registry_auth.h"
#include "docker/stream_answer.h"
#include "docker/time_argument.h"
#include "image/digest.h"
#include "docker/version_table.h"

namespace reigen::docker {
namespace {

using Kind = build::BuildEvent::Kind;

std::string short_id(const std::string& id) { return id.starts_with("sha256:") ? id.substr(7, 12) : id.substr(0, 12); }

constexpr size_t kMostHeld = 16 << 20;

class Build {
 public:
  explicit Build(Call& call) : call_(call), host_(*call.engine.images), progress_(call, system_clock()) {}

  void run() {
    auto done = work();
    if (done) return progress_.finish();
    for (const auto& text : held_) progress_.stream(text);
    progress_.finish(done.error(), exit_code_);
  }

 private:
  Status work() {
    TRY_ASSIGN(request_, read_build_request(call_));
    auto body = call_.request->body_stream ? body_source(call_.request->body_stream) : nullptr;
    TRY_ASSIGN(auto context, open_build_context(host_.store(), request_, body.get(), &progress_.gone()));
    TRY(build::check_dockerfile(context.text, request_.target));
    auto options = build_options(context);
    auto record = build::build_image(host_.store(), options);
    if (!record) return fail(std::move(record).error());
    auto details = host_.find(record->id);
    if (request_.quiet) progress_.stream(record->id + "\n");
    else progress_.stream("Successfully built " + short_id(record->id) + "\n");
    for (const auto& tag : request_.tags) {
      TRY(host_.store().tag(record->id, tag));
      tell_image_event(call_.engine, "tag", record->id, tag.familiar(), details ? details->get() : nullptr);
      if (!request_.quiet) progress_.stream("Successfully tagged " + tag.familiar() + "\n");
    }
    return {};
  }

  build::BuildOptions build_options(const BuildContext& context) {
    build::BuildOptions options;
    options.classic = true;
    options.context = context.folder;
    options.dockerfile = context.dockerfile;
    options.args = request_.args;
    options.empty_args = request_.empty_args;
    options.labels = request_.labels;
    options.target = request_.target;
    options.no_cache = request_.no_cache;
    if (request_.platform) options.platform = *request_.platform;
    options.cancel = &progress_.gone();
    options.pull_always = request_.pull;
    options.keep_failed = !request_.force_remove;
    options.keep_all = !request_.remove;
    options.progress = [this](const build::BuildEvent& event) { show(event); };
    auto config = std::make_shared<RegistryConfig>(RegistryConfig::read(call_.request->headers.get("X-Registry-Config")));
    options.pull = [this, config](const image::Reference& reference) { return pull(reference, *config); };
    options.run = [this](const build::StepContainer& step) { return containers_.run(step); };
    options.create = [this](const build::StepContainer& step) { return containers_.create(step); };
    if (request_.cache_from) {
      options.cache_from.emplace();
      for (const auto& name : *request_.cache_from)
        if (auto image = host_.find(name)) options.cache_from->push_back((*image)->record.id);
    }
    return options;
  }

  Result<image::ImageRecord> pull(const image::Reference& reference, const RegistryConfig& config) {
    image::PullOptions options;
    options.credentials = config.find(reference);
    options.cancel = &progress_.gone();
    if (request_.platform) options.platform = *request_.platform;
    bool told = request_.quiet;
    // Once the registry has answered.
    auto begin = [&] {
      if (!told) progress_.status("Pulling from " + reference.repository, reference.digest.empty() ? reference.tag : reference.digest);
      told = true;
    };
    if (!request_.quiet) {
      options.progress = [&](const image::PullProgress& layer) {
        begin();
        progress_.progress(layer.id, layer.status, layer.current, layer.total);
      };
      options.note = [&](const std::string& line) {
        begin();
        progress_.status(line);
      };
    }
    return host_.puller().pull(reference, options);
  }

  // Of a quiet build it is told when that fails.
  void say(std::string text) {
    if (!request_.quiet) return progress_.stream(text);
    held_bytes_ += text.size();
    held_.push_back(std::move(text));
    for (; held_bytes_ > kMostHeld; held_.pop_front()) held_bytes_ -= held_.front().size();
  }

  void show(const build::BuildEvent& event) {
    if (event.kind == Kind::kFailed) exit_code_ = event.exit_code;
    if (event.kind == Kind::kRemoved) containers_.remove(event.id);
    switch (event.kind) {
      case Kind::kStep: return say("Step " + std::to_string(event.step) + "/" + std::to_string(event.total) + " : " + event.text + "\n");
      case Kind::kCached: return say(" ---> Using cache\n");
      case Kind::kOutput: return say(event.text);
      case Kind::kErrorOutput: return say("\x1b[91m" + event.text + "\x1b[0m");
      case Kind::kWarning: return say("[Warning] " + event.text + "\n");
      case Kind::kTriggers: return say("# Executing " + std::to_string(event.step) + " build trigger" + (event.step > 1 ? "s" : "") + "\n");
      case Kind::kRunning: return say(" ---> Running in " + short_id(event.id) + "\n");
      case Kind::kRemoved: return say("Removing intermediate container " + short_id(event.id) + "\n");
      case Kind::kImage: return say(" ---> " + short_id(event.id) + "\n");
      case Kind::kStageDone:
        if (call_.version >= since::kBuildAux && !request_.quiet) progress_.aux(api::Value::object({{"ID", event.id}}));
        return;
      default: return;
    }
  }

  Call& call_;
  ImageHost& host_;
  JsonProgress progress_;
  BuildRequest request_;
  BuildContainers containers_{call_.engine, request_, progress_.gone()};
  int exit_code_ = 0;
  std::deque<std::string> held_;
  size_t held_bytes_ = 0;
};

}  // namespace

void build_image(Call call) { Build(call).run(); }

namespace {

// What a filter says of the one kind of cache that there is.
bool is_wanted(const build::CacheMount& mount, const Filters& filters, std::optional<WallTime> until) {
  if (until && mount.used > *until) return false;
  return filters.exact("id", mount.name) && filters.exact("type", "exec.cachemount") && filters.exact("description", "cached mount") &&
         !filters.has("parent") && !filters.has("inuse") && !filters.has("shared");
}

Result<uint64_t> prune_cache(const Call& call) {
  TRY_ASSIGN(auto filters, Filters::parse(call.arg("filters")));
  TRY(filters.check({"until", "unused-for", "id", "parent", "type", "description", "inuse", "shared", "private", "label", "label!"}));
  std::optional<WallTime> until;
  for (const char* name : {"until", "unused-for"}) {
    const auto& values = filters.values(name);
    if (values.size() > 1) return fail(Code::kInvalidArgument, "filters expect only one value");
    if (values.empty()) continue;
    auto age = parse_duration(*values.begin());
    if (!age) return fail(Code::kInvalidArgument, "\"until\" filter expects a duration (e.g., '24h'): time: invalid duration \"" + *values.begin() + "\"");
    until = system_clock().wall() - std::chrono::duration_cast<WallTime::duration>(within_reach(*age));
  }
  return build::prune_cache_mounts(call.engine.images->store(), [&](const auto& mount) { return is_wanted(mount, filters, until); });
}

}  // namespace

void build_prune(Call call) {
  auto freed = prune_cache(call);
  if (!freed) return call.error(std::move(freed).error().context("failed to prune build cache"));
  auto bytes = static_cast<int64_t>(*freed);
  call.engine.events.add({.type = "builder", .action = "prune", .id = {}, .attributes = {{"reclaimed", std::to_string(bytes)}}});
  call.json(200, api::Value::object({{"CachesDeleted", nullptr}, {"SpaceReclaimed", bytes}}), "prune");
}

void build_cancel(Call call) {
  if (call.arg("id").empty()) return call.error(Error(Code::kInvalidArgument, "build ID not provided"));
  call.empty(204);
}

}  // namespace reigen::docker
