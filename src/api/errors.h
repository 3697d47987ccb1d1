// What the API says when a request fails: the content of a metav1 Status, carried in Error::detail through the layers.
//
//   return not_found({"apps", "deployments"}, "web");
//
// Texts, reasons and codes are those of Kubernetes' apimachinery/pkg/api/errors. Everything here is plain data without the generated
// types, so that low modules may use it.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "api/field_error.h"
#include "base/result.h"

namespace reigen::api {

class Value;

// "pods", "deployments.apps"; the same for kinds.
struct GroupName {
  std::string_view group;
  std::string_view name;
  std::string to_string() const;
  bool empty() const { return group.empty() && name.empty(); }
};

struct StatusCause {
  std::string reason;
  std::string message;
  std::string field;
};

// The failing metav1 Status. Empty members are left out of its JSON.
struct ApiStatus {
  int code = 500;
  std::string reason;
  std::string message;
  bool has_details = false;
  std::string name, group, kind, uid;
  std::vector<StatusCause> causes;
  int retry_after_seconds = 0;
};

// An Error that carries the status. Its Code follows from the HTTP code and the reason, its message is the status's.
Error to_error(ApiStatus status);
inline Fail fail(ApiStatus status) { return reigen::fail(to_error(std::move(status))); }
// The status the error carries, nullptr where it carries none.
const ApiStatus* find_status(const Error& error);
// The same, or one that fits the error's code (kNotFound: 404 NotFound, ..., anything else: 500 InternalError).
ApiStatus status_of(const Error& error);
// {"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure",...}
std::string status_json(const ApiStatus& status);
Value status_value(const ApiStatus& status);
// From the JSON form, as clients need it. A text that is no Status gives one by the HTTP code alone.
ApiStatus parse_status(int http_code, std::string_view json);

Error not_found(GroupName resource, std::string_view name);
Error already_exists(GroupName resource, std::string_view name);
Error generate_name_conflict(GroupName resource, std::string_view name, int retry_after_seconds);
Error conflict(GroupName resource, std::string_view name, std::string_view why);
// The text of every failed optimistic lock.
inline constexpr std::string_view kModified = "the object has been modified; please apply your changes to the latest version and try again";
Error apply_conflict(std::vector<StatusCause> causes, std::string message);
Error invalid(GroupName kind, std::string_view name, const FieldErrors& errors);
Error bad_request(std::string message);
Error unauthorized(std::string message = "Unauthorized");
Error forbidden(GroupName resource, std::string_view name, std::string_view why);
Error method_not_supported(GroupName resource, std::string_view action);
Error gone(std::string message);
Error expired(std::string message);
// "Timeout: message"
Error timeout(std::string_view message, int retry_after_seconds = 0);
Error server_timeout(GroupName resource, std::string_view operation, int retry_after_seconds);
Error too_many_requests(std::string message, int retry_after_seconds);
Error service_unavailable(std::string message);
Error internal_error(std::string_view what);
Error request_entity_too_large(std::string_view what);
Error unsupported_media_type(std::string message);
Error not_acceptable(std::string message);
// A path that leads nowhere: "the server could not find the requested resource".
Error unknown_path();
// NewGenericServerResponse: what a client makes of an answer without a Status.
ApiStatus generic_status(int http_code, std::string_view verb, GroupName resource, std::string_view name, std::string_view server_message,
                         int retry_after_seconds, bool unexpected);

// By reason, as apimachinery's IsNotFound etc. do; errors without a status by their Code.
bool is_not_found(const Error& error);
bool is_already_exists(const Error& error);
bool is_conflict(const Error& error);
bool is_expired(const Error& error);  // Expired or Gone
bool has_reason(const Error& error, std::string_view reason);

}  // namespace reigen::api
