#include "api/errors.h"

#include <algorithm>

#include <fmt/core.h>

#include "api/go_quote.h"
#include "api/value.h"

namespace reigen::api {
namespace {

// Its type tells our details from those of other modules.
struct StatusDeleter {
  void operator()(const ApiStatus* status) const { delete status; }
};

Code code_for(const ApiStatus& status) {
  if (status.reason == "AlreadyExists") return Code::kAlreadyExists;
  switch (status.code) {
    case 400:
    case 406:
    case 415:
    case 422: return Code::kInvalidArgument;
    case 401: return Code::kUnauthenticated;
    case 403: return Code::kPermissionDenied;
    case 404: return Code::kNotFound;
    case 405: return Code::kUnimplemented;
    case 409: return Code::kConflict;
    case 410: return Code::kGone;
    case 413:
    case 429: return Code::kResourceExhausted;
    case 503: return Code::kUnavailable;
    case 504: return Code::kDeadlineExceeded;
    default: return status.reason == "ServerTimeout" ? Code::kUnavailable : Code::kInternal;
  }
}

ApiStatus plain(int code, std::string reason, std::string message) {
  ApiStatus status;
  status.code = code;
  status.reason = std::move(reason);
  status.message = std::move(message);
  return status;
}

ApiStatus detailed(int code, std::string reason, std::string message, GroupName resource, std::string_view name, int retry_after_seconds = 0) {
  ApiStatus status = plain(code, std::move(reason), std::move(message));
  status.has_details = true;
  status.group = resource.group;
  status.kind = resource.name;
  status.name = name;
  status.retry_after_seconds = retry_after_seconds;
  return status;
}

Error make(int code, std::string reason, std::string message) { return to_error(plain(code, std::move(reason), std::move(message))); }

Error make(int code, std::string reason, std::string message, GroupName resource, std::string_view name, int retry_after_seconds = 0) {
  return to_error(detailed(code, std::move(reason), std::move(message), resource, name, retry_after_seconds));
}

struct Generic {
  std::string reason;
  std::string message;
};

Generic generic_for(int code, std::string_view verb, std::string_view server_message) {
  switch (code) {
    case 409: return {verb == "POST" ? "AlreadyExists" : "Conflict", "the server reported a conflict"};
    case 404: return {"NotFound", "the server could not find the requested resource"};
    case 400: return {"BadRequest", "the server rejected our request for an unknown reason"};
    case 401: return {"Unauthorized", "the server has asked for the client to provide credentials"};
    case 403: return {"Forbidden", std::string(server_message)};
    case 406:
      if (server_message.empty() || server_message == "unknown")
        return {"NotAcceptable", "the server was unable to respond with a content type that the client supports"};
      return {"NotAcceptable", std::string(server_message)};
    case 415: return {"UnsupportedMediaType", std::string(server_message)};
    case 405: return {"MethodNotAllowed", "the server does not allow this method on the requested resource"};
    case 422: return {"Invalid", "the server rejected our request due to an error in our request"};
    case 503: return {"ServiceUnavailable", "the server is currently unable to handle the request"};
    case 504: return {"Timeout", "the server was unable to return a response in the time allotted, but may still be processing the request"};
    case 429: return {"TooManyRequests", "the server has received too many requests and has asked us to try again later"};
    default: break;
  }
  if (code >= 500) return {"InternalError", fmt::format("an error on the server ({}) has prevented the request from succeeding", go_quote(server_message))};
  return {"", fmt::format("the server responded with the status code {} but did not return more information", code)};
}

}  // namespace

std::string GroupName::to_string() const { return group.empty() ? std::string(name) : fmt::format("{}.{}", name, group); }

Error to_error(ApiStatus status) {
  Code code = code_for(status);
  std::string message = status.message;
  std::shared_ptr<const ApiStatus> shared(new ApiStatus(std::move(status)), StatusDeleter());
  return Error(code, std::move(message), std::move(shared));
}

const ApiStatus* find_status(const Error& error) {
  if (!error.detail() || !std::get_deleter<StatusDeleter>(error.detail())) return nullptr;
  return static_cast<const ApiStatus*>(error.detail().get());
}

ApiStatus status_of(const Error& error) {
  if (const auto* status = find_status(error)) return *status;
  auto of = [&](int code, std::string reason) { return plain(code, std::move(reason), error.message()); };
  switch (error.code()) {
    case Code::kInvalidArgument: return of(400, "BadRequest");
    case Code::kNotFound: return of(404, "NotFound");
    case Code::kAlreadyExists: return of(409, "AlreadyExists");
    case Code::kConflict: return of(409, "Conflict");
    case Code::kPermissionDenied: return of(403, "Forbidden");
    case Code::kUnauthenticated: return of(401, "Unauthorized");
    case Code::kResourceExhausted: return of(429, "TooManyRequests");
    case Code::kGone: return of(410, "Expired");
    case Code::kUnavailable: return of(503, "ServiceUnavailable");
    case Code::kDeadlineExceeded: return of(504, "Timeout");
    case Code::kUnimplemented: return of(405, "MethodNotAllowed");
    case Code::kCancelled:
    case Code::kDataLoss:
    case Code::kInternal: break;
  }
  return *find_status(internal_error(error.message()));
}

Value status_value(const ApiStatus& status) {
  Value out = Value::object({{"kind", "Status"}, {"apiVersion", "v1"}, {"metadata", Value::object()}, {"status", "Failure"}});
  auto put = [](Value& object, std::string_view key, const std::string& text) {
    if (!text.empty()) object.set(key, text);
  };
  put(out, "message", status.message);
  put(out, "reason", status.reason);
  if (status.has_details) {
    Value details = Value::object();
    put(details, "name", status.name);
    put(details, "group", status.group);
    put(details, "kind", status.kind);
    put(details, "uid", status.uid);
    for (const auto& cause : status.causes) {
      Value entry = Value::object();
      put(entry, "reason", cause.reason);
      put(entry, "message", cause.message);
      put(entry, "field", cause.field);
      details["causes"].push_back(std::move(entry));
    }
    if (status.retry_after_seconds != 0) details.set("retryAfterSeconds", status.retry_after_seconds);
    out.set("details", std::move(details));
  }
  out.set("code", status.code);
  return out;
}

std::string status_json(const ApiStatus& status) { return to_json(status_value(status)); }

ApiStatus parse_status(int http_code, std::string_view json) {
  auto parsed = parse_json(json);
  if (!parsed || parsed->text_at({"kind"}) != "Status") return generic_status(http_code, "", {}, "", json.substr(0, 2048), 0, true);
  ApiStatus status;
  const Value* code = parsed->find("code");
  status.code = code ? static_cast<int>(code->int_or(http_code)) : http_code;
  status.reason = parsed->text_at({"reason"});
  status.message = parsed->text_at({"message"});
  const Value* details = parsed->find("details");
  if (!details) return status;
  status.has_details = true;
  status.name = details->text_at({"name"});
  status.group = details->text_at({"group"});
  status.kind = details->text_at({"kind"});
  status.uid = details->text_at({"uid"});
  if (const Value* causes = details->find("causes"))
    for (const auto& cause : causes->items())
      status.causes.push_back({std::string(cause.text_at({"reason"})), std::string(cause.text_at({"message"})), std::string(cause.text_at({"field"}))});
  if (const Value* retry = details->find("retryAfterSeconds")) status.retry_after_seconds = static_cast<int>(retry->int_or(0));
  return status;
}

Error not_found(GroupName resource, std::string_view name) {
  return make(404, "NotFound", fmt::format("{} {} not found", resource.to_string(), go_quote(name)), resource, name);
}
Error already_exists(GroupName resource, std::string_view name) {
  return make(409, "AlreadyExists", fmt::format("{} {} already exists", resource.to_string(), go_quote(name)), resource, name);
}
Error generate_name_conflict(GroupName resource, std::string_view name, int retry_after_seconds) {
  return make(409, "AlreadyExists",
              fmt::format("{} {} already exists, the server was not able to generate a unique name for the object", resource.to_string(), go_quote(name)),
              resource, name, retry_after_seconds);
}
Error conflict(GroupName resource, std::string_view name, std::string_view why) {
  return make(409, "Conflict", fmt::format("Operation cannot be fulfilled on {} {}: {}", resource.to_string(), go_quote(name), why), resource, name);
}

Error apply_conflict(std::vector<StatusCause> causes, std::string message) {
  ApiStatus status;
  status.code = 409;
  status.reason = "Conflict";
  status.message = std::move(message);
  status.has_details = true;
  status.causes = std::move(causes);
  return to_error(std::move(status));
}

Error invalid(GroupName kind, std::string_view name, const FieldErrors& errors) {
  ApiStatus status;
  status.code = 422;
  status.reason = "Invalid";
  status.message = fmt::format("{} {} is invalid", kind.to_string(), go_quote(name));
  if (!errors.empty()) (status.message += ": ") += aggregate_message(errors);
  status.has_details = true;
  status.name = name;
  status.group = kind.group;
  status.kind = kind.name;
  for (const auto& error : errors) status.causes.push_back({std::string(reason_of(error.type)), error.body(), error.field});
  return to_error(std::move(status));
}

Error bad_request(std::string message) { return make(400, "BadRequest", std::move(message)); }
Error unauthorized(std::string message) { return make(401, "Unauthorized", message.empty() ? "not authorized" : std::move(message)); }

Error forbidden(GroupName resource, std::string_view name, std::string_view why) {
  std::string message = resource.empty() ? fmt::format("forbidden: {}", why)
                        : name.empty()   ? fmt::format("{} is forbidden: {}", resource.to_string(), why)
                                         : fmt::format("{} {} is forbidden: {}", resource.to_string(), go_quote(name), why);
  return make(403, "Forbidden", std::move(message), resource, name);
}

Error method_not_supported(GroupName resource, std::string_view action) {
  return make(405, "MethodNotAllowed", fmt::format("{} is not supported on resources of kind {}", action, go_quote(resource.to_string())), resource, "");
}
Error gone(std::string message) { return make(410, "Gone", std::move(message)); }
Error expired(std::string message) { return make(410, "Expired", std::move(message)); }
Error timeout(std::string_view message, int retry_after_seconds) {
  return make(504, "Timeout", fmt::format("Timeout: {}", message), {}, "", retry_after_seconds);
}
Error server_timeout(GroupName resource, std::string_view operation, int retry_after_seconds) {
  return make(500, "ServerTimeout",
              fmt::format("The {} operation against {} could not be completed at this time, please try again.", operation, resource.to_string()), resource,
              operation, retry_after_seconds);
}
Error too_many_requests(std::string message, int retry_after_seconds) { return make(429, "TooManyRequests", std::move(message), {}, "", retry_after_seconds); }
Error service_unavailable(std::string message) { return make(503, "ServiceUnavailable", std::move(message)); }

Error internal_error(std::string_view what) {
  ApiStatus status;
  status.reason = "InternalError";
  status.message = fmt::format("Internal error occurred: {}", what);
  status.has_details = true;
  status.causes.push_back({"", std::string(what), ""});
  return to_error(std::move(status));
}

Error request_entity_too_large(std::string_view what) { return make(413, "RequestEntityTooLarge", fmt::format("Request entity too large: {}", what)); }
Error unsupported_media_type(std::string message) { return make(415, "UnsupportedMediaType", std::move(message)); }
Error not_acceptable(std::string message) { return make(406, "NotAcceptable", std::move(message)); }
Error unknown_path() { return make(404, "NotFound", "the server could not find the requested resource", {}, ""); }

ApiStatus generic_status(int http_code, std::string_view verb, GroupName resource, std::string_view name, std::string_view server_message,
                         int retry_after_seconds, bool unexpected) {
  auto [reason, message] = generic_for(http_code, verb, server_message);
  std::string lower(verb);
  std::ranges::transform(lower, lower.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  if (!resource.empty() && !name.empty()) message += fmt::format(" ({} {} {})", lower, resource.to_string(), name);
  else if (!resource.empty()) message += fmt::format(" ({} {})", lower, resource.to_string());
  ApiStatus status = detailed(http_code, std::move(reason), std::move(message), resource, name, retry_after_seconds);
  if (unexpected) status.causes.push_back({"UnexpectedServerResponse", std::string(server_message), ""});
  return status;
}

bool has_reason(const Error& error, std::string_view reason) {
  const auto* status = find_status(error);
  return status && status->reason == reason;
}

namespace {
bool matches(const Error& error, std::string_view reason, Code code) {
  const auto* status = find_status(error);
  return status ? status->reason == reason : error.code() == code;
}
}  // namespace

bool is_not_found(const Error& error) { return matches(error, "NotFound", Code::kNotFound); }
bool is_already_exists(const Error& error) { return matches(error, "AlreadyExists", Code::kAlreadyExists); }
bool is_conflict(const Error& error) { return matches(error, "Conflict", Code::kConflict); }
bool is_expired(const Error& error) { return has_reason(error, "Gone") || matches(error, "Expired", Code::kGone); }

}  // namespace reigen::api
