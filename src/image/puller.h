// Puller: fetches images from registries (OCI distribution-spec v1.1, Docker registry v2).
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "image/image_store.h"
#include "image/reference.h"

namespace reigen::image {

struct Credentials {
  std::string username;
  std::string password;
  std::string identity_token;  // an OAuth2 refresh token
  std::string registry_token;  // a bearer token, sent as it is
};

// The credentials in a docker config.json (kubernetes.io/dockerconfigjson) or the older .dockercfg that fit a reference, the
// longest matching path first, as kubelet's keyring orders them ("*.io" globs per host label too). Bounded at 1 MiB.
Result<std::vector<Credentials>> match_credentials(std::string_view docker_config_json, const Reference& reference);

struct PullProgress {
  std::string id;      // digest of the layer
  std::string status;  // Docker's words: "Pulling fs layer", "Downloading", "Download complete", "Extracting", "Pull complete", "Already exists"
  uint64_t current = 0;
  uint64_t total = 0;
};

struct PullOptions {
  std::vector<Credentials> credentials;  // tried in turn after anonymous access was refused; the first also when it is the only
  Platform platform = Platform::host();
  std::function<void(const PullProgress&)> progress;  // called on the pulling thread
  std::atomic<bool>* cancel = nullptr;                // set: ends with kCancelled
  // Docker's last lines of a pull: "Digest: sha256:…", "Status: Downloaded newer image for redis:latest".
  std::function<void(const std::string& line)> note = {};
};

struct PullerOptions {
  // "host[:port]": may be reached over plain HTTP, or HTTPS with any certificate. Loopback registries always may.
  std::vector<std::string> insecure_registries;
  std::string certificates_directory = "/etc/docker/certs.d";  // <host>/ca.crt
  unsigned concurrent_layers = 3;
  unsigned attempts = 5;  // in a row that bring nothing; a download resumes where it broke off
};

class Puller {
 public:
  Puller(ImageStore& store, PullerOptions options = {});
  ~Puller();

  // Blocks until the image is in the store under the reference's name. Two pulls of one reference with the same credentials
  // share one download; only the first one's progress is called. The error tells apart:
  //   kNotFound           no such repository or tag
  //   kUnauthenticated    credentials are missing or wrong (kPermissionDenied: right but not sufficient)
  //   kUnavailable        the registry cannot be reached or answers 5xx
  //   kResourceExhausted  too many requests (429), no space, a limit on layers
  //   kDataLoss           what came does not have its digest
  Result<ImageRecord> pull(const Reference& reference, const PullOptions& options = {});
  // The names of a repository's tags (`docker pull -a` pulls each). The errors of pull().
  Result<std::vector<std::string>> tags(const Reference& repository, const PullOptions& options = {});
  const PullerOptions& options() const;

 private:
  struct Pulled;
  struct Pull;
  Result<Pulled> share(const Reference& reference, const PullOptions& options);
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace reigen::image
