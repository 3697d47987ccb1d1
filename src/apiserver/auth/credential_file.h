// Static credentials in CSV files: --token-auth-file (token,user,uid,"group1,group2") and --basic-auth-file
// (password,user,uid,"group1,group2", as Kubernetes 1.1 had it). Read once, at start.
#pragma once

#include <string>
#include <unordered_map>

#include "apiserver/authenticator.h"

namespace reigen::apiserver {

struct CredentialLine {
  std::string secret, user, uid;
  std::vector<std::string> groups;
};

// kInvalidArgument names file and line, never the secret.
Result<std::vector<CredentialLine>> parse_credential_file(const std::string& path, std::string_view text);
Result<std::vector<CredentialLine>> read_credential_file(const std::string& path);

// Bearer tokens of a token file.
class TokenFileAuthenticator final : public Authenticator, public TokenAuthenticator {
 public:
  explicit TokenFileAuthenticator(std::vector<CredentialLine> lines);
  Result<Authentication> authenticate(const Credentials& credentials) override;
  Result<Authentication> authenticate_token(std::string_view token, const std::vector<std::string>& audiences) override;

 private:
  std::unordered_map<std::string, UserPtr> users_;  // by SHA-256 of the token: a look-up's time tells nothing of a token
};

// "Authorization: Basic" against a basic auth file.
class BasicFileAuthenticator final : public Authenticator {
 public:
  explicit BasicFileAuthenticator(std::vector<CredentialLine> lines);
  Result<Authentication> authenticate(const Credentials& credentials) override;

 private:
  std::unordered_map<std::string, UserPtr> users_;  // by SHA-256 of "user:password"
};

// The token of "Authorization: Bearer x" or of a WebSocket's base64url.bearer.authorization.k8s.io.x protocol; empty when there is none.
std::string bearer_token(const Credentials& credentials);

}  // namespace reigen::apiserver
