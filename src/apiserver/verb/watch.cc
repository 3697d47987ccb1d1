// Watch: rules of the watch cache and handlers/watch.go. A watch is one of the store's; events are filtered by the selection, where
// entering it is ADDED and leaving it DELETED.

#include <deque>
#include <mutex>

#include "api/errors.h"
#include "apiserver/core.h"
#include "apiserver/verb/selection.h"
#include "apiserver/verb/verbs.h"
#include "base/log.h"

namespace reigen::apiserver {
namespace {

// A watcher with more than this unread is closed; it lists again.
constexpr size_t kMaxBacklog = 16 << 20;
constexpr auto kBookmarkEvery = std::chrono::seconds(60);
constexpr int64_t kMinTimeoutSeconds = 1800;

class WatchRun final : public store::WatchSink, public std::enable_shared_from_this<WatchRun> {
 public:
  WatchRun(CallPtr call, Selection selection, std::shared_ptr<WatchOutput> output)
      : call_(std::move(call)), selection_(std::move(selection)), output_(std::move(output)), by_key_(selection_.by_key()) {
    std::string prefix = selection_.key_prefix();
    if (!prefix.ends_with('/')) key_size_ = prefix.size();
  }

  void begin(ListPage initial, bool initial_end, bool bookmarks, Duration timeout);
  void on_events(std::span<const store::EventPtr> events) override;
  void on_progress(store::Revision revision) override;
  void on_closed(const Error& error) override;
  void attach(std::unique_ptr<store::Watch> watch);
  void stop(bool tell);

 private:
  void deliver(const store::Event& event);
  void schedule_bookmark();
  Result<bool> selected(const store::EntryPtr& entry);
  void finish_locked();

  CallPtr call_;
  Selection selection_;
  std::shared_ptr<WatchOutput> output_;
  const bool by_key_;    // an event's key is enough to know that it is selected
  size_t key_size_ = 0;  // of the one key that is watched; 0: all below a prefix
  // Recursive: a sink may end its watch from within a call.
  std::recursive_mutex mutex_;
  std::unique_ptr<store::Watch> watch_;
  bool stopped_ = false;
  TimerId timeout_ = 0, bookmark_ = 0;
  int64_t newest_ = 0;
};

void WatchRun::begin(ListPage initial, bool initial_end, bool bookmarks, Duration timeout) {
  {
    std::lock_guard lock(mutex_);
    newest_ = initial.revision;
    for (const store::EntryPtr& entry : initial.entries) output_->event({WatchType::kAdded, entry, entry->mod_revision});
    output_->flush();
    if (initial_end && bookmarks) output_->bookmark(initial.revision, true);
  }
  auto self = weak_from_this();
  timeout_ = call_->core.executor.after(timeout, [self] {
    if (auto run = self.lock()) run->stop(true);
  });
  if (bookmarks) schedule_bookmark();
  // The output keeps the run alive for as long as the client listens.
  output_->on_close([run = shared_from_this()] { run->stop(false); });
}

void WatchRun::schedule_bookmark() {
  auto self = weak_from_this();
  bookmark_ = call_->core.executor.after(kBookmarkEvery, [self] {
    auto run = self.lock();
    if (!run) return;
    std::lock_guard lock(run->mutex_);
    if (run->stopped_ || !run->watch_) return;
    run->watch_->request_progress();
    run->schedule_bookmark();
  });
}

void WatchRun::attach(std::unique_ptr<store::Watch> watch) {
  std::lock_guard lock(mutex_);
  if (!stopped_) watch_ = std::move(watch);
}

void WatchRun::finish_locked() {
  stopped_ = true;
  call_->core.executor.cancel(timeout_);
  call_->core.executor.cancel(bookmark_);
  call_->core.watches.fetch_sub(1, std::memory_order_relaxed);
  // The store's watch may be calling us now: it ends on another thread's turn.
  call_->core.executor.post([watch = std::move(watch_)] {});
}

void WatchRun::stop(bool tell) {
  std::lock_guard lock(mutex_);
  if (stopped_) return;
  finish_locked();
  if (tell) output_->end();
}

Result<bool> WatchRun::selected(const store::EntryPtr& entry) {
  if (!entry) return false;
  if (by_key_) return true;
  TRY_ASSIGN(api::Object object, call_->core.cache.stored(entry, *selection_.resource));
  return selection_.matches(object);
}

void WatchRun::deliver(const store::Event& event) {
  newest_ = event.revision;
  auto now = selected(event.entry), before = selected(event.previous);
  if (!now || !before) {
    LOG(kError, "apiserver", "watch of {}: {}", event.key(), (now ? before : now).error().message());
    return;
  }
  if (*now) output_->event({*before ? WatchType::kModified : WatchType::kAdded, event.entry, event.revision});
  else if (*before) output_->event({WatchType::kDeleted, event.previous, event.revision});
}

void WatchRun::on_events(std::span<const store::EventPtr> events) {
  std::lock_guard lock(mutex_);
  if (stopped_) return;
  // A key is also the prefix of longer names.
  for (const store::EventPtr& event : events)
    if (key_size_ == 0 || event->key().size() == key_size_) deliver(*event);
  output_->flush();
  if (output_->backlog() <= kMaxBacklog) return;
  LOG(kWarning, "apiserver", "a watcher of {} is too slow and is closed", selection_.resource->plural());
  finish_locked();
  output_->end();
}

void WatchRun::on_progress(store::Revision revision) {
  std::lock_guard lock(mutex_);
  if (!stopped_) output_->bookmark(std::max<int64_t>(revision, newest_), false);
}

void WatchRun::on_closed(const Error& error) {
  std::lock_guard lock(mutex_);
  if (stopped_) return;
  finish_locked();
  if (error.code() == Code::kGone) output_->error(api::expired("too old resource version"));
  output_->end();
}

// The state a watch begins with, and the revision its events follow.
struct Begin {
  ListPage initial;
  bool initial_end = false;
  int64_t after = 0;
};

Result<Begin> find_begin(Call& call, const ListOptions& options) {
  Begin begin;
  TRY_ASSIGN(int64_t version, parse_resource_version(options.resource_version));
  bool initial = options.send_initial_events.value_or(version == 0);
  // Revision 1 is the empty store, before a cluster was made in it: nobody got it from a list.
  if (!initial && version == 1) version = -1;
  if (!initial) {
    begin.after = version ? version : call.core.store.current_revision();
    begin.initial.revision = begin.after;
    return begin;
  }
  ListOptions list = options;
  list.resource_version.clear();
  list.resource_version_match.clear();
  list.limit = 0;
  list.continue_.clear();
  TRY_ASSIGN(begin.initial, read_page(call, list));
  begin.initial_end = true;
  begin.after = begin.initial.revision;
  return begin;
}

Duration timeout_of(Call& call, const ListOptions& options) {
  int64_t seconds = options.timeout_seconds.value_or(0);
  if (seconds > 0) return std::chrono::seconds(std::min<int64_t>(seconds, 1'000'000));
  return std::chrono::seconds(kMinTimeoutSeconds + static_cast<int64_t>(call.core.random.below(kMinTimeoutSeconds)));
}

}  // namespace

std::string_view to_string(WatchType type) { return type == WatchType::kAdded ? "ADDED" : type == WatchType::kModified ? "MODIFIED" : "DELETED"; }

void do_watch(const CallPtr& call) {
  auto options = parse_list_options(call->request->query, true);
  if (!options) return call->fail(options.error());
  if (auto status = check_list_options(*options); !status) return call->fail(status.error());
  auto selection = parse_selection(*call, *options);
  if (!selection) return call->fail(selection.error());
  auto begin = find_begin(*call, *options);
  if (!begin) return call->fail(begin.error());
  Core& core = call->core;
  if (core.watches.fetch_add(1, std::memory_order_relaxed) >= core.max_watches) {
    core.watches.fetch_sub(1, std::memory_order_relaxed);
    return call->fail(api::too_many_requests("too many watches, please try again later.", 1));
  }
  std::string prefix = selection->key_prefix();
  auto output = call->answer->watch(*call);
  auto run = std::make_shared<WatchRun>(call, std::move(*selection), output);
  run->begin(std::move(begin->initial), begin->initial_end, options->bookmarks, timeout_of(*call, *options));
  auto watch = begin->after < 0 ? Result<std::unique_ptr<store::Watch>>(reigen::fail(Code::kGone, "too old")) : core.store.watch(prefix, begin->after, run);
  if (watch) return run->attach(std::move(*watch));
  if (watch.error().code() == Code::kGone)
    output->error(
        api::expired("too old resource version: " + std::to_string(std::abs(begin->after)) + " (" + std::to_string(core.store.compacted_revision()) + ")"));
  run->stop(true);
}

}  // namespace reigen::apiserver
