// Call: one request on its way through the chain, and Answer: where its result goes (HTTP, or an in-process caller).
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/object.h"
#include "apiserver/request_info.h"
#include "apiserver/request_options.h"
#include "apiserver/user.h"
#include "base/clock.h"
#include "base/executor.h"
#include "base/result.h"
#include "http/message.h"
#include "store/store.h"

namespace reigen::http {
class Responder;
}

namespace reigen::apiserver {

struct Core;
struct Resource;
struct Call;

// One page of a list, as stored.
struct ListPage {
  std::vector<store::EntryPtr> entries;
  int64_t revision = 0;
  std::string continue_;
  std::optional<int64_t> remaining;
};

enum class WatchType : unsigned char { kAdded, kModified, kDeleted };
std::string_view to_string(WatchType type);

// An event as a watcher sees it. `revision` is what the object shows; for a deletion that of the deletion, not of the entry.
struct WatchItem {
  WatchType type = WatchType::kAdded;
  store::EntryPtr entry;
  int64_t revision = 0;
};

// Where a watch's events go. Calls come one at a time.
class WatchOutput {
 public:
  virtual ~WatchOutput() = default;
  virtual void event(const WatchItem& item) = 0;
  // The events of one commit are complete.
  virtual void flush() {}
  virtual void bookmark(int64_t revision, bool initial_events_end) = 0;
  virtual void error(const Error& error) = 0;  // the last event
  virtual void end() = 0;
  // Bytes not yet taken by the client: a watcher too far behind is closed.
  virtual size_t backlog() const = 0;
  virtual void on_close(Fn fn) = 0;
};

// The result of a call; exactly one of these is called, once, from any thread.
class Answer {
 public:
  virtual ~Answer() = default;
  // An object in the served version, or a Status and the like.
  virtual void object(Call& call, int code, api::Object object) = 0;
  // What the store holds, answered from the shared encoded forms.
  virtual void stored(Call& call, int code, const store::EntryPtr& entry) = 0;
  virtual void list(Call& call, ListPage page) = 0;
  // A list that is not stored; of the resource's kind.
  virtual void objects(Call& call, std::vector<api::Object> items) = 0;
  virtual void fail(Call& call, const Error& error) = 0;
  virtual std::shared_ptr<WatchOutput> watch(Call& call) = 0;
};

struct Call : std::enable_shared_from_this<Call> {
  explicit Call(Core& core_) : core(core_) {}

  Core& core;
  std::shared_ptr<http::Request> request;
  RequestInfo info;  // views into request
  UserPtr user;
  const Resource* resource = nullptr;
  const api::ResourceInfo* subresource = nullptr;
  std::shared_ptr<Answer> answer;
  std::vector<std::string> warnings;
  TimePoint started;
  // An in-process caller's, instead of request->body.
  api::Object body_object;
  // Held while the call counts as under way.
  std::shared_ptr<void> slot;
  // Null for an in-process caller: exec, logs, proxies then cannot be answered.
  std::shared_ptr<http::Responder> responder;

  std::string_view ns() const { return info.namespace_; }
  std::string_view name() const { return info.name; }
  void warn(std::string text);  // each text once
  void warn(std::vector<std::string> texts);

  void succeed(int code, api::Object object) { answer->object(*this, code, std::move(object)); }
  void fail(const Error& error) { answer->fail(*this, error); }
};
using CallPtr = std::shared_ptr<Call>;

}  // namespace reigen::apiserver
