// POST /images/x/push, and GET /images/search, which there is nobody to ask for.
#include <algorithm>

#include "apiserver/docker_error.h"
#include "docker/engine.h"
#include "docker/filters.h"
#include "docker/image_handlers.h"
#include "docker/image_host.h"
#include "docker/json_progress.h"
#include "docker/registry_auth.h"
#include "image/reference.h"

namespace reigen::docker {
namespace {

bool has_repository(const std::vector<std::string>& names, const std::string& repository) {
  return std::ranges::any_of(names, [&](const auto& name) {
    auto own = image::parse_reference(name);
    return own && own->name() == repository;
  });
}

Status push(Call& call, JsonProgress& progress) {
  auto& host = *call.engine.images;
  TRY_ASSIGN(auto reference, image::parse_reference(call.params[0]));
  std::string tag(call.arg("tag"));
  if (!tag.empty()) {
    auto whole = image::parse_reference(reference.name() + ":" + tag);
    if (!whole) return fail(Code::kInvalidArgument, "invalid tag format");
    reference = std::move(*whole);
  }
  progress.status("The push refers to repository [" + reference.name() + "]");
  // Without a tag all of the repository's, as Docker's API has it.
  std::vector<image::Reference> wanted;
  TRY_ASSIGN(auto images, host.list());
  for (const auto& image : images) {
    for (const auto& name : image->record.names) {
      auto own = image::parse_reference(name);
      if (own && own->name() == reference.name() && (tag.empty() || own->tag == tag)) wanted.push_back(std::move(*own));
    }
  }
  if (wanted.empty()) {
    bool known = std::ranges::any_of(images, [&](const auto& image) { return has_repository(image->record.names, reference.name()); });
    // Of a repository that is there it is the tag that is missing.
    if (known) return fail(Code::kNotFound, "tag does not exist: " + reference.familiar());
    return fail(Code::kNotFound, "An image does not exist locally with the tag: " + reference.familiar_name());
  }
  image::PushOptions options;
  options.credentials = read_registry_auth(call.request->headers.get("X-Registry-Auth"));
  options.cancel = &progress.gone();
  options.progress = [&](const image::PullProgress& layer) {
    bool moving = layer.status == "Pushing";
    progress.progress(layer.id, layer.status, moving ? layer.current : 0, moving ? layer.total : 0);
  };
  for (const auto& each : wanted) {
    auto report = host.pusher().push(each, options);
    if (!report) return fail(std::move(report).error());
    progress.status(report->tag + ": digest: " + report->digest + " size: " + std::to_string(report->size));
    progress.line(
        api::Value::object({{"progressDetail", api::Value::object()},
                            {"aux", api::Value::object({{"Tag", report->tag}, {"Digest", report->digest}, {"Size", static_cast<int64_t>(report->size)}})}}));
    auto details = host.find(each.familiar());
    tell_image_event(call.engine, "push", each.familiar(), each.familiar_name(), details ? details->get() : nullptr);
  }
  return {};
}

}  // namespace

void image_push(Call call) {
  if (call.request->headers.get("X-Registry-Auth").empty() && call.request->body.empty())
    return call.error(Error(Code::kInvalidArgument, "bad parameters and missing X-Registry-Auth: EOF"));
  JsonProgress progress(call, system_clock());
  auto done = push(call, progress);
  if (done) progress.finish();
  else progress.finish(done.error());
}

void image_search(Call call) {
  auto filters = Filters::parse(call.arg("filters"));
  if (!filters) return call.error(filters.error());
  if (auto known = filters->check({"is-automated", "is-official", "stars"}); !known) return call.error(known.error());
  for (const char* name : {"is-automated", "is-official"})
    if (auto value = filters->boolean(name, false); !value) return call.error(value.error());
  auto limit = call.number("limit", 25);
  if (!limit) return call.error(limit.error());
  if (call.has("limit") && (*limit < 1 || *limit > 100))
    return call.error(Error(Code::kInvalidArgument, "Limit " + std::to_string(*limit) + " is outside the range of [1, 100]"));
  call.error(apiserver::docker_error(500, "Get \"https://index.docker.io/v1/search?q=" + std::string(call.arg("term").substr(0, 100)) +
                                              "\": searching is not supported: look for images on the registry's own pages"));
}

}  // namespace reigen::docker
