#include "apiserver/auth/service_account_tokens.h"

#include <fmt/core.h>

#include <algorithm>

#include "api/metav1.h"
#include "api/object.h"
#include "api/scalars.h"
#include "api/value.h"
#include "apiserver/auth/credential_file.h"

namespace reigen::apiserver {
namespace {

constexpr size_t kMaxCached = 4096;
constexpr size_t kMaxTokenBytes = 16 << 10;

int64_t unix_seconds(WallTime time) { return std::chrono::duration_cast<std::chrono::seconds>(time.time_since_epoch()).count(); }

struct TokenParts {
  std::string_view header, payload, signature, signed_part;
};

bool split_token(std::string_view token, TokenParts& parts) {
  auto first = token.find('.');
  auto second = first == std::string_view::npos ? first : token.find('.', first + 1);
  if (second == std::string_view::npos || token.find('.', second + 1) != std::string_view::npos) return false;
  parts = {token.substr(0, first), token.substr(first + 1, second - first - 1), token.substr(second + 1), token.substr(0, second)};
  return true;
}

Result<api::Value> decode_part(std::string_view part) {
  TRY_ASSIGN(std::string text, api::base64url_decode(part));
  return api::parse_json(text, {.max_depth = 16, .max_bytes = kMaxTokenBytes});
}

std::vector<std::string> audience_list(const api::Value* claim) {
  std::vector<std::string> out;
  if (!claim) return out;
  if (claim->is_string()) out.emplace_back(claim->text());
  for (const auto& item : claim->items()) out.emplace_back(item.text());
  return out;
}

int64_t number(const api::Value& value, std::string_view name) {
  const auto* found = value.find(name);
  return found ? found->int_or(static_cast<int64_t>(found->number_or(0))) : 0;
}

api::Value reference(const std::string& name, const std::string& uid) { return api::Value::object({{"name", name}, {"uid", uid}}); }

}  // namespace

ServiceAccountTokens::ServiceAccountTokens(Options options, SigningKey key, Clock& clock, Random& random)
    : options_(std::move(options)), key_(std::move(key)), clock_(clock), random_(random) {
  if (options_.audiences.empty()) options_.audiences = {options_.issuer};
}

Result<TokenIssuer::Token> ServiceAccountTokens::issue(const Request& request) {
  int64_t now = unix_seconds(clock_.wall());
  auto kubernetes = api::Value::object({{"namespace", request.namespace_}});
  if (!request.node_name.empty()) kubernetes.set("node", reference(request.node_name, request.node_uid));
  if (request.bound_kind == "Pod") kubernetes.set("pod", reference(request.bound_name, request.bound_uid));
  if (request.bound_kind == "Secret") kubernetes.set("secret", reference(request.bound_name, request.bound_uid));
  if (request.bound_kind == "Node") kubernetes.set("node", reference(request.bound_name, request.bound_uid));
  kubernetes.set("serviceaccount", reference(request.service_account, request.service_account_uid));
  auto audiences = api::Value::array();
  for (const auto& audience : request.audiences.empty() ? options_.audiences : request.audiences) audiences.push_back(audience);
  auto claims = api::Value::object();
  claims.set("aud", std::move(audiences));
  claims.set("exp", now + request.expiration_seconds);
  claims.set("iat", now);
  claims.set("iss", options_.issuer);
  claims.set("jti", random_.uuid());
  claims.set("kubernetes.io", std::move(kubernetes));
  claims.set("nbf", now);
  claims.set("sub", fmt::format("system:serviceaccount:{}:{}", request.namespace_, request.service_account));
  std::string body = api::base64url_encode(fmt::format(R"({{"alg":"ES256","kid":"{}"}})", key_.id())) + "." + api::base64url_encode(api::to_json(claims));
  TRY_ASSIGN(std::string signature, key_.sign(body));
  Token token;
  token.token = body + "." + api::base64url_encode(signature);
  token.expires_unix_seconds = now + request.expiration_seconds;
  return token;
}

// Another issuer's token is not ours to judge: another authenticator may know it.
bool ServiceAccountTokens::is_ours(std::string_view token) const {
  TokenParts parts;
  if (token.size() > kMaxTokenBytes || !split_token(token, parts)) return false;
  auto claims = decode_part(parts.payload);
  return claims && claims->text_at({"iss"}) == options_.issuer;
}

Result<ServiceAccountTokens::ClaimsPtr> ServiceAccountTokens::parse(std::string_view token) const {
  TokenParts parts;
  if (!split_token(token, parts)) return fail(Code::kUnauthenticated, "invalid bearer token");
  auto header = decode_part(parts.header);
  auto signature = api::base64url_decode(parts.signature);
  if (!header || !signature || header->text_at({"alg"}) != "ES256" || !key_.verify(parts.signed_part, *signature)) {
    return fail(Code::kUnauthenticated, "invalid bearer token");
  }
  TRY_ASSIGN(api::Value body, decode_part(parts.payload));
  auto claims = std::make_shared<Claims>();
  auto text = [&](std::initializer_list<std::string_view> path) { return std::string(body.text_at(path)); };
  claims->namespace_ = text({"kubernetes.io", "namespace"});
  claims->name = text({"kubernetes.io", "serviceaccount", "name"});
  claims->uid = text({"kubernetes.io", "serviceaccount", "uid"});
  claims->node_name = text({"kubernetes.io", "node", "name"});
  claims->node_uid = text({"kubernetes.io", "node", "uid"});
  for (const char* kind : {"pod", "secret"}) {
    if (!body.at({"kubernetes.io", kind})) continue;
    claims->bound_kind = kind;
    claims->bound_name = text({"kubernetes.io", kind, "name"});
    claims->bound_uid = text({"kubernetes.io", kind, "uid"});
  }
  claims->id = text({"jti"});
  claims->audiences = audience_list(body.find("aud"));
  claims->not_before = number(body, "nbf");
  claims->expires = number(body, "exp");
  auto user = std::make_shared<User>();
  user->name = fmt::format("system:serviceaccount:{}:{}", claims->namespace_, claims->name);
  if (text({"sub"}) != user->name || claims->name.empty()) return fail(Code::kUnauthenticated, "invalid bearer token");
  user->uid = claims->uid;
  user->groups = {std::string(kGroupServiceAccounts), fmt::format("{}:{}", kGroupServiceAccounts, claims->namespace_)};
  if (!claims->id.empty()) user->extra["authentication.kubernetes.io/credential-id"] = {"JTI=" + claims->id};
  if (claims->bound_kind == "pod") {
    user->extra["authentication.kubernetes.io/pod-name"] = {claims->bound_name};
    user->extra["authentication.kubernetes.io/pod-uid"] = {claims->bound_uid};
  }
  if (!claims->node_name.empty()) {
    user->extra["authentication.kubernetes.io/node-name"] = {claims->node_name};
    user->extra["authentication.kubernetes.io/node-uid"] = {claims->node_uid};
  }
  claims->user = std::move(user);
  return claims;
}

Result<ServiceAccountTokens::ClaimsPtr> ServiceAccountTokens::verified_claims(std::string_view token) {
  auto key = sha256(token);
  {
    auto cache = cache_.lock();
    if (auto found = cache->verified.find(key); found != cache->verified.end()) return found->second;
  }
  TRY_ASSIGN(ClaimsPtr claims, parse(token));
  auto cache = cache_.lock();
  if (!cache->verified.emplace(key, claims).second) return claims;
  cache->order.push_back(std::move(key));
  if (cache->order.size() > kMaxCached) {
    cache->verified.erase(cache->order.front());
    cache->order.pop_front();
  }
  return claims;
}

Status ServiceAccountTokens::check_alive(const Claims& claims) const {
  int64_t now = unix_seconds(clock_.wall());
  if (now >= claims.expires) return fail(Code::kUnauthenticated, "service account token has expired");
  if (now + 60 < claims.not_before) return fail(Code::kUnauthenticated, "service account token is not valid yet");
  if (!reader_) return {};
  auto account = reader_->get("", "serviceaccounts", claims.namespace_, claims.name);
  if (!account || account->meta().uid != claims.uid) return fail(Code::kUnauthenticated, "service account token has been invalidated");
  if (claims.bound_kind.empty()) return {};
  auto bound = reader_->get("", claims.bound_kind == "pod" ? "pods" : "secrets", claims.namespace_, claims.bound_name);
  if (!bound || bound->meta().uid != claims.bound_uid) return fail(Code::kUnauthenticated, "service account token has been invalidated");
  return {};
}

Result<Authentication> ServiceAccountTokens::authenticate(const Credentials& credentials) {
  auto token = bearer_token(credentials);
  if (token.empty()) return Authentication{};
  return authenticate_token(token, {});
}

Result<Authentication> ServiceAccountTokens::authenticate_token(std::string_view token, const std::vector<std::string>& audiences) {
  Authentication result;
  if (!is_ours(token)) return result;
  TRY_ASSIGN(ClaimsPtr claims, verified_claims(token));
  for (const auto& audience : audiences.empty() ? options_.audiences : audiences) {
    if (std::find(claims->audiences.begin(), claims->audiences.end(), audience) != claims->audiences.end()) result.audiences.push_back(audience);
  }
  if (result.audiences.empty()) {
    return fail(Code::kUnauthenticated,
                fmt::format("token audiences [{}] is invalid for the target audiences", claims->audiences.empty() ? "" : claims->audiences[0]));
  }
  TRY(check_alive(*claims));
  result.user = claims->user;
  return result;
}

std::string ServiceAccountTokens::openid_configuration() const {
  return fmt::format(
      R"({{"issuer":"{}","jwks_uri":"{}/openid/v1/jwks","response_types_supported":["id_token"],"subject_types_supported":["public"],"id_token_signing_alg_values_supported":["ES256"]}})",
      options_.issuer, options_.issuer);
}

std::string ServiceAccountTokens::jwks() const { return fmt::format(R"({{"keys":[{}]}})", key_.jwk()); }

}  // namespace reigen::apiserver
