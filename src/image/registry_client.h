// RegistryClient: one repository of a registry over HTTP (OCI distribution-spec v1.1), through libcurl: proxies of the
// environment are honoured, credentials never follow a redirect to another host. Not thread-safe; blocks.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "image/puller.h"

namespace reigen::image {

struct RegistryAnswer {
  long status = 0;
  std::string body;                            // at most 4 MiB
  std::map<std::string, std::string> headers;  // names in lower case
  std::string error;                           // status 0: why there is no answer
  bool elsewhere = false;                      // another host's, after a redirect: what it asks for gets none of our credentials
};

// What is asked of a registry or a token server.
struct RegistryRequest {
  std::string url;
  std::string method = "GET";  // HEAD, POST, PATCH, PUT
  std::vector<std::string> headers = {};
  bool authorized = true;             // with our credentials; they never go to another host than the registry's
  const std::string* user = nullptr;  // "name:password" for Basic
  const std::string* form = nullptr;  // POST of a form
  // The body of PATCH and PUT: `text`, or `size` bytes of `fd` from `offset`.
  std::string_view text = {};
  int fd = -1;
  uint64_t offset = 0, size = 0;
  std::function<void(uint64_t sent)> sent = {};  // bytes of the body so far
};

// One file to fetch; bytes already in it are kept, the rest is asked for.
struct Download {
  std::string digest;
  std::string path;
  uint64_t size = 0;  // what it will be
};

class RegistryClient {
 public:
  RegistryClient(const Reference& reference, const PullerOptions& settings, const PullOptions& options);
  ~RegistryClient();

  // Finds out how the registry is reached and who we are to it. `tag` is a tag or a digest. The errors of Puller::pull.
  Result<std::string> manifest(const std::string& tag);
  // A document, its digest verified.
  Result<std::string> document(const std::string& digest);
  // All of them, at most `concurrent_layers` at once, each resumed where it broke off, up to `attempts` times without progress. Digests are not
  // checked.
  Status download(const std::vector<Download>& files, const std::function<void(const Download&, uint64_t have)>& progress);

  // The names of all tags, at most 10,000, in the registry's order.
  Result<std::vector<std::string>> tags();

  struct State;
  State& state() { return *state_; }

 private:
  std::unique_ptr<State> state_;
};

}  // namespace reigen::image
