// Transport: carries one call to the Kubernetes API. Two implementations: apiserver::LocalTransport (in process, as a user, through the
// whole request chain, objects passed without bytes) and HttpTransport (http_transport.h).
//
// Errors: every answer that is not 2xx is an Error whose code() fits the Status's reason and whose detail carries the
// Status (api::find_status, api/errors.h). An Error without that detail comes from the connection: kUnavailable (try again),
// kDeadlineExceeded, kCancelled.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/object.h"
#include "base/clock.h"
#include "base/result.h"

namespace reigen::client {

enum class Verb : uint8_t { kGet, kList, kWatch, kCreate, kUpdate, kPatch, kApply, kDelete, kDeleteCollection };
std::string_view to_string(Verb verb);  // "get", "list", ..., "deletecollection"; kApply is "patch"

enum class PatchType : uint8_t { kJson, kMerge, kStrategic, kApply };
std::string_view media_type(PatchType type);  // "application/merge-patch+json", ...

// DeleteOptions. Unset fields are left to the server.
struct DeleteOptions {
  std::optional<int64_t> grace_period_seconds = {};
  std::string propagation = {};  // "Background", "Foreground", "Orphan" or ""
  std::string uid = {};          // preconditions; "" for none
  std::string resource_version = {};
};

struct Request {
  Verb verb = Verb::kGet;
  // What is addressed: the kind of the resource, or for kinds known only by name the three strings (kind null).
  const api::KindInfo* kind = nullptr;
  std::string group, version, plural;

  std::string namespace_;  // "" for cluster-scoped resources and for all namespaces
  std::string name;
  std::string subresource;  // "status", "scale", "binding", "eviction", "token", ... or ""

  api::Object body;  // create, update; the applied object of kApply unless patch is set
  PatchType patch_type = PatchType::kMerge;
  std::string patch;  // kPatch: JSON; kApply: YAML or JSON, instead of body
  DeleteOptions delete_options;

  // List, watch and deletecollection.
  std::string label_selector, field_selector;
  int64_t limit = 0;
  std::string continue_;
  std::string resource_version;        // also of get
  std::string resource_version_match;  // "", "Exact", "NotOlderThan"
  bool send_initial_events = false;    // of watch
  bool allow_bookmarks = true;         // of watch
  bool metadata_only = false;          // answer with PartialObjectMetadata[List]

  bool dry_run = false;
  bool force = false;                   // of kApply
  std::string field_manager;            // "" : the transport's own
  std::string field_validation;         // "", "Ignore", "Warn", "Strict"
  Duration timeout = Duration::zero();  // of the call; of a watch its life (timeoutSeconds). Zero: the server's
};

// The path of the resource: "/api/v1/namespaces/default/pods/web/status".
std::string path_of(const Request& request);

struct Response {
  int status = 200;    // 200, 201, 202
  api::Object object;  // everything but lists; a Status after some deletions. Empty for lists
  // Lists.
  std::vector<api::Object> items;
  std::string resource_version;
  std::string continue_;
  std::optional<int64_t> remaining_items = {};

  std::vector<std::string> warnings;  // texts of the Warning headers
};

enum class WatchType : uint8_t { kAdded, kModified, kDeleted };

struct WatchEvent {
  WatchType type;
  api::Object object;
};

// Gets a watch's events, one call at a time, in order, from a thread of the transport: be short, queue for yourself.
class WatchSink {
 public:
  virtual ~WatchSink() = default;
  virtual void event(WatchType type, api::Object object) = 0;
  // Several in order; a transport that has them together calls this.
  virtual void events(std::vector<WatchEvent> events) {
    for (auto& each : events) event(each.type, std::move(each.object));
  }
  // Everything up to `resource_version` was delivered. `initial_events_end`: the state of send_initial_events is complete.
  virtual void bookmark(std::string resource_version, bool initial_events_end) = 0;
  // The watch ended; nothing follows. No error: the server closed it in order (timeout), resume from the last version. kGone: list again.
  virtual void closed(std::optional<Error> error) = 0;
};

// Ends its watch when destroyed: no call to the sink starts afterwards, one may still be running (the sink is kept alive).
class WatchHandle {
 public:
  virtual ~WatchHandle() = default;
};

using CallDone = std::move_only_function<void(Result<Response>)>;

// Thread-safe.
class Transport {
 public:
  virtual ~Transport() = default;
  // Waits for the answer. Under SimExecutor it completes inline. Not from a thread of the transport (done, WatchSink).
  virtual Result<Response> call(const Request& request) = 0;
  // done is called once, from a thread of the transport or from the caller's before it returns.
  virtual void call_async(Request request, CallDone done) = 0;
  // Returns when the server has accepted the watch (its errors, among them kGone, may come here or to closed()).
  virtual Result<std::unique_ptr<WatchHandle>> watch(Request request, std::shared_ptr<WatchSink> sink) = 0;
};

}  // namespace reigen::client
