#include "base/result.h"

#include <cerrno>
#include <cstring>

namespace reigen {

std::string_view to_string(Code code) {
  switch (code) {
    case Code::kInvalidArgument: return "invalid argument";
    case Code::kNotFound: return "not found";
    case Code::kAlreadyExists: return "already exists";
    case Code::kConflict: return "conflict";
    case Code::kPermissionDenied: return "permission denied";
    case Code::kUnauthenticated: return "unauthenticated";
    case Code::kResourceExhausted: return "resource exhausted";
    case Code::kGone: return "gone";
    case Code::kUnavailable: return "unavailable";
    case Code::kDeadlineExceeded: return "deadline exceeded";
    case Code::kCancelled: return "cancelled";
    case Code::kUnimplemented: return "unimplemented";
    case Code::kDataLoss: return "data loss";
    case Code::kInternal: return "internal error";
  }
  return "unknown";
}

Error Error::context(std::string_view what) const& { return Error(*this).context(what); }

Error Error::context(std::string_view what) && {
  message_.insert(0, ": ").insert(0, what);
  return std::move(*this);
}

Code code_of_errno(int error_number) {
  switch (error_number) {
    case ENOENT:
    case ENOTDIR:
    case ESRCH:
    case ENODEV:
    case EADDRNOTAVAIL: return Code::kNotFound;
    case EEXIST: return Code::kAlreadyExists;
    case EACCES:
    case EPERM:
    case EROFS: return Code::kPermissionDenied;
    case ENOSPC:
    case EDQUOT:
    case ENOMEM:
    case EMFILE:
    case ENFILE: return Code::kResourceExhausted;
    case EINVAL:
    case ENAMETOOLONG:
    case EISDIR:
    case ELOOP: return Code::kInvalidArgument;
    case ETIMEDOUT: return Code::kDeadlineExceeded;
    case ECONNREFUSED:
    case ECONNRESET:
    case EPIPE:
    case EAGAIN:
    case EBUSY:
    case EADDRINUSE:
    case ENETUNREACH:
    case EHOSTUNREACH: return Code::kUnavailable;
    case ECANCELED: return Code::kCancelled;
    case ENOSYS:
    case EOPNOTSUPP: return Code::kUnimplemented;
    default: return Code::kInternal;
  }
}

Fail fail_errno(std::string_view what, int error_number) { return fail(code_of_errno(error_number), std::string(what) + ": " + ::strerror(error_number)); }

Fail fail_errno(std::string_view what) { return fail_errno(what, errno); }

}  // namespace reigen
