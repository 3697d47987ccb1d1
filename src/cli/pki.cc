#include "cli/pki.h"

#include <algorithm>

#include "base/files.h"
#include "http/certificate.h"

namespace reigen::cli {
namespace {

using std::chrono::hours;

constexpr auto kDay = hours(24);
constexpr auto kCaLife = kDay * 3650;
constexpr auto kLeafLife = kDay * 365;
constexpr auto kRenewBefore = kDay * 30;

Result<http::KeyPair> load(const std::string& stem) {
  http::KeyPair pair;
  TRY_ASSIGN(pair.certificate_pem, read_file(stem + ".crt", 1 << 20));
  TRY_ASSIGN(pair.key_pem, read_file(stem + ".key", 1 << 20));
  return pair;
}

Status save(const std::string& stem, const http::KeyPair& pair) {
  TRY(write_file(stem + ".key", pair.key_pem, 0600, true));
  return write_file(stem + ".crt", pair.certificate_pem, 0600, true);
}

// A CA that is there but cannot be read must never be replaced: everything hangs on it.
Result<http::KeyPair> open_ca(const std::string& stem, WallTime now) {
  if (path_exists(stem + ".crt") || path_exists(stem + ".key")) return load(stem);
  TRY_ASSIGN(http::KeyPair ca, http::make_ca("reigen-ca", now - hours(1), now + kCaLife));
  TRY(save(stem, ca));
  return ca;
}

bool same_set(std::vector<std::string> a, std::vector<std::string> b) {
  std::sort(a.begin(), a.end());
  std::sort(b.begin(), b.end());
  return a == b;
}

bool still_good(const http::KeyPair& pair, const http::CertificateRequest& request, WallTime now) {
  auto parsed = http::parse_certificate(pair.certificate_pem);
  return parsed && parsed->not_after > now + kRenewBefore && same_set(parsed->dns_names, request.dns_names) &&
         same_set(parsed->ip_addresses, request.ip_addresses);
}

Result<http::KeyPair> open_leaf(const std::string& stem, const http::KeyPair& ca, http::CertificateRequest request, WallTime now) {
  request.not_before = now - hours(1);
  request.not_after = now + kLeafLife;
  if (auto existing = load(stem); existing && still_good(*existing, request, now)) return existing;
  TRY_ASSIGN(http::KeyPair made, http::issue(ca, request));
  TRY(save(stem, made));
  return made;
}

}  // namespace

Result<Pki> open_pki(const std::string& directory, const ServerNames& names, Clock& clock) {
  TRY(make_directories(directory, 0700));
  auto now = clock.wall();
  Pki pki;
  TRY_ASSIGN(pki.ca, open_ca(directory + "/ca", now));
  http::CertificateRequest server;
  server.common_name = "kube-apiserver";
  server.dns_names = names.dns_names;
  server.ip_addresses = names.addresses;
  server.server = true;
  TRY_ASSIGN(pki.server, open_leaf(directory + "/server", pki.ca, server, now));
  http::CertificateRequest admin;
  admin.common_name = "system:admin";
  admin.organizations = {"system:masters"};
  admin.client = true;
  TRY_ASSIGN(pki.admin, open_leaf(directory + "/admin", pki.ca, admin, now));
  pki.sa_key_path = directory + "/service-account.key";
  return pki;
}

}  // namespace reigen::cli
