// For tests of http: certificates, curl.
#pragma once

#include <chrono>
#include <cstdio>
#include <memory>
#include <string>

#include "base/clock.h"
#include "base/files.h"
#include "http/certificate.h"
#include "http/tls.h"

namespace reigen::http::test {

struct Pki {
  KeyPair ca, server, client;
};

inline const Pki& pki() {
  static const Pki shared = [] {
    auto now = system_clock().wall();
    auto from = now - std::chrono::hours(1);
    auto until = now + std::chrono::hours(24);
    Pki out;
    out.ca = make_ca("test-ca", from, until).value();
    out.server =
        issue(out.ca,
              {.common_name = "server", .dns_names = {"localhost"}, .ip_addresses = {"127.0.0.1"}, .server = true, .not_before = from, .not_after = until})
            .value();
    out.client = issue(out.ca, {.common_name = "alice", .organizations = {"devs", "ops"}, .client = true, .not_before = from, .not_after = until}).value();
    return out;
  }();
  return shared;
}

inline std::shared_ptr<ServerTls> server_tls(bool http2 = true) {
  return ServerTls::create({.identity = pki().server, .client_ca_pem = pki().ca.certificate_pem, .http2 = http2}).value();
}

// What a shell command prints.
inline std::string shell(const std::string& command) {
  std::string out;
  FILE* pipe = ::popen((command + " 2>&1").c_str(), "r");
  char piece[4096];
  size_t n;
  while ((n = fread(piece, 1, sizeof piece, pipe)) > 0) out.append(piece, n);
  ::pclose(pipe);
  return out;
}

// A folder with ca.crt, client.crt and client.key; removed at the end.
struct Folder {
  std::string path = make_temporary_directory("/tmp", "http-test-").value();
  Folder() {
    (void)write_file(path + "/ca.crt", pki().ca.certificate_pem);
    (void)write_file(path + "/client.crt", pki().client.certificate_pem);
    (void)write_file(path + "/client.key", pki().client.key_pem);
  }
  ~Folder() { (void)remove_tree(path); }
};

}  // namespace reigen::http::test
