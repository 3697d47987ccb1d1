// GET /containers/x/logs
#include <charconv>

#include "apiserver/node_containers.h"
#include "docker/container_handlers.h"
#include "docker/container_lookup.h"
#include "docker/pump.h"
#include "docker/stream_frames.h"
#include "docker/time_argument.h"
#include "docker/version_table.h"

namespace reigen::docker {

namespace {

// "all", and anything that is no number, means all.
int64_t read_tail(std::string_view text) {
  int64_t lines = -1;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), lines);
  return error == std::errc() && end == text.data() + text.size() && lines >= 0 ? lines : -1;
}

Result<apiserver::ContainerLogs> read_request(const Call& call, const api::dockerv1::Container& container) {
  apiserver::ContainerLogs out;
  out.target = target_of(container);
  out.out = call.flag("stdout");
  out.err = call.flag("stderr");
  out.follow = call.flag("follow");
  out.timestamps = call.flag("timestamps");
  out.details = call.flag("details");
  out.tail = read_tail(call.arg("tail"));
  // Many a client counts on a frame a line, as Docker sends them. Docker's own command line only copies what is in them, and is four times as fast when
  // they hold many.
  out.gather = call.request->headers.get("User-Agent").starts_with("Docker-Client/");
  if (call.arg("since") != "0") {
    TRY_ASSIGN(auto since, parse_seconds(call.arg("since")));
    out.since = since.value_or(WallTime{});
  }
  if (call.version >= since::kLogsUntil && call.arg("until") != "0") {
    TRY_ASSIGN(auto until, parse_seconds(call.arg("until")));
    out.until = until.value_or(WallTime{});
  }
  return out;
}

}  // namespace

void container_logs(Call call) {
  if (!call.flag("stdout") && !call.flag("stderr")) return call.error(Error(Code::kInvalidArgument, "Bad parameters: you must choose at least one stream"));
  auto container = find_container(call.engine, call.params[0]);
  if (!container) return call.error(container.error());
  auto request = read_request(call, **container);
  if (!request) return call.error(request.error());
  if (host_config_of(**container).log_config.type == "none")
    return call.error(Error(Code::kUnimplemented, "configured logging driver does not support reading"));
  bool tty = config_of(**container).tty;
  Engine& engine = call.engine;
  auto shared = std::make_shared<Call>(std::move(call));
  engine.nodes.logs(std::move(*request), [shared, tty](Result<std::shared_ptr<ByteStream>> stream) {
    if (!stream) return shared->error(stream.error());
    bool typed = shared->version >= since::kMultiplexedType;
    shared->responder->start(200, answer_headers(typed ? stream_type(tty, shared->version) : std::string_view()));
    pump(std::move(*stream), shared->responder);
  });
}

}  // namespace reigen::docker
