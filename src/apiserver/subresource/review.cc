// Reviews: who am I, may he, what may I, whose token is that. Rules of pkg/registry/authentication and pkg/registry/authorization.

#include "api/authenticationv1.h"
#include "api/authorizationv1.h"
#include "api/errors.h"
#include "api/metav1.h"
#include "apiserver/admission.h"
#include "apiserver/authenticator.h"
#include "apiserver/authorizer.h"
#include "apiserver/codec.h"
#include "apiserver/core.h"
#include "apiserver/verb/verbs.h"
#include "apiserver/verb/write.h"

namespace reigen::apiserver {
namespace {

namespace authn = api::authenticationv1;
namespace authz = api::authorizationv1;

authn::UserInfo info_of(const User& user) {
  authn::UserInfo info;
  info.username = user.name;
  info.uid = user.uid;
  info.groups = user.groups;
  for (const auto& [key, values] : user.extra) {
    api::StringList list;
    list.assign(values.begin(), values.end());
    info.extra[key] = std::move(list);
  }
  return info;
}

Result<api::Object> self_subject(Call& call, api::Object object) {
  auto& review = object.mut<authn::SelfSubjectReview>();
  review.metadata.creation_timestamp = api::Time(call.core.now());
  review.status.user_info = info_of(*call.user);
  return object;
}

Result<api::Object> token_review(Call& call, api::Object object) {
  auto& review = object.mut<authn::TokenReview>();
  if (review.spec.token.empty()) return reigen::fail(api::bad_request("token is required for TokenReview in authentication"));
  if (!call.core.token_authenticator) return object;
  auto found = call.core.token_authenticator->authenticate_token(review.spec.token, review.spec.audiences);
  if (!found) {
    review.status.error = found.error().message();
    return object;
  }
  if (!found->user) return object;
  review.status.authenticated = true;
  review.status.user = info_of(*found->user);
  if (!found->user->in_group(kGroupAuthenticated)) review.status.user.groups.emplace_back(kGroupAuthenticated);
  review.status.audiences = found->audiences;
  if (review.status.audiences.empty() && call.core.token_issuer) review.status.audiences = call.core.token_issuer->default_audiences();
  return object;
}

// The attributes that a review asks about.
AccessRequest access_of(const User& user, const authz::ResourceAttributes* resource, const authz::NonResourceAttributes* other) {
  AccessRequest access;
  access.user = &user;
  if (resource) {
    access.resource_request = true;
    access.verb = resource->verb;
    access.namespace_ = resource->namespace_;
    access.group = resource->group;
    access.version = resource->version.empty() ? std::string_view("*") : std::string_view(resource->version);
    access.resource = resource->resource;
    access.subresource = resource->subresource;
    access.name = resource->name;
  } else if (other) {
    access.verb = other->verb;
    access.path = other->path;
  }
  return access;
}

void fill(Call& call, const AccessRequest& access, authz::SubjectAccessReviewStatus& status) {
  Verdict verdict = call.core.authorizer ? call.core.authorizer->authorize(access) : Verdict{Decision::kAllow, {}, {}};
  status.allowed = verdict.decision == Decision::kAllow;
  status.denied = verdict.decision == Decision::kDeny;
  status.reason = verdict.reason;
  status.evaluation_error = verdict.error;
}

Status check_attributes(const Call& call, bool resource, bool other, bool subject) {
  api::FieldErrors errors;
  api::FieldPath spec("spec");
  if (resource && other)
    errors.push_back(api::FieldError::invalid(spec.child("nonResourceAttributes"), api::BadValue::raw("null"),
                                              "cannot be specified in combination with resourceAttributes"));
  if (!resource && !other)
    errors.push_back(api::FieldError::invalid(spec.child("resourceAttributes"), api::BadValue::raw("null"),
                                              "exactly one of nonResourceAttributes or resourceAttributes must be specified"));
  if (!subject) errors.push_back(api::FieldError::invalid(spec.child("user"), "", "at least one of user or group must be specified"));
  if (errors.empty()) return {};
  return reigen::fail(api::invalid({call.resource->group(), ""}, "", errors));
}

Result<api::Object> self_access(Call& call, api::Object object) {
  auto& review = object.mut<authz::SelfSubjectAccessReview>();
  TRY(check_attributes(call, review.spec.resource_attributes.has_value(), review.spec.non_resource_attributes.has_value(), true));
  fill(call, access_of(*call.user, review.spec.resource_attributes.get(), review.spec.non_resource_attributes.get()), review.status);
  return object;
}

User user_of(const authz::SubjectAccessReviewSpec& spec) {
  User user;
  user.name = spec.user;
  user.uid = spec.uid;
  user.groups = spec.groups;
  for (const auto& [key, values] : spec.extra) user.extra[key].assign(values.begin(), values.end());
  return user;
}

Result<api::Object> subject_access(Call& call, api::Object object) {
  auto& review = object.mut<authz::SubjectAccessReview>();
  const auto& spec = review.spec;
  TRY(check_attributes(call, spec.resource_attributes.has_value(), spec.non_resource_attributes.has_value(), !spec.user.empty() || !spec.groups.empty()));
  User user = user_of(spec);
  fill(call, access_of(user, spec.resource_attributes.get(), spec.non_resource_attributes.get()), review.status);
  return object;
}

Status check_local(const Call& call, const authz::SubjectAccessReviewSpec& spec) {
  api::FieldErrors errors;
  api::FieldPath path("spec");
  if (spec.resource_attributes && spec.resource_attributes->namespace_ != call.ns())
    errors.push_back(
        api::FieldError::invalid(path.child("resourceAttributes.namespace"), spec.resource_attributes->namespace_, "must match metadata.namespace"));
  if (spec.non_resource_attributes)
    errors.push_back(api::FieldError::invalid(path.child("nonResourceAttributes"),
                                              api::BadValue::raw("authorization.NonResourceAttributes{Path:\"" + spec.non_resource_attributes->path +
                                                                 "\", Verb:\"" + spec.non_resource_attributes->verb + "\"}"),
                                              "disallowed on this kind of request"));
  if (errors.empty()) return {};
  return reigen::fail(api::invalid({call.resource->group(), ""}, "", errors));
}

Result<api::Object> local_subject_access(Call& call, api::Object object) {
  auto& review = object.mut<authz::LocalSubjectAccessReview>();
  const auto& spec = review.spec;
  TRY(check_local(call, review.spec));
  TRY(check_attributes(call, spec.resource_attributes.has_value(), spec.non_resource_attributes.has_value(), !spec.user.empty() || !spec.groups.empty()));
  review.metadata.namespace_ = call.ns();
  User user = user_of(spec);
  fill(call, access_of(user, spec.resource_attributes.get(), spec.non_resource_attributes.get()), review.status);
  return object;
}

Result<api::Object> self_rules(Call& call, api::Object object) {
  auto& review = object.mut<authz::SelfSubjectRulesReview>();
  if (review.spec.namespace_.empty()) return reigen::fail(api::bad_request("no namespace on request"));
  RuleList rules;
  if (call.core.authorizer) call.core.authorizer->add_rules(*call.user, review.spec.namespace_, rules);
  for (auto& rule : rules.resource_rules) {
    auto& out = review.status.resource_rules.emplace_back();
    out.verbs = std::move(rule.verbs);
    out.api_groups = std::move(rule.groups);
    out.resources = std::move(rule.resources);
    out.resource_names = std::move(rule.names);
  }
  for (auto& rule : rules.non_resource_rules) {
    auto& out = review.status.non_resource_rules.emplace_back();
    out.verbs = std::move(rule.verbs);
    out.non_resource_urls = std::move(rule.urls);
  }
  review.spec = {};
  review.status.incomplete = rules.incomplete;
  review.status.evaluation_error = rules.error;
  return object;
}

using Review = Result<api::Object> (*)(Call&, api::Object);
struct Line {
  std::string_view plural;
  Review review;
};
constexpr Line kReviews[] = {
    {"selfsubjectreviews", self_subject},
    {"tokenreviews", token_review},
    {"selfsubjectaccessreviews", self_access},
    {"subjectaccessreviews", subject_access},
    {"localsubjectaccessreviews", local_subject_access},
    {"selfsubjectrulesreviews", self_rules},
};

}  // namespace

void do_review(const CallPtr& call) {
  auto options = parse_write_options(call->request->query, WriteVerb::kCreate);
  if (!options) return call->fail(options.error());
  auto object = read_object(*call, *options, *call->resource->kind);
  if (!object) return call->fail(object.error());
  for (const Line& line : kReviews) {
    if (line.plural != call->resource->plural()) continue;
    auto answer = line.review(*call, std::move(*object));
    return answer ? call->succeed(201, std::move(*answer)) : call->fail(answer.error());
  }
  call->fail(api::unknown_path());
}

}  // namespace reigen::apiserver
