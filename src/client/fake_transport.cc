#include "client/fake_transport.h"

#include <fmt/core.h>

#include <atomic>

#include "api/errors.h"
#include "api/metav1.h"
#include "client/informer.h"

namespace reigen::client {

struct FakeTransport::Watching {
  std::shared_ptr<WatchSink> sink;
  uint64_t seen = 0;
  std::atomic<bool> cancelled = false;
};

class FakeTransport::Handle final : public WatchHandle {
 public:
  explicit Handle(std::shared_ptr<Watching> watching) : watching_(std::move(watching)) {}
  ~Handle() override { watching_->cancelled = true; }

 private:
  std::shared_ptr<Watching> watching_;
};

Result<Response> FakeTransport::call(const Request& request) {
  {
    std::lock_guard lock(mutex_);
    calls_.push_back(request);
  }
  if (before) TRY(before(request));
  return answer(request);
}

void FakeTransport::call_async(Request request, CallDone done) { done(call(request)); }

Result<Response> FakeTransport::answer(const Request& request) {
  if (request.verb != Verb::kGet && request.verb != Verb::kList) return write(request);
  std::lock_guard lock(mutex_);
  Response response;
  if (request.verb == Verb::kList) {
    ++lists;
    response.resource_version = std::to_string(version_);
    for (auto& [key, object] : objects_) response.items.push_back(object);
    return response;
  }
  auto found = objects_.find(key_of(request.namespace_, request.name));
  if (found == objects_.end()) return fail(api::not_found({"", request.kind->resource->plural}, request.name));
  response.object = found->second;
  return response;
}

Result<Response> FakeTransport::write(const Request& request) {
  std::string name = request.name;
  if (name.empty() && request.body) name = request.body.meta().name;
  std::string key = key_of(request.namespace_, name);
  api::Object current = get(key);
  Response response{.status = request.verb == Verb::kCreate ? 201 : 200};
  api::GroupName resource{"", request.kind->resource->plural};
  if (request.verb == Verb::kCreate && request.subresource.empty()) {
    if (current) return fail(api::already_exists(resource, name));
  } else if (!current) {
    return fail(api::not_found(resource, name));
  }
  if (request.verb == Verb::kDelete) {
    remove(key);
    response.object = current;
    return response;
  }
  if (request.verb == Verb::kUpdate) {
    const auto& wanted = request.body.meta().resource_version;
    if (!wanted.empty() && wanted != current.meta().resource_version) return fail(api::conflict(resource, name, api::kModified));
  }
  bool replaces = request.body && request.subresource != "binding";
  put(replaces ? request.body : current);
  response.object = get(key);
  return response;
}

Result<std::unique_ptr<WatchHandle>> FakeTransport::watch(Request request, std::shared_ptr<WatchSink> sink) {
  auto watching = std::make_shared<Watching>();
  {
    std::lock_guard lock(mutex_);
    ++watches_started;
    watching->sink = std::move(sink);
    watching->seen = std::stoull(request.resource_version);
    if (watching->seen < compacted_) return fail(api::expired("too old resource version: " + request.resource_version));
    watches_.push_back(watching);
  }
  publish();
  return std::make_unique<Handle>(watching);
}

uint64_t FakeTransport::put(api::Object object) {
  uint64_t version;
  {
    std::lock_guard lock(mutex_);
    version = ++version_;
    auto copy = object.clone();
    copy.mut_meta().resource_version = std::to_string(version);
    auto& place = objects_[key_of(copy)];
    if (copy.meta().uid.empty()) copy.mut_meta().uid = place ? place.meta().uid : "uid-" + std::to_string(version);
    history_.push_back({version, place ? WatchType::kModified : WatchType::kAdded, copy});
    place = std::move(copy);
  }
  publish();
  return version;
}

void FakeTransport::remove(const std::string& key) {
  {
    std::lock_guard lock(mutex_);
    auto found = objects_.find(key);
    if (found == objects_.end()) return;
    auto last = found->second.clone();
    last.mut_meta().resource_version = std::to_string(++version_);
    objects_.erase(found);
    history_.push_back({version_, WatchType::kDeleted, std::move(last)});
  }
  publish();
}

void FakeTransport::hold_events(bool hold) {
  {
    std::lock_guard lock(mutex_);
    hold_ = hold;
  }
  publish();
}

void FakeTransport::publish() {
  std::vector<std::pair<std::shared_ptr<Watching>, std::vector<Change>>> batches;
  {
    std::lock_guard lock(mutex_);
    if (hold_) return;
    for (auto& watching : watches_) {
      std::vector<Change> missed;
      for (auto& change : history_) {
        if (change.version > watching->seen) missed.push_back(change);
      }
      watching->seen = version_;
      batches.emplace_back(watching, std::move(missed));
    }
  }
  for (auto& [watching, changes] : batches) {
    for (auto& change : changes) {
      if (!watching->cancelled) watching->sink->event(change.type, change.object);
    }
  }
}

void FakeTransport::close_watches(std::optional<Error> error) {
  std::vector<std::shared_ptr<Watching>> watches;
  {
    std::lock_guard lock(mutex_);
    watches.swap(watches_);
  }
  for (auto& watching : watches) {
    if (!watching->cancelled) watching->sink->closed(error);
  }
}

void FakeTransport::compact() {
  std::lock_guard lock(mutex_);
  compacted_ = version_;
  history_.clear();
}

api::Object FakeTransport::get(const std::string& key) {
  std::lock_guard lock(mutex_);
  auto found = objects_.find(key);
  return found == objects_.end() ? api::Object() : found->second;
}

std::vector<Request> FakeTransport::calls() {
  std::lock_guard lock(mutex_);
  return calls_;
}

}  // namespace reigen::client
