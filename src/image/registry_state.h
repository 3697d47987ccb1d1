// What the parts of RegistryClient share. Not for other files.
#pragma once

#include "base/clock.h"
#include "image/curl_library.h"
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
  bool login = false;               // only the credentials are checked; a refresh token is asked for
  std::string refresh_token;        // that came
  std::vector<std::string> scopes;  // asked for instead of that of the challenge: "repository:x:pull,push"

  // Of what is below the repository; "" is the registry's root.
  std::string url(const std::string& path) const { return base + "/v2/" + (path.empty() ? "" : reference.repository + "/" + path); }
  // Sets what every request has. `authorized` false: without our credentials (token servers).
  void prepare(CURL* curl, const std::string& url, curl_slist** headers, bool authorized) const;
  Result<RegistryAnswer> perform(const RegistryRequest& request) const;
  Result<RegistryAnswer> get(const std::string& url, const std::vector<std::string>& headers, bool authorized = true, const std::string* user = nullptr,
                             const std::string* form = nullptr) const;
  bool is_elsewhere(CURL* curl) const;
  // As get; finds scheme and credentials first time, and anew when a token has expired.
  Result<RegistryAnswer> ask(const std::string& path, const std::vector<std::string>& headers);
  // As perform, once `base` is known, with what is done about a first answer that is none.
  Result<RegistryAnswer> ask(const RegistryRequest& request);
  // Authorizes, and waits where the registry says so (429 with Retry-After: at most 5 times 60 s).
  Result<RegistryAnswer> settle(const RegistryRequest& request, RegistryAnswer answer);
  // Finds `base`, over HTTPS or, where that is allowed, HTTP, with a first request; its answer.
  Result<RegistryAnswer> find_base(const std::string& path, const std::vector<std::string>& headers);
  // Waits, but no longer than the cancellation of the work.
  Status pause(Duration time) const;
  // The next way to answer a 401 or 403; kUnauthenticated when there is none left.
  Status authorize(const RegistryAnswer& answer);
  Status fetch_token(const std::string& challenge, const Credentials* credentials);
  Error error_of(const RegistryAnswer& answer, const std::string& what) const;
};

}  // namespace reigen::image
