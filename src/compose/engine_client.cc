#include "compose/engine_client.h"

#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <condition_variable>
#include <mutex>
#include <optional>

#include "base/files.h"
#include "http/tls.h"

namespace reigen::compose {
namespace {

using api::Value;

constexpr int kNewest = 44;  // the newest 1.x whose answers are known here

Code code_of(int status) {
  if (status == 400) return Code::kInvalidArgument;
  if (status == 401) return Code::kUnauthenticated;
  if (status == 403) return Code::kPermissionDenied;
  if (status == 404) return Code::kNotFound;
  if (status == 409) return Code::kConflict;
  if (status == 501) return Code::kUnimplemented;
  return status == 503 ? Code::kUnavailable : Code::kInternal;
}

Error error_of(int status, std::string_view body) {
  auto parsed = api::parse_json(body);
  std::string text = parsed && parsed->has("message") ? std::string(parsed->text_at({"message"})) : std::string(body.substr(0, 1000));
  while (text.ends_with('\n')) text.pop_back();
  return {code_of(status), "Error response from daemon: " + text};
}

std::string value_of(const Environment& environment, std::string_view name) {
  auto found = environment.find(name);
  return found == environment.end() ? std::string() : found->second;
}

Result<std::shared_ptr<http::ClientTls>> make_tls(const Environment& environment) {
  std::string folder = value_of(environment, "DOCKER_CERT_PATH");
  if (folder.empty()) folder = value_of(environment, "HOME") + "/.docker";
  http::ClientTls::Options options;
  TRY_ASSIGN(options.ca_pem, read_file(folder + "/ca.pem"));
  TRY_ASSIGN(options.identity.certificate_pem, read_file(folder + "/cert.pem"));
  TRY_ASSIGN(options.identity.key_pem, read_file(folder + "/key.pem"));
  return http::ClientTls::create(options);
}

Result<http::ClientOptions> client_options(const std::string& host, const Environment& environment) {
  http::ClientOptions options;
  options.timeout = std::chrono::minutes(2);
  options.max_idle = 16;
  options.headers.set("User-Agent", "reigen-compose");
  if (host.starts_with("unix://") || host.starts_with("http://")) {
    options.url = host;
    return options;
  }
  bool tls = host.starts_with("https://") || !value_of(environment, "DOCKER_TLS_VERIFY").empty() || !value_of(environment, "DOCKER_TLS").empty();
  size_t scheme = host.find("://");
  std::string_view kind = std::string_view(host).substr(0, scheme == std::string::npos ? 0 : scheme);
  if (kind != "tcp" && kind != "https") return fail(Code::kInvalidArgument, fmt::format("unable to parse docker host `{}`", host));
  options.url = (tls ? "https://" : "http://") + host.substr(scheme + 3);
  if (tls) {
    TRY_ASSIGN(options.tls, make_tls(environment));
  }
  return options;
}

}  // namespace

std::string with_query(std::string_view path, std::initializer_list<std::pair<std::string_view, std::string>> query) {
  http::Query encoded;
  for (const auto& [name, value] : query)
    if (!value.empty()) encoded.add(std::string(name), value);
  return encoded.empty() ? std::string(path) : fmt::format("{}?{}", path, encoded.encode());
}

Result<std::unique_ptr<EngineClient>> EngineClient::connect(std::string host, const Environment& environment) {
  if (host.empty()) host = value_of(environment, "DOCKER_HOST");
  if (host.empty()) host = "unix:///var/run/docker.sock";
  TRY_ASSIGN(auto options, client_options(host, environment));
  std::unique_ptr<EngineClient> engine(new EngineClient());
  engine->host_ = host;
  engine->client_ = std::make_unique<http::Client>(std::move(options));
  auto ping =
      engine->client_->request({.method = "GET", .target = "/_ping", .headers = {}, .body = {}, .body_stream = nullptr, .timeout = std::chrono::seconds(20)});
  if (!ping) return fail(engine->lost(ping.error()));
  if (ping->status != 200) return fail(error_of(ping->status, ping->body));
  std::string_view version = ping->headers.get("Api-Version");
  int minor = 24;
  if (version.starts_with("1.")) std::from_chars(version.data() + 2, version.data() + version.size(), minor);
  if (std::string wanted = value_of(environment, "DOCKER_API_VERSION"); wanted.starts_with("1."))
    std::from_chars(wanted.data() + 2, wanted.data() + wanted.size(), minor);
  engine->minor_ = std::min(minor, kNewest);
  engine->prefix_ = fmt::format("/v1.{}", engine->minor_);
  return engine;
}

Error EngineClient::lost(const Error& error) const {
  if (error.code() != Code::kUnavailable && error.code() != Code::kNotFound && error.code() != Code::kPermissionDenied) return error.context(host_);
  if (error.code() == Code::kPermissionDenied)
    return {Code::kPermissionDenied, fmt::format("permission denied while trying to connect to the Docker daemon socket at {}: {}", host_, error.message())};
  return {Code::kUnavailable, fmt::format("Cannot connect to the Docker daemon at {}. Is the docker daemon running?", host_)};
}

Result<Value> EngineClient::call(const std::string& method, const std::string& target, const Value& body, Duration timeout) {
  http::ClientRequest request{.method = method, .target = prefix_ + target, .headers = {}, .body = {}, .body_stream = nullptr, .timeout = timeout};
  if (!body.is_null()) {
    request.headers.set("Content-Type", "application/json");
    request.body = api::to_json(body);
  }
  auto answer = client_->request(std::move(request));
  if (!answer) return fail(lost(answer.error()));
  if (answer->status >= 400) return fail(error_of(answer->status, answer->body));
  if (answer->body.empty() || answer->status == 204 || answer->status == 304) return Value();
  return api::parse_json(answer->body);
}

Result<Value> EngineClient::get(const std::string& target) { return call("GET", target, {}, std::chrono::minutes(2)); }

Result<Value> EngineClient::post(const std::string& target, const Value& body, Duration timeout) { return call("POST", target, body, timeout); }

Status EngineClient::remove(const std::string& target) {
  auto answer = call("DELETE", target, {}, std::chrono::minutes(10));
  return answer ? Status() : Fail(std::move(answer).error());
}

Status EngineClient::put_archive(const std::string& target, std::string tar) {
  http::ClientRequest request{
      .method = "PUT", .target = prefix_ + target, .headers = {}, .body = std::move(tar), .body_stream = nullptr, .timeout = std::chrono::minutes(10)};
  request.headers.set("Content-Type", "application/x-tar");
  auto answer = client_->request(std::move(request));
  if (!answer) return fail(lost(answer.error()));
  return answer->status < 300 ? Status() : fail(error_of(answer->status, answer->body));
}

Result<http::StreamResponse> EngineClient::stream(const std::string& method, const std::string& target, http::Headers headers, std::string body,
                                                  std::shared_ptr<ByteStream> body_stream, Duration head_timeout) {
  http::ClientRequest request{.method = method,
                              .target = prefix_ + target,
                              .headers = std::move(headers),
                              .body = std::move(body),
                              .body_stream = std::move(body_stream),
                              .timeout = head_timeout};
  auto answer = client_->stream(std::move(request));
  if (!answer) return fail(lost(answer.error()));
  if (answer->status < 300) return answer;
  std::string text;
  for (;;) {
    auto piece = read_piece(*answer->body);
    if (!piece || piece->empty() || text.size() > 65536) break;
    text += *piece;
  }
  return fail(error_of(answer->status, text));
}

Result<std::shared_ptr<ByteStream>> EngineClient::hijack(const std::string& target, const Value& body) {
  http::ClientRequest request{
      .method = "POST", .target = prefix_ + target, .headers = {}, .body = {}, .body_stream = nullptr, .timeout = std::chrono::hours(24)};
  request.headers.set("Connection", "Upgrade");
  request.headers.set("Upgrade", "tcp");
  if (!body.is_null()) {
    request.headers.set("Content-Type", "application/json");
    request.body = api::to_json(body);
  }
  auto answer = client_->upgrade(std::move(request));
  if (!answer) return fail(lost(answer.error()));
  if (answer->status == 101 || answer->status == 200) return std::move(answer->body);
  std::string text;
  if (auto piece = read_piece(*answer->body)) text = *piece;
  return fail(error_of(answer->status, text));
}

Result<std::string> read_piece(ByteStream& stream, size_t max) {
  struct Wait {
    std::mutex mutex;
    std::condition_variable changed;
    std::optional<Result<std::string>> piece;
  };
  auto wait = std::make_shared<Wait>();
  stream.read(max, [wait](Result<std::string> piece) {
    std::lock_guard lock(wait->mutex);
    wait->piece = std::move(piece);
    wait->changed.notify_one();
  });
  std::unique_lock lock(wait->mutex);
  wait->changed.wait(lock, [&] { return wait->piece.has_value(); });
  return std::move(*wait->piece);
}

Status read_json_stream(ByteStream& stream, const std::function<Status(const Value&)>& each) {
  constexpr size_t kMaxLine = 16 << 20;
  std::string pending;
  for (;;) {
    auto piece = read_piece(stream);
    if (!piece) return fail(std::move(piece).error());
    bool end = piece->empty();
    pending += end ? "\n" : *piece;
    size_t begin = 0;
    for (size_t line = pending.find('\n'); line != std::string::npos; line = pending.find('\n', begin)) {
      std::string_view text = std::string_view(pending).substr(begin, line - begin);
      begin = line + 1;
      if (text.find_first_not_of(" \r") == std::string_view::npos) continue;
      TRY_ASSIGN(Value value, api::parse_json(text));
      TRY(each(value));
    }
    pending.erase(0, begin);
    if (pending.size() > kMaxLine) return fail(Code::kResourceExhausted, "the engine sent a line of more than 16 MiB");
    if (end) return {};
  }
}

void FrameReader::feed(std::string_view bytes, const std::function<void(int stream, std::string_view bytes)>& out) {
  if (raw_) {
    if (!bytes.empty()) out(1, bytes);
    return;
  }
  while (!bytes.empty()) {
    if (left_ == 0) {
      size_t n = std::min(bytes.size(), 8 - head_.size());
      head_ += bytes.substr(0, n);
      bytes.remove_prefix(n);
      if (head_.size() < 8) return;
      auto at = [&](size_t i) { return static_cast<uint32_t>(static_cast<unsigned char>(head_[i])); };
      stream_ = head_[0];
      left_ = at(4) << 24 | at(5) << 16 | at(6) << 8 | at(7);
      head_.clear();
      continue;
    }
    auto piece = bytes.substr(0, left_);
    out(stream_, piece);
    left_ -= static_cast<uint32_t>(piece.size());
    bytes.remove_prefix(piece.size());
  }
}

}  // namespace reigen::compose
