// The cluster's own certification: a CA made at the first start, and what it signs. All files are 0600 in DATA_DIR/pki.
#pragma once

#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "http/tls.h"

namespace reigen::cli {

struct Pki {
  http::KeyPair ca;
  http::KeyPair server;  // for the names and addresses asked for; made anew when they changed or it ends within 30 days
  http::KeyPair admin;   // system:masters
  std::string sa_key_path;
};

struct ServerNames {
  std::vector<std::string> dns_names;
  std::vector<std::string> addresses;
};

Result<Pki> open_pki(const std::string& directory, const ServerNames& names, Clock& clock);

}  // namespace reigen::cli
