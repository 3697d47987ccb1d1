// The HTTP client: HTTP/1.1 over TCP, TLS, unix sockets, or any ByteStream a dialer gives. Thread-safe.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/byte_stream.h"
#include "base/clock.h"
#include "http/message.h"

namespace reigen::http {

class ClientTls;  // tls.h
class Responder;  // server.h

// Makes a connection; calls back once, from any thread.
using Dialed = std::move_only_function<void(Result<std::shared_ptr<ByteStream>>)>;
using Dialer = std::function<void(Dialed)>;

struct ClientOptions {
  std::string url;                 // "https://host:port", "http://host:port" or "unix:///path"; with a dialer only its scheme and host count
  std::shared_ptr<ClientTls> tls;  // needed for https
  Dialer dial;                     // replaces the connection to url (TLS, if any, is spoken over what it gives)
  Headers headers;                 // added to every request that does not set them, for example Authorization
  Duration connect_timeout = std::chrono::seconds(10);
  Duration timeout = std::chrono::seconds(60);  // of a whole request; of a streamed one until its head
  size_t max_idle = 8;                          // connections kept for reuse
  Duration idle_timeout = std::chrono::seconds(60);
  size_t max_body = 256 << 20;  // bytes of a whole answer; more is kResourceExhausted
};

struct ClientRequest {
  std::string method = "GET";
  std::string target = "/";
  Headers headers;
  Body body;
  std::shared_ptr<ByteStream> body_stream;  // instead of body: read to its end; chunked unless Content-Length is set
  Duration timeout = Duration::zero();      // zero: the client's
};

// An answer whose body is read as it arrives. Closing `body` (or dropping it) before its end cancels the request.
struct StreamResponse {
  int status = 0;
  std::string reason;
  Headers headers;
  std::shared_ptr<ByteStream> body;
};

class Client {
 public:
  explicit Client(ClientOptions options);
  ~Client();  // cancels what is in progress
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // Blocks; must not be called from a callback of this client.
  Result<Response> request(ClientRequest request);
  void request_async(ClientRequest request, std::move_only_function<void(Result<Response>)> done);
  // `done` runs when the head has arrived.
  void stream(ClientRequest request, std::move_only_function<void(Result<StreamResponse>)> done);
  Result<StreamResponse> stream(ClientRequest request);
  // Sends Connection and Upgrade as given in the headers. When the server switches (101, or any 2xx with an Upgrade field),
  // `body` is the raw two-way stream and status says so; otherwise it is the answer's body.
  void upgrade(ClientRequest request, std::move_only_function<void(Result<StreamResponse>)> done);
  Result<StreamResponse> upgrade(ClientRequest request);

  struct State;  // internal

 private:
  std::shared_ptr<State> state_;
};

// Connects to "host:port" / "[v6]:port" / "unix:///path" in plain; `done` runs on a thread of http.
void dial(const std::string& address, Duration timeout, Dialed done);

struct ProxyOptions {
  std::string target;  // the request target upstream
  std::string host;    // Host upstream; empty keeps the client's
  bool tls = false;    // speak TLS over what the dialer gives
  std::shared_ptr<ClientTls> tls_context;
  Headers set_headers;                               // set on the request upstream
  std::vector<std::string> remove_headers;           // removed from it, for example Authorization
  Duration head_timeout = std::chrono::seconds(60);  // until the upstream head; zero for none
  // Answers when upstream cannot be reached; by default 502 with the text.
  std::function<void(Responder&, const Error&)> on_error;
  // May rewrite the answer's headers.
  std::function<void(int status, Headers&)> on_head;
  // May give what rewrites the body, which is then called for each piece, and with an empty one for what comes last. Called after
  // on_head; Content-Length is dropped.
  using Filter = std::function<std::string(std::string piece)>;
  std::function<Filter(int status, const Headers&)> make_filter;
};

// A reverse proxy for one request: streams bodies both ways with back-pressure, passes upgrades through, drops hop-by-hop fields and
// adds X-Forwarded-For.
void proxy(std::shared_ptr<Request> request, std::shared_ptr<Responder> responder, Dialer dial, ProxyOptions options);

}  // namespace reigen::http
