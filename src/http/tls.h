// TLS contexts of servers and clients. Keys and certificates are PEM texts. TLS 1.2 or newer. Thread-safe.
#pragma once

#include <memory>
#include <string>

#include "base/result.h"

struct ssl_ctx_st;

namespace reigen::http {

struct KeyPair {
  std::string certificate_pem;  // the leaf first, then the chain
  std::string key_pem;
};

class ServerTls {
 public:
  struct Options {
    KeyPair identity;
    std::string client_ca_pem;  // a client certificate is asked for and verified against it; empty asks for none
    bool http2 = true;          // offer h2 by ALPN
    // No handshake without a certificate that client_ca_pem vouches for (Docker's --tlsverify).
    bool require_client = false;
  };
  static Result<std::shared_ptr<ServerTls>> create(const Options& options);
  ~ServerTls();

  // New connections use the new identity and CA bundle; existing ones go on.
  Status reload(const Options& options);
  std::shared_ptr<ssl_ctx_st> context() const;

 private:
  ServerTls();
  struct State;
  std::unique_ptr<State> state_;
};

class ClientTls {
 public:
  struct Options {
    std::string ca_pem;       // empty: the system's
    bool insecure = false;    // verify nothing
    std::string server_name;  // verified name and SNI; empty: the host of the URL
    KeyPair identity;         // client certificate; may be empty
    bool http2 = false;       // offer h2 by ALPN (tests)
  };
  static Result<std::shared_ptr<ClientTls>> create(const Options& options);
  ~ClientTls();

  std::shared_ptr<ssl_ctx_st> context() const;
  const std::string& server_name() const;
  bool insecure() const;

 private:
  ClientTls();
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace reigen::http
