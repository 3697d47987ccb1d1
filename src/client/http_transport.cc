#include "client/http_transport.h"

#include <atomic>
#include <future>

#include "api/errors.h"
#include "api/json.h"
#include "api/metav1.h"
#include "api/protobuf.h"
#include "base/byte_stream.h"
#include "http/client.h"
#include "http/tls.h"

namespace reigen::client {
namespace {

constexpr size_t kMaxEventBytes = 64 << 20;
constexpr size_t kMaxRefusal = 64 << 10;
constexpr std::string_view kJson = "application/json";
constexpr std::string_view kProtobuf = "application/vnd.kubernetes.protobuf";

std::string_view method_of(Verb verb) {
  switch (verb) {
    case Verb::kGet:
    case Verb::kList:
    case Verb::kWatch: return "GET";
    case Verb::kCreate: return "POST";
    case Verb::kUpdate: return "PUT";
    case Verb::kPatch:
    case Verb::kApply: return "PATCH";
    case Verb::kDelete:
    case Verb::kDeleteCollection: return "DELETE";
  }
  return "GET";
}

std::string query_of(const Request& request) {
  http::Query query;
  auto add = [&](const char* name, const std::string& value) {
    if (!value.empty()) query.add(name, value);
  };
  bool many = request.verb == Verb::kList || request.verb == Verb::kWatch || request.verb == Verb::kDeleteCollection;
  bool writes = !many && request.verb != Verb::kGet;
  if (many) {
    add("labelSelector", request.label_selector);
    add("fieldSelector", request.field_selector);
    if (request.limit > 0) query.add("limit", std::to_string(request.limit));
    add("continue", request.continue_);
    add("resourceVersionMatch", request.resource_version_match);
  }
  if (!writes) add("resourceVersion", request.resource_version);
  if (request.verb == Verb::kWatch) {
    query.add("watch", "true");
    if (request.allow_bookmarks) query.add("allowWatchBookmarks", "true");
    if (request.send_initial_events) {
      query.add("sendInitialEvents", "true");
      if (request.resource_version_match.empty()) query.add("resourceVersionMatch", "NotOlderThan");
    }
    auto seconds = std::chrono::duration_cast<std::chrono::seconds>(request.timeout).count();
    if (seconds > 0) query.add("timeoutSeconds", std::to_string(seconds));
  }
  if (writes || request.verb == Verb::kDeleteCollection) {
    if (request.dry_run) query.add("dryRun", "All");
    if (request.verb != Verb::kDelete && request.verb != Verb::kDeleteCollection) {
      add("fieldManager", request.field_manager);
      add("fieldValidation", request.field_validation);
    }
    if (request.verb == Verb::kApply && request.force) query.add("force", "true");
  }
  std::string text = query.encode();
  return text.empty() ? text : "?" + text;
}

std::string accept_of(const Request& request, bool protobuf) {
  std::string type(protobuf ? kProtobuf : kJson);
  if (request.metadata_only) {
    bool list = request.verb == Verb::kList;
    std::string_view as = list ? ";as=PartialObjectMetadataList;g=meta.k8s.io;v=v1" : ";as=PartialObjectMetadata;g=meta.k8s.io;v=v1";
    type += as;
  }
  return protobuf ? type + "," + std::string(kJson) : type;
}

std::string delete_body(const DeleteOptions& options, bool dry_run) {
  api::metav1::DeleteOptions body;
  body.grace_period_seconds = options.grace_period_seconds;
  if (!options.propagation.empty()) body.propagation_policy = options.propagation;
  if (!options.uid.empty()) body.preconditions.ensure().uid = options.uid;
  if (!options.resource_version.empty()) body.preconditions.ensure().resource_version = options.resource_version;
  if (dry_run) body.dry_run = {"All"};
  return api::encode_json(body);
}

Status set_body(const Request& request, bool protobuf, http::ClientRequest& out) {
  switch (request.verb) {
    case Verb::kCreate:
    case Verb::kUpdate:
      if (protobuf && !request.body.is_tree()) {
        out.headers.set("Content-Type", std::string(kProtobuf));
        TRY_ASSIGN(std::string bytes, api::encode_protobuf(request.body));
        out.body = std::move(bytes);
      } else {
        out.headers.set("Content-Type", std::string(kJson));
        out.body = api::encode_json(request.body);
      }
      return {};
    case Verb::kPatch:
    case Verb::kApply: {
      auto type = request.verb == Verb::kApply ? PatchType::kApply : request.patch_type;
      out.headers.set("Content-Type", std::string(media_type(type)));
      out.body = request.patch.empty() && request.body ? api::encode_json(request.body) : request.patch;
      return {};
    }
    case Verb::kDelete:
    case Verb::kDeleteCollection:
      out.headers.set("Content-Type", std::string(kJson));
      out.body = delete_body(request.delete_options, request.dry_run);
      return {};
    default: return {};
  }
}

Result<http::ClientRequest> encode(const Request& request, bool protobuf) {
  http::ClientRequest out;
  out.method = method_of(request.verb);
  out.target = path_of(request) + query_of(request);
  out.headers.set("Accept", accept_of(request, protobuf && request.verb != Verb::kWatch));
  TRY(set_body(request, protobuf, out));
  if (request.verb != Verb::kWatch) out.timeout = request.timeout;
  return out;
}

// An error that says what could not be reached, without a Status.
Error connection_error(const Error& error, const Request& request) {
  Code code = error.code();
  if (code != Code::kDeadlineExceeded && code != Code::kCancelled && code != Code::kResourceExhausted) code = Code::kUnavailable;
  return Error(code, std::string(to_string(request.verb)) + " " + path_of(request) + ": " + error.message());
}

Result<api::Object> decode_object(std::string_view body, bool protobuf) {
  auto object = protobuf ? api::decode_protobuf(body) : api::decode_json(body);
  if (!object && object.error().code() == Code::kNotFound) return fail(Code::kUnimplemented, object.error().message());
  return object;
}

// The texts of `Warning: 299 - "text"`.
std::vector<std::string> warnings_of(const http::Headers& headers) {
  std::vector<std::string> texts;
  for (auto value : headers.all("Warning")) {
    auto begin = value.find('"');
    if (!value.starts_with("299 ") || begin == std::string_view::npos) continue;
    std::string text;
    for (size_t i = begin + 1; i < value.size() && value[i] != '"'; ++i) {
      if (value[i] == '\\' && i + 1 < value.size()) ++i;
      text += value[i];
    }
    texts.push_back(std::move(text));
  }
  return texts;
}

Result<Response> decode(const Request& request, http::Response answer) {
  bool protobuf = answer.headers.get("Content-Type").starts_with(kProtobuf);
  if (answer.status < 200 || answer.status > 299) {
    std::string json = answer.body;
    if (protobuf) {
      TRY_ASSIGN(auto status, api::decode_protobuf(answer.body));
      json = api::encode_json(status);
    }
    return fail(api::parse_status(answer.status, json));
  }
  Response response{.status = answer.status, .warnings = warnings_of(answer.headers)};
  TRY_ASSIGN(auto object, decode_object(answer.body, protobuf));
  if (request.verb != Verb::kList) {
    response.object = std::move(object);
    return response;
  }
  if (!object.kind().is_list()) return fail(Code::kDataLoss, path_of(request) + ": the answer is not a list");
  response.resource_version = object.list_meta().resource_version;
  response.continue_ = object.list_meta().continue_;
  response.remaining_items = object.list_meta().remaining_item_count;
  size_t count = api::item_count(object);
  response.items.reserve(count);
  for (size_t i = 0; i < count; ++i) response.items.push_back(api::item_at(object, i));
  return response;
}

// Reads a watch's answer: one JSON event after the other.
class WatchReader final : public std::enable_shared_from_this<WatchReader> {
 public:
  WatchReader(std::shared_ptr<ByteStream> body, std::shared_ptr<WatchSink> sink, std::string path)
      : body_(std::move(body)), sink_(std::move(sink)), path_(std::move(path)) {}

  void read() {
    body_->read(64 << 10, [self = shared_from_this()](Result<std::string> bytes) { self->on_bytes(std::move(bytes)); });
  }
  void cancel() {
    cancelled_ = true;
    body_->close();
  }

 private:
  void on_bytes(Result<std::string> bytes) {
    if (cancelled_) return;
    if (!bytes) return close(Error(Code::kUnavailable, path_ + ": " + bytes.error().message()));
    if (bytes->empty()) return close(std::nullopt);
    buffer_ += *bytes;
    size_t begin = 0;
    for (size_t end; (end = buffer_.find('\n', std::max(begin, searched_))) != std::string::npos; begin = end + 1) {
      searched_ = 0;
      if (cancelled_ || !on_line(std::string_view(buffer_).substr(begin, end - begin))) return;
    }
    buffer_.erase(0, begin);
    searched_ = buffer_.size();
    if (buffer_.size() > kMaxEventBytes) return close(Error(Code::kResourceExhausted, path_ + ": an event is too large"));
    read();
  }

  // False when the watch is over.
  bool on_line(std::string_view line) {
    if (line.find_first_not_of(" \r\t") == std::string_view::npos) return true;
    auto event = api::decode_json_as<api::metav1::WatchEvent>(line);
    if (!event) return close(event.error()), false;
    const std::string& json = event->object.raw;
    if (event->type == "ERROR") return close(api::to_error(api::parse_status(500, json))), false;
    auto object = decode_object(json, false);
    if (!object) return close(object.error()), false;
    if (event->type == "BOOKMARK") {
      const auto& meta = object->meta();
      const auto* end = meta.annotations.get("k8s.io/initial-events-end");
      sink_->bookmark(meta.resource_version, end && *end == "true");
      return true;
    }
    auto type = event->type == "ADDED" ? WatchType::kAdded : event->type == "DELETED" ? WatchType::kDeleted : WatchType::kModified;
    sink_->event(type, std::move(*object));
    return true;
  }

  void close(std::optional<Error> error) {
    if (cancelled_.exchange(true)) return;
    body_->close();
    sink_->closed(std::move(error));
  }

  std::shared_ptr<ByteStream> body_;
  std::shared_ptr<WatchSink> sink_;
  const std::string path_;
  std::string buffer_;
  size_t searched_ = 0;
  std::atomic<bool> cancelled_ = false;
};

// The Status of a refused watch. Waits for its end.
std::string read_refusal(ByteStream& body) {
  std::string text;
  while (text.size() < kMaxRefusal) {
    std::promise<Result<std::string>> promise;
    auto future = promise.get_future();
    body.read(kMaxRefusal, [&promise](Result<std::string> bytes) { promise.set_value(std::move(bytes)); });
    auto bytes = future.get();
    if (!bytes || bytes->empty()) break;
    text += *bytes;
  }
  body.close();
  return text;
}

class ReaderHandle final : public WatchHandle {
 public:
  explicit ReaderHandle(std::shared_ptr<WatchReader> reader) : reader_(std::move(reader)) {}
  ~ReaderHandle() override { reader_->cancel(); }

 private:
  std::shared_ptr<WatchReader> reader_;
};

}  // namespace

struct HttpTransport::State {
  State(http::ClientOptions options, bool protobuf) : client(std::move(options)), protobuf(protobuf) {}
  http::Client client;
  const bool protobuf;
};

HttpTransport::HttpTransport(std::shared_ptr<State> state) : state_(std::move(state)) {}
HttpTransport::~HttpTransport() = default;

Result<std::unique_ptr<HttpTransport>> HttpTransport::create(HttpTransportOptions options) {
  http::ClientOptions client;
  client.url = options.config.server;
  client.timeout = options.timeout;
  client.headers.set("User-Agent", options.user_agent);
  if (!options.config.token.empty()) client.headers.set("Authorization", "Bearer " + options.config.token);
  if (client.url.starts_with("https://")) {
    TRY_ASSIGN(client.tls, http::ClientTls::create({.ca_pem = options.config.ca_pem,
                                                    .insecure = options.config.insecure,
                                                    .server_name = options.config.server_name,
                                                    .identity = {options.config.certificate_pem, options.config.key_pem}}));
  }
  return std::unique_ptr<HttpTransport>(new HttpTransport(std::make_shared<State>(std::move(client), options.protobuf)));
}

Result<Response> HttpTransport::call(const Request& request) {
  TRY_ASSIGN(auto encoded, encode(request, state_->protobuf));
  auto answer = state_->client.request(std::move(encoded));
  if (!answer) return fail(connection_error(answer.error(), request));
  return decode(request, std::move(*answer));
}

void HttpTransport::call_async(Request request, CallDone done) {
  auto encoded = encode(request, state_->protobuf);
  if (!encoded) return done(fail(std::move(encoded).error()));
  state_->client.request_async(std::move(*encoded), [request = std::move(request), done = std::move(done)](Result<http::Response> answer) mutable {
    if (!answer) return done(fail(connection_error(answer.error(), request)));
    done(decode(request, std::move(*answer)));
  });
}

Result<std::unique_ptr<WatchHandle>> HttpTransport::watch(Request request, std::shared_ptr<WatchSink> sink) {
  request.verb = Verb::kWatch;
  TRY_ASSIGN(auto encoded, encode(request, false));
  auto answer = state_->client.stream(std::move(encoded));
  if (!answer) return fail(connection_error(answer.error(), request));
  if (answer->status != 200) return fail(api::parse_status(answer->status, read_refusal(*answer->body)));
  auto reader = std::make_shared<WatchReader>(answer->body, std::move(sink), path_of(request));
  reader->read();
  return std::make_unique<ReaderHandle>(reader);
}

}  // namespace reigen::client
