#include <fmt/core.h>

#include <algorithm>

#include "compose/archive.h"
#include "compose/container_request.h"
#include "compose/labels.h"
#include "compose/up_operation.h"

namespace reigen::compose {
namespace {

using api::Value;

Status look_up(EngineClient& engine, const Project& project, const Service& service, RequestFacts& facts) {
  auto names = lenders_of(service);
  if (names.empty()) return {};
  TRY_ASSIGN(auto containers, observe(engine, project.name));
  for (const auto& container : containers) {
    if (!names.contains(container.service)) continue;
    facts.containers.try_emplace(container.service, container.id);
    facts.link_names[container.service].push_back(container.name);
  }
  return {};
}

Status inherit_volumes(EngineClient& engine, const Service& service, const Observed& old, RequestFacts& facts) {
  TRY_ASSIGN(Value image, engine.get(fmt::format("/images/{}/json", service.image)));
  const Value* wanted = image.at({"Config", "Volumes"});
  const Value* mounts = old.raw.find("Mounts");
  if (!mounts) return {};
  for (const auto& mount : mounts->items()) {
    if (mount.text_at({"Type"}) != "volume") continue;
    std::string target(mount.text_at({"Destination"}));
    bool anonymous = wanted && wanted->has(target);
    if (const Value* volumes = service.spec.find("volumes"))
      for (const auto& volume : volumes->items())
        if (volume.text_at({"target"}) == target) anonymous = volume.text_at({"source"}).empty() && volume.text_at({"type"}) == "volume";
    const Value* writable = mount.find("RW");
    if (anonymous) facts.inherited.push_back({std::string(mount.text_at({"Name"})), target, writable && !writable->bool_or(true)});
  }
  return {};
}

void lay_over(Value& base, const Value& over) {
  for (const auto& member : over.members()) {
    Value* known = base.find(member.key());
    if (known && known->is_object() && member.value.is_object()) lay_over(*known, member.value);
    else base.set(member.key(), member.value);
  }
}

}  // namespace

Result<std::string> create_container(Session& session, const Project& project, const Service& service, const CreateOptions& options) {
  TRY_ASSIGN(EngineClient * engine, session.engine());
  RequestFacts facts;
  facts.name = options.name;
  facts.number = options.number;
  facts.one_off = options.one_off;
  facts.use_aliases = options.use_aliases;
  facts.image_id = options.image_id;
  facts.api_minor = engine->minor();
  TRY(look_up(*engine, project, service, facts));
  if (options.replaces && !options.renew_volumes) TRY(inherit_volumes(*engine, service, *options.replaces, facts));
  TRY_ASSIGN(ContainerRequest request, make_container_request(project, service, facts));
  TRY_ASSIGN(auto files, inline_files(project, service));
  lay_over(request.body, options.overrides);
  std::string name = options.replaces ? options.replaces->id.substr(0, 12) + "_" + options.name : options.name;
  if (options.replaces) request.body["Labels"].set("com.docker.compose.replace", options.replaces->name);
  auto target = with_query("/containers/create", {{"name", name}, {"platform", engine->minor() >= 41 ? std::string(service.spec.text_at({"platform"})) : ""}});
  TRY_ASSIGN(Value created, engine->post(target, request.body));
  if (const Value* warnings = created.find("Warnings"))
    for (const auto& warning : warnings->items()) session.warn(warning.text());
  std::string id(created.text_at({"Id"}));
  auto fit_out = [&]() -> Status {
    for (const auto& [network, settings] : request.further_networks) {
      auto connected = engine->post(fmt::format("/networks/{}/connect", network), Value::object({{"Container", id}, {"EndpointConfig", settings}}));
      if (!connected) return fail(std::move(connected).error());
    }
    if (files.empty()) return {};
    TRY_ASSIGN(std::string tar, tar_of_files(files));
    return engine->put_archive(with_query(fmt::format("/containers/{}/archive", id), {{"path", "/"}, {"copyUIDGID", "1"}}), std::move(tar));
  };
  auto done = fit_out();
  if (!done) {
    (void)engine->remove(fmt::format("/containers/{}?force=1&v=1", id));
    return fail(std::move(done).error());
  }
  return id;
}

}  // namespace reigen::compose
