// What the parts of RegistryClient share. Not for other files.
#pragma once

#include <curl/curl.h>

#include "image/registry_client.h"

namespace reigen::image {

struct RegistryClient::State {
  Reference reference;
  const PullerOptions& settings;
  const PullOptions& options;
  std::string base;  // "https://host", once it is known
  bool insecure = false;
  std::string authorization;    // "Bearer …" or "Basic …"
  size_t next_credentials = 0;  // of options.credentials, not yet tried
  bool anonymous_tried = false;

  std::string url(const std::string& path) const { return base + "/v2/" + reference.repository + "/" + path; }
  // Sets what every request has. `authorized` false: without our credentials (token servers).
  void prepare(CURL* curl, const std::string& url, curl_slist** headers, bool authorized) const;
  Result<RegistryAnswer> get(const std::string& url, const std::vector<std::string>& headers, bool authorized = true, const std::string* user = nullptr,
                             const std::string* form = nullptr) const;
  bool is_elsewhere(CURL* curl) const;
  // As get; finds scheme and credentials first time, and anew when a token has expired.
  Result<RegistryAnswer> ask(const std::string& path, const std::vector<std::string>& headers);
  // The next way to answer a 401 or 403; kUnauthenticated when there is none left.
  Status authorize(const RegistryAnswer& answer);
  Status fetch_token(const std::string& challenge, const Credentials* credentials);
  Error error_of(const RegistryAnswer& answer, const std::string& what) const;
};

}  // namespace reigen::image
