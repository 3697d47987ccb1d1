// Authenticator: finds out who sends a request.
//
// Called on an I/O thread for every request and must not block: a token's signature is checked at once or comes from a cache.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "apiserver/user.h"
#include "base/result.h"

namespace reigen::apiserver {

// What the connection and the headers say about the sender. Views live as long as the call.
struct Credentials {
  std::string_view authorization;        // the Authorization header, "" when there is none
  std::string_view websocket_protocols;  // Sec-WebSocket-Protocol: a browser's bearer token travels here
  // The client certificate, verified against the client CA by the TLS layer; "" when there was none.
  std::string_view certificate_common_name;
  std::vector<std::string_view> certificate_organizations;
  std::string_view certificate_uid;  // OID 0.9.2342.19200300.100.1.1; "" mostly
  std::string_view certificate_id;   // the hex SHA-256 of the certificate's DER form
};

struct Authentication {
  UserPtr user;                        // null: these credentials are not of this authenticator's kind; ask the next one
  std::vector<std::string> audiences;  // for which the credential is good; empty: the API server's own
};

class Authenticator {
 public:
  virtual ~Authenticator() = default;
  // An error means: of my kind, but wrong (bad token). The next authenticators are still asked, as in Kubernetes; when nobody knows the
  // sender and somebody saw an error, the answer is 401. Does not add system:authenticated: the chain does.
  virtual Result<Authentication> authenticate(const Credentials& credentials) = 0;
};

// Asks one after the other; the first that knows the sender decides. Does not own them.
class UnionAuthenticator final : public Authenticator {
 public:
  explicit UnionAuthenticator(std::vector<Authenticator*> authenticators) : authenticators_(std::move(authenticators)) {}
  Result<Authentication> authenticate(const Credentials& credentials) override;

 private:
  std::vector<Authenticator*> authenticators_;
};

// Tokens that are asked about instead of sent: TokenReview.
class TokenAuthenticator {
 public:
  virtual ~TokenAuthenticator() = default;
  // user null when the token is unknown. `audiences` empty: the API server's own.
  virtual Result<Authentication> authenticate_token(std::string_view token, const std::vector<std::string>& audiences) = 0;
};

class UnionTokenAuthenticator final : public TokenAuthenticator {
 public:
  explicit UnionTokenAuthenticator(std::vector<TokenAuthenticator*> authenticators) : authenticators_(std::move(authenticators)) {}
  Result<Authentication> authenticate_token(std::string_view token, const std::vector<std::string>& audiences) override;

 private:
  std::vector<TokenAuthenticator*> authenticators_;
};

// Makes service account tokens (TokenRequest).
class TokenIssuer {
 public:
  struct Request {
    std::string namespace_, service_account, service_account_uid;
    std::vector<std::string> audiences;  // empty: the API server's own
    int64_t expiration_seconds = 3600;
    std::string bound_kind, bound_name, bound_uid;  // Pod, Secret, Node or ""
    std::string node_name, node_uid;                // of the bound pod
  };
  struct Token {
    std::string token;
    int64_t expires_unix_seconds = 0;
  };
  virtual ~TokenIssuer() = default;
  virtual Result<Token> issue(const Request& request) = 0;
  virtual std::vector<std::string> default_audiences() const = 0;
};

}  // namespace reigen::apiserver
