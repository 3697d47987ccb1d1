#include "docker/error_answer.h"

#include "apiserver/docker_error.h"
#include "docker/version_table.h"

namespace reigen::docker {

namespace {

// The deleter's type tells this detail from others'.
struct UnreadableDeleter {
  void operator()(const char* mark) const { delete mark; }
};

}  // namespace

Error unreadable(std::string message) { return {Code::kInvalidArgument, std::move(message), std::shared_ptr<const char>(new char(0), UnreadableDeleter())}; }

bool is_unreadable(const Error& error) { return error.detail() && std::get_deleter<UnreadableDeleter>(error.detail()); }

int status_of(const Error& error, ApiVersion version) {
  if (is_unreadable(error)) return version < since::kUnreadable ? 500 : 400;
  if (auto status = apiserver::docker_status(error)) return *status;
  switch (error.code()) {
    case Code::kInvalidArgument: return 400;
    case Code::kUnauthenticated: return 401;
    case Code::kPermissionDenied: return 403;
    case Code::kNotFound: return 404;
    case Code::kAlreadyExists:
    case Code::kConflict: return 409;
    case Code::kUnimplemented: return 501;
    case Code::kUnavailable: return 503;
    default: return 500;
  }
}

}  // namespace reigen::docker
