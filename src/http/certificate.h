// Certificates: make a CA, sign with it, read. ECDSA P-256, SHA-256. Everything is PEM text; nothing is written to disk here.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "http/message.h"
#include "http/tls.h"

namespace reigen::http {

struct CertificateRequest {
  std::string common_name;
  std::vector<std::string> organizations;
  std::vector<std::string> dns_names;
  std::vector<std::string> ip_addresses;
  bool server = false;  // extended key usages
  bool client = false;
  WallTime not_before;
  WallTime not_after;
};

// A self-signed CA.
Result<KeyPair> make_ca(const std::string& common_name, WallTime not_before, WallTime not_after);
// A new key and a certificate of it, signed by `ca`.
Result<KeyPair> issue(const KeyPair& ca, const CertificateRequest& request);
// A certificate for the public key of a PKCS#10 request (PEM). Subject and names come from `request` where they are set there,
// else from the PKCS#10 request.
Result<std::string> sign_csr(const KeyPair& ca, std::string_view csr_pem, const CertificateRequest& request);
// What a PKCS#10 request asks for; its signature is verified.
Result<CertificateRequest> parse_csr(std::string_view csr_pem);
// A new key and a PKCS#10 request (PEM) for it.
struct KeyAndCsr {
  std::string key_pem;
  std::string csr_pem;
};
Result<KeyAndCsr> make_csr(const CertificateRequest& request);

// The first certificate of a PEM text.
Result<TlsPeer> parse_certificate(std::string_view pem);

// Keys for service account tokens (RS256 and ES256).
Result<std::string> make_rsa_key(int bits = 2048);                    // PEM
Result<std::string> make_ec_key();                                    // PEM
Result<std::string> public_key_of(std::string_view private_key_pem);  // PEM

}  // namespace reigen::http
