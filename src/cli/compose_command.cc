#include "compose/compose_command.h"

#include "cli/commands.h"

namespace reigen::cli {

int run_compose(const std::vector<std::string>& arguments) { return compose::compose_command(arguments); }

}  // namespace reigen::cli
