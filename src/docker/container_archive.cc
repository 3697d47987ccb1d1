// HEAD, GET and PUT /containers/x/archive, GET /containers/x/export
#include "api/scalars.h"
#include "apiserver/node_containers.h"
#include "docker/container_handlers.h"
#include "docker/container_lookup.h"
#include "docker/pump.h"
#include "docker/version_table.h"

namespace reigen::docker {

namespace {

constexpr const char* kStatHeader = "X-Docker-Container-Path-Stat";

struct Target {
  ContainerPtr container;
  apiserver::ContainerTarget node;
  std::string path;
};

Result<Target> read_target(const Call& call) {
  Target out;
  out.path = call.arg("path");
  if (out.path.empty()) return fail(Code::kInvalidArgument, "bad parameter: 'path' cannot be empty");
  TRY_ASSIGN(out.container, find_container(call.engine, call.params[0]));
  out.node = target_of(*out.container);
  // What errors say.
  if (!out.node.id.empty()) out.node.container = call.params[0];
  return out;
}

http::Headers stat_headers(std::string_view content_type, const std::string& stat) {
  http::Headers headers = answer_headers(content_type);
  headers.add(kStatHeader, api::base64_encode(stat));
  return headers;
}

}  // namespace

void container_archive_head(Call call) {
  auto target = read_target(call);
  if (!target) return call.error(target.error());
  Engine& engine = call.engine;
  auto shared = std::make_shared<Call>(std::move(call));
  engine.nodes.stat_path(target->node, target->path, [shared](Result<std::string> stat) {
    if (!stat) return shared->error(stat.error());
    shared->responder->send(200, stat_headers({}, *stat), {});
  });
}

void container_archive_get(Call call) {
  auto target = read_target(call);
  if (!target) return call.error(target.error());
  Engine& engine = call.engine;
  auto shared = std::make_shared<Call>(std::move(call));
  auto whole = std::make_shared<Target>(std::move(*target));
  engine.nodes.stat_path(whole->node, whole->path, [shared, whole](Result<std::string> stat) {
    if (!stat) return shared->error(stat.error());
    shared->engine.nodes.read_archive(whole->node, whole->path, [shared, whole, stat = *stat](Result<std::shared_ptr<ByteStream>> tar) {
      if (!tar) return shared->error(tar.error());
      shared->engine.events.add(container_event(*whole->container, "archive-path"));
      shared->responder->start(200, stat_headers("application/x-tar", stat));
      pump(std::move(*tar), shared->responder);
    });
  });
}

void container_archive_put(Call call) {
  auto target = read_target(call);
  if (!target) return call.error(target.error());
  bool keep_kind = call.flag("noOverwriteDirNonDir");
  bool copy_owner = call.version >= since::kCopyOwner && call.flag("copyUIDGID");
  std::shared_ptr<ByteStream> body = call.request->body_stream;
  if (!body) {
    auto [ours, theirs] = make_stream_pair();
    ours->close_write();
    body = theirs;
  }
  Engine& engine = call.engine;
  auto shared = std::make_shared<Call>(std::move(call));
  auto container = target->container;
  engine.nodes.write_archive(target->node, target->path, keep_kind, copy_owner, std::move(body), [shared, container](Status status) {
    if (!status) return shared->error(status.error());
    shared->engine.events.add(container_event(*container, "extract-to-dir"));
    shared->empty(200);
  });
}

void container_export(Call call) {
  auto container = find_container(call.engine, call.params[0]);
  if (!container) return call.error(container.error());
  Engine& engine = call.engine;
  auto shared = std::make_shared<Call>(std::move(call));
  engine.nodes.export_root(target_of(**container), [shared, container = *container](Result<std::shared_ptr<ByteStream>> tar) {
    if (!tar) return shared->error(tar.error());
    shared->engine.events.add(container_event(*container, "export"));
    shared->responder->start(200, answer_headers("application/octet-stream"));
    pump(std::move(*tar), shared->responder);
  });
}

}  // namespace reigen::docker
