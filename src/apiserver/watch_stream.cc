#include "apiserver/watch_stream.h"

#include "api/errors.h"
#include "api/json.h"
#include "api/metav1.h"
#include "api/protobuf.h"
#include "apiserver/codec.h"
#include "apiserver/core.h"
#include "apiserver/http_answer.h"
#include "apiserver/table/table.h"
#include "base/log.h"
#include "http/server.h"

namespace reigen::apiserver {
namespace {

// The object as the watcher sees it, with the revision of the event.
Result<api::Object> shown_object(Core& core, const Resource& resource, const WatchItem& item) {
  TRY_ASSIGN(api::Object object, core.cache.served(item.entry, resource));
  if (item.revision != item.entry->mod_revision) object.mut_meta().resource_version = std::to_string(item.revision);
  return object;
}

std::string event_line(std::string_view type, std::string_view object_json) {
  if (object_json.ends_with('\n')) object_json.remove_suffix(1);
  std::string line;
  line.reserve(object_json.size() + 40);
  line += "{\"type\":\"";
  line += type;
  line += "\",\"object\":";
  line += object_json;
  return line += "}\n";
}

api::Object bookmark_object(const api::KindInfo& kind, int64_t revision, bool initial_events_end) {
  api::Object object = api::Object::make(kind);
  auto& meta = object.mut_meta();
  meta.resource_version = std::to_string(revision);
  if (initial_events_end) meta.annotations["k8s.io/initial-events-end"] = "true";
  return object;
}

TableOptions watch_table_options(Call& call, const OutputType& type) {
  std::string_view include = call.request->query.get("includeObject");
  TableOptions options;
  options.include = include == "Object" ? IncludeObject::kObject : include == "None" ? IncludeObject::kNone : IncludeObject::kMetadata;
  options.version = type.shape_version;
  return options;
}

class StreamOutput final : public WatchOutput {
 public:
  StreamOutput(Call& call, std::shared_ptr<http::Responder> responder, OutputType type)
      : core_(call.core), resource_(*call.resource), responder_(std::move(responder)), type_(type), table_(watch_table_options(call, type)) {}

  void event(const WatchItem& item) override {
    if (type_.shape == Shape::kPlain && type_.encoding == Encoding::kJson) {
      auto frame = core_.frames->json(core_, resource_, item);
      if (frame) return responder_->write(http::Body(*frame));
      LOG(kError, "apiserver", "watch event of {}: {}", item.entry->key, frame.error().message());
      return;
    }
    auto object = shown_object(core_, resource_, item);
    if (!object) {
      LOG(kError, "apiserver", "watch event of {}: {}", item.entry->key, object.error().message());
      return;
    }
    write(to_string(item.type), *object);
  }

  void bookmark(int64_t revision, bool initial_events_end) override { write("BOOKMARK", bookmark_object(*resource_.kind, revision, initial_events_end)); }

  void error(const Error& error) override {
    std::string json = api::status_json(api::status_of(error));
    if (type_.encoding != Encoding::kProtobuf) return responder_->write(event_line("ERROR", json));
    if (auto bytes = json_to_protobuf(json)) write_protobuf("ERROR", *bytes);
  }
  void end() override { responder_->finish(); }
  size_t backlog() const override { return responder_->buffered(); }
  void on_close(Fn fn) override { responder_->on_close(std::move(fn)); }

 private:
  void write(std::string_view type, const api::Object& object) {
    if (type_.encoding == Encoding::kProtobuf) {
      auto bytes = type_.shape == Shape::kPlain ? api::encode_protobuf(object) : json_to_protobuf(shaped(object));
      if (bytes) write_protobuf(type, *bytes);
      return;
    }
    std::string line = event_line(type, shaped(object));
    if (type_.encoding == Encoding::kYaml) line = json_to_yaml(line) + "---\n";
    responder_->write(std::move(line));
  }

  std::string shaped(const api::Object& object) {
    if (type_.shape == Shape::kPlain) return api::encode_json(object);
    if (type_.shape == Shape::kPartial || type_.shape == Shape::kPartialList) return partial_object(object, type_.shape_version);
    TableWriter table(object.kind(), table_, core_.now());
    table_.headers = false;
    table.begin(object.meta().resource_version, "", nullptr);
    table.row(object);
    return table.end();
  }

  // Four bytes of length, then the WatchEvent's message: 1 type, 2 object {1 raw}.
  void write_protobuf(std::string_view type, std::string_view object) {
    std::string raw, message, frame;
    append_field(raw, 1, object);
    append_field(message, 1, type);
    append_field(message, 2, raw);
    for (int shift = 24; shift >= 0; shift -= 8) frame += static_cast<char>(message.size() >> shift & 255);
    responder_->write(frame + message);
  }
  static void append_field(std::string& out, int number, std::string_view bytes) {
    out += static_cast<char>(number << 3 | 2);
    size_t size = bytes.size();
    while (size >= 0x80) out += static_cast<char>(size | 0x80), size >>= 7;
    out += static_cast<char>(size);
    out += bytes;
  }

  Core& core_;
  const Resource& resource_;
  std::shared_ptr<http::Responder> responder_;
  OutputType type_;
  TableOptions table_;
};

}  // namespace

Result<store::Bytes> WatchFrames::json(Core& core, const Resource& resource, const WatchItem& item) {
  Key key{item.entry->mod_revision, item.revision, resource.kind, item.type};
  {
    std::lock_guard lock(mutex_);
    auto found = frames_.find(key);
    if (found != frames_.end()) return found->second;
  }
  std::string line;
  if (item.revision == item.entry->mod_revision) {
    TRY_ASSIGN(store::Bytes json, core.cache.json(item.entry, resource));
    line = event_line(to_string(item.type), *json);
  } else {
    TRY_ASSIGN(api::Object object, shown_object(core, resource, item));
    line = event_line(to_string(item.type), api::encode_json(object));
  }
  store::Bytes frame = store::make_bytes(std::move(line));
  std::lock_guard lock(mutex_);
  if (!frames_.emplace(key, frame).second) return frame;
  if (order_.size() < kMax) {
    order_.push_back(key);
  } else {
    frames_.erase(order_[next_]);
    order_[next_] = key;
    next_ = (next_ + 1) % kMax;
  }
  return frame;
}

std::shared_ptr<WatchOutput> make_watch_stream(Call& call, std::shared_ptr<http::Responder> responder, OutputType type) {
  std::string media(media_type_of(type.encoding));
  if (type.encoding == Encoding::kProtobuf) media += ";stream=watch";
  count_answer(call, 200);
  responder->start(200, answer_headers(call, media));
  return std::make_shared<StreamOutput>(call, std::move(responder), type);
}

}  // namespace reigen::apiserver
