#include <fmt/core.h>

#include "base/random.h"
#include "compose/commands/commands.h"
#include "compose/flags.h"
#include "compose/labels.h"
#include "compose/operations.h"
#include "compose/project.h"
#include "compose/short_forms.h"
#include "compose/terminal.h"
#include "compose/up_operation.h"

namespace reigen::compose {
namespace {

using api::Value;

Value texts(const std::vector<std::string>& words) {
  Value list = Value::array();
  for (const auto& word : words) list.push_back(word);
  return list;
}

// "A" alone is the caller's.
Value variables(const std::vector<std::string>& given, const Environment& environment) {
  Value list = Value::array();
  for (const auto& entry : given) {
    auto found = entry.find('=') == std::string::npos ? environment.find(entry) : environment.end();
    list.push_back(found == environment.end() ? entry : entry + "=" + found->second);
  }
  return list;
}

AttachOptions attach_options(EngineClient& engine, bool tty, bool input, const std::string& target) {
  AttachOptions options{.tty = tty, .input = input, .resize = nullptr};
  if (tty)
    options.resize = [&engine, target](int width, int height) {
      (void)engine.post(with_query(target, {{"h", std::to_string(height)}, {"w", std::to_string(width)}}));
    };
  return options;
}

struct RunFlags {
  bool build = false, detach = false, interactive = true, no_tty = false, no_deps = false, quiet_pull = false, remove_orphans = false, remove = false,
       service_ports = false, aliases = false, quiet = false;
  std::string entrypoint, name, user, directory, pull;
  bool has_entrypoint = false;
  std::vector<std::string> env, labels, publish, volumes, cap_add, cap_drop, env_files;
};

Flags run_flags(RunFlags& given) {
  Flags flags("run [OPTIONS] SERVICE [COMMAND] [ARGS...]", "Run a one-off command on a service");
  flags.flag(&given.build, "build", 0, "Build the image first")
      .list(&given.cap_add, "cap-add", 0, "Add a capability")
      .list(&given.cap_drop, "cap-drop", 0, "Drop a capability")
      .flag(&given.detach, "detach", 'd', "Run in the background and print the container's id")
      .text(&given.entrypoint, "entrypoint", 0, "Override the entrypoint of the image")
      .list(&given.env, "env", 'e', "Set a variable")
      .flag(&given.interactive, "interactive", 'i', "Keep standard input open (default true)")
      .list(&given.labels, "label", 'l', "Add or override a label")
      .text(&given.name, "name", 0, "A name for the container")
      .flag(&given.no_tty, "no-TTY", 'T', "No terminal (default: when standard output is none)")
      .flag(&given.no_deps, "no-deps", 0, "Don't start linked services")
      .list(&given.publish, "publish", 'p', "Publish a port")
      .text(&given.pull, "pull", 0, "Pull the image before: always, missing, never")
      .flag(&given.quiet, "quiet", 'q', "Without progress")
      .flag(&given.quiet_pull, "quiet-pull", 0, "Pull without printing progress")
      .flag(&given.remove_orphans, "remove-orphans", 0, "Remove containers of services not in the files")
      .flag(&given.remove, "rm", 0, "Remove the container when it exits")
      .flag(&given.service_ports, "service-ports", 'P', "Publish the service's ports")
      .flag(&given.aliases, "use-aliases", 0, "Use the service's aliases on its networks")
      .text(&given.user, "user", 'u', "Run as this user")
      .list(&given.volumes, "volume", 'v', "Mount a volume")
      .text(&given.directory, "workdir", 'w', "The working directory");
  return flags;
}

// The service as this run wants it.
Result<Service> one_off_service(const Project& project, const std::string& name, const RunFlags& given, const std::vector<std::string>& command,
                                const Environment& environment) {
  Service service = *project.find(name);
  Value& spec = service.spec;
  if (!command.empty()) spec.set("command", texts(command));
  if (!given.entrypoint.empty()) {
    TRY_ASSIGN(auto words, split_words(given.entrypoint));
    spec.set("entrypoint", texts(words));
    if (command.empty()) spec.set("command", Value::array());
  }
  if (!given.user.empty()) spec.set("user", given.user);
  if (!given.directory.empty()) spec.set("working_dir", given.directory);
  for (const auto& entry : given.env) {
    size_t equals = entry.find('=');
    auto outside = environment.find(entry);
    if (equals != std::string::npos) spec["environment"].set(entry.substr(0, equals), entry.substr(equals + 1));
    else if (outside != environment.end()) spec["environment"].set(entry, outside->second);
  }
  for (const auto& entry : given.labels) {
    size_t equals = entry.find('=');
    spec["labels"].set(entry.substr(0, equals), equals == std::string::npos ? "" : entry.substr(equals + 1));
  }
  for (const auto& capability : given.cap_add) spec["cap_add"].push_back(capability);
  for (const auto& capability : given.cap_drop) spec["cap_drop"].push_back(capability);
  if (!given.service_ports) spec.erase("ports");
  for (const auto& entry : given.publish) {
    TRY_ASSIGN(auto ports, parse_port(entry));
    for (auto& port : ports) spec["ports"].push_back(std::move(port));
  }
  for (const auto& entry : given.volumes) {
    TRY_ASSIGN(Value volume, parse_volume(entry));
    if (volume.text_at({"type"}) == "bind") volume.set("source", std::string(volume.text_at({"source"})));
    spec["volumes"].push_back(std::move(volume));
  }
  for (const char* key : {"restart", "container_name", "scale", "deploy"})
    if (std::string_view(key) != "deploy" || !spec.at({"deploy", "resources"})) spec.erase(key);
  service.container_name.clear();
  return service;
}

Result<int> run_attached(Session& session, const std::string& id, bool tty, bool input, bool remove) {
  TRY_ASSIGN(EngineClient * engine, session.engine());
  auto target =
      with_query(fmt::format("/containers/{}/attach", id), {{"stream", "1"}, {"stdout", "1"}, {"stderr", tty ? "" : "1"}, {"stdin", input ? "1" : ""}});
  TRY_ASSIGN(auto stream, engine->hijack(target));
  // Asked for before the start: with --rm the container may be gone right after its end.
  TRY_ASSIGN(auto ended, engine->stream("POST", with_query(fmt::format("/containers/{}/wait", id), {{"condition", remove ? "removed" : "next-exit"}})));
  auto started = engine->post(fmt::format("/containers/{}/start", id));
  if (!started) {
    (void)engine->remove(fmt::format("/containers/{}?force=1&v=1", id));
    return fail(std::move(started).error());
  }
  TRY(attach_terminal(stream, attach_options(*engine, tty, input, fmt::format("/containers/{}/resize", id))));
  TRY_ASSIGN(std::string text, read_piece(*ended.body));
  TRY_ASSIGN(Value code, api::parse_json(text));
  return code.find("StatusCode") ? static_cast<int>(code.find("StatusCode")->int_or(0)) : 0;
}

}  // namespace

Result<int> run_run(Session& session, const Arguments& arguments) {
  RunFlags given;
  TRY_ASSIGN(auto words, run_flags(given).parse(arguments, false));
  if (!words) return 0;
  if (words->empty()) return fail(Code::kInvalidArgument, "requires at least 1 arg(s), only received 0");
  if (given.service_ports && !given.publish.empty()) return fail(Code::kInvalidArgument, "--service-ports and --publish are incompatible");
  std::string name = words->front();
  std::vector<std::string> command(words->begin() + 1, words->end());
  TRY_ASSIGN(Project project, session.project({name}));
  if (!project.find(name)) return fail(Code::kNotFound, "no such service: " + name);
  // What it depends on runs, it itself does not.
  if (!given.no_deps && !project.find(name)->depends_on.empty()) {
    UpOptions up{.services = {}, .remove_orphans = given.remove_orphans, .ignore_orphans = true};
    for (const auto& [other, dependency] : project.find(name)->depends_on)
      if (project.find(other)) up.services.push_back(other);
    up.images.quiet_pull = given.quiet_pull;
    TRY_ASSIGN(UpResult dependencies, bring_up(session, project, up));
    for (const auto& [other, dependency] : project.find(name)->depends_on) {
      if (dependency.condition == "service_started" || !project.find(other)) continue;
      std::vector<std::pair<std::string, std::string>> containers;
      for (const auto& container : dependencies.containers)
        if (container.service == other) containers.emplace_back(container.name, container.id);
      TRY(wait_for_condition(session, project, other, containers, dependency.condition, Duration::zero()));
    }
  }
  TRY(refuse_unsupported(project, {name}));
  ImageOptions images{.build = given.build, .no_build = false, .pull = given.pull, .quiet_pull = given.quiet_pull};
  TRY_ASSIGN(auto image_ids, ensure_images(session, project, {name}, images));
  TRY(ensure_networks(session, project, {name}));
  TRY(ensure_volumes(session, project, {name}));
  TRY_ASSIGN(Service service, one_off_service(project, name, given, command, project.environment));
  bool tty = !given.detach && !given.no_tty && is_terminal(1) && is_terminal(0);
  bool input = !given.detach && given.interactive;
  std::string slug = system_random().hex(6);
  CreateOptions options{.name = given.name.empty()
                                    ? fmt::format("{}{}{}{}run{}{}", project.name, project.separator(), name, project.separator(), project.separator(), slug)
                                    : given.name,
                        .number = 0,
                        .one_off = true,
                        .use_aliases = given.aliases};
  options.image_id = image_ids[name];
  options.overrides = Value::object(
      {{"Tty", tty}, {"OpenStdin", input}, {"StdinOnce", input}, {"AttachStdin", input}, {"AttachStdout", !given.detach}, {"AttachStderr", !given.detach}});
  options.overrides["Labels"].set(kSlugLabel, slug);
  options.overrides["HostConfig"].set("AutoRemove", given.remove);
  if (session.options().dry_run) return 0;
  TRY_ASSIGN(std::string id, create_container(session, project, service, options));
  TRY_ASSIGN(EngineClient * engine, session.engine());
  if (!given.detach) return run_attached(session, id, tty, input, given.remove);
  TRY_ASSIGN([[maybe_unused]] Value started, engine->post(fmt::format("/containers/{}/start", id)));
  fmt::print("{}\n", id);
  return 0;
}

Result<int> run_exec(Session& session, const Arguments& arguments) {
  bool detach = false, no_tty = false, privileged = false, interactive = true, tty_wanted = false;
  std::optional<int> index;
  std::string user, directory;
  std::vector<std::string> env;
  Flags flags("exec [OPTIONS] SERVICE COMMAND [ARGS...]", "Execute a command in a running container");
  flags.flag(&detach, "detach", 'd', "Run the command in the background")
      .list(&env, "env", 'e', "Set a variable")
      .number(&index, "index", 0, "Number of the container")
      .flag(&interactive, "interactive", 'i', "Keep standard input open (default true)")
      .flag(&tty_wanted, "tty", 't', "Has no effect: a terminal is the default")
      .flag(&no_tty, "no-TTY", 'T', "No terminal (default: when standard output is none)")
      .flag(&privileged, "privileged", 0, "With all privileges")
      .text(&user, "user", 'u', "Run as this user")
      .text(&directory, "workdir", 'w', "The working directory");
  TRY_ASSIGN(auto words, flags.parse(arguments, false));
  if (!words) return 0;
  if (words->size() < 2) return fail(Code::kInvalidArgument, fmt::format("requires at least 2 arg(s), only received {}", words->size()));
  TRY_ASSIGN(Project project, session.project_or_name());
  TRY_ASSIGN(EngineClient * engine, session.engine());
  TRY_ASSIGN(auto containers, observe(*engine, project.name));
  TRY_ASSIGN(Observed container, pick(containers, words->front(), index.value_or(0)));
  bool tty = !detach && !no_tty && is_terminal(1) && is_terminal(0);
  Value body = Value::object({{"AttachStdin", !detach && interactive},
                              {"AttachStdout", !detach},
                              {"AttachStderr", !detach},
                              {"Tty", tty},
                              {"Privileged", privileged},
                              {"User", user},
                              {"WorkingDir", directory}});
  body.set("Cmd", texts({words->begin() + 1, words->end()}));
  body.set("Env", variables(env, session.environment()));
  TRY_ASSIGN(Value made, engine->post(fmt::format("/containers/{}/exec", container.id), body));
  std::string id(made.text_at({"Id"}));
  Value start = Value::object({{"Detach", detach}, {"Tty", tty}});
  if (detach) {
    TRY_ASSIGN([[maybe_unused]] Value started, engine->post(fmt::format("/exec/{}/start", id), start));
    return 0;
  }
  TRY_ASSIGN(auto stream, engine->hijack(fmt::format("/exec/{}/start", id), start));
  TRY(attach_terminal(stream, attach_options(*engine, tty, interactive, fmt::format("/exec/{}/resize", id))));
  TRY_ASSIGN(Value state, engine->get(fmt::format("/exec/{}/json", id)));
  return state.find("ExitCode") ? static_cast<int>(state.find("ExitCode")->int_or(0)) : 0;
}

Result<int> run_attach(Session& session, const Arguments& arguments) {
  bool no_stdin = false, proxy = true;
  std::optional<int> index;
  std::string keys;
  Flags flags("attach [OPTIONS] SERVICE", "Attach to a service's running container");
  flags.number(&index, "index", 0, "Number of the container")
      .flag(&no_stdin, "no-stdin", 0, "Do not attach standard input")
      .flag(&proxy, "sig-proxy", 0, "Has no effect")
      .text(&keys, "detach-keys", 0, "Keys that detach");
  TRY_ASSIGN(auto words, flags.parse(arguments));
  if (!words) return 0;
  if (words->size() != 1) return fail(Code::kInvalidArgument, fmt::format("requires 1 arg(s), received {}", words->size()));
  TRY_ASSIGN(Project project, session.project_or_name());
  TRY_ASSIGN(EngineClient * engine, session.engine());
  TRY_ASSIGN(auto containers, observe(*engine, project.name));
  TRY_ASSIGN(Observed container, pick(containers, words->front(), index.value_or(0)));
  TRY_ASSIGN(Value facts, engine->get(fmt::format("/containers/{}/json", container.id)));
  auto flag = [&](std::string_view key) { return facts.at({"Config", key}) && facts.at({"Config", key})->bool_or(false); };
  bool tty = flag("Tty"), input = flag("OpenStdin") && !no_stdin;
  TRY_ASSIGN(auto stream, engine->hijack(with_query(fmt::format("/containers/{}/attach", container.id),
                                                    {{"stream", "1"}, {"stdout", "1"}, {"stderr", "1"}, {"stdin", input ? "1" : ""}, {"detachKeys", keys}})));
  TRY(attach_terminal(stream, attach_options(*engine, tty, input, fmt::format("/containers/{}/resize", container.id))));
  TRY_ASSIGN(facts, engine->get(fmt::format("/containers/{}/json", container.id)));
  const Value* code = facts.at({"State", "ExitCode"});
  return code ? static_cast<int>(code->int_or(0)) : 0;
}

}  // namespace reigen::compose
