#include "apiserver/list_stream.h"

#include "api/json.h"
#include "api/metav1.h"
#include "api/protobuf.h"
#include "apiserver/core.h"
#include "apiserver/http_answer.h"
#include "apiserver/table/table.h"
#include "http/server.h"

namespace reigen::apiserver {
namespace {

constexpr size_t kChunk = 64 << 10;

std::string list_head(std::string_view kind, std::string_view api_version, const ListPage& page) {
  std::string out = "{\"kind\":\"" + std::string(kind) + "\",\"apiVersion\":\"" + std::string(api_version) + "\",\"metadata\":{\"resourceVersion\":\"" +
                    std::to_string(page.revision) + "\"";
  if (!page.continue_.empty()) out += ",\"continue\":\"" + page.continue_ + "\"";
  if (page.remaining) out += ",\"remainingItemCount\":" + std::to_string(*page.remaining);
  return out += "},\"items\":[";
}

// Appends items from `next` on until `out` has reached the limit.
class ItemWriter {
 public:
  ItemWriter(Core& core, const Resource& resource, ListPage page) : core_(core), resource_(resource), page_(std::move(page)) {
    prefix_ = "{\"kind\":\"" + std::string(resource.kind->kind) + "\",\"apiVersion\":\"" + std::string(resource.kind->api_version) + "\",";
  }

  Status append(std::string& out, size_t limit) {
    while (next_ < page_.entries.size() && out.size() < limit) {
      if (next_ > 0) out += ',';
      size_t start = out.size();
      TRY(core_.cache.append_json(out, page_.entries[next_], resource_));
      // Items of a list do not name their kind.
      if (std::string_view(out).substr(start).starts_with(prefix_)) out.replace(start, prefix_.size(), "{");
      page_.entries[next_++].reset();
    }
    return {};
  }
  bool done() const { return next_ == page_.entries.size(); }
  const ListPage& page() const { return page_; }

 private:
  Core& core_;
  const Resource& resource_;
  ListPage page_;
  std::string prefix_;
  size_t next_ = 0;
};

struct Stream : std::enable_shared_from_this<Stream> {
  Stream(CallPtr call_, std::shared_ptr<http::Responder> responder_, ListPage page)
      : call(std::move(call_)), responder(std::move(responder_)), items(call->core, *call->resource, std::move(page)) {}
  CallPtr call;
  std::shared_ptr<http::Responder> responder;
  ItemWriter items;

  void next() {
    std::string chunk;
    chunk.reserve(kChunk + (16 << 10));
    if (!items.append(chunk, kChunk)) return responder->abort();
    if (items.done()) {
      chunk += "]}\n";
      responder->write(std::move(chunk));
      return responder->finish();
    }
    responder->write(std::move(chunk), [self = shared_from_this()](Status status) {
      if (status) self->next();
    });
  }
};

void append_varint(std::string& out, uint64_t value) {
  while (value >= 0x80) out += static_cast<char>(value | 0x80), value >>= 7;
  out += static_cast<char>(value);
}
void append_field(std::string& out, int number, std::string_view bytes) {
  append_varint(out, static_cast<uint64_t>(number) << 3 | 2);
  append_varint(out, bytes.size());
  out += bytes;
}

}  // namespace

Result<std::string> json_list(Call& call, const ListPage& page) {
  const api::KindInfo& kind = *call.resource->kind;
  std::string out = list_head(std::string(kind.kind) + "List", kind.api_version, page);
  ItemWriter items(call.core, *call.resource, page);
  TRY(items.append(out, SIZE_MAX));
  return out += "]}\n";
}

void stream_list(Call& call, std::shared_ptr<http::Responder> responder, ListPage page) {
  const api::KindInfo& kind = *call.resource->kind;
  std::string head = list_head(std::string(kind.kind) + "List", kind.api_version, page);
  auto stream = std::make_shared<Stream>(call.shared_from_this(), responder, std::move(page));
  if (!stream->items.append(head, kChunk)) return responder->send(500, answer_headers(call, "text/plain"), "a stored object cannot be read\n");
  if (stream->items.done()) return responder->send(200, answer_headers(call, "application/json"), http::Body(std::move(head += "]}\n")));
  responder->start(200, answer_headers(call, "application/json"));
  responder->write(std::move(head), [stream](Status status) {
    if (status) stream->next();
  });
}

// The list's message is {1: ListMeta, 2: repeated item} for every kind.
Result<std::string> protobuf_list(Call& call, const ListPage& page) {
  api::metav1::ListMeta meta;
  meta.resource_version = std::to_string(page.revision);
  meta.continue_ = page.continue_;
  meta.remaining_item_count = page.remaining;
  std::string bytes, raw;
  api::append_protobuf_message(bytes, api::type_of<api::metav1::ListMeta>(), &meta);
  append_field(raw, 1, bytes);
  for (const store::EntryPtr& entry : page.entries) {
    TRY_ASSIGN(api::Object object, call.core.cache.served(entry, *call.resource, ObjectCache::Keep::kNo));
    bytes.clear();
    api::append_protobuf_message(bytes, object.type(), object.data());
    append_field(raw, 2, bytes);
  }
  std::string type_meta;
  append_field(type_meta, 1, call.resource->kind->api_version);
  append_field(type_meta, 2, std::string(call.resource->kind->kind) + "List");
  std::string out(api::kProtobufMagic);
  append_field(out, 1, type_meta);
  append_field(out, 2, raw);
  append_field(out, 3, "");
  append_field(out, 4, "");
  return out;
}

Result<std::string> partial_list(Call& call, const ListPage& page, std::string_view version) {
  std::string out = list_head("PartialObjectMetadataList", "meta.k8s.io/" + std::string(version), page);
  if (page.entries.empty()) {
    out.pop_back();
    return out += "null}\n";
  }
  for (size_t i = 0; i < page.entries.size(); ++i) {
    TRY_ASSIGN(api::Object object, call.core.cache.served(page.entries[i], *call.resource, ObjectCache::Keep::kNo));
    if (i) out += ',';
    out += partial_object(object, version);
  }
  return out += "]}\n";
}

}  // namespace reigen::apiserver
