#include "cli/docker_endpoint_tls.h"

#include <algorithm>

#include "base/files.h"
#include "base/log.h"
#include "cli/host_facts.h"
#include "http/certificate.h"

namespace reigen::cli {

namespace {

constexpr auto kYears = std::chrono::hours(24 * 365 * 10);
constexpr auto kSoon = std::chrono::hours(24 * 30);  // a certificate that ends so soon is made anew

Result<http::ServerTls::Options> read_files(const std::string& directory) {
  http::ServerTls::Options out;
  TRY_ASSIGN(out.client_ca_pem, read_file(directory + "/ca.pem", 1 << 20));
  TRY_ASSIGN(out.identity.certificate_pem, read_file(directory + "/cert.pem", 1 << 20));
  TRY_ASSIGN(out.identity.key_pem, read_file(directory + "/key.pem", 1 << 20));
  out.http2 = false;
  out.require_client = true;
  return out;
}

Status write_files(const std::string& directory, const http::KeyPair& ca, const http::KeyPair& pair) {
  TRY(make_directories(directory, 0700));
  TRY(write_file(directory + "/ca.pem", ca.certificate_pem));
  TRY(write_file(directory + "/cert.pem", pair.certificate_pem));
  return write_file(directory + "/key.pem", pair.key_pem);
}

Result<http::KeyPair> open_ca(const std::string& directory, WallTime now) {
  http::KeyPair out;
  std::string key = directory + "/server/ca-key.pem";
  if (path_exists(key)) {
    TRY_ASSIGN(out.key_pem, read_file(key, 1 << 20));
    TRY_ASSIGN(out.certificate_pem, read_file(directory + "/ca.pem", 1 << 20));
    return out;
  }
  TRY_ASSIGN(out, http::make_ca("reigen-docker", now - std::chrono::hours(1), now + kYears));
  TRY(make_directories(directory + "/server", 0700));
  TRY(write_file(directory + "/ca.pem", out.certificate_pem));
  TRY(write_file(key, out.key_pem));
  return out;
}

bool is_fresh(const std::string& path, const std::vector<std::string>& addresses, WallTime now) {
  auto text = read_file(path, 1 << 20);
  auto certificate = text ? http::parse_certificate(*text) : Result<http::TlsPeer>(fail(text.error()));
  if (!certificate || certificate->not_after < now + kSoon) return false;
  for (const auto& address : addresses) {
    if (std::find(certificate->ip_addresses.begin(), certificate->ip_addresses.end(), address) == certificate->ip_addresses.end()) return false;
  }
  return true;
}

Status make_own(const std::string& directory, WallTime now) {
  TRY_ASSIGN(auto ca, open_ca(directory, now));
  std::vector<std::string> addresses = host_addresses();
  addresses.emplace_back("127.0.0.1");
  if (!is_fresh(directory + "/server/cert.pem", addresses, now)) {
    auto all = addresses;
    all.emplace_back("::1");
    http::CertificateRequest server{.common_name = "reigen-docker-server",
                                    .organizations = {},
                                    .dns_names = {"localhost", host_name()},
                                    .ip_addresses = std::move(all),
                                    .server = true,
                                    .not_before = now - std::chrono::hours(1),
                                    .not_after = now + kYears};
    TRY_ASSIGN(auto pair, http::issue(ca, server));
    TRY(write_files(directory + "/server", ca, pair));
  }
  if (is_fresh(directory + "/cert.pem", {}, now)) return {};
  http::CertificateRequest client{.common_name = "reigen-docker-client",
                                  .organizations = {},
                                  .dns_names = {},
                                  .ip_addresses = {},
                                  .client = true,
                                  .not_before = now - std::chrono::hours(1),
                                  .not_after = now + kYears};
  TRY_ASSIGN(auto pair, http::issue(ca, client));
  return write_files(directory, ca, pair);
}

}  // namespace

Result<std::shared_ptr<http::ServerTls>> open_docker_tls(const std::string& given_directory, const std::string& own_directory, Clock& clock) {
  std::string directory = given_directory;
  if (directory.empty()) {
    TRY(make_own(own_directory, clock.wall()));
    directory = own_directory + "/server";
    LOG(kInfo, "docker", "clients of the TLS port use the certificates in {}", own_directory);
  }
  auto options = read_files(directory);
  if (!options) return fail(Error(options.error()).context("--docker-tls-dir"));
  return http::ServerTls::create(*options);
}

}  // namespace reigen::cli
