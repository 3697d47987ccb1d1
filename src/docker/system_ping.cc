#include "docker/system_handlers.h"

namespace reigen::docker {

void system_ping(Call call) {
  http::Headers headers = answer_headers("text/plain; charset=utf-8");
  headers.add("Builder-Version", "1");
  headers.add("Swarm", "inactive");
  headers.add("Cache-Control", "no-cache, no-store, must-revalidate");
  headers.add("Pragma", "no-cache");
  bool head = call.request->method == "HEAD";
  if (head) headers.add("Content-Length", "0");
  call.responder->send(200, std::move(headers), head ? "" : "OK");
}

}  // namespace reigen::docker
