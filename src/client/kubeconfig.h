// Kubeconfig: where an API server is and who we are, from the file kubectl uses.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace reigen::client {

struct Kubeconfig {
  std::string server;       // "https://host:port"
  std::string ca_pem;       // "" : the system's
  bool insecure = false;    // do not verify the server
  std::string server_name;  // to verify instead of the URL's host
  std::string certificate_pem, key_pem;
  std::string token;
  std::string namespace_ = "default";
};

// The given context, or the current one when it is "". Relative file names are those beside `folder`. Plug-ins (exec) and
// passwords are kUnimplemented, as this would otherwise be somebody else.
Result<Kubeconfig> parse_kubeconfig(std::string_view yaml, std::string_view context = "", const std::string& folder = ".");
Result<Kubeconfig> load_kubeconfig(const std::string& path, std::string_view context = "");

}  // namespace reigen::client
