// HttpAnswer: a call's result as an HTTP answer in the negotiated form.
#pragma once

#include <memory>
#include <mutex>
#include <unordered_map>

#include "apiserver/call.h"
#include "apiserver/media_type.h"

namespace reigen::http {
class Headers;
class Responder;
}  // namespace reigen::http

namespace reigen::apiserver {

// Encoded watch events in plain JSON, shared by all watchers of a kind. Bounded: the newest.
class WatchFrames {
 public:
  // One line with its newline.
  Result<store::Bytes> json(Core& core, const Resource& resource, const WatchItem& item);

 private:
  static constexpr size_t kMax = 2048;
  struct Key {
    int64_t entry = 0, shown = 0;
    const void* kind = nullptr;
    WatchType type = WatchType::kAdded;
    bool operator==(const Key&) const = default;
  };
  struct Hash {
    size_t operator()(const Key& key) const { return static_cast<size_t>(key.entry * 31 + key.shown) ^ reinterpret_cast<size_t>(key.kind); }
  };
  std::mutex mutex_;
  std::unordered_map<Key, store::Bytes, Hash> frames_;
  std::vector<Key> order_;  // a ring
  size_t next_ = 0;
};

class HttpAnswer final : public Answer {
 public:
  HttpAnswer(std::shared_ptr<http::Responder> responder, OutputType type) : responder_(std::move(responder)), type_(type) {}

  void object(Call& call, int code, api::Object object) override;
  void stored(Call& call, int code, const store::EntryPtr& entry) override;
  void list(Call& call, ListPage page) override;
  void objects(Call& call, std::vector<api::Object> items) override;
  void fail(Call& call, const Error& error) override;
  std::shared_ptr<WatchOutput> watch(Call& call) override;

  void set_type(OutputType type) { type_ = type; }

 private:
  void answer_stored(Call& call, int code, const store::EntryPtr& entry);
  void send_json(Call& call, int code, std::string json);
  void send(Call& call, int code, std::string_view media_type, http::Body body);
  Status page_shape(Call& call, bool list) const;

  std::shared_ptr<http::Responder> responder_;
  OutputType type_;
};

// Counts the request and adds Warning and audit headers.
http::Headers answer_headers(Call& call, std::string_view media_type);
void count_answer(Call& call, int code);

}  // namespace reigen::apiserver
