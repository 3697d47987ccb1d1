#include "cli/completion.h"

#include <fmt/core.h>

#include <CLI/CLI.hpp>

namespace reigen::cli {
namespace {

std::string flags_of(const CLI::App& command) {
  std::string out;
  for (const auto* option : command.get_options()) {
    for (const auto& name : option->get_lnames()) out += (out.empty() ? "--" : " --") + name;
  }
  return out;
}

std::string names_of(const CLI::App& app) {
  std::string out;
  for (const auto* command : app.get_subcommands({})) out += (out.empty() ? "" : " ") + command->get_name();
  return out;
}

std::string words_of(const CLI::App& command) {
  if (command.get_name() == "image") return "import ls rm build save pull inspect prune";
  if (command.get_name() == "completion") return "bash zsh fish";
  return flags_of(command);
}

std::string bash_script(const CLI::App& app) {
  std::string cases;
  for (const auto* command : app.get_subcommands({})) cases += fmt::format("    {}) words=\"{}\" ;;\n", command->get_name(), words_of(*command));
  return fmt::format(
      "_reigen() {{\n"
      "  local current=${{COMP_WORDS[COMP_CWORD]}} words\n"
      "  case ${{COMP_WORDS[1]}} in\n{}    *) words=\"{}\" ;;\n  esac\n"
      "  [ \"$COMP_CWORD\" -gt 1 ] || words=\"{}\"\n"
      "  COMPREPLY=($(compgen -W \"$words\" -- \"$current\"))\n"
      "  [ ${{#COMPREPLY[@]}} -gt 0 ] || COMPREPLY=($(compgen -f -- \"$current\"))\n"
      "}}\ncomplete -F _reigen reigen\n",
      cases, names_of(app), names_of(app));
}

std::string fish_script(const CLI::App& app) {
  std::string out = "complete -c reigen -f\n";
  for (const auto* command : app.get_subcommands({})) {
    out += fmt::format("complete -c reigen -n __fish_use_subcommand -a {} -d '{}'\n", command->get_name(), command->get_description());
    for (const auto* option : command->get_options()) {
      for (const auto& name : option->get_lnames())
        out += fmt::format("complete -c reigen -n '__fish_seen_subcommand_from {}' -l {} -r -F\n", command->get_name(), name);
    }
  }
  return out;
}

}  // namespace

std::string completion_script(const CLI::App& app, const std::string& shell) {
  if (shell == "fish") return fish_script(app);
  if (shell == "zsh") return "autoload -U +X bashcompinit && bashcompinit\n" + bash_script(app);
  return bash_script(app);
}

}  // namespace reigen::cli
