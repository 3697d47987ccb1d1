#include "compose/compose_command.h"

#include <fmt/core.h>
#include <unistd.h>

#include <csignal>

#include "compose/commands/commands.h"
#include "compose/flags.h"
#include "compose/session.h"

namespace reigen::compose {
namespace {

struct Verb {
  const char* name;
  Result<int> (*run)(Session&, const Arguments&);
  const char* summary;
};

constexpr Verb kVerbs[] = {
    {"attach", run_attach, "Attach to a service's running container"},
    {"build", run_build, "Build or rebuild services"},
    {"config", run_config, "Parse, resolve and render compose files in canonical form"},
    {"convert", run_config, nullptr},
    {"cp", run_cp, "Copy files and folders between a service container and this host"},
    {"create", run_create, "Create containers for services"},
    {"down", run_down, "Stop and remove containers and networks"},
    {"events", run_events, "Receive real time events from containers"},
    {"exec", run_exec, "Execute a command in a running container"},
    {"images", run_images, "List images used by the created containers"},
    {"kill", run_kill, "Force stop service containers"},
    {"logs", run_logs, "View output from containers"},
    {"ls", run_ls, "List running compose projects"},
    {"pause", run_pause, "Pause services"},
    {"port", run_port, "Print the public port for a port binding"},
    {"ps", run_ps, "List containers"},
    {"pull", run_pull, "Pull service images"},
    {"push", run_push, "Push service images"},
    {"restart", run_restart, "Restart service containers"},
    {"rm", run_rm, "Remove stopped service containers"},
    {"run", run_run, "Run a one-off command on a service"},
    {"scale", run_scale, "Scale services"},
    {"start", run_start, "Start services"},
    {"stop", run_stop, "Stop services"},
    {"top", run_top, "Display the running processes"},
    {"unpause", run_unpause, "Unpause services"},
    {"up", run_up, "Create and start containers"},
    {"version", run_version, "Show the version information"},
    {"wait", run_wait, "Block until the first service container stops"},
};

struct CommonFlags {
  GlobalOptions global;
  std::optional<int> parallel;
  bool version = false, verbose = false, no_ansi = false;
};

Flags common_flags(CommonFlags& given) {
  Flags flags("[OPTIONS] COMMAND", "Define and run applications of several containers, on any Docker Engine");
  auto& project = given.global.project;
  flags.text(&given.global.ansi, "ansi", 0, "Colours and redrawing: never, always, auto")
      .flag(&project.compatibility, "compatibility", 0, "Names with '_' as docker-compose had them")
      .flag(&given.global.dry_run, "dry-run", 0, "Only say what would be done")
      .list(&project.env_files, "env-file", 0, "A file of variables instead of .env")
      .list(&project.files, "file", 'f', "A compose file; several are laid over one another")
      .text(&given.global.host, "host", 'H', "The engine's socket (default DOCKER_HOST, unix:///var/run/docker.sock)")
      .flag(&given.no_ansi, "no-ansi", 0, "As --ansi never")
      .number(&given.parallel, "parallel", 0, "How much is done at once (default 8)")
      .list(&project.profiles, "profile", 0, "Enable a profile")
      .text(&given.global.progress, "progress", 0, "auto, tty, plain, quiet")
      .text(&project.directory, "project-directory", 0, "The folder paths are relative to")
      .text(&project.name, "project-name", 'p', "The project's name")
      .flag(&given.verbose, "verbose", 0, "Has no effect")
      .flag(&given.version, "version", 'v', "Show the version information");
  return flags;
}

std::string usage(const Flags& flags) {
  std::string out = flags.help() + "\nCommands:\n";
  for (const Verb& verb : kVerbs)
    if (verb.summary) out += fmt::format("  {:<11} {}\n", verb.name, verb.summary);
  return out + "\nRun 'reigen compose COMMAND --help' for more information on a command.\n";
}

bool is_command_line(const Error& error) {
  for (std::string_view head : {"unknown flag", "unknown shorthand flag", "flag needs an argument", "invalid argument "})
    if (error.message().starts_with(head)) return true;
  return false;
}

int report(const Session* session, const Error& error) {
  fmt::print(stderr, "{}\n", error.message());
  if (is_command_line(error)) return 16;
  return session ? session->failure_code() : 1;
}

}  // namespace

int compose_command(const std::vector<std::string>& arguments) {
  std::signal(SIGPIPE, SIG_IGN);
  CommonFlags given;
  Flags flags = common_flags(given);
  auto only_help = arguments.empty() || arguments[0] == "help" || arguments[0] == "--help" || arguments[0] == "-h";
  if (only_help) {
    fmt::print("{}", usage(flags));
    return 0;
  }
  auto words = flags.parse(arguments, false);
  if (!words) return report(nullptr, words.error());
  if (!*words) return 0;
  if (given.no_ansi) given.global.ansi = "never";
  if (given.parallel && *given.parallel > 0) given.global.parallel = *given.parallel;
  if (given.global.progress != "auto" && given.global.progress != "tty" && given.global.progress != "plain" && given.global.progress != "quiet") {
    fmt::print(stderr, "unsupported --progress value \"{}\"\n", given.global.progress);
    return 1;
  }
  Session session(given.global, process_environment());
  std::string name = given.version ? "version" : (*words)->empty() ? "" : (**words)[0];
  Arguments rest((*words)->begin() + ((*words)->empty() ? 0 : 1), (*words)->end());
  if (given.version) rest.clear();
  for (const Verb& verb : kVerbs) {
    if (name != verb.name) continue;
    // --dry-run may stand behind the command, too.
    if (name != "run" && name != "exec" && std::erase(rest, "--dry-run") > 0) session.options().dry_run = true;
    if (session.options().dry_run) session.progress().rehearse();
    auto code = verb.run(session, rest);
    std::fflush(stdout);
    return code ? *code : report(&session, code.error());
  }
  if (name.empty()) {
    fmt::print("{}", usage(flags));
    return 0;
  }
  fmt::print("{}", usage(flags));
  fmt::print(stderr, "unknown docker command: \"compose {}\"\n", name);
  return 16;
}

}  // namespace reigen::compose
