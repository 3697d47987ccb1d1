// How an Error becomes Docker's answer: a status and {"message": text}.
#pragma once

#include "base/result.h"
#include "docker/api_version.h"

namespace reigen::docker {

// What a request says cannot be read: 400, and 500 before since::kUnreadable, as Docker had no class for it.
Error unreadable(std::string message);
bool is_unreadable(const Error& error);

// The HTTP status: what the error carries (apiserver/docker_error.h), else what its code stands for.
int status_of(const Error& error, ApiVersion version);

// Turns what is wrong with a request into unreadable(), and back where every version had 400.
template <class T>
Result<T> as_unreadable(Result<T> result) {
  if (result || result.error().code() != Code::kInvalidArgument || result.error().detail()) return result;
  return fail(unreadable(result.error().message()));
}
template <class T>
Result<T> as_bad_request(Result<T> result) {
  if (result || !is_unreadable(result.error())) return result;
  return fail(Code::kInvalidArgument, result.error().message());
}

}  // namespace reigen::docker
