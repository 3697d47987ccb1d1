#include "apiserver/auth/crypto.h"

#include <fmt/core.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/sha.h>
#include <openssl/x509.h>

#include "api/scalars.h"
#include "base/files.h"
#include "http/certificate.h"

namespace reigen::apiserver {
namespace {

template <auto free_fn>
struct Free {
  template <class T>
  void operator()(T* pointer) const {
    free_fn(pointer);
  }
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

}  // namespace

std::string sha256(std::string_view data) {
  // Every request with a token comes here, and looking the algorithm up costs ten times the digest.
  static const std::unique_ptr<EVP_MD, decltype(&EVP_MD_free)> algorithm(EVP_MD_fetch(nullptr, "SHA256", nullptr), EVP_MD_free);
  thread_local const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
  std::string out(SHA256_DIGEST_LENGTH, '\0');
  bool done = EVP_DigestInit_ex2(context.get(), algorithm.get(), nullptr) == 1 && EVP_DigestUpdate(context.get(), data.data(), data.size()) == 1 &&
              EVP_DigestFinal_ex(context.get(), reinterpret_cast<unsigned char*>(out.data()), nullptr) == 1;
  CHECK(done);
  return out;
}

std::string to_hex(std::string_view data) {
  std::string out;
  for (unsigned char c : data) out += fmt::format("{:02x}", c);
  return out;
}

Status SigningKey::init(std::shared_ptr<evp_pkey_st> key) {
  key_ = std::move(key);
  TRY_ASSIGN(x_, public_coordinate(key_.get(), OSSL_PKEY_PARAM_EC_PUB_X));
  TRY_ASSIGN(y_, public_coordinate(key_.get(), OSSL_PKEY_PARAM_EC_PUB_Y));
  id_ = api::base64url_encode(sha256(x_ + y_));
  return {};
}

Result<SigningKey> SigningKey::from_pem(const std::string& pem) {
  Bio bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  std::shared_ptr<EVP_PKEY> key(PEM_read_bio_PrivateKey(bio.get(), nullptr, nullptr, nullptr), EVP_PKEY_free);
  if (!key) return fail(Code::kDataLoss, "no private key");
  SigningKey out;
  TRY(out.init(std::move(key)));
  return out;
}

Result<SigningKey> SigningKey::generate() {
  TRY_ASSIGN(std::string pem, http::make_ec_key());
  return from_pem(pem);
}

Result<SigningKey> SigningKey::load_or_create(const std::string& path) {
  if (!path_exists(path)) {
    TRY_ASSIGN(std::string made, http::make_ec_key());
    TRY(write_file(path, made, 0600, true));
  }
  TRY_ASSIGN(std::string pem, read_file(path, 1 << 20));
  auto key = from_pem(pem);
  if (!key) return fail(std::move(key).error().context(path));
  return key;
}

Result<std::string> SigningKey::sign(std::string_view data) const {
  MdContext context(EVP_MD_CTX_new());
  size_t size = 0;
  if (EVP_DigestSignInit(context.get(), nullptr, EVP_sha256(), nullptr, key_.get()) != 1 ||
      EVP_DigestSign(context.get(), nullptr, &size, reinterpret_cast<const unsigned char*>(data.data()), data.size()) != 1) {
    return fail(Code::kInternal, "cannot sign");
  }
  std::string der(size, '\0');
  if (EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(der.data()), &size, reinterpret_cast<const unsigned char*>(data.data()), data.size()) !=
      1) {
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
  return fmt::format(R"({{"use":"sig","kty":"EC","kid":"{}","crv":"P-256","alg":"ES256","x":"{}","y":"{}"}})", id_, api::base64url_encode(x_),
                     api::base64url_encode(y_));
}

}  // namespace reigen::apiserver
