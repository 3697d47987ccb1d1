// The few pieces of cryptography that tokens need, over OpenSSL.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

struct evp_pkey_st;

namespace reigen::apiserver {

std::string sha256(std::string_view data);  // 32 bytes
std::string to_hex(std::string_view data);

// A P-256 key that signs and verifies ES256 (RFC 7518, 3.4). Thread-safe.
class SigningKey {
 public:
  // Reads the PEM file, or makes it (0600) when there is none.
  static Result<SigningKey> load_or_create(const std::string& path);
  static Result<SigningKey> generate();

  Result<std::string> sign(std::string_view data) const;  // 64 bytes: r and s
  bool verify(std::string_view data, std::string_view signature) const;
  // A name of the public key, the same after every start.
  const std::string& id() const { return id_; }
  // The public key as a JSON Web Key (RFC 7517).
  std::string jwk() const;

 private:
  static Result<SigningKey> from_pem(const std::string& pem);
  Status init(std::shared_ptr<evp_pkey_st> key);
  std::shared_ptr<evp_pkey_st> key_;
  std::string id_, x_, y_;
};

}  // namespace reigen::apiserver
