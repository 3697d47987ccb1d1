// Options of a request (ListOptions, DeleteOptions, PodLogOptions, ...) from its query string.
#pragma once

#include <span>
#include <string>
#include <utility>

#include "api/object.h"
#include "base/result.h"

namespace reigen::api {

using QueryParameters = std::span<const std::pair<std::string, std::string>>;

// Already percent-decoded parameters, in order. Unknown names are ignored; a list takes every value, a scalar the first. Booleans and numbers
// as Kubernetes' conversion of url.Values: a boolean is false for "0" and "false" in any case, else (empty too) true.
// DeleteOptions also take uid and resourceVersion, their preconditions.
// kInvalidArgument as `strconv.ParseInt: parsing "x": invalid syntax`.
Status decode_query(QueryParameters parameters, const TypeDesc& type, void* data);
template <class T>
Result<T> decode_query(QueryParameters parameters) {
  T value;
  TRY(decode_query(parameters, type_of<T>(), &value));
  return value;
}

}  // namespace reigen::api
