// How clients send what `docker login` has stored.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "image/puller.h"

namespace reigen::docker {

// X-Registry-Auth: base64url of {"username", "password", "identitytoken", "registrytoken", …}. Nothing sent, or nothing in it: no credentials. As Docker,
// what cannot be read is none.
image::Credentials read_registry_auth(std::string_view header);

// X-Registry-Config of builds: base64url of {"host": {…}}.
class RegistryConfig {
 public:
  static RegistryConfig read(std::string_view header);
  std::vector<image::Credentials> find(const image::Reference& reference) const;

 private:
  std::map<std::string, image::Credentials> hosts_;  // "docker.io", "localhost:5000"
};

// Errors of registries with the statuses that Docker gives them.
Error registry_error(Error error);

}  // namespace reigen::docker
