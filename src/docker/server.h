// Server: the Docker Engine API on a unix socket and over TLS.
#pragma once

#include <sys/types.h>

#include <memory>
#include <string>

#include "base/result.h"
#include "http/tls.h"

namespace reigen::docker {

struct Engine;

struct ServerOptions {
  std::string socket_path;               // empty: none
  std::string group = "docker";          // may use the socket (0660), where the host has it; else root alone
  std::string tcp_address;               // empty: none
  uint16_t tcp_port = 2376;              // 0 chooses one
  std::shared_ptr<http::ServerTls> tls;  // must ask for client certificates; without it TCP is refused
};

// A group of the host, by name or number. Names what is unknown.
Result<gid_t> find_group(const std::string& name);

class Server {
 public:
  // Listens at once. The engine outlives stop(). Errors name the socket or the address.
  static Result<std::unique_ptr<Server>> open(Engine& engine, const ServerOptions& options);
  ~Server();  // stops

  uint16_t tcp_port() const;
  // Ends all connections; what handlers still do is theirs to end (the engine's executors).
  void stop();

 private:
  struct State;
  explicit Server(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace reigen::docker
