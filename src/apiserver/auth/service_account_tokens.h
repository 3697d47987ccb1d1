// Service account tokens: JSON Web Tokens signed with ES256, bound to an audience, a time and mostly to a pod (KEP 1205).
#pragma once

#include <deque>
#include <map>
#include <unordered_map>

#include "apiserver/auth/crypto.h"
#include "apiserver/authenticator.h"
#include "apiserver/object_reader.h"
#include "base/clock.h"
#include "base/guarded.h"
#include "base/random.h"

namespace reigen::apiserver {

// Issues tokens and recognises them. A token is good while its signature and times are, and while its service account (and the pod,
// secret or node it is bound to) exists with the uid written into it. Thread-safe.
class ServiceAccountTokens final : public Authenticator, public TokenAuthenticator, public TokenIssuer {
 public:
  struct Options {
    std::string issuer = "https://kubernetes.default.svc.cluster.local";
    std::vector<std::string> audiences;  // of the API server; empty: the issuer
  };
  ServiceAccountTokens(Options options, SigningKey key, Clock& clock, Random& random);

  // Must be set before the first request: where service accounts and pods are looked up.
  void set_reader(ObjectReader* reader) { reader_ = reader; }

  Result<Authentication> authenticate(const Credentials& credentials) override;
  Result<Authentication> authenticate_token(std::string_view token, const std::vector<std::string>& audiences) override;
  Result<Token> issue(const Request& request) override;
  std::vector<std::string> default_audiences() const override { return options_.audiences; }

  // The documents of OpenID Connect discovery: /.well-known/openid-configuration and /openid/v1/jwks, both found
  // below the issuer's own URL.
  std::string openid_configuration() const;
  std::string jwks() const;

 private:
  struct Claims {
    std::string namespace_, name, uid, bound_kind, bound_name, bound_uid, node_name, node_uid, id;
    std::vector<std::string> audiences;
    int64_t not_before = 0, expires = 0;
    UserPtr user;
  };
  using ClaimsPtr = std::shared_ptr<const Claims>;
  struct Cache {
    std::unordered_map<std::string, ClaimsPtr> verified;
    std::deque<std::string> order;
  };

  Result<ClaimsPtr> verified_claims(std::string_view token);
  Result<ClaimsPtr> parse(std::string_view token) const;
  Status check_alive(const Claims& claims) const;
  bool is_ours(std::string_view token) const;

  Options options_;
  SigningKey key_;
  Clock& clock_;
  Random& random_;
  ObjectReader* reader_ = nullptr;
  Guarded<Cache> cache_;  // signatures already checked, at most kMaxCached, the oldest leaves first
};

}  // namespace reigen::apiserver
