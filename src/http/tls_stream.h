// TLS spoken by a client over any ByteStream. Internal to http.
#pragma once

#include <memory>
#include <string>

#include "base/byte_stream.h"
#include "base/executor.h"

namespace reigen::http {

class ClientTls;

// Takes `under` over; `done` gets the stream when the handshake is complete and the server's certificate verified for `host`
// (a DNS name or an IP address), unless the context says otherwise.
void start_tls(std::shared_ptr<ByteStream> under, const ClientTls& tls, const std::string& host,
               std::move_only_function<void(Result<std::shared_ptr<ByteStream>>)> done);

}  // namespace reigen::http
