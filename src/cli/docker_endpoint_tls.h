// Certificates of Docker's API over TCP. Its CA is one of its own, never the cluster's: whoever has a certificate of it is root on the host.
#pragma once

#include <memory>
#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "http/tls.h"

namespace reigen::cli {

// With `given_directory` (ca.pem, cert.pem, key.pem of the server, all must be there), else with what is made in `own_directory`: ca.pem, cert.pem and
// key.pem there are for clients (DOCKER_CERT_PATH), those of the server lie below it in server/. Clients must show a certificate of that CA.
Result<std::shared_ptr<http::ServerTls>> open_docker_tls(const std::string& given_directory, const std::string& own_directory, Clock& clock);

}  // namespace reigen::cli
