// The I/O threads clients share, and connecting. Internal to http.
#pragma once

#include <memory>
#include <string>

#include "base/executor.h"
#include "http/client.h"
#include "http/io_loop.h"

namespace reigen::http {

// Made at first use, live for ever: clients may be destroyed by statics.
const std::shared_ptr<IoLoop>& client_loop();

// Runs fn on that loop after a while. Any thread.
void after_on_loop(Duration delay, Fn fn);

struct Url {
  std::string scheme;  // http, https, unix
  std::string host;    // without brackets; the path of unix
  uint16_t port = 0;
  std::string authority;  // for the Host field
};
Result<Url> parse_url(const std::string& url);

void dial(const Url& url, Duration timeout, Dialed done);

}  // namespace reigen::http
