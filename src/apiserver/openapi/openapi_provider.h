// The OpenAPI documents of the API, made from the schema's tables.
//
//   /openapi/v2                 everything; JSON, or gnostic's protobuf for kubectl
//   /openapi/v3                 the index: one document a group version, its address with a hash for the client's cache
//   /openapi/v3/apis/apps/v1    one group version; JSON
//
// A document is made on its first request and kept for a minute after its last one, so that an idle server holds none; hashes are
// kept. Without an executor a document lives only as long as somebody sends it. Thread-safe; a request waits while another one
// makes a document (about 20 ms for /openapi/v2).
#pragma once

#include <memory>

#include "apiserver/api_server.h"

namespace reigen::apiserver {

// The executor must outlive the provider.
std::unique_ptr<OpenApiProvider> make_openapi_provider(Executor* executor = nullptr);

}  // namespace reigen::apiserver
