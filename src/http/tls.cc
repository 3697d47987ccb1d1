#include "http/tls.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>

#include <cstring>
#include <mutex>
#include <vector>

#include "http/openssl_handles.h"

namespace reigen::http {

Fail fail_openssl(std::string_view what, Code code) {
  unsigned long error = ERR_peek_error();
  const char* reason = ERR_reason_error_string(error);
  ERR_clear_error();
  return fail(code, std::string(what) + ": " + (reason ? reason : "OpenSSL failure"));
}

BioPtr bio_of(std::string_view text) { return BioPtr(BIO_new_mem_buf(text.data(), static_cast<int>(text.size()))); }

Result<std::vector<X509Ptr>> read_certificates(std::string_view pem) {
  std::vector<X509Ptr> out;
  BioPtr bio = bio_of(pem);
  while (X509* x509 = PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr)) out.emplace_back(x509);
  ERR_clear_error();
  if (out.empty()) return fail(Code::kInvalidArgument, "no certificate in PEM text");
  return out;
}

Result<PkeyPtr> read_private_key(std::string_view pem) {
  BioPtr bio = bio_of(pem);
  PkeyPtr key(PEM_read_bio_PrivateKey(bio.get(), nullptr, nullptr, nullptr));
  if (!key) return fail_openssl("reading private key", Code::kInvalidArgument);
  return key;
}

namespace {

std::shared_ptr<ssl_ctx_st> new_context(const SSL_METHOD* method) {
  std::shared_ptr<SSL_CTX> context(SSL_CTX_new(method), SSL_CTX_free);
  SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
  // Buffers of 16 KB and more are given back whenever they are empty: an idle connection stays small.
  SSL_CTX_set_mode(context.get(), SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_options(context.get(), SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
  SSL_CTX_set_read_ahead(context.get(), 1);
  return context;
}

Status set_identity(SSL_CTX* context, const KeyPair& identity) {
  TRY_ASSIGN(auto chain, read_certificates(identity.certificate_pem));
  TRY_ASSIGN(auto key, read_private_key(identity.key_pem));
  if (SSL_CTX_use_certificate(context, chain[0].get()) != 1) return fail_openssl("using certificate", Code::kInvalidArgument);
  for (size_t i = 1; i < chain.size(); ++i) SSL_CTX_add1_chain_cert(context, chain[i].get());
  if (SSL_CTX_use_PrivateKey(context, key.get()) != 1) return fail_openssl("private key does not fit certificate", Code::kInvalidArgument);
  return {};
}

int choose_protocol(SSL*, const unsigned char** out, unsigned char* out_length, const unsigned char* in, unsigned length, void* http2) {
  static constexpr unsigned char kBoth[] = "\x02h2\x08http/1.1";
  static constexpr unsigned char kOne[] = "\x08http/1.1";
  const unsigned char* ours = http2 ? kBoth : kOne;
  unsigned ours_length = http2 ? sizeof kBoth - 1 : sizeof kOne - 1;
  unsigned char* chosen = nullptr;
  if (SSL_select_next_proto(&chosen, out_length, ours, ours_length, in, length) != OPENSSL_NPN_NEGOTIATED) return SSL_TLSEXT_ERR_NOACK;
  *out = chosen;
  return SSL_TLSEXT_ERR_OK;
}

// A bad client certificate does not end the handshake: the request is then answered 401, as kube-apiserver does.
int accept_any(int, X509_STORE_CTX*) { return 1; }

Status add_roots(SSL_CTX* context, std::string_view pem) {
  TRY_ASSIGN(auto roots, read_certificates(pem));
  X509_STORE* store = SSL_CTX_get_cert_store(context);
  for (auto& root : roots) X509_STORE_add_cert(store, root.get());
  ERR_clear_error();
  return {};
}

Result<std::shared_ptr<ssl_ctx_st>> make_server_context(const ServerTls::Options& options) {
  if (options.require_client && options.client_ca_pem.empty()) return fail(Code::kInvalidArgument, "client certificates are required, but no CA is given");
  auto context = new_context(TLS_server_method());
  TRY(set_identity(context.get(), options.identity));
  SSL_CTX_set_alpn_select_cb(context.get(), choose_protocol, reinterpret_cast<void*>(static_cast<intptr_t>(options.http2)));
  SSL_CTX_set_session_id_context(context.get(), reinterpret_cast<const unsigned char*>("reigen"), 6);
  // Resumption by tickets alone: no state per client here.
  SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_OFF);
  SSL_CTX_set_num_tickets(context.get(), 1);
  if (!options.client_ca_pem.empty()) {
    TRY(add_roots(context.get(), options.client_ca_pem));
    TRY_ASSIGN(auto roots, read_certificates(options.client_ca_pem));
    for (auto& root : roots) SSL_CTX_add_client_CA(context.get(), root.get());
    if (options.require_client) {
      SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
    } else {
      SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, accept_any);
    }
    // A resumed session would carry an old verdict about the client's certificate.
    SSL_CTX_set_options(context.get(), SSL_OP_NO_TICKET);
    SSL_CTX_set_num_tickets(context.get(), 0);
  }
  return context;
}

}  // namespace

struct ServerTls::State {
  mutable std::mutex mutex;
  std::shared_ptr<ssl_ctx_st> context;
};

ServerTls::ServerTls() : state_(std::make_unique<State>()) {}
ServerTls::~ServerTls() = default;

Result<std::shared_ptr<ServerTls>> ServerTls::create(const Options& options) {
  std::shared_ptr<ServerTls> out(new ServerTls());
  TRY(out->reload(options));
  return out;
}

Status ServerTls::reload(const Options& options) {
  auto context = make_server_context(options);
  if (!context) return fail(std::move(context).error().context("TLS server"));
  std::lock_guard lock(state_->mutex);
  state_->context = std::move(*context);
  return {};
}

std::shared_ptr<ssl_ctx_st> ServerTls::context() const {
  std::lock_guard lock(state_->mutex);
  return state_->context;
}

struct ClientTls::State {
  std::shared_ptr<ssl_ctx_st> context;
  std::string server_name;
  bool insecure = false;
};

ClientTls::ClientTls() : state_(std::make_unique<State>()) {}
ClientTls::~ClientTls() = default;

Result<std::shared_ptr<ClientTls>> ClientTls::create(const Options& options) {
  auto context = new_context(TLS_client_method());
  if (!options.identity.certificate_pem.empty()) TRY(set_identity(context.get(), options.identity));
  if (options.insecure) {
    SSL_CTX_set_verify(context.get(), SSL_VERIFY_NONE, nullptr);
  } else {
    if (options.ca_pem.empty()) {
      SSL_CTX_set_default_verify_paths(context.get());
    } else {
      TRY(add_roots(context.get(), options.ca_pem));
    }
    // A CA bundle may hold an intermediate: trust it as it stands, as Go does.
    X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(context.get()), X509_V_FLAG_PARTIAL_CHAIN);
    SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
  }
  static constexpr unsigned char kHttp1[] = "\x08http/1.1";
  static constexpr unsigned char kHttp2[] = "\x02h2";
  if (options.http2) {
    SSL_CTX_set_alpn_protos(context.get(), kHttp2, sizeof kHttp2 - 1);
  } else {
    SSL_CTX_set_alpn_protos(context.get(), kHttp1, sizeof kHttp1 - 1);
  }
  std::shared_ptr<ClientTls> out(new ClientTls());
  out->state_->context = std::move(context);
  out->state_->server_name = options.server_name;
  out->state_->insecure = options.insecure;
  return out;
}

std::shared_ptr<ssl_ctx_st> ClientTls::context() const { return state_->context; }
const std::string& ClientTls::server_name() const { return state_->server_name; }
bool ClientTls::insecure() const { return state_->insecure; }

}  // namespace reigen::http
