// The administrator's kubeconfig.
#pragma once

#include <string>

#include "base/result.h"
#include "http/tls.h"

namespace reigen::cli {

struct KubeconfigEntry {
  std::string name = "reigen";  // of cluster, user and context
  std::string server;           // URL
  std::string ca_pem;
  http::KeyPair identity;
};

// The whole text, with this one cluster as the current context.
std::string kubeconfig_text(const KubeconfigEntry& entry);
// Writes it, 0600.
Status write_kubeconfig(const std::string& path, const KubeconfigEntry& entry);
// Adds or replaces the entry of that name in an existing file and leaves everything else, the current context too unless there is
// none. A file that is no kubeconfig is an error and stays as it is.
Status merge_kubeconfig(const std::string& path, const KubeconfigEntry& entry);

}  // namespace reigen::cli
