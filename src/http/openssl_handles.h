// Owners of OpenSSL objects, and reading them from PEM. Internal to http.
#pragma once

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "http/message.h"

namespace reigen::http {

template <auto free_function>
struct OpensslFree {
  template <class T>
  void operator()(T* object) const {
    free_function(object);
  }
};
using BioPtr = std::unique_ptr<BIO, OpensslFree<BIO_free_all>>;
using PkeyPtr = std::unique_ptr<EVP_PKEY, OpensslFree<EVP_PKEY_free>>;
using X509Ptr = std::unique_ptr<X509, OpensslFree<X509_free>>;
using X509ReqPtr = std::unique_ptr<X509_REQ, OpensslFree<X509_REQ_free>>;

// "<what>: <reason>" from OpenSSL's error queue, which is emptied.
Fail fail_openssl(std::string_view what, Code code = Code::kInternal);
BioPtr bio_of(std::string_view text);  // reads from text, which must outlive it
Result<std::vector<X509Ptr>> read_certificates(std::string_view pem);
Result<PkeyPtr> read_private_key(std::string_view pem);
TlsPeer describe(X509* certificate);

}  // namespace reigen::http
