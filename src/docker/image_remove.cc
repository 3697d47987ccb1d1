// DELETE /images/x, POST /images/prune and /images/x/tag.
#include "docker/engine.h"
#include "docker/filters.h"
#include "docker/image_handlers.h"
#include "docker/image_host.h"
#include "docker/time_argument.h"
#include "image/reference.h"
#include "docker/error_answer.h"

namespace reigen::docker {
namespace {

using api::Value;
using Kind = image::RemoveStep::Kind;

// What the client sees of a removal, and its events. Labels are of the time before.
Value tell_removal(Engine& engine, const image::RemoveReport& report, const std::map<std::string, ImageDetailsPtr>& before) {
  Value out = Value::array();
  for (const auto& step : report.steps) {
    bool untagged = step.kind == Kind::kUntagged || step.kind == Kind::kUntaggedDigest;
    out.push_back(Value::object({{untagged ? "Untagged" : "Deleted", untagged ? familiar(step.what) : step.what}}));
    auto known = before.find(step.image);
    if (step.kind == Kind::kUntagged) tell_image_event(engine, "untag", step.image, step.image, known == before.end() ? nullptr : known->second.get());
    if (step.kind == Kind::kDeleted) tell_image_event(engine, "delete", step.image, step.image, nullptr);
  }
  return out;
}

Result<std::map<std::string, ImageDetailsPtr>> all_images(ImageHost& host) {
  TRY_ASSIGN(auto list, host.list());
  std::map<std::string, ImageDetailsPtr> out;
  for (const auto& image : list) out[image->record.id] = image;
  return out;
}

Result<Value> prune(Engine& engine, std::string_view text) {
  TRY_ASSIGN(auto filters, Filters::parse(text));
  TRY(filters.check({"dangling", "label", "label!", "until"}));
  image::PruneOptions options;
  TRY_ASSIGN(options.dangling_only, filters.boolean("dangling", true));
  std::optional<int64_t> until;
  if (filters.values("until").size() > 1) return fail(unreadable("more than one until filter specified"));
  for (const auto& value : filters.values("until")) {
    TRY_ASSIGN(auto moment, parse_moment(value, system_clock().wall()));
    until = std::chrono::floor<std::chrono::seconds>(moment.time_since_epoch()).count();
  }
  TRY_ASSIGN(auto before, all_images(*engine.images));
  options.user = image_users(engine);
  options.want = [&](const image::ImageRecord& record, const image::ImageConfig& config) {
    auto known = before.find(record.id);
    if (until && (known == before.end() || known->second->created_s > *until)) return false;
    if (!filters.labels("label", config.labels)) return false;
    return !filters.has("label!") || !filters.labels("label!", config.labels);
  };
  TRY_ASSIGN(auto report, engine.images->store().prune(options));
  Value removed = tell_removal(engine, report, before);
  if (removed.size() == 0) removed = nullptr;
  engine.events.add({.type = "image", .action = "prune", .id = {}, .attributes = {{"reclaimed", std::to_string(report.reclaimed)}}});
  return Value::object({{"ImagesDeleted", std::move(removed)}, {"SpaceReclaimed", static_cast<int64_t>(report.reclaimed)}});
}

Status tag(Engine& engine, const std::string& name, const std::string& repository, const std::string& tag) {
  TRY_ASSIGN(auto image, engine.images->find(name));
  if (repository.find('@') != std::string::npos) return fail(Code::kInvalidArgument, "refusing to create a tag with a digest reference");
  TRY_ASSIGN(auto reference, as_unreadable(image::parse_reference(repository)));
  TRY(image::check_new_name(reference));
  if (!tag.empty()) {
    auto whole = image::parse_reference(reference.name() + ":" + tag);
    if (!whole) return fail(unreadable("invalid tag format"));
    reference = std::move(*whole);
  }
  TRY(engine.images->store().tag(image->record.id, reference));
  // As the user wrote it: a tag that was not given is not in the name.
  bool bare = tag.empty() && repository.find(':', repository.rfind('/') == std::string::npos ? 0 : repository.rfind('/')) == std::string::npos;
  tell_image_event(engine, "tag", image->record.id, bare ? reference.familiar_name() : reference.familiar(), image.get());
  return {};
}

}  // namespace

void image_remove(Call call) {
  auto work = [&]() -> Result<Value> {
    auto& host = *call.engine.images;
    TRY_ASSIGN(auto image, host.find(call.params[0]));
    TRY_ASSIGN(auto before, all_images(host));
    image::RemoveOptions options;
    options.force = call.flag("force");
    options.keep_parents = call.flag("noprune");
    options.user = image_users(call.engine);
    const auto& name = call.params[0];
    bool short_id = !host.store().find(name);  // of fewer digits than the store takes
    TRY_ASSIGN(auto report, host.store().remove(short_id ? image->record.id : name, options));
    return tell_removal(call.engine, report, before);
  };
  auto out = work();
  if (!out) return call.error(out.error());
  call.json(200, std::move(*out));
}

void image_prune(Call call) {
  auto out = prune(call.engine, call.arg("filters"));
  if (!out) return call.error(out.error());
  call.json(200, std::move(*out), "prune");
}

void image_tag(Call call) {
  auto done = tag(call.engine, call.params[0], std::string(call.arg("repo")), std::string(call.arg("tag")));
  if (!done) return call.error(done.error());
  call.empty(201);
}

}  // namespace reigen::docker
