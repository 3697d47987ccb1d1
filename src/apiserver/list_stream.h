// Lists as bytes: streamed JSON, so that a list of any length costs a bounded buffer, and the rarer forms whole.
#pragma once

#include <memory>
#include <string>

#include "apiserver/call.h"

namespace reigen::apiserver {

void stream_list(Call& call, std::shared_ptr<http::Responder> responder, ListPage page);
Result<std::string> json_list(Call& call, const ListPage& page);
Result<std::string> protobuf_list(Call& call, const ListPage& page);
// PartialObjectMetadataList of meta.k8s.io/<version>.
Result<std::string> partial_list(Call& call, const ListPage& page, std::string_view version);

}  // namespace reigen::apiserver
