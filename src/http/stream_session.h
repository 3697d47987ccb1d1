// The sessions behind exec, attach and port-forward, the same for a handler whatever the client speaks:
//
//   remote command  SPDY/3.1 with v4, v3, v2 and v1 ("channel.k8s.io") sub-protocols; WebSocket with v5, v4, v4.base64, channel.k8s.io
//                   and base64.channel.k8s.io
//   port forward    SPDY/3.1 "portforward.k8s.io"; WebSocket "SPDY/3.1+portforward.k8s.io" (SPDY inside binary messages), and
//                   v4.channel.k8s.io / v4.base64.channel.k8s.io with ports in the query
//
// Rules: KEP-4006, k8s.io/apimachinery httpstream, client-go remotecommand and portforward.
// Threads: all calls are thread-safe; callbacks run on an I/O thread and must not block.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/byte_stream.h"
#include "base/clock.h"
#include "base/executor.h"
#include "http/message.h"

namespace reigen::http {

class Responder;

struct TerminalSize {
  uint16_t width = 0;
  uint16_t height = 0;
};

// True when the request asks for a stream session (Upgrade to SPDY or WebSocket).
bool is_stream_request(const Request& request);
bool is_websocket_request(const Request& request);

struct RemoteCommandOptions {
  bool stdin_open = false;  // as the query asked; with tty there is no stderr
  bool stdout_open = false;
  bool stderr_open = false;
  bool tty = false;
  Duration creation_timeout = std::chrono::seconds(30);  // for the client to open its streams
  Duration idle_timeout = std::chrono::hours(4);
};

class RemoteCommandSession {
 public:
  virtual ~RemoteCommandSession() = default;

  // "v5.channel.k8s.io", ..., "channel.k8s.io"; "" for a client that named none.
  virtual const std::string& protocol() const = 0;
  // True when the end of stdin reaches us without the end of the session (SPDY, or v5 over WebSocket).
  virtual bool can_half_close() const = 0;

  // Null when not asked for. stdin is read only; stdout and stderr are written only, with back-pressure.
  virtual std::shared_ptr<ByteStream> stdin_stream() = 0;
  virtual std::shared_ptr<ByteStream> stdout_stream() = 0;
  virtual std::shared_ptr<ByteStream> stderr_stream() = 0;

  // Terminal sizes as they come; the newest one that came before is given at once.
  virtual void on_resize(std::function<void(TerminalSize)> fn) = 0;
  // Once, when the client has gone (also when it is already gone). Not after finish().
  virtual void on_close(Fn fn) = 0;

  // Ends the session after what was written before: v4 and newer get `status_json` (a metav1.Status) on the error channel; older ones
  // get `plain_error`, and nothing when that is empty (success).
  virtual void finish(std::string status_json, std::string plain_error) = 0;
};

// Negotiates, answers the upgrade, waits for the streams and calls back. On failure it has already answered the client; the
// callback then gets the error (kInvalidArgument: no protocol in common or no upgrade asked, answered 400 or 403).
void accept_remote_command(const Request& request, std::shared_ptr<Responder> responder, RemoteCommandOptions options,
                           std::move_only_function<void(Result<std::shared_ptr<RemoteCommandSession>>)> done);

// One forwarded connection.
struct ForwardedConnection {
  uint16_t port = 0;
  std::shared_ptr<ByteStream> data;
  // Tells the client why the connection failed (at most once), and closes its error stream. An empty text only closes it. Must be
  // called when the connection has ended.
  std::move_only_function<void(std::string error)> finish;
};

struct PortForwardOptions {
  std::vector<uint16_t> ports;  // of the query; only the WebSocket channel protocols use them
  Duration creation_timeout = std::chrono::seconds(30);
  Duration idle_timeout = std::chrono::hours(4);
};

class PortForwardSession {
 public:
  virtual ~PortForwardSession() = default;
  virtual void close() = 0;
};

// As accept_remote_command. `connected` runs for every connection the client opens; `closed` once at the end of the session.
void accept_port_forward(const Request& request, std::shared_ptr<Responder> responder, PortForwardOptions options,
                         std::function<void(ForwardedConnection)> connected, std::move_only_function<void(Result<void>)> closed);

}  // namespace reigen::http
