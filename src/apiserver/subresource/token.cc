// serviceaccounts/token: TokenRequest. Rules of pkg/registry/core/serviceaccount/storage/token.go.

#include "api/authenticationv1.h"
#include "api/corev1.h"
#include "api/errors.h"
#include "api/metav1.h"
#include "apiserver/authenticator.h"
#include "apiserver/codec.h"
#include "apiserver/core.h"
#include "apiserver/metadata.h"
#include "apiserver/verb/verbs.h"
#include "apiserver/verb/write.h"

namespace reigen::apiserver {
namespace {

using api::authenticationv1::TokenRequest;

constexpr int64_t kMinSeconds = 600;
constexpr int64_t kMaxSeconds = int64_t{1} << 32;

Status check(const TokenRequest& request) {
  api::FieldErrors errors;
  api::FieldPath spec("spec");
  int64_t seconds = request.spec.expiration_seconds.value_or(3600);
  if (seconds < kMinSeconds)
    errors.push_back(api::FieldError::invalid(spec.child("expirationSeconds"), seconds, "may not specify a duration less than 10 minutes"));
  if (seconds > kMaxSeconds)
    errors.push_back(api::FieldError::invalid(spec.child("expirationSeconds"), seconds, "may not specify a duration larger than 2^32 seconds"));
  if (errors.empty()) return {};
  return reigen::fail(api::invalid({"authentication.k8s.io", "TokenRequest"}, "", errors));
}

// The object the token is bound to must exist, with the uid asked for.
Status bind_object(Call& call, const TokenRequest& request, TokenIssuer::Request& issue) {
  const auto& reference = *request.spec.bound_object_ref;
  std::string_view plural = reference.kind == "Pod" ? "pods" : reference.kind == "Secret" ? "secrets" : reference.kind == "Node" ? "nodes" : "";
  if (plural.empty() || (!reference.api_version.empty() && reference.api_version != "v1"))
    return reigen::fail(api::bad_request(std::string("cannot bind token to object of type ") +
                                         (reference.api_version.find('/') == std::string::npos ? "/" : "") + reference.api_version +
                                         ", Kind=" + reference.kind));
  TRY_ASSIGN(api::Object bound, call.core.reader.get("", plural, plural == "nodes" ? std::string_view() : call.ns(), reference.name));
  if (!reference.uid.empty() && reference.uid != bound.meta().uid)
    return reigen::fail(api::conflict({"", reference.kind}, reference.name,
                                      "the UID in the bound object reference (" + reference.uid +
                                          ") does not match the UID in record. The object might have been deleted and then recreated"));
  issue.bound_kind = reference.kind;
  issue.bound_name = reference.name;
  issue.bound_uid = bound.meta().uid;
  if (auto* pod = bound.try_as<api::corev1::Pod>()) {
    if (pod->spec.service_account_name != call.name())
      return reigen::fail(
          api::bad_request("cannot bind token for serviceaccount \"" + std::string(call.name()) + "\" to pod running with different serviceaccount name."));
    issue.node_name = pod->spec.node_name;
    if (!issue.node_name.empty())
      if (auto node = call.core.reader.get("", "nodes", "", issue.node_name)) issue.node_uid = node->meta().uid;
  }
  return {};
}

Result<TokenRequest> read_request(Call& call, const WriteOptions& options) {
  TRY_ASSIGN(api::Object object, read_object(call, options, api::kind_of<TokenRequest>()));
  return object.as<TokenRequest>();
}

Result<TokenRequest> issue_token(Call& call) {
  TRY_ASSIGN(WriteOptions options, parse_write_options(call.request->query, WriteVerb::kCreate));
  TRY_ASSIGN(TokenRequest request, read_request(call, options));
  if (!call.core.token_issuer) return reigen::fail(api::service_unavailable("this server issues no tokens"));
  TRY_ASSIGN(api::Object account, call.core.reader.get("", "serviceaccounts", call.ns(), call.name()));
  TRY(match_namespace(request.metadata, call.ns()));
  if (!request.metadata.name.empty() && request.metadata.name != call.name()) {
    api::FieldPath metadata("metadata");
    return reigen::fail(
        api::invalid({"authentication.k8s.io", "TokenRequest"}, call.name(),
                     {api::FieldError::invalid(metadata.child("name"), request.metadata.name, "must match the service account name if specified")}));
  }
  request.metadata.name = call.name();
  request.metadata.namespace_ = call.ns();
  request.metadata.creation_timestamp = api::Time(call.core.now());
  TRY(check(request));
  api::Object object = api::Object::of(request);
  AdmissionRequest admission = admission_request(call, Operation::kCreate, options.dry_run, &object, nullptr);
  TRY(admit(call, admission));
  TRY(admit_validate(call, admission));
  TokenIssuer::Request issue;
  issue.namespace_ = call.ns();
  issue.service_account = call.name();
  issue.service_account_uid = account.meta().uid;
  if (!request.spec.expiration_seconds) request.spec.expiration_seconds = 3600;
  if (request.spec.audiences.empty()) request.spec.audiences = call.core.token_issuer->default_audiences();
  issue.audiences = request.spec.audiences;
  issue.expiration_seconds = *request.spec.expiration_seconds;
  if (request.spec.bound_object_ref) TRY(bind_object(call, request, issue));
  TRY_ASSIGN(TokenIssuer::Token token, call.core.token_issuer->issue(issue));
  request.status.token = token.token;
  request.status.expiration_timestamp = api::Time(token.expires_unix_seconds);
  return request;
}

}  // namespace

void do_token(const CallPtr& call) {
  auto request = issue_token(*call);
  if (!request) return call->fail(request.error());
  call->succeed(201, api::Object::of(std::move(*request)));
}

}  // namespace reigen::apiserver
