#include "compose/image_steps.h"

#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <mutex>
#include <set>

#include "base/files.h"
#include "compose/archive.h"
#include "compose/registry_auth.h"
#include "compose/runner.h"

namespace reigen::compose {
namespace {

using api::Value;

// The engine's messages of one pull, push or build; "error" ends it.
Status follow(http::StreamResponse& answer, const std::function<void(const Value&)>& tell) {
  return read_json_stream(*answer.body, [&](const Value& message) -> Status {
    if (message.has("error")) {
      auto detail = message.text_at({"errorDetail", "message"});
      return fail(Code::kInternal, std::string(detail.empty() ? message.text_at({"error"}) : detail));
    }
    tell(message);
    return {};
  });
}

bool pulls_now(std::string_view policy, bool there) {
  if (policy == "always" || policy == "daily" || policy == "weekly" || policy.starts_with("every_")) return true;
  return !there && policy != "never" && policy != "build";
}

Value pairs_of(const Value* map) {
  Value out = Value::object();
  if (map)
    for (const auto& member : map->members()) out.set(member.key(), member.value);
  return out;
}

bool is_remote(std::string_view context) {
  return context.find("://") != std::string_view::npos || context.starts_with("git@") || context.starts_with("github.com/");
}

http::Query build_query(const Project& project, const Service& service, const BuildOptions& options, const std::string& dockerfile) {
  const Value& build = *service.spec.find("build");
  http::Query query;
  query.add("t", service.image);
  if (const Value* tags = build.find("tags"))
    for (const auto& tag : tags->items()) query.add("t", std::string(tag.text()));
  if (!dockerfile.empty()) query.add("dockerfile", dockerfile);
  Value arguments = pairs_of(build.find("args"));
  for (const auto& given : options.arguments) {
    size_t equals = given.find('=');
    if (equals != std::string::npos) arguments.set(given.substr(0, equals), given.substr(equals + 1));
    else if (auto found = project.environment.find(given); found != project.environment.end()) arguments.set(given, found->second);
  }
  query.add("buildargs", api::to_json(arguments));
  Value labels = pairs_of(build.find("labels"));
  labels.set("com.docker.compose.project", project.name);
  labels.set("com.docker.compose.service", service.name);
  query.add("labels", api::to_json(labels));
  auto text = [&](std::string_view name, std::string_view value) {
    if (!value.empty()) query.add(std::string(name), std::string(value));
  };
  text("target", build.text_at({"target"}));
  text("networkmode", build.text_at({"network"}));
  text("shmsize", build.text_at({"shm_size"}));
  text("memory", options.memory);
  const Value* platforms = build.find("platforms");
  std::string_view platform = service.spec.text_at({"platform"});
  if (platform.empty() && platforms && platforms->size() == 1) platform = platforms->items()[0].text();
  text("platform", platform);
  text("isolation", build.text_at({"isolation"}));
  if (const Value* sources = build.find("cache_from")) text("cachefrom", api::to_json(*sources));
  if (const Value* limits = build.find("ulimits")) {
    Value list = Value::array();
    for (const auto& member : limits->members()) {
      const Value* soft = member.value.is_object() ? member.value.find("soft") : &member.value;
      const Value* hard = member.value.is_object() ? member.value.find("hard") : &member.value;
      list.push_back(Value::object({{"Name", member.key()}, {"Soft", soft ? soft->int_or(0) : 0}, {"Hard", hard ? hard->int_or(0) : 0}}));
    }
    text("ulimits", api::to_json(list));
  }
  if (const Value* hosts = build.find("extra_hosts"))
    for (const auto& host : hosts->items()) {
      std::string entry(host.text());
      if (size_t at = entry.find('='); at != std::string::npos) entry[at] = ':';
      query.add("extrahosts", entry);
    }
  auto flag = [&](const char* key) { return build.find(key) && build.find(key)->bool_or(false); };
  if (options.no_cache || flag("no_cache")) query.add("nocache", "1");
  if (options.pull || flag("pull")) query.add("pull", "1");
  query.add("rm", "1");
  query.add("forcerm", "1");
  return query;
}

struct Context {
  std::string dockerfile;  // its name within
  std::shared_ptr<ByteStream> tar;
  std::string remote;
};

Result<Context> make_context(const Service& service) {
  const Value& build = *service.spec.find("build");
  std::string place(build.text_at({"context"})), name(build.text_at({"dockerfile"})), inline_text(build.text_at({"dockerfile_inline"}));
  Context context;
  if (is_remote(place)) {
    context.remote = place;
    context.dockerfile = name;
    return context;
  }
  if (!inline_text.empty()) {
    name = ".dockerfile.inline";
  } else if (name.starts_with('/')) {
    // One outside the context goes along under another name.
    if (name.starts_with(place + "/")) {
      name.erase(0, place.size() + 1);
    } else {
      TRY_ASSIGN(inline_text, read_file(name, 1 << 20));
      name = ".dockerfile.outside";
    }
  } else if (name.starts_with("..")) {
    TRY_ASSIGN(inline_text, read_file(place + "/" + name, 1 << 20));
    name = ".dockerfile.outside";
  }
  if (inline_text.empty() && !path_exists(place + "/" + name))
    return fail(Code::kNotFound, fmt::format("failed to read dockerfile: open {}/{}: no such file or directory", place, name));
  context.dockerfile = name;
  TRY_ASSIGN(Fd tar, tar_of_context(place, name, inline_text));
  context.tar = file_stream(std::move(tar));
  return context;
}

}  // namespace

std::pair<std::string, std::string> split_image(const std::string& image) {
  if (image.find('@') != std::string::npos) return {image, ""};
  size_t colon = image.rfind(':'), slash = image.rfind('/');
  if (colon == std::string::npos || (slash != std::string::npos && colon < slash)) return {image, "latest"};
  return {image.substr(0, colon), image.substr(colon + 1)};
}

Result<std::string> image_id(EngineClient& engine, const std::string& name) {
  auto image = engine.get(fmt::format("/images/{}/json", name));
  if (image) return std::string(image->text_at({"Id"}));
  if (image.error().code() == Code::kNotFound) return std::string();
  return fail(std::move(image).error());
}

Status pull_image(Session& session, const std::string& service, const std::string& image, const std::string& platform, bool quiet) {
  TRY_ASSIGN(EngineClient * engine, session.engine());
  auto& progress = session.progress();
  if (!quiet) progress.begin(service, "Pulling");
  auto [name, tag] = split_image(image);
  http::Headers headers;
  if (std::string login = registry_auth(image, session.environment()); !login.empty()) headers.set("X-Registry-Auth", login);
  auto answer = engine->stream("POST", with_query("/images/create", {{"fromImage", name}, {"tag", tag}, {"platform", platform}}), std::move(headers));
  Status done = answer ? follow(*answer, [](const Value&) {}) : Fail(answer.error());
  if (!done) {
    progress.failed(service, "Error");
    session.set_failure_code(18);
    return fail(std::move(done).error());
  }
  if (!quiet) progress.done(service, "Pulled");
  return {};
}

Status push_image(Session& session, const std::string& service, const std::string& image) {
  TRY_ASSIGN(EngineClient * engine, session.engine());
  session.progress().begin(service, "Pushing");
  auto [name, tag] = split_image(image);
  http::Headers headers;
  std::string login = registry_auth(image, session.environment());
  headers.set("X-Registry-Auth", login.empty() ? "e30=" : login);
  auto answer = engine->stream("POST", with_query(fmt::format("/images/{}/push", name), {{"tag", tag}}), std::move(headers));
  Status done = answer ? follow(*answer, [](const Value&) {}) : Fail(answer.error());
  if (done) session.progress().done(service, "Pushed");
  else session.progress().failed(service, "Error");
  return done;
}

Status build_image(Session& session, const Project& project, const Service& service, const BuildOptions& options) {
  TRY_ASSIGN(EngineClient * engine, session.engine());
  session.set_failure_code(17);
  TRY_ASSIGN(Context context, make_context(service));
  http::Query query = build_query(project, service, options, context.dockerfile);
  if (!context.remote.empty()) query.add("remote", context.remote);
  http::Headers headers{{"Content-Type", "application/x-tar"}};
  if (std::string logins = registry_config(session.environment()); !logins.empty()) headers.set("X-Registry-Config", logins);
  std::string what = "Image " + service.image;
  session.progress().begin(what, "Building");
  auto answer = engine->stream("POST", "/build?" + query.encode(), std::move(headers), {}, context.tar);
  Status done = answer ? follow(*answer,
                                [&](const Value& message) {
                                  auto text = message.text_at({"stream"});
                                  if (!options.quiet && !text.empty()) std::fwrite(text.data(), 1, text.size(), stdout);
                                })
                       : Fail(answer.error());
  std::fflush(stdout);
  if (!done) {
    session.progress().failed(what, "Error");
    return fail(std::move(done).error().context(fmt::format("failed to build service {}", service.name)));
  }
  session.set_failure_code(1);
  session.progress().done(what, "Built");
  if (options.push) return push_image(session, service.name, service.image);
  return {};
}

Result<std::map<std::string, std::string>> ensure_images(Session& session, const Project& project, const std::vector<std::string>& services,
                                                         const ImageOptions& options) {
  TRY_ASSIGN(EngineClient * engine, session.engine());
  std::map<std::string, std::string> ids;  // by image
  std::vector<std::string> images;
  for (const auto& name : services)
    if (ids.try_emplace(project.find(name)->image).second) images.push_back(project.find(name)->image);
  std::mutex mutex;
  auto look = [&](size_t i) -> Status {
    TRY_ASSIGN(std::string id, image_id(*engine, images[i]));
    std::lock_guard lock(mutex);
    ids[images[i]] = std::move(id);
    return {};
  };
  TRY(run_all(images.size(), look));
  std::vector<const Service*> builds, pulls;
  std::set<std::string> taken;
  for (const auto& name : services) {
    const Service& service = *project.find(name);
    std::string policy = options.pull.empty() || options.pull == "policy" ? service.pull_policy : options.pull;
    bool there = !ids[service.image].empty();
    bool given = !service.spec.text_at({"image"}).empty();
    bool building = service.builds && !options.no_build && (options.build || policy == "build" || (!there && (!given || policy != "always")));
    if (!building && !pulls_now(policy, there)) continue;
    if (!building && service.builds && !given) continue;
    if (!taken.insert(service.image).second) continue;
    (building ? builds : pulls).push_back(&service);
  }
  if (session.options().dry_run) return std::map<std::string, std::string>();
  TRY(run_all(pulls.size(), [&](size_t i) {
    auto pulled = pull_image(session, pulls[i]->name, pulls[i]->image, std::string(pulls[i]->spec.text_at({"platform"})), options.quiet_pull);
    // What can be built need not be there to be pulled.
    if (!pulled && pulls[i]->builds && !options.no_build) return build_image(session, project, *pulls[i], {});
    return pulled;
  }));
  for (const Service* service : builds) TRY(build_image(session, project, *service, {}));
  for (const auto* list : {&pulls, &builds})
    for (const Service* service : *list) {
      TRY_ASSIGN(ids[service->image], image_id(*engine, service->image));
    }
  std::map<std::string, std::string> by_service;
  for (const auto& name : services) by_service[name] = ids[project.find(name)->image];
  return by_service;
}

}  // namespace reigen::compose
