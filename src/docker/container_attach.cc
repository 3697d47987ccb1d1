// POST /containers/x/attach and resize, GET /containers/x/attach/ws
#include <fmt/core.h>

#include "apiserver/node_containers.h"
#include "docker/container_handlers.h"
#include "docker/container_lookup.h"
#include "docker/error_answer.h"
#include "docker/hijack.h"
#include "docker/run_control.h"
#include "docker/websocket_attach.h"
#include "docker/version_table.h"

namespace reigen::docker {

namespace {

struct Attachment {
  ContainerPtr container;
  apiserver::AttachRequest request;
  JoinOptions join;
};

// Without `streams` (attach/ws before 1.42) all three are joined.
Result<Attachment> read_attachment(const Call& call, bool all_streams) {
  Attachment out;
  auto keys = DetachKeys::parse(call.arg("detachKeys"));
  if (!keys) return fail(keys.error());
  out.join.keys = std::move(*keys);
  TRY_ASSIGN(out.container, find_container(call.engine, call.params[0]));
  const std::string& id = out.container->metadata.name;
  if (out.container->status.state == "paused") return fail(Code::kConflict, fmt::format("Container {} is paused, unpause the container before attach", id));
  if (out.container->status.state == "restarting")
    return fail(Code::kConflict, fmt::format("Container {} is restarting, wait until the container is running", id));
  auto config = config_of(*out.container);
  out.join.tty = config.tty;
  out.join.ends_input = config.stdin_once;
  out.request.target = target_of(*out.container);
  out.request.in = (all_streams || call.flag("stdin")) && config.open_stdin;
  out.request.out = all_streams || call.flag("stdout");
  out.request.err = all_streams || call.flag("stderr");
  out.request.logs = call.flag("logs");
  out.request.stream = call.flag("stream");
  return out;
}

// As Docker, whose connection is taken over by then: a text in the stream's type.
void refuse(Call& call, const Error& error, bool websocket) {
  if (websocket) return call.error(error);
  call.responder->send(status_of(error, call.version), answer_headers("application/vnd.docker.raw-stream"), error.message() + "\r\n");
}

// Who asks for no stream at all is through at once, whether the container runs or not.
void attach_nothing(Call call, bool tty) {
  auto shared = std::make_shared<Call>(std::move(call));
  take_connection(*shared, tty, [shared](std::shared_ptr<ByteStream> client) {
    auto [ours, theirs] = make_stream_pair(1);
    ours->close_write();
    join_client(std::move(client), nullptr, theirs, {}, [ours](JoinEnd) {});
  });
}

void attach(Call call, bool websocket) {
  auto attachment = read_attachment(call, websocket && call.version < since::kWebsocketStreams);
  if (!attachment) return refuse(call, attachment.error(), websocket);
  Engine& engine = call.engine;
  const auto& asked = attachment->request;
  if (!websocket && !asked.in && !asked.out && !asked.err) {
    engine.events.add(container_event(*attachment->container, "attach"));
    return attach_nothing(std::move(call), attachment->join.tty);
  }
  auto shared = std::make_shared<Call>(std::move(call));
  auto join = std::make_shared<JoinOptions>(std::move(attachment->join));
  engine.nodes.attach(std::move(attachment->request),
                      [shared, join, websocket, container = attachment->container](Result<apiserver::ContainerStreams> streams) {
                        if (!streams) return refuse(*shared, streams.error(), websocket);
                        Engine& engine = shared->engine;
                        engine.events.add(container_event(*container, "attach"));
                        auto done = [&engine, container](JoinEnd how) {
                          if (how == JoinEnd::kDetached) engine.events.add(container_event(*container, "detach"));
                        };
                        if (websocket) return join_websocket(std::move(*shared), std::move(streams->input), std::move(streams->output), std::move(*join), done);
                        take_connection(*shared, join->tty, [streams = std::move(*streams), join, done](std::shared_ptr<ByteStream> client) mutable {
                          join_client(std::move(client), std::move(streams.input), std::move(streams.output), std::move(*join), done);
                        });
                      });
}

}  // namespace

void container_attach(Call call) { attach(std::move(call), false); }
void container_attach_ws(Call call) { attach(std::move(call), true); }

void container_resize(Call call) {
  auto size = call.terminal_size();
  if (!size) return call.error(size.error());
  auto container = find_container(call.engine, call.params[0]);
  if (!container) return call.error(container.error());
  if (!is_running(**container)) return call.error(Error(Code::kConflict, fmt::format("Container {} is not running", (*container)->metadata.name)));
  Engine& engine = call.engine;
  auto shared = std::make_shared<Call>(std::move(call));
  engine.nodes.resize(
      target_of(**container), size->second, size->first, [shared, container = *container, height = size->first, width = size->second](Status status) {
        if (!status) return shared->error(status.error());
        shared->engine.events.add(container_event(*container, "resize", {{"height", std::to_string(height)}, {"width", std::to_string(width)}}));
        shared->empty(200);
      });
}

}  // namespace reigen::docker
