// RequestInfo: what a request is about, read from method, path and query alone. Follows Kubernetes' RequestInfoFactory.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace reigen::http {
struct Request;
}

namespace reigen::apiserver {

// Views point into the http::Request, which must outlive this.
struct RequestInfo {
  bool resource_request = false;
  std::string_view path;
  std::string_view verb;    // get, list, watch, create, update, patch, delete, deletecollection, proxy, or the method in lower case
  std::string_view prefix;  // api or apis
  std::string_view group, version, namespace_, resource, subresource, name;
  std::string_view name_in_path;                    // as name, without what a field selector says
  std::string_view field_selector, label_selector;  // raw; only for verbs that take them
  bool verb_in_path = false;                        // /api/v1/watch/..., /api/v1/proxy/...
  // Decoded segments after the subresource (or, for the proxy verb, after the name).
  std::vector<std::string_view> rest;
  // Where in raw_path the rest begins, for proxies: the byte after "/<subresource>" (or the name); npos when there is none.
  size_t rest_offset = std::string::npos;
};

// kInvalidArgument: a path that ends after "watch" or "proxy".
Result<RequestInfo> parse_request_info(const http::Request& request);

// "watch=..." as Go's conversion of query parameters reads a boolean: absent, "0" and "false" (any case) are false, all else is true.
bool query_bool(std::string_view value);

}  // namespace reigen::apiserver
