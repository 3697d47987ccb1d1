// POST /images/create with fromSrc: an archive of a whole root becomes an image.
#include <fcntl.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/files.h"
#include "build/dockerfile_check.h"
#include "docker/engine.h"
#include "docker/image_handlers.h"
#include "docker/image_host.h"
#include "docker/json_progress.h"
#include "docker/stream_answer.h"
#include "image/docker_image.h"
#include "image/http_fetch.h"
#include "image/image_writer.h"
#include "image/reference.h"
#include "docker/version_table.h"
#include "docker/error_answer.h"

namespace reigen::docker {
namespace {

Result<std::optional<image::Reference>> name_of(const Call& call) {
  std::string repository(call.arg("repo")), tag(call.arg("tag"));
  if (repository.empty()) return std::optional<image::Reference>();
  TRY_ASSIGN(auto reference, image::parse_reference(repository));
  if (!reference.digest.empty()) return fail(Code::kInvalidArgument, "cannot import digest reference");
  TRY(image::check_new_name(reference));
  if (tag.empty()) return std::optional(reference);
  auto whole = image::parse_reference(reference.name() + ":" + tag);
  if (!whole) return fail(Code::kInvalidArgument, "invalid tag format");
  return std::optional(*whole);
}

Result<image::LayerInfo> take_archive(Call& call, JsonProgress& progress, image::ImageWriter& writer, const std::string& source) {
  if (source == "-") {
    auto body = body_source(call.request->body_stream);
    return writer.add_tar("", *body);
  }
  std::string url = source.find("://") == std::string::npos ? "http://" + source : source;
  if (url == "http://") return fail(unreadable("Get \"http:\": http: no Host in request URL"));
  progress.status("Downloading from " + url);
  TRY_ASSIGN(auto file, image::fetch_url(url, writer.directory(), writer.store().limits().archive_bytes, &progress.gone()));
  Fd fd(::open(file.path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return fail_errno("open " + file.path);
  image::FdSource archive(fd.get(), url);
  return writer.add_tar("", archive);
}

Status import(Call& call, JsonProgress& progress) {
  auto& host = *call.engine.images;
  std::string source(call.arg("fromSrc"));
  TRY_ASSIGN(auto reference, name_of(call));
  image::ImageConfig empty;
  std::vector<std::string> changes;
  for (auto change : call.request->query.all("changes")) changes.emplace_back(change);
  image::ChildImage child;
  TRY_ASSIGN(child.config, build::apply_changes(empty, changes));
  if (call.version >= since::kImagePlatform && !call.arg("platform").empty()) {
    TRY_ASSIGN(auto platform, image::Platform::parse(call.arg("platform")));
    child.config.architecture = platform.architecture;
    child.config.os = platform.os;
    child.config.variant = platform.variant;
  }
  child.comment = call.arg("message");
  if (child.comment.empty()) child.comment = "Imported from " + source;
  TRY_ASSIGN(auto writer, image::ImageWriter::begin(host.store()));
  TRY_ASSIGN(child.layer, take_archive(call, progress, *writer, source));
  TRY_ASSIGN(auto record, image::commit_child(*writer, std::move(child)));
  writer.reset();
  if (reference) TRY(host.store().tag(record.id, *reference));
  auto details = host.find(record.id);
  if (reference) tell_image_event(call.engine, "tag", record.id, reference->familiar(), details ? details->get() : nullptr);
  tell_image_event(call.engine, "import", record.id, record.id, details ? details->get() : nullptr);
  progress.status(record.id);
  return {};
}

}  // namespace

void image_import(Call call) {
  JsonProgress progress(call, system_clock());
  auto done = import(call, progress);
  if (done) progress.finish();
  else progress.finish(done.error());
}

}  // namespace reigen::docker
