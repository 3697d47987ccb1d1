// The reigen command. Data goes to standard output, everything else to standard error; exit code 2 is a wrong command line.
#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>

#include "base/log.h"
#include "cli/commands.h"
#include "cli/completion.h"
#include "cli/server_options.h"
#include "cli/version.h"

namespace reigen::cli {
namespace {

int report(const Status& status, std::string_view command) {
  if (status) return 0;
  fmt::print(stderr, "reigen {}: {}\n", command, status.error().message());
  return status.error().code() == Code::kInvalidArgument ? 2 : 1;
}

LogLevel level_of(const std::string& name) {
  if (name == "debug") return LogLevel::kDebug;
  if (name == "warning") return LogLevel::kWarning;
  return name == "error" ? LogLevel::kError : LogLevel::kInfo;
}

int serve(CLI::App& command, ServerOptions& options) {
  if (!options.config.empty()) {
    if (auto applied = apply_config_file(command, options.config); !applied) return report(applied, "server");
  }
  if (auto checked = check_server_options(options); !checked) return report(checked, "server");
  set_log_level(level_of(options.log_level));
  return report(run_server(options), "server");
}

void add_agent(CLI::App& app, AgentOptions& options) {
  auto* command = app.add_subcommand("agent", "Join nodes to a cluster");
  command->add_option("--hollow", options.hollow, "Number of nodes that only pretend to run pods")->required()->check(CLI::Range(1, 16384));
  command->add_option("--server", options.server, "URL of the API, such as https://10.0.0.1:6443")->required()->envname("REIGEN_SERVER");
  command->add_option("--token", options.token, "Bearer token of a user who may act as nodes")->required()->envname("REIGEN_TOKEN");
  command->add_option("--name-prefix", options.name_prefix, "Names of the nodes: PREFIX-0, PREFIX-1, ...")->capture_default_str();
  command->add_option("--certificate-authority", options.certificate_authority,
                      "PEM file that signs the server's certificate (default: the server is not verified)");
  command->footer("Example:\n  reigen agent --hollow 100 --server https://127.0.0.1:6443 --token abc");
}

int run(int argc, char** argv) {
  CLI::App app("Reigen: a container orchestrator in one program", "reigen");
  app.set_version_flag("--version", std::string("reigen ") + kVersion);
  app.require_subcommand(1);
  app.footer("Examples:\n  reigen server\n  reigen image import redis.tar\n  reigen check");
  ServerOptions server;
  auto* server_command = app.add_subcommand("server", "Run a cluster: API, controllers, scheduler and, unless told otherwise, a node");
  add_server_flags(*server_command, server);
  AgentOptions agent;
  add_agent(app, agent);
  auto* check_command = app.add_subcommand("check", "Say what this host lacks and how to mend it");
  check_command->footer("Exits with 0 when a cluster can run here.\n\nExample:\n  reigen check");
  CleanOptions clean;
  auto* clean_command = app.add_subcommand("clean", "Remove every container, mount, namespace, cgroup, table and file of an instance");
  clean_command->add_option("--data-dir", clean.data_dir, "The instance's folder")->envname("REIGEN_DATA_DIR")->capture_default_str();
  clean_command->add_flag("--keep-images", clean.keep_images, "Leave the image store");
  clean_command->footer("The server of the instance must not run.\n\nExample:\n  reigen clean --data-dir /srv/second");
  auto* image_command = app.add_subcommand("image", "Import, list, remove, pull and build images");
  image_command->prefix_command();
  image_command->set_help_flag();
  // Its own flags, read before the others: "--" and flags behind a command's name belong to it.
  app.add_subcommand("compose", "Run applications of several containers from Compose files, on any Docker Engine");
  std::string shell;
  auto* completion_command = app.add_subcommand("completion", "Print a completion script");
  completion_command->add_option("shell", shell, "bash, zsh or fish")->required()->check(CLI::IsMember({"bash", "zsh", "fish"}));
  completion_command->footer("Example:\n  source <(reigen completion bash)");
  auto named = [&](CLI::App* command) { return command->get_name() == argv[1]; };
  if (argc > 1 && argv[1][0] != '-' && app.get_subcommands(named).empty()) {
    std::fprintf(stderr, "reigen: unknown command \"%s\" (--help shows the commands)\n", argv[1]);
    return 2;
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error);  // --help
    std::string text = error.what();
    std::replace(text.begin(), text.end(), '\n', ' ');
    std::fprintf(stderr, "reigen: %s (--help shows the flags)\n", text.c_str());
    return 2;
  }
  if (*server_command) return serve(*server_command, server);
  if (*check_command) return run_check();
  if (*clean_command) return report(run_clean(clean), "clean");
  if (*image_command) return run_image(image_command->remaining());
  if (*completion_command) return std::fputs(completion_script(app, shell).c_str(), stdout) >= 0 ? 0 : 1;
  return report(run_agent(agent), "agent");
}

}  // namespace
}  // namespace reigen::cli

int main(int argc, char** argv) {
  if (auto code = reigen::cli::run_hidden(argc, argv)) return *code;
  if (argc > 1 && std::string_view(argv[1]) == "compose") return reigen::cli::run_compose({argv + 2, argv + argc});
  return reigen::cli::run(argc, argv);
}
