// POST /commit: a container's writable layer as an image.
#include <fmt/core.h>

#include "api/json.h"
#include "apiserver/node_containers.h"
#include "base/files.h"
#include "build/dockerfile_check.h"
#include "docker/container_handlers.h"
#include "docker/container_lookup.h"
#include "docker/create_request.h"
#include "docker/image_host.h"
#include "docker/wire_form.h"
#include "image/docker_image.h"
#include "image/image_writer.h"
#include "image/reference.h"

namespace reigen::docker {

namespace {

using api::Value;

struct Commit {
  Commit(Call call_, ContainerPtr container_) : call(std::move(call_)), container(std::move(container_)) {}
  Call call;
  ContainerPtr container;
  std::string reference, shown;  // "" : no name
  bool pauses = false;
  image::ImageConfig config;

  Status read();
  Result<std::string> write(const std::string& directory);
  void finish(const std::string& directory);
  void tell_pause(const char* action) {
    if (pauses) call.engine.events.add(container_event(*container, action));
  }
};

// What the client sent over what the container has, then the instructions.
Status Commit::read() {
  TRY_ASSIGN(Value body, call.json_body(true));
  TRY_ASSIGN(auto own, image::parse_run_config(container->spec.config.raw));
  config = own;
  if (!body.is_null()) {
    TRY_ASSIGN(auto sent, read_create_request(body, call.version, host_facts()));
    TRY(merge_image(sent, own));
    TRY_ASSIGN(config, image::parse_run_config(api::to_json(sent.config)));
  }
  std::vector<std::string> changes;
  for (auto change : call.request->query.all("changes")) changes.emplace_back(change);
  TRY_ASSIGN(config, build::apply_changes(config, changes));
  std::string repository(call.arg("repo"));
  if (repository.empty()) return {};
  std::string tag(call.arg("tag"));
  auto name = image::parse_reference(tag.empty() ? repository : repository + ":" + tag);
  if (!name) return fail(Code::kInvalidArgument, name.error().message());
  TRY(image::check_new_name(*name));
  reference = name->store_name();
  shown = name->familiar();
  return {};
}

Result<std::string> Commit::write(const std::string& directory) {
  auto& store = *call.engine.image_store;
  TRY_ASSIGN(auto writer, image::ImageWriter::begin(store));
  image::ChildImage child;
  child.parent = container->spec.image_id;
  child.config = config;
  child.container = container->metadata.name;
  child.container_config = container->spec.config.raw;
  child.created_by = container->spec.path;
  for (const auto& argument : container->spec.args) child.created_by += " " + argument;
  child.author = call.arg("author");
  child.comment = call.arg("comment");
  if (!reference.empty()) child.names.push_back(reference);
  TRY_ASSIGN(auto layers, store.layers(child.parent));
  std::vector<std::string> diff_ids;
  for (const auto& layer : layers) diff_ids.push_back(layer.diff_id);
  writer->declare_chain(diff_ids);
  TRY_ASSIGN(auto changed, list_directory(directory));
  if (!changed.empty()) {  // what changes no file is no layer
    TRY_ASSIGN(child.layer, writer->add_tree(layers.empty() ? std::string() : layers.back().chain_id, directory));
  }
  TRY_ASSIGN(auto record, image::commit_child(*writer, std::move(child)));
  return record.id;
}

void Commit::finish(const std::string& directory) {
  auto id = write(directory);
  (void)remove_tree(directory);
  if (!id) {
    tell_pause("unpause");
    return call.error(id.error());
  }
  if (!shown.empty()) {
    auto details = call.engine.images->find(*id);
    tell_image_event(call.engine, "tag", *id, shown, details ? details->get() : nullptr);
  }
  std::vector<std::pair<std::string, std::string>> more{{"comment", std::string(call.arg("comment"))}, {"imageID", *id}};
  more.emplace_back("imageRef", shown);
  call.engine.events.add(container_event(*container, "commit", std::move(more)));
  tell_pause("unpause");
  call.json(201, Value::object({{"Id", *id}}));
}

}  // namespace

void container_commit(Call call) {
  auto container = find_container(call.engine, call.arg("container"));
  if (!container) return call.error(container.error());
  auto commit = std::make_shared<Commit>(std::move(call), *container);
  if (auto read = commit->read(); !read) return commit->call.error(read.error());
  bool pause = commit->call.flag_or("pause", true);
  commit->pauses = pause && (*container)->status.state == "running";
  commit->tell_pause("pause");
  commit->call.engine.nodes.copy_layer(target_of(**container), pause, [commit](Result<std::string> directory) {
    if (!directory) {
      commit->tell_pause("unpause");
      return commit->call.error(directory.error());
    }
    commit->call.engine.slow.post([commit, directory = *directory] { commit->finish(directory); });
  });
}

}  // namespace reigen::docker
