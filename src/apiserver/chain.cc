#include "apiserver/chain.h"

#include <openssl/sha.h>

#include "api/errors.h"
#include "api/go_quote.h"
#include "apiserver/authenticator.h"
#include "apiserver/authorizer.h"
#include "apiserver/core.h"
#include "apiserver/verb/verbs.h"

namespace reigen::apiserver {
namespace {

UserPtr anonymous_user() {
  static const UserPtr user =
      std::make_shared<const User>(User{.name = std::string(kAnonymous), .uid = {}, .groups = {std::string(kGroupUnauthenticated)}, .extra = {}});
  return user;
}

std::string hex_sha256(std::string_view bytes) {
  unsigned char digest[SHA256_DIGEST_LENGTH];
  SHA256(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(), digest);
  std::string out;
  for (unsigned char byte : digest) {
    out += "0123456789abcdef"[byte >> 4];
    out += "0123456789abcdef"[byte & 15];
  }
  return out;
}

UserPtr with_authenticated_group(UserPtr user) {
  if (user->in_group(kGroupAuthenticated) || user->in_group(kGroupUnauthenticated)) return user;
  auto copy = std::make_shared<User>(*user);
  copy->groups.emplace_back(kGroupAuthenticated);
  return copy;
}

std::string sanitized(std::string_view text) {
  std::string out;
  for (char c : text) {
    if (c == '&') out += "&amp;";
    else if (c == '<') out += "&lt;";
    else if (c == '>') out += "&gt;";
    else out += c;
  }
  return out;
}

std::string forbidden_message(const AccessRequest& access) {
  std::string user = "User " + api::go_quote(access.user->name) + " cannot " + std::string(access.verb);
  if (!access.resource_request) return user + " path " + api::go_quote(access.path);
  std::string resource(access.resource);
  if (!access.subresource.empty()) resource += "/" + std::string(access.subresource);
  user += " resource " + api::go_quote(resource) + " in API group " + api::go_quote(access.group);
  return access.namespace_.empty() ? user + " at the cluster scope" : user + " in the namespace " + api::go_quote(access.namespace_);
}

Status check_access(Core& core, const AccessRequest& access) {
  if (!core.authorizer) return {};
  Verdict verdict = core.authorizer->authorize(access);
  if (verdict.decision == Decision::kAllow) return {};
  std::string message = sanitized(forbidden_message(access));
  if (!verdict.reason.empty()) message += ": " + verdict.reason;
  return reigen::fail(api::forbidden({access.group, access.resource}, access.name, message));
}

}  // namespace

Result<UserPtr> authenticate(Core& core, const http::Request& request) {
  Credentials credentials;
  credentials.authorization = request.headers.get("Authorization");
  credentials.websocket_protocols = request.headers.get("Sec-WebSocket-Protocol");
  std::string certificate_id;
  if (request.peer) {
    credentials.certificate_common_name = request.peer->common_name;
    for (const std::string& name : request.peer->organizations) credentials.certificate_organizations.push_back(name);
    certificate_id = hex_sha256(request.peer->der);
    credentials.certificate_id = certificate_id;
  }
  if (core.authenticator) {
    auto found = core.authenticator->authenticate(credentials);
    if (!found) return reigen::fail(api::unauthorized());
    if (found->user) return with_authenticated_group(std::move(found->user));
  }
  // A bearer token nobody knows is an error; other schemes are as if they were not there.
  bool bearer = http::iequals(credentials.authorization.substr(0, 7), "bearer ");
  if (!core.anonymous || (bearer && core.authenticator)) return reigen::fail(api::unauthorized());
  return anonymous_user();
}

namespace {

Status may_impersonate(Core& core, const User& user, std::string_view group, std::string_view resource, std::string_view subresource,
                       std::string_view namespace_, std::string_view name) {
  AccessRequest access;
  access.user = &user;
  access.verb = "impersonate";
  access.resource_request = true;
  access.group = group;
  access.version = group.empty() ? "v1" : "v1";
  access.resource = resource;
  access.subresource = subresource;
  access.namespace_ = namespace_;
  access.name = name;
  return check_access(core, access);
}

Status impersonate_user(Core& core, const User& user, const std::string& wanted, User& target) {
  target.name = wanted;
  constexpr std::string_view kServiceAccount = "system:serviceaccount:";
  if (!wanted.starts_with(kServiceAccount)) return may_impersonate(core, user, "", "users", "", "", wanted);
  std::string_view rest = std::string_view(wanted).substr(kServiceAccount.size());
  size_t colon = rest.find(':');
  if (colon == std::string_view::npos) return may_impersonate(core, user, "", "users", "", "", wanted);
  std::string_view namespace_ = rest.substr(0, colon);
  target.groups = {std::string(kGroupServiceAccounts), std::string(kGroupServiceAccounts) + ":" + std::string(namespace_)};
  return may_impersonate(core, user, "", "serviceaccounts", "", namespace_, rest.substr(colon + 1));
}

}  // namespace

Result<UserPtr> impersonate(Core& core, const http::Request& request, UserPtr user) {
  const std::string* wanted = request.headers.find("Impersonate-User");
  auto groups = request.headers.all("Impersonate-Group");
  constexpr std::string_view kExtra = "impersonate-extra-";
  bool extra = false;
  for (const auto& field : request.headers) extra = extra || http::iequals(std::string_view(field.name).substr(0, kExtra.size()), kExtra);
  const std::string* uid = request.headers.find("Impersonate-Uid");
  if (!wanted && groups.empty() && !extra && !uid) return user;
  if (!wanted)
    return reigen::fail(Code::kInvalidArgument, "requested [{Group  " + std::string(groups.empty() ? "" : groups[0]) + "    }] without impersonating a user");
  auto target = std::make_shared<User>();
  TRY(impersonate_user(core, *user, *wanted, *target));
  if (!groups.empty()) target->groups.clear();
  for (std::string_view group : groups) {
    TRY(may_impersonate(core, *user, "", "groups", "", "", group));
    target->groups.emplace_back(group);
  }
  if (uid) {
    TRY(may_impersonate(core, *user, "authentication.k8s.io", "uids", "", "", *uid));
    target->uid = *uid;
  }
  for (const auto& field : request.headers) {
    if (!http::iequals(std::string_view(field.name).substr(0, kExtra.size()), kExtra)) continue;
    std::string key;
    http::percent_decode(std::string_view(field.name).substr(kExtra.size()), key);
    for (char& c : key) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    TRY(may_impersonate(core, *user, "authentication.k8s.io", "userextras", key, "", field.value));
    target->extra[key].push_back(field.value);
  }
  if (target->name == kAnonymous) {
    if (!target->in_group(kGroupUnauthenticated)) target->groups.emplace_back(kGroupUnauthenticated);
  } else if (!target->in_group(kGroupAuthenticated) && !target->in_group(kGroupUnauthenticated)) {
    target->groups.emplace_back(kGroupAuthenticated);
  }
  return target;
}

Status authorize(Call& call) {
  const RequestInfo& info = call.info;
  AccessRequest access;
  access.user = call.user.get();
  access.verb = info.verb;
  access.resource_request = info.resource_request;
  access.namespace_ = info.namespace_;
  access.group = info.group;
  access.version = info.version;
  access.resource = info.resource;
  access.subresource = info.subresource;
  access.name = info.name;
  access.path = info.path;
  access.field_selector = info.field_selector;
  access.label_selector = info.label_selector;
  return check_access(call.core, access);
}

namespace {

Fail not_served() { return reigen::fail(api::unknown_path()); }
Fail wrong_method() {
  api::ApiStatus status;
  status.code = 405;
  status.reason = "MethodNotAllowed";
  status.message = "the server does not allow this method on the requested resource";
  status.has_details = true;
  return reigen::fail(api::to_error(std::move(status)));
}

uint16_t bit_of(std::string_view verb) {
  if (verb == "get") return api::kGet;
  if (verb == "list") return api::kList;
  if (verb == "watch") return api::kWatch;
  if (verb == "create") return api::kCreate;
  if (verb == "update") return api::kUpdate;
  if (verb == "patch") return api::kPatch;
  if (verb == "delete") return api::kDelete;
  if (verb == "deletecollection") return api::kDeleteCollection;
  return 0;
}

// The subresource of the path; the old proxy path has it in front.
Status resolve_subresource(Call& call) {
  std::string_view name = call.info.subresource;
  if (call.info.verb == "proxy") name = "proxy";
  if (name.empty()) return {};
  call.subresource = call.resource->subresource(name);
  if (!call.subresource) return not_served();
  if (name != "proxy" && !call.info.rest.empty()) return not_served();
  return {};
}

// What the path allows beside the resource's verbs: a name where one belongs.
Status check_place(const Call& call) {
  const RequestInfo& info = call.info;
  bool namespaced = call.resource->info->namespaced;
  bool named = !info.name_in_path.empty();
  if (!namespaced && !info.namespace_.empty() && info.resource != "namespaces") return not_served();
  bool across = namespaced && info.namespace_.empty();
  if (across && named && info.verb != "proxy") return not_served();
  bool collection = info.verb == "list" || info.verb == "watch";
  if (across && !named && !collection && info.verb != "create") return wrong_method();
  if (across && info.verb == "create") return wrong_method();
  if (info.verb == "create" && named && !call.subresource) return wrong_method();
  if ((info.verb == "update" || info.verb == "patch") && !named) return wrong_method();
  return {};
}

}  // namespace

Status resolve(Call& call) {
  const RequestInfo& info = call.info;
  call.resource = call.core.registry.find(info.group, info.version, info.resource);
  if (!call.resource) return not_served();
  TRY(resolve_subresource(call));
  TRY(check_place(call));
  const api::ResourceInfo& target = call.subresource ? *call.subresource : *call.resource->info;
  if (info.verb == "proxy") return {};
  bool connects = call.subresource && call.subresource->subresource == "proxy";
  if (connects) return {};
  if (!(target.verbs & bit_of(info.verb))) return wrong_method();
  return {};
}

namespace {

bool is_connect(std::string_view subresource) {
  return subresource == "log" || subresource == "exec" || subresource == "attach" || subresource == "portforward" || subresource == "proxy";
}

bool dispatch_special(const CallPtr& call) {
  std::string_view plural = call->resource->plural(), sub = call->subresource ? call->subresource->subresource : std::string_view();
  if (is_connect(sub)) return do_connect(call), true;
  if (sub == "scale") return do_scale(call), true;
  if (sub == "binding" || plural == "bindings") return do_binding(call), true;
  if (sub == "eviction") return do_eviction(call), true;
  if (sub == "token") return do_token(call), true;
  if (plural == "componentstatuses") return do_component_status(call), true;
  if (call->resource->virtual_) return do_review(call), true;
  return false;
}

}  // namespace

void dispatch(const CallPtr& call) {
  if (dispatch_special(call)) return;
  std::string_view verb = call->info.verb;
  if (verb == "get") return do_get(call);
  if (verb == "list") return do_list(call);
  if (verb == "watch") return do_watch(call);
  if (verb == "create") return do_create(call);
  if (verb == "update") return do_update(call);
  if (verb == "patch") return do_patch(call);
  if (verb == "delete") return do_delete(call);
  if (verb == "deletecollection") return do_delete_collection(call);
  call->fail(api::method_not_supported(call->resource->name(), verb));
}

}  // namespace reigen::apiserver
