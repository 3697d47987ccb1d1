// Errors with the HTTP status that Docker gives them, where it is not the one of their Code. Carried in Error::detail between the node
// and Docker's endpoint; an Error has one detail, so these carry no Kubernetes Status. Header only: the node does not link the API server.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "base/result.h"

namespace reigen::apiserver {

// The deleter's type tells this detail from others' behind the same void pointer.
struct DockerStatusDeleter {
  void operator()(const int* status) const { delete status; }
};

inline Code code_of_docker_status(int status) {
  switch (status) {
    case 304:
    case 409: return Code::kConflict;
    case 401: return Code::kUnauthenticated;
    case 403: return Code::kPermissionDenied;
    case 404: return Code::kNotFound;
    case 501: return Code::kUnimplemented;
    case 503: return Code::kUnavailable;
    default: return status >= 400 && status < 500 ? Code::kInvalidArgument : Code::kInternal;
  }
}

// The Code is the nearest one; `message` is Docker's, to the byte.
inline Error docker_error(int status, std::string message) {
  return {code_of_docker_status(status), std::move(message), std::shared_ptr<const int>(new int(status), DockerStatusDeleter())};
}

// The status given to docker_error; nothing for all other errors.
inline std::optional<int> docker_status(const Error& error) {
  if (!error.detail() || !std::get_deleter<DockerStatusDeleter>(error.detail())) return std::nullopt;
  return *static_cast<const int*>(error.detail().get());
}

}  // namespace reigen::apiserver
