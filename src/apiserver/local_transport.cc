#include "apiserver/local_transport.h"

#include <condition_variable>
#include <mutex>

#include "api/defaults.h"
#include "api/errors.h"
#include "api/metav1.h"
#include "apiserver/chain.h"
#include "apiserver/codec.h"
#include "apiserver/core.h"
#include "base/log.h"

namespace reigen::apiserver {
namespace {

std::string_view method_of(client::Verb verb) {
  switch (verb) {
    case client::Verb::kCreate: return "POST";
    case client::Verb::kUpdate: return "PUT";
    case client::Verb::kPatch:
    case client::Verb::kApply: return "PATCH";
    case client::Verb::kDelete:
    case client::Verb::kDeleteCollection: return "DELETE";
    default: return "GET";
  }
}

void add(http::Query& query, std::string_view name, const std::string& value) {
  if (!value.empty()) query.add(std::string(name), value);
}

void fill_query(const client::Request& in, http::Query& query) {
  add(query, "labelSelector", in.label_selector);
  add(query, "fieldSelector", in.field_selector);
  add(query, "continue", in.continue_);
  add(query, "resourceVersion", in.resource_version);
  add(query, "resourceVersionMatch", in.resource_version_match);
  add(query, "fieldManager", in.field_manager);
  add(query, "fieldValidation", in.field_validation);
  if (in.limit > 0) query.add("limit", std::to_string(in.limit));
  if (in.verb == client::Verb::kWatch) {
    query.add("watch", "true");
    if (in.allow_bookmarks) query.add("allowWatchBookmarks", "true");
    if (in.send_initial_events) {
      query.add("sendInitialEvents", "true");
      if (in.resource_version_match.empty()) query.add("resourceVersionMatch", "NotOlderThan");
    }
    int64_t seconds = std::chrono::duration_cast<std::chrono::seconds>(in.timeout).count();
    if (seconds > 0) query.add("timeoutSeconds", std::to_string(seconds));
  }
  bool deletes = in.verb == client::Verb::kDelete || in.verb == client::Verb::kDeleteCollection;
  if (in.dry_run && !deletes) query.add("dryRun", "All");
  if (in.force && in.verb == client::Verb::kApply) query.add("force", "true");
}

api::Object delete_body(const client::Request& in) {
  api::metav1::DeleteOptions options;
  options.grace_period_seconds = in.delete_options.grace_period_seconds;
  if (!in.delete_options.propagation.empty()) options.propagation_policy = in.delete_options.propagation;
  if (!in.delete_options.uid.empty()) options.preconditions.ensure().uid = in.delete_options.uid;
  if (!in.delete_options.resource_version.empty()) options.preconditions.ensure().resource_version = in.delete_options.resource_version;
  if (in.dry_run) options.dry_run = {"All"};
  return api::Object::of(std::move(options));
}

std::shared_ptr<http::Request> http_request(const client::Request& in) {
  auto request = std::make_shared<http::Request>();
  request->method = method_of(in.verb);
  request->target = client::path_of(in);
  http::parse_target(*request);
  fill_query(in, request->query);
  request->headers.add("User-Agent", in.field_manager.empty() ? "reigen" : in.field_manager);
  if (in.verb == client::Verb::kPatch) request->headers.add("Content-Type", std::string(client::media_type(in.patch_type)));
  if (in.verb == client::Verb::kApply) request->headers.add("Content-Type", std::string(client::media_type(client::PatchType::kApply)));
  if (in.verb == client::Verb::kPatch || in.verb == client::Verb::kApply) request->body = in.patch;
  if (in.verb == client::Verb::kApply && in.patch.empty() && in.body) request->body = encode_json(in.body);
  return request;
}

// Objects as they are; the caller's part of the conversation.
class LocalAnswer final : public Answer {
 public:
  LocalAnswer(client::CallDone done, std::shared_ptr<client::WatchSink> sink) : done_(std::move(done)), sink_(std::move(sink)) {}

  void object(Call& call, int code, api::Object object) override {
    client::Response response;
    response.status = code;
    response.object = std::move(object);
    finish(call, std::move(response));
  }
  void stored(Call& call, int code, const store::EntryPtr& entry) override {
    auto served = call.core.cache.served(entry, *call.resource);
    if (!served) return fail(call, served.error());
    object(call, code, std::move(*served));
  }
  void list(Call& call, ListPage page) override {
    client::Response response;
    response.resource_version = std::to_string(page.revision);
    response.continue_ = std::move(page.continue_);
    response.remaining_items = page.remaining;
    response.items.reserve(page.entries.size());
    for (const store::EntryPtr& entry : page.entries) {
      auto served = call.core.cache.served(entry, *call.resource);
      if (!served) return fail(call, served.error());
      response.items.push_back(std::move(*served));
    }
    finish(call, std::move(response));
  }
  void objects(Call& call, std::vector<api::Object> items) override {
    client::Response response;
    response.items = std::move(items);
    finish(call, std::move(response));
  }
  void fail(Call&, const Error& error) override {
    if (done_) std::exchange(done_, nullptr)(reigen::fail(api::find_status(error) ? error : api::to_error(api::status_of(error))));
  }
  std::shared_ptr<WatchOutput> watch(Call& call) override;
  std::shared_ptr<WatchOutput> output() const { return output_; }

 private:
  void finish(Call& call, client::Response response) {
    response.warnings = call.warnings;
    if (done_) std::exchange(done_, nullptr)(std::move(response));
  }
  client::CallDone done_;
  std::shared_ptr<client::WatchSink> sink_;
  std::shared_ptr<WatchOutput> output_;
};

class LocalOutput final : public WatchOutput {
 public:
  LocalOutput(Call& call, std::shared_ptr<client::WatchSink> sink) : core_(call.core), resource_(*call.resource), sink_(std::move(sink)) {}

  void event(const WatchItem& item) override {
    auto object = core_.cache.served(item.entry, resource_);
    if (!object) {
      LOG(kError, "apiserver", "watch event of {}: {}", item.entry->key, object.error().message());
      return;
    }
    if (item.revision != item.entry->mod_revision) object->mut_meta().resource_version = std::to_string(item.revision);
    static_assert(static_cast<int>(WatchType::kDeleted) == static_cast<int>(client::WatchType::kDeleted));
    ready_.push_back({static_cast<client::WatchType>(item.type), std::move(*object)});
  }
  void flush() override {
    auto events = std::exchange(ready_, {});
    if (!closed_ && !events.empty()) sink_->events(std::move(events));
  }
  void bookmark(int64_t revision, bool initial_events_end) override {
    if (!closed_) sink_->bookmark(std::to_string(revision), initial_events_end);
  }
  void error(const Error& error) override { error_ = error; }
  void end() override {
    if (closed_.exchange(true)) return;
    std::move_only_function<void()> dropped = std::exchange(on_close_, nullptr);
    sink_->closed(std::exchange(error_, std::nullopt));
  }
  size_t backlog() const override { return 0; }
  void on_close(Fn fn) override { on_close_ = std::move(fn); }

  // The caller has gone: no more calls.
  void close() {
    if (closed_.exchange(true)) return;
    if (Fn fn = std::exchange(on_close_, nullptr)) fn();
  }

 private:
  Core& core_;
  const Resource& resource_;
  std::shared_ptr<client::WatchSink> sink_;
  std::vector<client::WatchEvent> ready_;  // of the commit at hand
  std::atomic<bool> closed_{false};
  std::optional<Error> error_;
  Fn on_close_;
};

std::shared_ptr<WatchOutput> LocalAnswer::watch(Call& call) {
  auto output = std::make_shared<LocalOutput>(call, sink_);
  output_ = output;
  if (done_) std::exchange(done_, nullptr)(client::Response{});
  return output;
}

class LocalHandle final : public client::WatchHandle {
 public:
  explicit LocalHandle(std::shared_ptr<LocalOutput> output) : output_(std::move(output)) {}
  ~LocalHandle() override { output_->close(); }

 private:
  std::shared_ptr<LocalOutput> output_;
};

void start(Core& core, const UserPtr& user, const client::Request& in, std::shared_ptr<Answer> answer) {
  auto call = std::make_shared<Call>(core);
  call->request = http_request(in);
  call->user = user;
  call->answer = std::move(answer);
  call->started = core.executor.clock().now();
  bool deletes = in.verb == client::Verb::kDelete || in.verb == client::Verb::kDeleteCollection;
  call->body_object = deletes ? delete_body(in) : in.body;
  // What decoding does to bytes.
  if (call->body_object) api::apply_defaults(call->body_object);
  auto info = parse_request_info(*call->request);
  if (!info) return call->fail(api::internal_error(info.error().message()));
  call->info = std::move(*info);
  if (auto status = authorize(*call); !status) return call->fail(status.error());
  if (!call->info.resource_request) return call->fail(api::unknown_path());
  if (auto status = resolve(*call); !status) return call->fail(status.error());
  dispatch(call);
}

}  // namespace

void LocalTransport::call_async(client::Request request, client::CallDone done) {
  start(core_, user_, request, std::make_shared<LocalAnswer>(std::move(done), nullptr));
}

Result<client::Response> LocalTransport::call(const client::Request& request) {
  struct Wait {
    std::mutex mutex;
    std::condition_variable ready;
    std::optional<Result<client::Response>> result;
  };
  auto wait = std::make_shared<Wait>();
  start(core_, user_, request,
        std::make_shared<LocalAnswer>(
            [wait](Result<client::Response> result) {
              std::lock_guard lock(wait->mutex);
              wait->result = std::move(result);
              wait->ready.notify_all();
            },
            nullptr));
  std::unique_lock lock(wait->mutex);
  wait->ready.wait(lock, [&] { return wait->result.has_value(); });
  return std::move(*wait->result);
}

Result<std::unique_ptr<client::WatchHandle>> LocalTransport::watch(client::Request request, std::shared_ptr<client::WatchSink> sink) {
  std::optional<Error> failure;
  auto answer = std::make_shared<LocalAnswer>(
      [&failure](Result<client::Response> result) {
        if (!result) failure = result.error();
      },
      sink);
  start(core_, user_, request, answer);
  if (failure) return reigen::fail(std::move(*failure));
  auto output = std::static_pointer_cast<LocalOutput>(answer->output());
  if (!output) return reigen::fail(Code::kInternal, "the watch was not begun");
  return std::make_unique<LocalHandle>(std::move(output));
}

}  // namespace reigen::apiserver
