// NodeDialer: the only way from the API server to a node. The local form is a call into the node agent, the remote form kubelet's
// HTTPS API on the port in node.status.daemonEndpoints.
//
// All calls return at once; `done` runs on any thread, exactly once, and may block no I/O thread.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/byte_stream.h"
#include "base/result.h"

namespace reigen::http {
class RemoteCommandSession;
}

namespace reigen::apiserver {

class NodeContainers;  // node_containers.h

struct PodTarget {
  std::string node, namespace_, name, uid;
};

struct ExecOptions {
  PodTarget pod;
  std::string container;
  std::vector<std::string> command;  // empty for attach
  bool stdin_ = false, stdout_ = true, stderr_ = true, tty = false;
};

struct LogOptions {
  PodTarget pod;
  std::string container;
  bool follow = false, previous = false, timestamps = false;
  std::optional<int64_t> since_seconds, tail_lines, limit_bytes;
  std::string since_time;  // RFC 3339; "" when not given
  std::string stream;      // "", "All", "Stdout" or "Stderr"
};

// A plain HTTP exchange with a node's own endpoints (stats/summary, metrics, containerLogs, healthz).
struct NodeHttpRequest {
  std::string node, method, path_and_query, body;
};
struct NodeHttpResponse {
  int status = 200;
  std::string content_type;
  std::string body;
  std::string location = {};                     // of a redirection
  std::shared_ptr<ByteStream> stream = nullptr;  // the body, in place of `body`
};

class NodeDialer {
 public:
  using StreamDone = std::move_only_function<void(Result<std::shared_ptr<ByteStream>>)>;

  virtual ~NodeDialer() = default;

  // The node first checks that the container can be executed in or attached to, then calls `accept` once: with an error, which is
  // the client's answer; or with success and what is to be run with the client's session, which the node then serves to its end, exit
  // status included. The session is an error when the client could not be upgraded: then the node does nothing.
  using SessionDone = std::move_only_function<void(Result<std::shared_ptr<http::RemoteCommandSession>>)>;
  using Accept = std::move_only_function<void(Status, SessionDone)>;
  virtual void exec(ExecOptions options, Accept accept) = 0;
  virtual void attach(ExecOptions options, Accept accept) = 0;

  // The stream gives the log's bytes until its end (never, with follow, while the container runs). Closing it stops the work.
  virtual void logs(LogOptions options, StreamDone done) = 0;

  // A connection to a port inside the pod's network namespace, at its loopback address.
  virtual void port_forward(PodTarget pod, uint16_t port, StreamDone done) = 0;

  // A connection from the node to address:port: a pod's or a service's endpoint.
  virtual void dial(std::string node, std::string address, uint16_t port, StreamDone done) = 0;

  using HttpDone = std::move_only_function<void(Result<NodeHttpResponse>)>;
  virtual void node_http(NodeHttpRequest request, HttpDone done) = 0;

  // Docker's side of the nodes; null where there is none. Lives as long as the dialer.
  virtual NodeContainers* containers() { return nullptr; }
};

}  // namespace reigen::apiserver
