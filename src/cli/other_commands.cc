#include <cstring>

#include "build/image_cli.h"
#include "cli/commands.h"
#include "dns/helper.h"

namespace reigen::cli {

int run_image(const std::vector<std::string>& arguments) { return build::image_command(arguments); }

std::optional<int> run_hidden(int argc, char** argv) {
  if (argc > 1 && std::strcmp(argv[1], "dns-helper") == 0) return dns::run_dns_helper(argc - 2, argv + 2);
  return std::nullopt;
}

}  // namespace reigen::cli
