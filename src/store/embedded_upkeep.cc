// Watches, expiry, trimming and checkpoints of the embedded store.
#include <fmt/core.h>

#include "base/log.h"
#include "store/embedded_impl.h"

namespace reigen::store {
namespace {
constexpr size_t kTrimEvents = 2048;  // a transaction
constexpr size_t kExpireAtOnce = 1024;
constexpr int kCheckpointPages = 1000;  // of the WAL: copy it aside
constexpr int kWalLimitPages = 8192;    // of the WAL: stop and copy all of it, so that it begins anew
constexpr int kGiveBackPages = 256;     // at once
constexpr auto kTickAtLeast = std::chrono::seconds(1);
}  // namespace

class EmbeddedStore::Impl::WatchHandle final : public Watch {
 public:
  WatchHandle(std::shared_ptr<Watcher> watcher, std::weak_ptr<Impl> impl) : watcher_(std::move(watcher)), impl_(std::move(impl)) {}

  ~WatchHandle() override {
    watcher_->cancelled = true;
    auto impl = impl_.lock();
    if (!impl) return;
    std::lock_guard lock(impl->mutex_);
    if (!impl->stopping_) impl->schedule_tick(impl->clock_.now());
  }

  void request_progress() override {
    auto impl = impl_.lock();
    if (!impl) return;
    impl->add_chore([impl = impl.get(), watcher = watcher_] {
      // On the publishing thread: what is published was delivered.
      if (!watcher->cancelled) watcher->sink->on_progress(std::max(watcher->seen, impl->published_.load()));
    });
  }

 private:
  std::shared_ptr<Watcher> watcher_;
  std::weak_ptr<Impl> impl_;
};

Result<std::unique_ptr<Watch>> EmbeddedStore::Impl::watch(std::string_view prefix, Revision after, std::shared_ptr<WatchSink> sink) {
  std::vector<EventPtr> backlog;
  std::shared_ptr<Watcher> watcher;
  {
    std::shared_lock lock(index_mutex_);
    if (after != 0 && after < history_.compacted())
      return fail(Code::kGone, fmt::format("revision {} has been compacted; the oldest kept is {}", after, history_.compacted()));
    Revision now = published_;
    if (after != 0) history_.collect(prefix, after, now, backlog);
    watcher = std::make_shared<Watcher>(std::string(prefix), std::max(after, now), std::move(sink));
  }
  {
    std::lock_guard lock(mutex_);
    if (stopping_) return fail(Code::kUnavailable, "the store stops");
  }
  auto handle = std::make_unique<WatchHandle>(watcher, weak_from_this());
  add_chore([this, watcher, backlog = std::move(backlog)]() mutable { join(watcher, std::move(backlog)); });
  return handle;
}

void EmbeddedStore::Impl::join(const std::shared_ptr<Watcher>& watcher, std::vector<EventPtr> backlog) {
  if (watcher->cancelled) return;
  bool missed = false;
  {
    // What was published between watch() and now.
    std::shared_lock lock(index_mutex_);
    if (watcher->seen < published_) {
      missed = watcher->seen < history_.compacted();
      history_.collect(watcher->prefix, watcher->seen, published_, backlog);
      watcher->seen = published_;
    }
  }
  if (missed) {
    watcher->cancelled = true;
    watcher->sink->on_closed(Error(Code::kGone, "events were compacted before the watch began"));
    return;
  }
  if (!backlog.empty()) watcher->sink->on_events(backlog);
  hub_.add(watcher);
}

void EmbeddedStore::Impl::schedule_tick(TimePoint due) {
  due = std::max(due, clock_.now() + kTickAtLeast);
  if (tick_timer_ != 0) {
    if (tick_due_ <= due) return;
    timers_->cancel(tick_timer_);
  }
  tick_due_ = due;
  tick_timer_ = timers_->after(due - clock_.now(), [weak = weak_from_this()] {
    auto impl = weak.lock();
    if (!impl) return;
    {
      std::lock_guard lock(impl->mutex_);
      impl->tick_timer_ = 0;
    }
    impl->add_chore([impl = impl.get()] { impl->tick(); });
  });
}

void EmbeddedStore::Impl::tick() {
  hub_.sweep();
  int64_t wall = clock_.wall().time_since_epoch().count();
  expire(wall);
  bool more = trim();
  give_back_pages();
  std::lock_guard lock(mutex_);
  auto now = clock_.now();
  if (!expiries_.empty()) schedule_tick(now + std::max(Duration(expiries_.top().when - wall), Duration::zero()));
  if (more || !dead_rows_.empty()) schedule_tick(now);
  if (history_.size() > 0) schedule_tick(history_.oldest() + options_.history_window + options_.history_window / 16);
}

void EmbeddedStore::Impl::expire(int64_t now) {
  std::lock_guard lock(mutex_);
  for (size_t n = 0; n < kExpireAtOnce && !expiries_.empty() && expiries_.top().when <= now; ++n) {
    EntryPtr entry = expiries_.top().entry.lock();
    if (entry) {
      // When it was written again meanwhile, this fails, as it should.
      Write write{.key = entry->key, .expected = entry->mod_revision};
      CommitDone ignore;
      auto admitted = admit(write, ignore);
      if (!admitted && admitted.error().code() == Code::kUnavailable) return;
    }
    expiries_.pop();
  }
}

void EmbeddedStore::Impl::compact(Revision revision) {
  add_chore([this, revision] { trim_to(std::min(revision, published_.load())); });
}

bool EmbeddedStore::Impl::trim() {
  Revision revision;
  {
    std::shared_lock lock(index_mutex_);
    revision = history_.cut(clock_.now() - options_.history_window, options_.history_bytes, kTrimEvents);
    if (revision == history_.compacted() && dead_rows_.empty()) return false;
  }
  trim_to(revision);
  std::shared_lock lock(index_mutex_);
  return history_.cut(clock_.now() - options_.history_window, options_.history_bytes, 1) != history_.compacted();
}

void EmbeddedStore::Impl::trim_to(Revision revision) {
  if (!health()) return;
  std::vector<EventPtr> dropped;
  Revision compacted;
  {
    std::lock_guard lock(mutex_);
    std::unique_lock index_lock(index_mutex_);
    history_.drop(revision, dead_rows_, dropped);
    compacted = history_.compacted();
  }
  auto trimmed = database_->trim(dead_rows_, {.high_water = published_, .compacted = compacted});
  if (trimmed) {
    dead_rows_.clear();
  } else if (trimmed.error().code() == Code::kResourceExhausted) {
    LOG(kWarning, "store", "old rows stay for now: {}", trimmed.error().message());
  } else {
    stop_writes(trimmed.error());
  }
}

void EmbeddedStore::Impl::after_commit() {
  // A quarter beyond the budget, then down to it: so that trimming is a transaction per thousands of writes.
  size_t limit = options_.history_bytes + options_.history_bytes / 4;
  if (history_.bytes() > limit) trimming_ = true;
  if (trimming_ && (history_.bytes() <= options_.history_bytes || !trim())) trimming_ = false;

  int pages = database_->wal_pages();
  wal_pages_ = pages;
  if (pages < checkpointed_pages_) checkpointed_pages_ = 0;
  if (checkpointing_ || !health()) return;
  if (!own_ || !checkpointer_ ? pages >= kCheckpointPages : pages >= kWalLimitPages) {
    auto done = database_->checkpoint(true);
    if (!done && done.error().code() != Code::kResourceExhausted) stop_writes(done.error());
    checkpointed_pages_ = 0;
  } else if (checkpointer_ && pages >= checkpointed_pages_ + kCheckpointPages) {
    checkpointed_pages_ = pages;
    checkpointing_ = true;
    own_->post([this] { checkpoint_aside(); });
  }
}

void EmbeddedStore::Impl::checkpoint_aside() {
  auto done = checkpointer_->checkpoint(false);
  // The WAL still holds everything; but after a failed sync the database file cannot be trusted to ever get it.
  if (!done && done.error().code() != Code::kResourceExhausted) stop_writes(done.error());
  checkpointing_ = false;
}

void EmbeddedStore::Impl::give_back_pages() {
  if (!health()) return;
  auto free = database_->pragma("freelist_count");
  auto pages = database_->pragma("page_count");
  if (!free || !pages) return;
  file_pages_ = *pages;
  if (*free < 1024 + *pages / 4) return;
  auto given = database_->give_back(kGiveBackPages);
  if (!given && given.error().code() != Code::kResourceExhausted) return stop_writes(given.error());
  if (given) add_chore([this] { give_back_pages(); });
}

}  // namespace reigen::store
