// POST /images/load, GET /images/get and /images/x/get.
#include "docker/engine.h"
#include "docker/image_handlers.h"
#include "docker/image_host.h"
#include "docker/json_progress.h"
#include "docker/stream_answer.h"
#include "image/exporter.h"
#include "image/importer.h"
#include "docker/version_table.h"

namespace reigen::docker {
namespace {

Status load(Call& call, JsonProgress& progress) {
  auto& host = *call.engine.images;
  bool quiet = call.flag_or("quiet", false);
  image::ImportOptions options;
  if (call.version >= since::kArchivePlatform && !call.arg("platform").empty()) {
    TRY_ASSIGN(options.platform, image::Platform::parse(call.arg("platform")));
  }
  TRY_ASSIGN(auto before, host.list());
  progress.begin();
  auto body = body_source(call.request->body_stream);
  image::LoadProgressSink tell;
  if (!quiet) tell = [&](const image::LoadProgress& layer) { progress.progress(layer.id, layer.status, layer.current, layer.total); };
  TRY_ASSIGN(auto loaded, image::load_images(host.store(), *body, options, tell));
  for (const auto& one : loaded) {
    for (const auto& name : one.names) {
      for (const auto& old : before) {
        bool had = std::ranges::find(old->record.names, name) != old->record.names.end();
        if (had && old->record.id != one.image.id)
          progress.stream("The image " + familiar(name) + " already exists, renaming the old one with ID " + old->record.id + " to empty string\n");
      }
      progress.stream("Loaded image: " + familiar(name) + "\n");
    }
    if (one.names.empty()) progress.stream("Loaded image ID: " + one.image.id + "\n");
    auto details = host.find(one.image.id);
    tell_image_event(call.engine, "load", one.image.id, one.image.id, details ? details->get() : nullptr);
  }
  return {};
}

void save(Call call, std::vector<std::string> names) {
  auto& host = *call.engine.images;
  if (names.empty()) return call.error(Error(Code::kInvalidArgument, "no image names given"));
  // An image that is missing is told before the archive begins.
  std::vector<ImageDetailsPtr> images;
  for (const auto& name : names) {
    auto image = host.find(name);
    bool repository = !image && name.find(':') == std::string::npos;
    if (!image && !repository) {
      size_t slash = name.rfind('/');
      bool tagged = !name.starts_with("sha256:") && name.find(':', slash == std::string::npos ? 0 : slash) != std::string::npos;
      bool missing = image.error().code() == Code::kNotFound;
      return call.error(tagged && missing ? Error(Code::kNotFound, "reference does not exist") : image.error());
    }
    if (image) images.push_back(*image);
  }
  std::unique_ptr<StreamAnswer> answer;
  auto sink = [&](std::string_view data) -> Status {
    if (!answer) answer = std::make_unique<StreamAnswer>(call.responder, 200, answer_headers("application/x-tar"));
    return answer->write(std::string(data));
  };
  auto done = image::export_images(host.store(), names, sink);
  if (!done && !answer) return call.error(done.error());
  // A broken archive must not look like a whole one: dropped, the answer is cut off.
  if (!done || !answer) return;
  answer->finish();
  for (const auto& image : images) tell_image_event(call.engine, "save", image->record.id, image->record.id, image.get());
}

}  // namespace

void image_load(Call call) {
  JsonProgress progress(call, system_clock());
  auto done = load(call, progress);
  if (done) progress.finish();
  else progress.finish_in_stream(done.error());  // Docker's answer has begun when it reads the archive
}

void image_save_one(Call call) {
  std::vector<std::string> names = {call.params[0]};
  save(std::move(call), std::move(names));
}

void image_save(Call call) {
  std::vector<std::string> names;
  for (auto name : call.request->query.all("names")) names.emplace_back(name);
  save(std::move(call), std::move(names));
}

}  // namespace reigen::docker
