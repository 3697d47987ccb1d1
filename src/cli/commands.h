// The subcommands. Each blocks until its work is done; errors are for the user: one line that names what and where.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "cli/server_options.h"

namespace reigen::cli {

struct AgentOptions {
  int hollow = 0;
  std::string server, token;
  std::string name_prefix = "hollow";
  std::string certificate_authority;
};

struct CleanOptions {
  std::string data_dir = "/var/lib/reigen";
  bool keep_images = false;
};

// Until SIGTERM or SIGINT. Containers go on running.
Status run_server(const ServerOptions& options);
Status run_agent(const AgentOptions& options);
Status run_clean(const CleanOptions& options);
// Prints a line a finding; 0 when a cluster can run here, else 1.
int run_check();
int run_image(const std::vector<std::string>& arguments);
int run_compose(const std::vector<std::string>& arguments);

// Programs that reigen starts itself: not for users. nullopt when argv names none.
std::optional<int> run_hidden(int argc, char** argv);

}  // namespace reigen::cli
