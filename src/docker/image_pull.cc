// POST /images/create with fromImage, and GET /distribution/x/json.
#include "docker/engine.h"
#include "docker/image_handlers.h"
#include "docker/image_host.h"
#include "docker/json_progress.h"
#include "docker/registry_auth.h"
#include "image/reference.h"
#include "image/registry_login.h"
#include "docker/version_table.h"

namespace reigen::docker {
namespace {

// fromImage and tag together: `tag` may be a digest; without both it is all tags.
Result<image::Reference> wanted(std::string name, const std::string& tag, bool& all) {
  all = false;
  if (!tag.empty()) name += (tag.find(':') != std::string::npos ? "@" : ":") + tag;
  TRY_ASSIGN(auto reference, image::parse_reference(name));
  bool bare = name.find('@') == std::string::npos && name.find(':', name.rfind('/') == std::string::npos ? 0 : name.rfind('/')) == std::string::npos;
  all = bare && tag.empty();
  return reference;
}

class Pull {
 public:
  explicit Pull(Call& call) : call_(call), progress_(call, system_clock()) {}

  void run() {
    auto done = work();
    if (done) progress_.finish();
    else progress_.finish(registry_error(std::move(done).error()));
  }

 private:
  Status work() {
    bool all = false;
    TRY_ASSIGN(auto reference, wanted(std::string(call_.arg("fromImage")), std::string(call_.arg("tag")), all));
    if (reference.familiar_name() == "scratch") return fail(Code::kInvalidArgument, "'scratch' is a reserved name");
    auto credentials = read_registry_auth(call_.request->headers.get("X-Registry-Auth"));
    if (!credentials.username.empty() || !credentials.identity_token.empty() || !credentials.registry_token.empty())
      options_.credentials.push_back(std::move(credentials));
    if (call_.version >= since::kImagePlatform && !call_.arg("platform").empty()) {
      TRY_ASSIGN(options_.platform, image::Platform::parse(call_.arg("platform")));
    }
    options_.cancel = &progress_.gone();
    options_.note = [this](const std::string& line) { progress_.status(line); };
    if (!all) return one(reference);
    auto& puller = call_.engine.images->puller();
    TRY_ASSIGN(auto tags, puller.tags(reference, options_));
    for (const auto& tag : tags) {
      TRY_ASSIGN(auto each, image::parse_reference(reference.name() + ":" + tag));
      TRY(one(each));
    }
    return {};
  }

  Status one(const image::Reference& reference) {
    std::string tag = reference.digest.empty() ? reference.tag : reference.familiar();
    // Told with the first layer: until the registry has answered, an error still has a status.
    bool told = false;
    auto begin = [&] {
      if (!told) progress_.status("Pulling from " + reference.repository, tag);
      told = true;
    };
    options_.progress = [&](const image::PullProgress& layer) {
      begin();
      progress_.progress(layer.id, layer.status, layer.status == "Pull complete" ? 0 : layer.current, layer.status == "Pull complete" ? 0 : layer.total);
    };
    options_.note = [&](const std::string& line) {
      begin();
      progress_.status(line);
    };
    auto record = call_.engine.images->puller().pull(reference, options_);
    if (!record) return fail(std::move(record).error());
    auto details = call_.engine.images->find(record->id);
    tell_image_event(call_.engine, "pull", reference.familiar(), reference.familiar_name(), details ? details->get() : nullptr);
    return {};
  }

  Call& call_;
  JsonProgress progress_;
  image::PullOptions options_;
};

}  // namespace

void image_create(Call call) {
  if (!call.arg("fromImage").empty()) return image_pull(std::move(call));
  image_import(std::move(call));
}

void image_pull(Call call) { Pull(call).run(); }

void image_distribution(Call call) {
  auto work = [&]() -> Result<std::string> {
    TRY_ASSIGN(auto reference, image::parse_reference(call.params[0]));
    image::PullOptions options;
    auto credentials = read_registry_auth(call.request->headers.get("X-Registry-Auth"));
    if (!credentials.username.empty() || !credentials.identity_token.empty()) options.credentials.push_back(std::move(credentials));
    return image::inspect_remote(reference, options, call.engine.images->options());
  };
  auto out = work();
  if (!out) return call.error(registry_error(std::move(out).error()));
  call.json_text(200, *out + "\n");
}

}  // namespace reigen::docker
