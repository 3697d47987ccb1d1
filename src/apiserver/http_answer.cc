#include "apiserver/http_answer.h"

#include "api/errors.h"
#include "api/json.h"
#include "api/metav1.h"
#include "api/protobuf.h"
#include "apiserver/codec.h"
#include "apiserver/core.h"
#include "apiserver/list_stream.h"
#include "apiserver/table/table.h"
#include "apiserver/watch_stream.h"
#include "http/server.h"

namespace reigen::apiserver {
namespace {

// RFC 7234: 299, the agent, the text as a quoted string.
std::string warning_header(std::string_view text) {
  std::string out = "299 - \"";
  for (char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    if (static_cast<unsigned char>(c) >= 0x20 && c != 0x7f) out += c;
    else if (c == '\n') out += "\\n";
  }
  return out += '"';
}

// All warnings of an answer; more are cut as kube-apiserver does.
constexpr size_t kMaxWarningBytes = 4 << 10;

Fail wrong_shape(std::string_view asked, std::string_view article, const api::KindInfo& kind, bool list) {
  std::string group(kind.group.empty() ? std::string_view("core") : kind.group.substr(0, kind.group.find('.')));
  return reigen::fail(api::not_acceptable("you requested " + std::string(asked) + ", but the requested object " + std::string(article) + " (*" + group + "." +
                                          std::string(kind.kind) + (list ? "List)" : ")")));
}

}  // namespace

void Call::warn(std::string text) {
  for (const std::string& known : warnings)
    if (known == text) return;
  warnings.push_back(std::move(text));
}

void Call::warn(std::vector<std::string> texts) {
  for (std::string& text : texts) warn(std::move(text));
}

http::Headers answer_headers(Call& call, std::string_view media_type) {
  http::Headers headers;
  headers.add("Cache-Control", "no-cache, private");
  headers.add("Content-Type", std::string(media_type));
  size_t bytes = 0;
  for (const std::string& text : call.warnings) {
    bytes += text.size();
    if (bytes <= kMaxWarningBytes) headers.add("Warning", warning_header(text));
  }
  return headers;
}

void count_answer(Call& call, int code) {
  Duration taken = call.core.executor.clock().now() - call.started;
  std::string_view resource = call.resource ? call.resource->plural() : std::string_view();
  call.core.metrics.count(call.info.verb, call.resource ? call.info.group : "", call.resource ? call.info.version : "", resource,
                          call.subresource ? call.subresource->subresource : std::string_view(), code, taken);
}

void HttpAnswer::send(Call& call, int code, std::string_view media_type, http::Body body) {
  count_answer(call, code);
  responder_->send(code, answer_headers(call, media_type), std::move(body));
}

void HttpAnswer::send_json(Call& call, int code, std::string json) {
  if (type_.encoding == Encoding::kYaml) return send(call, code, "application/yaml", json_to_yaml(json));
  if (type_.encoding == Encoding::kProtobuf)
    if (auto bytes = json_to_protobuf(json)) return send(call, code, media_type_of(Encoding::kProtobuf), std::move(*bytes));
  if (type_.pretty) json = pretty_json(json);
  send(call, code, "application/json", std::move(json));
}

Status HttpAnswer::page_shape(Call& call, bool list) const {
  const api::KindInfo& kind = call.subresource ? *call.subresource->kind : *call.resource->kind;
  if (!list && type_.shape == Shape::kPartialList) return wrong_shape("PartialObjectMetadataList", "is not a list", kind, false);
  if (list && type_.shape == Shape::kPartial) return wrong_shape("PartialObjectMetadata", "is a list", kind, true);
  if (type_.shape != Shape::kTable) return {};
  std::string_view include = call.request->query.get("includeObject");
  if (include.empty() || include == "Metadata" || include == "Object" || include == "None") return {};
  return reigen::fail(api::bad_request("Unable to convert to Table as requested: includeObject: Invalid value: \"" + std::string(include) +
                                       "\": must be 'Metadata', 'Object', 'None', or empty"));
}

TableOptions table_options(Call& call, const OutputType& type) {
  std::string_view include = call.request->query.get("includeObject");
  TableOptions options;
  options.include = include == "Object" ? IncludeObject::kObject : include == "None" ? IncludeObject::kNone : IncludeObject::kMetadata;
  options.version = type.shape_version;
  return options;
}

void HttpAnswer::object(Call& call, int code, api::Object object) {
  bool plain = type_.shape == Shape::kPlain || object.is<api::metav1::Status>() || !object.has_meta();
  if (plain) return send(call, code, media_type_of(type_.encoding), encode_answer(object, type_.encoding, type_.pretty));
  if (auto status = page_shape(call, false); !status) return fail(call, status.error());
  if (type_.shape == Shape::kPartial) return send_json(call, code, partial_object(object, type_.shape_version) + "\n");
  TableWriter table(object.kind(), table_options(call, type_), call.core.now());
  table.begin(object.meta().resource_version, "", nullptr);
  table.row(object);
  send_json(call, code, table.end());
}

void HttpAnswer::stored(Call& call, int code, const store::EntryPtr& entry) {
  // After a write this is the store's publishing thread, and encoding here would hold up the next commit.
  responder_->run([call = call.shared_from_this(), this, code, entry] { answer_stored(*call, code, entry); });
}

void HttpAnswer::answer_stored(Call& call, int code, const store::EntryPtr& entry) {
  if (type_.shape == Shape::kPlain && type_.encoding == Encoding::kJson && !type_.pretty) {
    auto json = call.core.cache.json(entry, *call.resource);
    if (!json) return fail(call, json.error());
    return send(call, code, "application/json", http::Body(*json));
  }
  auto served = call.core.cache.served(entry, *call.resource);
  if (!served) return fail(call, served.error());
  object(call, code, std::move(*served));
}

void HttpAnswer::list(Call& call, ListPage page) {
  if (auto status = page_shape(call, true); !status) return fail(call, status.error());
  if (type_.shape == Shape::kPlain && type_.encoding == Encoding::kJson && !type_.pretty) {
    count_answer(call, 200);
    return stream_list(call, responder_, std::move(page));
  }
  if (type_.shape == Shape::kPlain && type_.encoding == Encoding::kProtobuf) {
    auto bytes = protobuf_list(call, page);
    if (!bytes) return fail(call, bytes.error());
    return send(call, 200, media_type_of(Encoding::kProtobuf), std::move(*bytes));
  }
  if (type_.shape == Shape::kPlain || type_.shape == Shape::kPartialList) {
    auto json = type_.shape == Shape::kPlain ? json_list(call, page) : partial_list(call, page, type_.shape_version);
    if (!json) return fail(call, json.error());
    return send_json(call, 200, std::move(*json));
  }
  TableWriter table(*call.resource->kind, table_options(call, type_), call.core.now());
  table.begin(std::to_string(page.revision), page.continue_, page.remaining ? &*page.remaining : nullptr);
  for (const store::EntryPtr& entry : page.entries) {
    auto object = call.core.cache.served(entry, *call.resource, ObjectCache::Keep::kNo);
    if (!object) return fail(call, object.error());
    table.row(*object);
  }
  send_json(call, 200, table.end());
}

void HttpAnswer::objects(Call& call, std::vector<api::Object> items) {
  const api::KindInfo& kind = *call.resource->kind;
  if (type_.shape == Shape::kTable) {
    TableWriter table(kind, table_options(call, type_), call.core.now());
    table.begin("", "", nullptr);
    for (const api::Object& item : items) table.row(item);
    return send_json(call, 200, table.end());
  }
  std::string json = "{\"kind\":\"" + std::string(kind.kind) + "List\",\"apiVersion\":\"" + std::string(kind.api_version) + "\",\"metadata\":{},\"items\":[";
  for (size_t i = 0; i < items.size(); ++i) {
    if (i) json += ',';
    api::append_json(json, kind.type ? *kind.type : items[i].type(), items[i].data());
  }
  send_json(call, 200, json + "]}\n");
}

void HttpAnswer::fail(Call& call, const Error& error) {
  api::ApiStatus status = api::status_of(error);
  count_answer(call, status.code);
  http::Headers headers = answer_headers(call, "application/json");
  if (status.retry_after_seconds > 0) headers.add("Retry-After", std::to_string(status.retry_after_seconds));
  std::string json = api::status_json(status) + "\n";
  if (type_.encoding == Encoding::kProtobuf) {
    if (auto bytes = json_to_protobuf(json)) {
      headers.set("Content-Type", std::string(media_type_of(Encoding::kProtobuf)));
      return responder_->send(status.code, std::move(headers), std::move(*bytes));
    }
  }
  if (type_.encoding == Encoding::kYaml) {
    headers.set("Content-Type", "application/yaml");
    json = json_to_yaml(json);
  } else if (type_.pretty) {
    json = pretty_json(json);
  }
  responder_->send(status.code, std::move(headers), std::move(json));
}

std::shared_ptr<WatchOutput> HttpAnswer::watch(Call& call) { return make_watch_stream(call, responder_, type_); }

}  // namespace reigen::apiserver
