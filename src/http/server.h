// The HTTP server: HTTP/1.1 and HTTP/2 over TCP, TLS and unix sockets, on a few I/O threads of its own.
#pragma once

#include <sys/types.h>

#include <functional>
#include <memory>
#include <string>

#include "base/byte_stream.h"
#include "base/clock.h"
#include "base/executor.h"
#include "http/message.h"

namespace reigen::http {

class ServerTls;  // tls.h

// The answer to one request. Thread-safe; may be used at any time from any thread, also inline in the handler. Calls take effect
// in the order made. After the client has gone every call is a no-op (write's done gets kCancelled). Dropping the last reference
// before an answer was begun answers 500; dropping it in the middle of a streamed answer cuts the answer off.
class Responder {
 public:
  using WriteDone = std::move_only_function<void(Status)>;
  using Upgraded = std::move_only_function<void(std::shared_ptr<ByteStream>)>;

  virtual ~Responder() = default;

  // The whole answer. Content-Length is added; a large body is gzipped when the client asked for it.
  virtual void send(int status, Headers headers, Body body) = 0;

  // A streamed answer: start, any number of writes, finish. The head leaves at once. `done` runs on the I/O thread when the bytes
  // are accepted with room for more. Bytes given in close succession leave in one record. Without Content-Length the answer is
  // chunked.
  virtual void start(int status, Headers headers) = 0;
  virtual void write(Body chunk, WriteDone done = {}) = 0;
  virtual void finish() = 0;
  // Cuts the answer off so that the client sees it is incomplete.
  virtual void abort() = 0;

  // Bytes given to write() that the kernel has not taken yet.
  virtual size_t buffered() const = 0;

  // Runs fn once, on the I/O thread, when the client goes away before the answer is complete; at once when it already has. One
  // callback; it is dropped when the answer completes.
  virtual void on_close(Fn fn) = 0;

  // Runs fn on the connection's I/O thread, at once when called there; never when the client has gone. For work that another thread
  // has no time for, such as encoding the answer.
  virtual void run(Fn fn) = 0;

  // Answers with status (101, or 200 for some Docker clients) and hands the connection over as a stream. HTTP/1.1 only: on
  // HTTP/2 the answer is 400 and `upgraded` gets null. 101 needs an Upgrade field in `headers`; with 200 no length is announced and the
  // connection ends with the stream. read() ends when the client half-closes; close_write() half-closes (TLS: close_notify), and reading
  // goes on. No timeout of the server holds any more.
  virtual void upgrade_raw(int status, Headers headers, Upgraded upgraded) = 0;
};

struct BodyPolicy {
  size_t limit = 3 << 20;  // bytes; more is answered 413. Ignored when streamed.
  bool stream = false;     // give the handler Request::body_stream before the body has arrived
  // Of a streamed body and of the answer's writes. Zero: the server's. Duration::max(): never.
  Duration stall_timeout = Duration::zero();
  // upgrade_raw may follow: what comes behind the body (behind the head, without one) is the stream's, never a request, and the client may
  // half-close before the answer. An answer of another kind ends the connection.
  bool hijack = false;
};

struct ServerOptions {
  unsigned threads = 2;
  BodyPolicy body;
  std::function<BodyPolicy(const Request&)> body_policy;  // overrides `body`, asked for every request when its head has arrived
  size_t max_head = 1 << 20;                              // bytes of request line and fields; more is answered 431
  size_t max_connections = 100'000;                       // more are closed at once
  unsigned max_concurrent_streams = 250;                  // a connection, HTTP/2
  size_t gzip_threshold = 128 << 10;                      // bytes; 0 never compresses
  Duration head_timeout = std::chrono::seconds(32);       // from the first byte (or the handshake) to the end of the head
  Duration idle_timeout = std::chrono::seconds(90);       // between requests
  Duration stall_timeout = std::chrono::seconds(60);      // without progress of a request body or of a blocked write
  std::string too_large_json;                             // the body of a 413; empty: plain text
  std::string name = "http";                              // of the log area and the threads
};

// Runs on an I/O thread; must not block. May answer later from any thread.
using Handler = std::function<void(std::shared_ptr<Request>, std::shared_ptr<Responder>)>;

class Server {
 public:
  Server(ServerOptions options, Handler handler);
  ~Server();  // stops
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // Any number of listeners, before or while serving. Port 0 chooses one; the port in use is returned. An address with ':' is
  // IPv6; "::" listens on both families.
  Result<uint16_t> listen_tcp(const std::string& address, uint16_t port, std::shared_ptr<ServerTls> tls = nullptr);
  // Replaces a stale socket file. gid -1 keeps the group.
  Status listen_unix(const std::string& path, mode_t mode = 0600, gid_t gid = static_cast<gid_t>(-1));
  size_t connections() const;

  // Stops accepting, closes idle connections, lets answers in progress complete for `grace`, then closes. Blocks; not from a handler.
  void stop(Duration grace = Duration::zero());

  struct State;  // internal

 private:
  std::shared_ptr<State> state_;
};

}  // namespace reigen::http
