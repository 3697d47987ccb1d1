#include "apiserver/openapi/openapi_provider.h"

#include <fmt/core.h>

#include <algorithm>
#include <map>
#include <utility>

#include "api/value.h"
#include "apiserver/openapi/documents.h"
#include "base/executor.h"
#include "base/guarded.h"

namespace reigen::apiserver {
namespace {

constexpr Duration kKeep = std::chrono::seconds(60);
constexpr std::string_view kV2Protobuf = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf";

// FNV-1a: a name for the content, not a protection.
std::string hash_of(std::string_view text) {
  uint64_t hash = 0xcbf29ce484222325;
  for (unsigned char c : text) hash = (hash ^ c) * 0x100000001b3;
  return fmt::format("{:016X}", hash);
}

// Whether the first type the client names that /openapi/v2 has is protobuf. Both spellings are in use.
bool wants_protobuf(std::string_view accept) {
  while (!accept.empty()) {
    auto comma = std::min(accept.find(','), accept.size());
    std::string_view clause = accept.substr(0, comma);
    accept.remove_prefix(std::min(comma + 1, accept.size()));
    while (clause.starts_with(' ')) clause.remove_prefix(1);
    clause = clause.substr(0, clause.find(';'));
    while (clause.ends_with(' ')) clause.remove_suffix(1);
    if (clause == kV2Protobuf || clause == "application/com.github.proto-openapi.spec.v2@v1.0+protobuf") return true;
    if (clause == "application/json" || clause == "application/*" || clause == "*/*") return false;
  }
  return false;
}

struct Entry {
  std::string etag;  // empty until made once
  std::shared_ptr<const std::string> kept;
  std::weak_ptr<const std::string> alive;  // while somebody sends it
  TimePoint used;
};

class Provider final : public OpenApiProvider {
 public:
  explicit Provider(Executor* executor) : executor_(executor), group_versions_(openapi::group_versions()) {}

  OpenApiDocument document(std::string_view path, std::string_view accept, std::string_view known_etag) override {
    if (path == "/openapi/v2") {
      if (wants_protobuf(accept)) return answer("v2.pb", kV2Protobuf, known_etag, openapi::make_v2_protobuf);
      return answer("v2", "application/json", known_etag, openapi::make_v2_json);
    }
    if (path == "/openapi/v3") return answer("v3", "application/json", known_etag, [this] { return make_index(); });
    constexpr std::string_view kPrefix = "/openapi/v3/";
    if (!path.starts_with(kPrefix)) return {};
    auto found = std::ranges::find(group_versions_, path.substr(kPrefix.size()), &openapi::GroupVersionPath::path);
    if (found == group_versions_.end()) return {};
    return answer(found->path, "application/json", known_etag, [&] { return openapi::make_v3_json(found->group, found->version); });
  }

 private:
  struct State {
    std::map<std::string, Entry, std::less<>> entries;
    bool timer = false;
  };

  template <class Make>
  OpenApiDocument answer(std::string_view key, std::string_view media_type, std::string_view known_etag, Make make) {
    OpenApiDocument out{.body = nullptr, .media_type = std::string(media_type), .etag = ""};
    std::string index = key == "v3" ? make() : std::string();  // asks for the other documents' hashes: not under the lock
    auto state = state_.lock();
    Entry& entry = state->entries[std::string(key)];
    if (!index.empty()) {
      out.body = std::make_shared<const std::string>(std::move(index));
      entry.etag = hash_of(*out.body);
    } else if (entry.etag.empty() || entry.etag != known_etag) {
      out.body = body(*state, entry, make);
    }
    out.etag = entry.etag;
    if (entry.etag == known_etag) out.body = nullptr;
    return out;
  }

  template <class Make>
  std::shared_ptr<const std::string> body(State& state, Entry& entry, Make& make) {
    auto found = entry.alive.lock();
    if (!found) {
      found = std::make_shared<const std::string>(make());
      if (entry.etag.empty()) entry.etag = hash_of(*found);
      entry.alive = found;
    }
    if (!executor_) return found;
    entry.kept = found;
    entry.used = executor_->clock().now();
    if (!std::exchange(state.timer, true)) wake_later();
    return found;
  }

  void wake_later() {
    executor_->after(kKeep, tasks_.wrap([this] { forget_unused(); }));
  }

  void forget_unused() {
    auto state = state_.lock();
    TimePoint now = executor_->clock().now();
    state->timer = false;
    for (auto& [key, entry] : state->entries) {
      if (!entry.kept) continue;
      if (now - entry.used >= kKeep) entry.kept.reset();
      else state->timer = true;
    }
    if (state->timer) wake_later();
  }

  // Hashes of documents that were never asked for are made from documents that are dropped at once.
  std::string make_index() {
    std::string out = R"({"paths":{)";
    for (const auto& one : group_versions_) {
      if (!out.ends_with('{')) out += ',';
      out += fmt::format(R"("{0}":{{"serverRelativeURL":"/openapi/v3/{0}?hash={1}"}})", one.path, etag_of(one));
    }
    return out + "}}\n";
  }

  std::string etag_of(const openapi::GroupVersionPath& one) {
    auto state = state_.lock();
    std::string& etag = state->entries[one.path].etag;
    if (etag.empty()) etag = hash_of(openapi::make_v3_json(one.group, one.version));
    return etag;
  }

  Executor* executor_;
  const std::vector<openapi::GroupVersionPath> group_versions_;
  Guarded<State> state_;
  TaskGroup tasks_;
};

}  // namespace

std::unique_ptr<OpenApiProvider> make_openapi_provider(Executor* executor) { return std::make_unique<Provider>(executor); }

}  // namespace reigen::apiserver
