#include "http/certificate.h"

#include <arpa/inet.h>
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>
#include <time.h>

#include "base/random.h"
#include "http/openssl_handles.h"

namespace reigen::http {

namespace {

using NamesPtr = std::unique_ptr<GENERAL_NAMES, OpensslFree<GENERAL_NAMES_free>>;

time_t to_time(WallTime time) { return std::chrono::duration_cast<std::chrono::seconds>(time.time_since_epoch()).count(); }

WallTime from_asn1(const ASN1_TIME* time) {
  tm parts{};
  ASN1_TIME_to_tm(time, &parts);
  return WallTime(std::chrono::seconds(timegm(&parts)));
}

std::string text_of(const ASN1_STRING* string) {
  return std::string(reinterpret_cast<const char*>(ASN1_STRING_get0_data(string)), static_cast<size_t>(ASN1_STRING_length(string)));
}

template <class Write>
std::string to_pem(Write write) {
  BioPtr bio(BIO_new(BIO_s_mem()));
  write(bio.get());
  char* data = nullptr;
  long size = BIO_get_mem_data(bio.get(), &data);
  return std::string(data, static_cast<size_t>(size));
}

std::string key_pem(EVP_PKEY* key) {
  return to_pem([&](BIO* bio) { PEM_write_bio_PKCS8PrivateKey(bio, key, nullptr, nullptr, 0, nullptr, nullptr); });
}
std::string certificate_pem(X509* x509) {
  return to_pem([&](BIO* bio) { PEM_write_bio_X509(bio, x509); });
}

void read_subject(const X509_NAME* name, std::string& common_name, std::vector<std::string>& organizations) {
  for (int i = 0; i < X509_NAME_entry_count(name); ++i) {
    X509_NAME_ENTRY* entry = X509_NAME_get_entry(name, i);
    int nid = OBJ_obj2nid(X509_NAME_ENTRY_get_object(entry));
    if (nid == NID_commonName) common_name = text_of(X509_NAME_ENTRY_get_data(entry));
    if (nid == NID_organizationName) organizations.push_back(text_of(X509_NAME_ENTRY_get_data(entry)));
  }
}

void write_subject(X509_NAME* name, const std::string& common_name, const std::vector<std::string>& organizations) {
  auto add = [&](int nid, const std::string& value) {
    X509_NAME_add_entry_by_NID(name, nid, MBSTRING_UTF8, reinterpret_cast<const unsigned char*>(value.data()), static_cast<int>(value.size()), -1, 0);
  };
  for (const auto& organization : organizations) add(NID_organizationName, organization);
  if (!common_name.empty()) add(NID_commonName, common_name);
}

void read_names(const GENERAL_NAMES* names, std::vector<std::string>& dns, std::vector<std::string>& addresses) {
  for (int i = 0; names && i < sk_GENERAL_NAME_num(names); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(names, i);
    if (name->type == GEN_DNS) {
      dns.push_back(text_of(name->d.dNSName));
    } else if (name->type == GEN_IPADD) {
      char text[INET6_ADDRSTRLEN];
      int length = ASN1_STRING_length(name->d.iPAddress);
      int family = length == 4 ? AF_INET : AF_INET6;
      if ((length == 4 || length == 16) && inet_ntop(family, ASN1_STRING_get0_data(name->d.iPAddress), text, sizeof text)) addresses.emplace_back(text);
    }
  }
}

Result<NamesPtr> make_names(const std::vector<std::string>& dns, const std::vector<std::string>& addresses) {
  NamesPtr names(sk_GENERAL_NAME_new_null());
  for (const auto& value : dns) {
    GENERAL_NAME* name = GENERAL_NAME_new();
    ASN1_IA5STRING* text = ASN1_IA5STRING_new();
    ASN1_STRING_set(text, value.data(), static_cast<int>(value.size()));
    GENERAL_NAME_set0_value(name, GEN_DNS, text);
    sk_GENERAL_NAME_push(names.get(), name);
  }
  for (const auto& value : addresses) {
    ASN1_OCTET_STRING* bytes = a2i_IPADDRESS(value.c_str());
    if (!bytes) return fail(Code::kInvalidArgument, "not an IP address: " + value);
    GENERAL_NAME* name = GENERAL_NAME_new();
    GENERAL_NAME_set0_value(name, GEN_IPADD, bytes);
    sk_GENERAL_NAME_push(names.get(), name);
  }
  return names;
}

Status add_extension(X509* x509, X509* issuer, int nid, const char* value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer, x509, nullptr, nullptr, 0);
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value);
  if (!extension) return fail_openssl("certificate extension");
  X509_add_ext(x509, extension, -1);
  X509_EXTENSION_free(extension);
  return {};
}

X509Ptr new_certificate(EVP_PKEY* key, WallTime not_before, WallTime not_after) {
  X509Ptr x509(X509_new());
  X509_set_version(x509.get(), 2);
  // 63 random bits: positive and unique enough for every CA of ours.
  ASN1_INTEGER_set_uint64(X509_get_serialNumber(x509.get()), (system_random().next() >> 1) | 1);
  ASN1_TIME_set(X509_getm_notBefore(x509.get()), to_time(not_before));
  ASN1_TIME_set(X509_getm_notAfter(x509.get()), to_time(not_after));
  X509_set_pubkey(x509.get(), key);
  return x509;
}

Result<PkeyPtr> new_ec_key() {
  PkeyPtr key(EVP_EC_gen("P-256"));
  if (!key) return fail_openssl("making key");
  return key;
}

Result<std::string> sign(const KeyPair& ca, EVP_PKEY* key, const CertificateRequest& request) {
  TRY_ASSIGN(auto ca_chain, read_certificates(ca.certificate_pem));
  TRY_ASSIGN(auto ca_key, read_private_key(ca.key_pem));
  X509* issuer = ca_chain[0].get();
  X509Ptr x509 = new_certificate(key, request.not_before, request.not_after);
  write_subject(X509_get_subject_name(x509.get()), request.common_name, request.organizations);
  X509_set_issuer_name(x509.get(), X509_get_subject_name(issuer));
  TRY(add_extension(x509.get(), issuer, NID_basic_constraints, "critical,CA:FALSE"));
  TRY(add_extension(x509.get(), issuer, NID_key_usage, "critical,digitalSignature,keyEncipherment"));
  if (request.server || request.client) {
    const char* usage = !request.client ? "serverAuth" : !request.server ? "clientAuth" : "serverAuth,clientAuth";
    TRY(add_extension(x509.get(), issuer, NID_ext_key_usage, usage));
  }
  TRY(add_extension(x509.get(), issuer, NID_authority_key_identifier, "keyid"));
  if (!request.dns_names.empty() || !request.ip_addresses.empty()) {
    TRY_ASSIGN(auto names, make_names(request.dns_names, request.ip_addresses));
    X509_add1_ext_i2d(x509.get(), NID_subject_alt_name, names.get(), 0, 0);
  }
  if (X509_sign(x509.get(), ca_key.get(), EVP_sha256()) == 0) return fail_openssl("signing certificate");
  return certificate_pem(x509.get());
}

Result<X509ReqPtr> read_csr(std::string_view pem) {
  BioPtr bio = bio_of(pem);
  X509ReqPtr csr(PEM_read_bio_X509_REQ(bio.get(), nullptr, nullptr, nullptr));
  if (!csr) return fail_openssl("reading certificate request", Code::kInvalidArgument);
  if (X509_REQ_verify(csr.get(), X509_REQ_get0_pubkey(csr.get())) != 1) return fail_openssl("signature of certificate request", Code::kInvalidArgument);
  return csr;
}

}  // namespace

TlsPeer describe(X509* certificate) {
  TlsPeer out;
  read_subject(X509_get_subject_name(certificate), out.common_name, out.organizations);
  NamesPtr names(static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
  read_names(names.get(), out.dns_names, out.ip_addresses);
  out.not_before = from_asn1(X509_get0_notBefore(certificate));
  out.not_after = from_asn1(X509_get0_notAfter(certificate));
  unsigned char* der = nullptr;
  int length = i2d_X509(certificate, &der);
  if (length > 0) out.der.assign(reinterpret_cast<char*>(der), static_cast<size_t>(length));
  OPENSSL_free(der);
  return out;
}

Result<KeyPair> make_ca(const std::string& common_name, WallTime not_before, WallTime not_after) {
  TRY_ASSIGN(auto key, new_ec_key());
  X509Ptr x509 = new_certificate(key.get(), not_before, not_after);
  write_subject(X509_get_subject_name(x509.get()), common_name, {});
  X509_set_issuer_name(x509.get(), X509_get_subject_name(x509.get()));
  TRY(add_extension(x509.get(), x509.get(), NID_basic_constraints, "critical,CA:TRUE"));
  TRY(add_extension(x509.get(), x509.get(), NID_key_usage, "critical,digitalSignature,keyEncipherment,keyCertSign,cRLSign"));
  TRY(add_extension(x509.get(), x509.get(), NID_subject_key_identifier, "hash"));
  if (X509_sign(x509.get(), key.get(), EVP_sha256()) == 0) return fail_openssl("signing CA");
  return KeyPair{certificate_pem(x509.get()), key_pem(key.get())};
}

Result<KeyPair> issue(const KeyPair& ca, const CertificateRequest& request) {
  TRY_ASSIGN(auto key, new_ec_key());
  TRY_ASSIGN(auto certificate, sign(ca, key.get(), request));
  return KeyPair{std::move(certificate), key_pem(key.get())};
}

Result<std::string> sign_csr(const KeyPair& ca, std::string_view csr_pem, const CertificateRequest& request) {
  TRY_ASSIGN(auto csr, read_csr(csr_pem));
  TRY_ASSIGN(CertificateRequest asked, parse_csr(csr_pem));
  CertificateRequest merged = request;
  if (merged.common_name.empty()) merged.common_name = asked.common_name;
  if (merged.organizations.empty()) merged.organizations = asked.organizations;
  if (merged.dns_names.empty()) merged.dns_names = asked.dns_names;
  if (merged.ip_addresses.empty()) merged.ip_addresses = asked.ip_addresses;
  return sign(ca, X509_REQ_get0_pubkey(csr.get()), merged);
}

Result<CertificateRequest> parse_csr(std::string_view csr_pem) {
  TRY_ASSIGN(auto csr, read_csr(csr_pem));
  CertificateRequest out;
  read_subject(X509_REQ_get_subject_name(csr.get()), out.common_name, out.organizations);
  STACK_OF(X509_EXTENSION)* extensions = X509_REQ_get_extensions(csr.get());
  NamesPtr names(static_cast<GENERAL_NAMES*>(X509V3_get_d2i(extensions, NID_subject_alt_name, nullptr, nullptr)));
  read_names(names.get(), out.dns_names, out.ip_addresses);
  sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
  return out;
}

Result<KeyAndCsr> make_csr(const CertificateRequest& request) {
  TRY_ASSIGN(auto key, new_ec_key());
  X509ReqPtr csr(X509_REQ_new());
  X509_REQ_set_version(csr.get(), 0);
  write_subject(X509_REQ_get_subject_name(csr.get()), request.common_name, request.organizations);
  X509_REQ_set_pubkey(csr.get(), key.get());
  if (!request.dns_names.empty() || !request.ip_addresses.empty()) {
    TRY_ASSIGN(auto names, make_names(request.dns_names, request.ip_addresses));
    STACK_OF(X509_EXTENSION)* extensions = nullptr;
    X509V3_add1_i2d(&extensions, NID_subject_alt_name, names.get(), 0, 0);
    X509_REQ_add_extensions(csr.get(), extensions);
    sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
  }
  if (X509_REQ_sign(csr.get(), key.get(), EVP_sha256()) == 0) return fail_openssl("signing certificate request");
  return KeyAndCsr{key_pem(key.get()), to_pem([&](BIO* bio) { PEM_write_bio_X509_REQ(bio, csr.get()); })};
}

Result<TlsPeer> parse_certificate(std::string_view pem) {
  TRY_ASSIGN(auto chain, read_certificates(pem));
  return describe(chain[0].get());
}

Result<std::string> make_rsa_key(int bits) {
  PkeyPtr key(EVP_RSA_gen(static_cast<unsigned>(bits)));
  if (!key) return fail_openssl("making RSA key");
  return key_pem(key.get());
}

Result<std::string> make_ec_key() {
  TRY_ASSIGN(auto key, new_ec_key());
  return key_pem(key.get());
}

Result<std::string> public_key_of(std::string_view private_key_pem) {
  TRY_ASSIGN(auto key, read_private_key(private_key_pem));
  return to_pem([&](BIO* bio) { PEM_write_bio_PUBKEY(bio, key.get()); });
}

}  // namespace reigen::http
