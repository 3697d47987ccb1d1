#include "apiserver/auth/crypto.h"

#include <fmt/core.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/sha.h>
#include <openssl/x509.h>

#include "base/files.h"

namespace reigen::apiserver {
namespace {

template <auto free_fn>
struct Free {
  template <class T>
  void operator()(T* pointer) const { free_fn(pointer); }
};
using Bio = std::unique_ptr<BIO, Free<BIO_free_all>>;
using Bignum = std::unique_ptr<BIGNUM, Free<BN_free>>;
using MdContext = std::unique_ptr<EVP_MD_CTX, Free<EVP_MD_CTX_free>>;
using EcdsaSignature = std::unique_ptr<ECDSA_SIG, Free<ECDSA_SIG_free>>;

constexpr size_t kCoordinate = 32;

Result<std::string> public_coordinate(EVP_PKEY* key, const char* name) {
  BIGNUM* raw = nullptr;
  if (EVP_PKEY_get_bn_param(key, name, &raw) != 1) return fail(Code::kInvalidArgument, "the signing key is no P-256 key");
  Bignum number(raw);
  std::string bytes(kCoordinate, '\0');
  if (BN_bn2binpad(number.get(), reinterpret_cast<unsigned char*>(bytes.data()), kCoordinate) < 0) {
    return fail(Code::kInvalidArgument, "the signing key is no P-256 key");
  }
  return bytes;
}

Result<std::string> private_pem(EVP_PKEY* key) {
  Bio bio(BIO_new(BIO_s_mem()));
  if (PEM_write_bio_PrivateKey(bio.get(), key, nullptr, nullptr, 0, nullptr, nullptr) != 1) return fail(Code::kInternal, "cannot write a private key");
  char* data = nullptr;
  long size = BIO_get_mem_data(bio.get(), &data);
  return std::string(data, static_cast<size_t>(size));
}

}  // namespace

std::string sha256(std::string_view data) {
  std::string out(SHA256_DIGEST_LENGTH, '\0');
  SHA256(reinterpret_cast<const unsigned char*>(data.data()), data.size(), reinterpret_cast<unsigned char*>(out.data()));
  return out;
}

std::string to_hex(std::string_view data) {
  std::string out;
  for (unsigned char c : data) out += fmt::format("{:02x}", c);
  return out;
}

std::string base64url_encode(std::string_view data) {
  static constexpr char kAlphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  std::string out;
  out.reserve((data.size() * 4 + 2) / 3);
  unsigned bits = 0, count = 0;
  for (unsigned char c : data) {
    bits = bits << 8 | c;
    count += 8;
    while (count >= 6) out += kAlphabet[bits >> (count -= 6) & 63];
  }
  if (count) out += kAlphabet[bits << (6 - count) & 63];
  return out;
}

Result<std::string> base64url_decode(std::string_view text) {
  while (!text.empty() && text.back() == '=') text.remove_suffix(1);
  std::string out;
  unsigned bits = 0, count = 0;
  for (char c : text) {
    unsigned value;
    if (c >= 'A' && c <= 'Z') value = static_cast<unsigned>(c - 'A');
    else if (c >= 'a' && c <= 'z') value = static_cast<unsigned>(c - 'a') + 26;
    else if (c >= '0' && c <= '9') value = static_cast<unsigned>(c - '0') + 52;
    else if (c == '-' || c == '+') value = 62;
    else if (c == '_' || c == '/') value = 63;
    else return fail(Code::kInvalidArgument, "not base64");
    bits = bits << 6 | value;
    count += 6;
    if (count >= 8) out += static_cast<char>(bits >> (count -= 8) & 255);
  }
  return out;
}

Status SigningKey::init(std::shared_ptr<evp_pkey_st> key) {
  key_ = std::move(key);
  TRY_ASSIGN(x_, public_coordinate(key_.get(), OSSL_PKEY_PARAM_EC_PUB_X));
  TRY_ASSIGN(y_, public_coordinate(key_.get(), OSSL_PKEY_PARAM_EC_PUB_Y));
  id_ = base64url_encode(sha256(x_ + y_));
  return {};
}

Result<SigningKey> SigningKey::generate() {
  std::shared_ptr<EVP_PKEY> key(EVP_EC_gen("P-256"), EVP_PKEY_free);
  if (!key) return fail(Code::kInternal, "cannot make a signing key");
  SigningKey out;
  TRY(out.init(std::move(key)));
  return out;
}

Result<SigningKey> SigningKey::load_or_create(const std::string& path) {
  if (!path_exists(path)) {
    TRY_ASSIGN(SigningKey made, generate());
    TRY_ASSIGN(std::string pem, private_pem(made.key_.get()));
    TRY(write_file(path, pem, 0600, true));
    return made;
  }
  TRY_ASSIGN(std::string pem, read_file(path, 1 << 20));
  Bio bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  std::shared_ptr<EVP_PKEY> key(PEM_read_bio_PrivateKey(bio.get(), nullptr, nullptr, nullptr), EVP_PKEY_free);
  if (!key) return fail(Code::kDataLoss, path + " holds no private key");
  SigningKey out;
  if (auto ready = out.init(std::move(key)); !ready) return fail(std::move(ready).error().context(path));
  return out;
}

Result<std::string> SigningKey::sign(std::string_view data) const {
  MdContext context(EVP_MD_CTX_new());
  size_t size = 0;
  if (EVP_DigestSignInit(context.get(), nullptr, EVP_sha256(), nullptr, key_.get()) != 1 ||
      EVP_DigestSign(context.get(), nullptr, &size, reinterpret_cast<const unsigned char*>(data.data()), data.size()) != 1) {
    return fail(Code::kInternal, "cannot sign");
  }
  std::string der(size, '\0');
  if (EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(der.data()), &size, reinterpret_cast<const unsigned char*>(data.data()), data.size()) != 1) {
    return fail(Code::kInternal, "cannot sign");
  }
  const auto* at = reinterpret_cast<const unsigned char*>(der.data());
  EcdsaSignature signature(d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(size)));
  std::string out(2 * kCoordinate, '\0');
  auto* bytes = reinterpret_cast<unsigned char*>(out.data());
  BN_bn2binpad(ECDSA_SIG_get0_r(signature.get()), bytes, kCoordinate);
  BN_bn2binpad(ECDSA_SIG_get0_s(signature.get()), bytes + kCoordinate, kCoordinate);
  return out;
}

bool SigningKey::verify(std::string_view data, std::string_view signature) const {
  if (signature.size() != 2 * kCoordinate) return false;
  const auto* bytes = reinterpret_cast<const unsigned char*>(signature.data());
  EcdsaSignature parsed(ECDSA_SIG_new());
  ECDSA_SIG_set0(parsed.get(), BN_bin2bn(bytes, kCoordinate, nullptr), BN_bin2bn(bytes + kCoordinate, kCoordinate, nullptr));
  unsigned char* der = nullptr;
  int size = i2d_ECDSA_SIG(parsed.get(), &der);
  if (size <= 0) return false;
  std::unique_ptr<unsigned char, void (*)(unsigned char*)> owned(der, [](unsigned char* p) { OPENSSL_free(p); });
  MdContext context(EVP_MD_CTX_new());
  return EVP_DigestVerifyInit(context.get(), nullptr, EVP_sha256(), nullptr, key_.get()) == 1 &&
         EVP_DigestVerify(context.get(), der, static_cast<size_t>(size), reinterpret_cast<const unsigned char*>(data.data()), data.size()) == 1;
}

std::string SigningKey::jwk() const {
  return fmt::format(R"({{"use":"sig","kty":"EC","kid":"{}","crv":"P-256","alg":"ES256","x":"{}","y":"{}"}})", id_, base64url_encode(x_), base64url_encode(y_));
}

}  // namespace reigen::apiserver
